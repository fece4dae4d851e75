package engine

import (
	"context"

	"github.com/x0tta6bl4/remediated/remediate"
)

// sooner is how many times fewer records are enough for a snapshot at open than in
// the loop: the state has been folded there in any case, so it costs little.
const sooner = 10

// overdue is of how many snapshots' records none was saved when the lives before
// were too short to save one.
const overdue = 2

// snapshot saves one in the background when enough has happened since the
// last. It is folded a second time from the journal, so that the loop need not
// stand still, and is a cache: nothing is lost when it fails.
func (e *Engine) snapshot() {
	if e.degraded != nil || e.state.Seq-e.saved < e.opt.SnapshotEvery || e.snapshotting && len(e.saving) == 0 {
		return // also while the one before is not saved: nobody waits for a cache
	}
	j, upTo := e.journal, e.state.Seq
	e.save(upTo, func(ctx context.Context) error { return saveSnapshot(ctx, j, upTo) })
}

// save runs what saves a snapshot up to a record in the background. One that was
// being saved before has ended: the loop looks, and a journal is not opened sooner.
func (e *Engine) save(upTo uint64, snapshot func(context.Context) error) {
	e.awaitSnapshot()
	e.snapshotting, e.saved = true, upTo
	go func() { e.saving <- snapshot(e.perform) }()
}

// awaitSnapshot waits for one that is being saved.
func (e *Engine) awaitSnapshot() {
	if !e.snapshotting {
		return
	}
	e.snapshotting = false
	if err := <-e.saving; err != nil && e.perform.Err() == nil {
		e.opt.Log.Warn("no snapshot was saved; the next start reads more of the journal", "err", err)
	}
}

// saveSnapshot folds the journal up to a record and saves what it comes to.
func saveSnapshot(ctx context.Context, j Journal, upTo uint64) error {
	state, err := behind(ctx, j)
	if err != nil {
		return err
	}
	if err := foldOn(ctx, j, state, upTo); err != nil {
		return err
	}
	return saveState(ctx, j, state)
}

// saveState saves a snapshot of a state that nobody else has.
func saveState(ctx context.Context, j Journal, s *remediate.State) error {
	c, err := checkpointOf(s)
	if err != nil {
		return err
	}
	return j.SaveSnapshot(ctx, c)
}

// checkpointOf seals the state.
func checkpointOf(s *remediate.State) (remediate.Checkpoint, error) {
	b, err := s.Snapshot()
	return remediate.Checkpoint{Seq: s.Seq, At: s.At, Head: s.Head, State: b}.Seal(), err
}
