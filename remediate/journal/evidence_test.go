package journal_test

import (
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
	"github.com/x0tta6bl4/remediated/remediate/journal/journaltest"
)

// Evidence that was given up is said to be kept no longer, by all that looks: it is
// no damage, and the chain is as it was.
func TestEvidenceThatWasGivenUpIsNoDamage(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{})
	book, err := j.Keep(t.Context(), []byte(`{"cluster":"prod"}`))
	if err != nil {
		t.Fatal(err)
	}
	digest, err := j.Keep(t.Context(), []byte("logs"))
	if err != nil {
		t.Fatal(err)
	}
	var c journaltest.Chain
	journaltest.Append(t, j, c.Next(t, journaltest.Founding(), remediate.RulebookLoaded{Digest: book}, journaltest.Gathered(digest)))
	old, err := j.Evidence(t.Context(), c.At.Add(time.Hour))
	if err != nil || len(old) != 1 {
		t.Fatal(old, err)
	}
	if err := j.DropEvidence(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	if err := j.Check(t.Context()); err != nil {
		t.Errorf("the daemon's check says %v", err)
	}
	r, err := journal.OpenReading(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if extent, err := r.Check(t.Context()); err != nil || extent.Gone != 1 || extent.Blobs != 1 || extent.Head != c.Sum || len(extent.Missing) > 0 {
		t.Errorf("checked, it says %+v, %v", extent, err)
	}
	for _, with := range []bool{false, true} {
		export, extent := exported(t, dir, journal.ExportOptions{Evidence: with})
		if extent.Blobs != 1 || extent.Gone == 1 != with || len(extent.Missing) > 0 {
			t.Errorf("exported with evidence %t, it says %+v", with, extent)
		}
		records, e, err := imported(t, export)
		if err != nil || len(records) != 3 {
			t.Fatalf("exported with evidence %t: %d records, %v", with, len(records), err)
		}
		if checked, err := e.Check(t.Context()); err != nil || with != (len(checked.Missing) == 1 && strings.Contains(checked.Missing[0], "evidence that was kept no longer")) {
			t.Errorf("exported with evidence %t, checked, it says %+v, %v", with, checked, err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := open(t, dir, journal.Options{}).Close(); err != nil { // and opens
		t.Error(err)
	}
}
