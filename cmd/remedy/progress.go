package main

import (
	"context"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// progressEvery is how often somebody who waits is told how far it is.
const progressEvery = 500 * time.Millisecond

// progress is a past of which it is told on a terminal how far it was read.
type progress struct {
	past
	to io.Writer
}

// Read is the past's, and tells how far it is, on one line that is gone at the end.
func (p progress) Read(ctx context.Context) iter.Seq2[remediate.Record, error] {
	return func(yield func(remediate.Record, error) bool) {
		told, n := time.Now(), 0
		defer func() {
			if n > 0 {
				fmt.Fprint(p.to, "\r"+restLine)
			}
		}()
		for r, err := range p.past.Read(ctx) {
			if now := time.Now(); now.Sub(told) >= progressEvery {
				told, n = now, n+1
				fmt.Fprintf(p.to, "\rrecord %d, of %s%s", r.Seq, stamp(r.At), restLine)
			}
			if !yield(r, err) {
				return
			}
		}
	}
}
