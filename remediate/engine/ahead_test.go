package engine

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"testing"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal/journaltest"
)

// What is decoded ahead folds to what is folded record by record, and breaks off
// where that does, for the same reason.
func TestAheadIsTheSame(t *testing.T) {
	var c journaltest.Chain
	records := c.Next(t, journaltest.Founding())
	for k := range uint64(200) {
		records = append(records, c.Next(t, journaltest.Story(k+1)...)...)
	}
	unread := errors.New("the disk is gone")
	for _, n := range []int{0, 1, aChunk - 1, aChunk, aChunk + 1, 5*aChunk + 7} {
		for _, end := range []struct {
			name string
			bad  func(*remediate.Record)
			err  error
		}{
			{"whole", nil, nil},
			{"damaged", func(r *remediate.Record) { r.Bytes = append(bytes.Clone(r.Bytes), ' ') }, nil},
			{"damaged and no fact", func(r *remediate.Record) { r.Bytes = r.Bytes[1:] }, nil},
			{"unknown", func(r *remediate.Record) { r.Kind = "prophesied/1" }, nil},
			{"unread", nil, unread},
		} {
			some := append([]remediate.Record{}, records[:n]...)
			if end.bad != nil {
				bad := records[n]
				end.bad(&bad)
				some = append(some, bad, records[n+1])
			}
			read := func(yield func(remediate.Record, error) bool) {
				for _, r := range some {
					if !yield(r, nil) {
						return
					}
				}
				if end.err != nil {
					yield(remediate.Record{}, end.err)
				}
			}
			want, wantErr := foldPlainly(read)
			got, gotErr := remediate.NewState(), error(nil)
			for d, err := range ahead(read) {
				if err == nil {
					err = d.foldInto(got)
				}
				if gotErr = err; err != nil {
					break
				}
			}
			if fmt.Sprint(gotErr) != fmt.Sprint(wantErr) || (end.name != "whole") != (gotErr != nil) {
				t.Errorf("%d, %s: %v, want %v", n, end.name, gotErr, wantErr)
			}
			a, errA := got.Snapshot()
			b, errB := want.Snapshot()
			if errA != nil || errB != nil || !bytes.Equal(a, b) || got.Seq != uint64(n) {
				t.Errorf("%d, %s: another state", n, end.name)
			}
		}
	}
}

func foldPlainly(records iter.Seq2[remediate.Record, error]) (*remediate.State, error) {
	s := remediate.NewState()
	for r, err := range records {
		if err == nil {
			err = s.Fold(r)
		}
		if err != nil {
			return s, err
		}
	}
	return s, nil
}
