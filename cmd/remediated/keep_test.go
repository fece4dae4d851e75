package main

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/remediate/journal"
)

// Evidence is kept in the journal in use, and nowhere when there is none.
func TestKeepIsInTheJournalInUse(t *testing.T) {
	d := &daemon{options: options{storage: filepath.Join(t.TempDir(), "journal")}}
	if _, err := d.keep(t.Context(), []byte("logs")); err == nil || !strings.Contains(err.Error(), "not open yet") {
		t.Errorf("before it is open: %v", err)
	}
	first, err := d.openJournal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	digest, err := d.keep(t.Context(), []byte("logs"))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := first.Load(t.Context(), digest); err != nil || string(b) != "logs" {
		t.Errorf("kept %q, %v", b, err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := d.keep(t.Context(), []byte("more logs")); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("while it is given up: %v", err)
	}

	again, err := d.openJournal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if _, err := d.keep(t.Context(), []byte("more logs")); err != nil {
		t.Errorf("after it was opened anew: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.keep(ended, []byte("late logs")); !errors.Is(err, context.Canceled) {
		t.Errorf("late: %v", err)
	}
}
