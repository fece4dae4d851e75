package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/x0tta6bl4/remediated/remediate/journal"
)

// failed goes on after an append that failed. What was decided and not kept is
// thrown away: the state is folded anew from what is durable. When the journal
// cannot be had back, the engine goes on from the last durable state without
// remembering: the guard journal denies every act, what comes in is answered
// with ErrNotKept, and what is known is still told.
func (e *Engine) failed(ctx context.Context, cause error) error {
	if err := taken(cause); err != nil {
		return err
	}
	e.opt.Log.Error("the journal failed; nothing will be done until it can remember again", "err", cause)
	e.degraded = cause
	e.cancelAll()
	return e.reopen(ctx)
}

// taken is the error that Run ends with when another has the journal, nil when that is not
// what err says: to wait would not bring it back.
func taken(err error) error {
	if errors.Is(err, journal.ErrLost) {
		return fmt.Errorf("another daemon writes to this journal: %w", err)
	}
	return nil
}

// mend tries to get the journal back.
func (e *Engine) mend(ctx context.Context) error {
	e.cancelAll()
	err := e.reopen(ctx)
	if e.degraded == nil {
		e.opt.Log.Info("the journal remembers again", "seq", e.state.Seq)
	}
	return err
}

// reopen opens the journal anew (the failed handle is never used again), folds
// what is durable, and sees whether it can be written. When it cannot even be read,
// it goes on from what is durable by what is at hand, or, when it did so before, as it
// is. When another has taken the journal meanwhile, it ends.
func (e *Engine) reopen(ctx context.Context) error {
	if e.journal != nil {
		e.awaitSnapshot()
		e.awaitRetaining()
		if err := e.journal.Close(); err != nil {
			e.opt.Log.Error("close the failed journal", "err", err)
		}
		e.journal = nil
	}
	err := e.open(ctx)
	if err != nil && e.durable != nil {
		state, lost := e.durable.state()
		if lost != nil {
			return errors.Join(err, lost)
		}
		state.Rewake(e.books)
		e.state = state
	}
	if err == nil {
		_, err = e.journal.Keep(ctx, []byte("can this journal be written?"))
	}
	if lost := taken(err); lost != nil {
		return lost
	}
	now, _ := e.clock.now()
	e.degraded, e.mendAt = err, now.Add(e.opt.Mend)
	if err != nil {
		e.opt.Log.Error("the journal cannot be written", "err", err, "again", e.mendAt)
		e.state.Degrade(err.Error())
		e.durable = nil
	}
	e.takeUpTells()
	return nil
}

// takeUpTells takes up what is open. While nothing can be remembered that is
// the tells and asks only: an act under way is read back when the journal can
// be written again.
func (e *Engine) takeUpTells() {
	if e.degraded == nil {
		e.takeUp()
		return
	}
	for _, p := range e.state.Started() {
		if p.Act == nil {
			p.Again = true
			e.start(p.Started)
		}
	}
}
