package engine

import (
	"context"

	"github.com/x0tta6bl4/remediated/remediate"
)

// sooner is how many times fewer records are enough for a snapshot at open than in
// the loop: else one that dies soon, again and again, reads more each time.
const sooner = 10

// overdue is of how many snapshots' records none was saved when the lives before
// were too short to save one.
const overdue = 2

// saved is what came of saving a snapshot.
type saved struct {
	snapshot remediate.Checkpoint // Seq 0: it was not even made
	err      error
}

// snapshot saves one in the background when enough has happened since the last. It is
// a cache: nothing is lost when it fails.
func (e *Engine) snapshot() {
	if e.snapshotting && len(e.saving) > 0 {
		e.awaitSnapshot()
	}
	if e.degraded != nil || e.state.Seq-e.saved < e.opt.SnapshotEvery || e.snapshotting {
		return // also while the one before is not saved: nobody waits for a cache
	}
	e.save()
}

// save saves a snapshot of the state in the background. The loop goes on from there:
// what is written down is what the state was.
func (e *Engine) save() {
	j, frozen := e.journal, e.state.Freeze()
	e.snapshotting, e.saved = true, e.state.Seq
	go func() { e.saving <- saveFrozen(e.perform, j, frozen) }()
}

// saveFrozen makes a snapshot and saves it.
func saveFrozen(ctx context.Context, j Journal, f remediate.Frozen) saved {
	c, err := f.Checkpoint()
	if err != nil {
		return saved{err: err}
	}
	return saved{c, j.SaveSnapshot(ctx, c)}
}

// awaitSnapshot waits for one that is being saved.
func (e *Engine) awaitSnapshot() {
	if e.snapshotting {
		e.snapshotting = false
		e.took(<-e.saving)
	}
}

// took goes on from a snapshot that was made, whether or not it could be saved.
func (e *Engine) took(s saved) {
	if s.snapshot.Seq > 0 && e.durable != nil {
		e.durable.rebase(s.snapshot)
	}
	if s.err != nil && e.perform.Err() == nil {
		e.opt.Log.Warn("no snapshot was saved; the next start reads more of the journal", "err", s.err)
	}
}
