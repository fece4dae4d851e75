package journal_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
	"github.com/x0tta6bl4/remediated/remediate/journal/journaltest"
)

// looked is what a Reading reads of a journal.
func looked(t *testing.T, dir string) ([]remediate.Record, error) {
	t.Helper()
	r, err := journal.OpenReading(t.Context(), dir)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var out []remediate.Record
	for record, err := range r.Read(t.Context()) {
		if err != nil {
			return out, err
		}
		out = append(out, record)
	}
	return out, nil
}

// A journal is read while a daemon writes it, and after it has gone.
func TestReading(t *testing.T) {
	dir := t.TempDir()
	j, err := journal.Open(t.Context(), dir, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	records := new(journaltest.Chain).Next(t, append([]remediate.Body{journaltest.Founding()}, journaltest.Story(1)...)...)
	half := len(records) / 2
	journaltest.Append(t, j, records[:half])
	digest, err := j.Keep(t.Context(), []byte("a rulebook"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := journal.OpenReading(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := r.Load(t.Context(), digest); err != nil || !bytes.Equal(got, []byte("a rulebook")) {
		t.Errorf("kept: %q, %v", got, err)
	}
	if last, err := r.Last(t.Context()); err != nil || !last.Equal(records[half-1].At) {
		t.Errorf("its last record is of %s, %v; want %s", last, err, records[half-1].At)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if got, err := looked(t, dir); err != nil || len(got) != half {
		t.Errorf("while it is written: %d records, %v; want %d", len(got), err, half)
	}
	journaltest.Append(t, j, records[half:]) // the writer has not noticed
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := looked(t, dir)
	if err != nil || len(got) != len(records) || got[len(got)-1].Sum != records[len(records)-1].Sum {
		t.Errorf("after it was closed: %d records, %v; want %d", len(got), err, len(records))
	}
}

// Of a journal that was trimmed, the state is there that its records follow.
func TestReadingBeginsBehindTheCheckpoint(t *testing.T) {
	dir := t.TempDir()
	j, err := journal.Open(t.Context(), dir, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	records := new(journaltest.Chain).Next(t, append([]remediate.Body{journaltest.Founding()}, journaltest.Story(1)...)...)
	journaltest.Append(t, j, records)
	r, err := journal.OpenReading(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if s, err := r.Behind(t.Context()); s != nil || err != nil {
		t.Errorf("of a whole journal: %v, %v", s, err)
	}
	state := remediate.NewState()
	for _, record := range records[:3] {
		if err := state.Fold(record); err != nil {
			t.Fatal(err)
		}
	}
	snapshot, err := state.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Trim(t.Context(), remediate.Checkpoint{Seq: 3, At: state.At, Head: state.Head, State: snapshot}.Seal(), nil); err != nil {
		t.Fatal(err)
	}
	if s, err := r.Behind(t.Context()); err != nil || s.Seq != 3 || s.Head != records[2].Sum {
		t.Errorf("of a trimmed one: %+v, %v", s, err)
	}
	other, err := remediate.NewState().Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	other = bytes.Replace(other, []byte(`{"format":`), []byte(`{"format":9`), 1)
	if err := j.Trim(t.Context(), remediate.Checkpoint{Seq: 4, At: records[3].At, Head: records[3].Sum, State: other}.Seal(), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Behind(t.Context()); !errors.Is(err, remediate.ErrOtherFormat) {
		t.Errorf("of one that another release trimmed: %v", err)
	}
}

func TestReadingRefuses(t *testing.T) {
	if _, err := journal.OpenReading(t.Context(), t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of an empty folder: %v", err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "journal.db"), bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := journal.OpenReading(t.Context(), dir); err == nil {
		t.Error("a file that is no database was opened")
	}
}
