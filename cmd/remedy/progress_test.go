package main

import (
	"bytes"
	"context"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// slow is a past that takes a second a record.
type slow struct {
	past
	records []remediate.Record
}

func (s slow) Read(context.Context) iter.Seq2[remediate.Record, error] {
	return func(yield func(remediate.Record, error) bool) {
		for _, r := range s.records {
			if time.Sleep(time.Second); !yield(r, nil) {
				return
			}
		}
	}
}

// Whoever waits is told how far it is, and nothing is left of that. What is read
// at once says nothing.
func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := time.Date(2026, 1, 14, 10, 0, 0, 0, time.UTC)
		records := []remediate.Record{{Seq: 7, At: at}, {Seq: 8, At: at.Add(time.Minute)}, {Seq: 9, At: at}}
		var errs bytes.Buffer
		for r := range (progress{slow{records: records}, &errs}).Read(t.Context()) {
			if r.Seq == 8 {
				break
			}
		}
		want := "\rrecord 7, of 2026-01-14 10:00:00 UTC\x1b[K\rrecord 8, of 2026-01-14 10:01:00 UTC\x1b[K\r\x1b[K"
		if errs.String() != want {
			t.Errorf("told %q, want %q", errs.String(), want)
		}
		errs.Reset()
		for range (progress{slow{}, &errs}).Read(t.Context()) {
		}
		if errs.Len() > 0 {
			t.Errorf("told %q of nothing", errs.String())
		}
	})
}
