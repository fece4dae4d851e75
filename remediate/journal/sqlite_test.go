package journal_test

import (
	"testing"

	"github.com/x0tta6bl4/remediated/remediate/journal"
	"github.com/x0tta6bl4/remediated/remediate/journal/journaltest"
)

// open opens the journal in dir and has it closed when the test ends.
func open(t testing.TB, dir string, options journal.Options) *journal.SQLite {
	t.Helper()
	j, err := journal.Open(t.Context(), dir, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return j
}

func TestSQLite(t *testing.T) {
	journaltest.Run(t, func(t *testing.T) journaltest.Journal { return open(t, t.TempDir(), journal.Options{}) })
	journaltest.RunHistory(t, func(t *testing.T) journaltest.History { return open(t, t.TempDir(), journal.Options{MoveAt: 1}) })
}
