package journal_test

import (
	"path/filepath"
	"reflect"
	"testing"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
	"github.com/x0tta6bl4/remediated/remediate/journal/journaltest"
)

// A journal that reads each row back before it is changed has the same history as one
// that remembers those of open incidents.
func TestRememberedRowsAreTheTables(t *testing.T) {
	dir := t.TempDir()
	remembers := open(t, filepath.Join(dir, "remembers"), journal.Options{})
	reads := open(t, filepath.Join(dir, "reads"), journal.Options{})
	var c journaltest.Chain
	const stories = 40
	for k := range len(journaltest.Story(1)) {
		var bodies []remediate.Body
		for n := range uint64(stories) {
			bodies = append(bodies, journaltest.Story(n + 1)[k])
		}
		batch := c.Next(t, bodies...)
		reads.OpenRows(true)
		journaltest.Append(t, remembers, batch)
		journaltest.Append(t, reads, batch)
		have, want := rowsOf(t, remembers), rowsOf(t, reads)
		if !reflect.DeepEqual(have, want) {
			t.Fatalf("after step %d the history is\n%+v\nwant\n%+v", k, have, want)
		}
		if n := remembers.OpenRows(false); n > stories {
			t.Errorf("%d rows are remembered of %d incidents", n, stories)
		}
	}
	if n := remembers.OpenRows(false); n != 0 {
		t.Errorf("%d rows are remembered, of incidents that are closed", n)
	}
}

// No more rows are remembered than that, and those that were forgotten are read.
func TestRememberedRowsAreBounded(t *testing.T) {
	j := open(t, t.TempDir(), journal.Options{})
	var c journaltest.Chain
	for _, step := range []int{1, 2, len(journaltest.Story(1)) - 1} {
		var bodies []remediate.Body
		for n := range uint64(journal.MaxOpenRows + 100) {
			bodies = append(bodies, journaltest.Story(n + 1)[step])
		}
		journaltest.Append(t, j, c.Next(t, bodies...))
		if n := j.OpenRows(false); n > journal.MaxOpenRows {
			t.Fatalf("%d rows are remembered: want at most %d", n, journal.MaxOpenRows)
		}
	}
	if still, err := j.Incidents(t.Context(), journal.Filter{Open: true}); err != nil || len(still) != 0 {
		t.Errorf("%d incidents did not hear that they are closed: %v", len(still), err)
	}
}

func rowsOf(t *testing.T, j *journal.SQLite) []journal.IncidentRow {
	t.Helper()
	rows, err := j.Incidents(t.Context(), journal.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}
