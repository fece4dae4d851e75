package main

import (
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/x0tta6bl4/remediated/remediate/journal"
	"github.com/x0tta6bl4/remediated/remediate/journal/journaltest"
)

// A disk that hangs is what the other metrics tell of: they do not wait for it.
func TestJournalMetricsDoNotHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs := make(chan struct{})
		d := &daemon{watch: newWatcher(slog.New(slog.DiscardHandler))}
		d.watch.registry.MustRegister(newJournalMetrics(func() *journal.SQLite { <-hangs; return nil }))
		d.watch.waiting(func() time.Duration { return 90 * time.Second })
		for range 2 { // the second time the first hangs still
			begun := time.Now()
			shows(t, d, "remediated_intake_oldest_waiting_seconds 90")
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("the metrics took %s", took)
			}
		}
		close(hangs)
	})
}

// How much the journal takes and where it ends can be seen; of one that is not
// open, or that is closed, nothing is claimed.
func TestJournalMetrics(t *testing.T) {
	var j *journal.SQLite
	d := &daemon{watch: newWatcher(slog.New(slog.DiscardHandler))}
	d.watch.registry.MustRegister(newJournalMetrics(func() *journal.SQLite { return j }))
	shown := func() string {
		w := httptest.NewRecorder()
		d.metrics().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		return w.Body.String()
	}
	if strings.Contains(shown(), "remediated_journal_last_record") || strings.Contains(shown(), "remediated_journal_room_bytes") {
		t.Errorf("of no journal:\n%s", shown())
	}
	j, err := journal.Open(t.Context(), t.TempDir(), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	records := new(journaltest.Chain).Next(t, journaltest.Founding())
	journaltest.Append(t, j, records)
	for _, want := range []string{
		"\nremediated_journal_last_record 1\n", fmt.Sprintf("\nremediated_journal_head %v\n", float64(records[0].Sum.Mark())),
		"\nremediated_journal_used_bytes ", "\nremediated_journal_room_bytes ",
	} {
		if !strings.Contains(shown(), want) {
			t.Errorf("it lacks %q:\n%s", want, shown())
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(shown(), "remediated_journal_last_record") || strings.Contains(shown(), "remediated_journal_room_bytes") {
		t.Errorf("of a closed journal:\n%s", shown())
	}
}
