package journal_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
	"github.com/x0tta6bl4/remediated/remediate/journal/journaltest"
)

// Trims look at what is to go before they write: of those at the same time, each
// is done as a whole or is refused, and what stays is sound.
func TestTrimsAtTheSameTime(t *testing.T) {
	j := open(t, t.TempDir(), journal.Options{})
	var c journaltest.Chain
	journaltest.Append(t, j, c.Next(t, journaltest.Founding()))
	var cuts []remediate.Checkpoint
	for n := range 8 {
		journaltest.Append(t, j, c.Next(t, journaltest.Story(uint64(n+1))...))
		cuts = append(cuts, c.Checkpoint(fmt.Sprint("state ", n)))
	}
	journaltest.Append(t, j, c.Next(t, journaltest.Story(9)...))
	var trims sync.WaitGroup
	for _, cut := range cuts {
		trims.Go(func() {
			if err := j.Trim(t.Context(), cut, nil); err != nil && !errors.Is(err, journal.ErrTrimmed) {
				t.Error(err)
			}
		})
	}
	trims.Wait()
	if err := j.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if behind, ok, err := j.Checkpoint(t.Context()); !ok || err != nil || behind.Seq < cuts[0].Seq {
		t.Errorf("it begins behind %d, %v", behind.Seq, err)
	}
	journaltest.Append(t, j, c.Next(t, journaltest.Story(10)...))
}
