package journal_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
	"github.com/x0tta6bl4/remediated/remediate/journal/journaltest"
)

// old is a journal as the last release that wrote format 1 left it when it was
// killed: six incidents, trimmed behind the second, and a seventh in the log. Each
// had evidence kept before it.
type old struct {
	dir     string
	chain   journaltest.Chain
	records []remediate.Record // that are there
}

func openOld(t *testing.T) old {
	t.Helper()
	o := old{dir: t.TempDir()}
	for _, name := range []string{"journal.db", "journal.db-wal", "journal.acked"} {
		b, err := os.ReadFile(filepath.Join("testdata", "format-1", name))
		if err == nil {
			err = os.WriteFile(filepath.Join(o.dir, name), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	o.chain.Next(t, journaltest.Founding())
	for n := range uint64(7) {
		if story := o.chain.Next(t, journaltest.Story(n+1)...); n >= 2 {
			o.records = append(o.records, story...)
		}
	}
	return o
}

// Who only reads a journal of the format before reads all of it, and changes nothing.
func TestOldFormatIsRead(t *testing.T) {
	o := openOld(t)
	r, err := journal.OpenReading(t.Context(), o.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	n := 0
	for record, err := range r.Read(t.Context()) {
		if err != nil || record.Sum != o.records[n].Sum {
			t.Fatalf("record %d: %v", record.Seq, err)
		}
		n++
	}
	if e, err := r.Check(t.Context()); err != nil || n != len(o.records) || e.Last != o.chain.Seq || e.Blobs != 4 {
		t.Errorf("%d records, %+v, %v", n, e, err)
	}
	if export, _ := exported(t, o.dir, journal.ExportOptions{Evidence: true}); len(export) == 0 {
		t.Error("nothing was exported")
	}
	for _, name := range []string{"journal.db", "journal.db-wal", "journal.acked"} {
		was, err := os.ReadFile(filepath.Join("testdata", "format-1", name))
		if err != nil {
			t.Fatal(err)
		}
		if is, err := os.ReadFile(filepath.Join(o.dir, name)); err != nil || !slices.Equal(is, was) {
			t.Errorf("%s was changed: %v", name, err)
		}
	}
}

// Who writes it goes on with it: all that is there stays as it is, and what comes
// is packed. A release before refuses it from then on, by its number.
func TestOldFormatIsUpgraded(t *testing.T) {
	o := openOld(t)
	j := open(t, o.dir, journal.Options{})
	journaltest.Holds(t, j, o.records[0].Seq, o.records)
	for n := range uint64(40) {
		more := o.chain.Next(t, journaltest.Story(n+8)...)
		journaltest.Append(t, j, more)
		o.records = append(o.records, more...)
	}
	if rows, err := j.Incidents(t.Context(), journal.Filter{}); err != nil || len(rows) != 45 || rows[44].AlertName != "PostgresDown" {
		t.Errorf("%d incidents, %v", len(rows), err)
	}
	again := o.chain.Next(t, remediate.Opened{Incident: 50, Alert: firstAlert(t, o.records), Policy: "postgres-down"})
	journaltest.Append(t, j, again)
	o.records = append(o.records, again...)
	if rows, err := j.Incidents(t.Context(), journal.Filter{Limit: 1}); err != nil || rows[0].AlertName != "PostgresDown" {
		t.Errorf("of an alert that the release before heard of: %+v, %v", rows, err)
	}
	if err := j.Check(t.Context()); err != nil {
		t.Error(err)
	}
	cut := o.records[15]
	behind := remediate.Checkpoint{Seq: cut.Seq, At: cut.At, Head: cut.Sum, State: []byte("{}")}.Seal()
	if err := j.Trim(t.Context(), behind, nil); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, o.dir, journal.Options{})
	journaltest.Holds(t, j, cut.Seq+1, o.records[16:])
	if err := j.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if v := number(t, o.dir, "PRAGMA user_version"); v != 2 {
		t.Errorf("it has format %d", v)
	}
}

func firstAlert(t *testing.T, records []remediate.Record) remediate.AlertID {
	t.Helper()
	f, err := records[0].Decode()
	if err != nil {
		t.Fatal(err)
	}
	return f.Body.(remediate.AlertFiring).ID
}

// A reading that is under way when the journal is upgraded must not take what it
// cannot unpack for damage.
func TestUpgradedWhileItIsRead(t *testing.T) {
	o := openOld(t)
	r, err := journal.OpenReading(t.Context(), o.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	j := open(t, o.dir, journal.Options{})
	for n := range uint64(20) {
		journaltest.Append(t, j, o.chain.Next(t, journaltest.Story(n+8)...))
	}
	var damage *remediate.DamageError
	if _, err = r.Check(t.Context()); err == nil || errors.As(err, &damage) || !strings.Contains(err.Error(), "upgraded while it was read") {
		t.Errorf("%v", err)
	}
}

// What this release writes is read by every later one, whatever packs facts then.
func TestFormat2IsRead(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"journal.db", "journal.acked"} {
		b, err := os.ReadFile(filepath.Join("testdata", "format-2", name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	records, blob, cut := packedStories(t)
	if n := number(t, dir, "SELECT count(DISTINCT packed) FROM facts"); n < 2 {
		t.Errorf("facts are packed in %d ways", n)
	}
	j := open(t, dir, journal.Options{})
	journaltest.Holds(t, j, cut.Seq+1, records[cut.Seq:])
	if c, ok, err := j.Checkpoint(t.Context()); !ok || err != nil || !reflect.DeepEqual(c, cut) {
		t.Errorf("the checkpoint is %+v, %v", c, err)
	}
	if err := j.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if b, err := j.Load(t.Context(), digestOf(blob)); err != nil || string(b) != string(blob) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}
