package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Of one round. What waits behind it is at most as urgent, but what comes in
// meanwhile may be more so: it waits for a few ten milliseconds.
const (
	maxRound  = 256   // requests that one durable write answers at most
	maxInputs = 4_000 // and inputs beyond which it takes no further request
)

// round waits for something to do and does it.
func (e *Engine) round(ctx context.Context) error {
	batch := e.drain()
	if len(batch) == 0 {
		timer := time.NewTimer(e.untilNext())
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return nil
		case <-e.news:
		case <-timer.C:
		}
		batch = e.drain()
	}
	return e.work(ctx, batch)
}

// untilNext is how long nothing needs to be done if nothing comes in.
func (e *Engine) untilNext() time.Duration {
	now, wait := e.clock.told, time.Hour
	sooner := func(t time.Time) {
		if !t.IsZero() {
			wait = max(0, min(wait, t.Sub(now)))
		}
	}
	sooner(e.state.Next())
	for _, p := range e.later {
		sooner(p.NotBefore)
	}
	if e.degraded != nil {
		sooner(e.mendAt)
	}
	return wait
}

// drain takes what has come in: answers and commands first, so that a storm of
// alerts does not keep them waiting, then the alerts, the worst first.
func (e *Engine) drain() (batch []request) {
	inputs := 0
	for len(batch) < maxRound && inputs < maxInputs {
		r, ok := e.next()
		if !ok {
			break
		}
		batch, inputs = append(batch, r), inputs+len(r.batch)
	}
	return batch
}

// next is the request to be seen to first, false when none waits.
func (e *Engine) next() (request, bool) {
	select {
	case r := <-e.answers:
		return r, true
	default:
		return e.alerts.next()
	}
}

// work is one round: decide about all of the batch, make it durable in one
// write, answer, perform.
func (e *Engine) work(ctx context.Context, batch []request) error {
	now, jumped := e.clock.now()
	if e.degraded != nil && !now.Before(e.mendAt) {
		if err := e.mend(ctx); err != nil {
			return err
		}
	}
	var records []remediate.Record
	refused := make([]error, len(batch))
	e.settled = e.settled[:0]
	if jumped != 0 {
		rs, _ := remediate.Handle(e.books, e.state, now, remediate.Jumped{By: jumped})
		records = append(records, rs...)
	}
	for k, r := range batch {
		rs, err := e.decide(ctx, now, r)
		records, refused[k] = append(records, rs...), err
	}
	if next := e.state.Next(); !next.IsZero() && !next.After(now) {
		rs, err := remediate.Handle(e.books, e.state, now, remediate.Tick{})
		if err != nil {
			return err
		}
		records = append(records, rs...)
	}
	if err := e.append(ctx, records); err != nil {
		e.answer(batch, refused, fmt.Errorf("%w: %w", ErrNotKept, err))
		return e.failed(ctx, err)
	}
	for _, outcome := range e.settled {
		e.opt.Settled(outcome)
	}
	e.answer(batch, refused, nil)
	for _, r := range batch {
		if r.look != nil {
			r.look(e.state, e.books)
			e.settle(r, nil)
		}
	}
	e.performLater()
	e.snapshot()
	e.retain()
	return nil
}

// decide asks Handle about each input of a request.
func (e *Engine) decide(ctx context.Context, now time.Time, r request) ([]remediate.Record, error) {
	var records []remediate.Record
	for _, in := range r.batch {
		if back, ok := in.(returned); ok {
			if back.epoch != e.epoch {
				continue // it was begun before the state was folded anew
			}
			delete(e.running, back.ID)
			in = e.clock.reported(back.Reported)
		} else if e.degraded != nil {
			return nil, fmt.Errorf("%w: %w", ErrNotKept, e.degraded)
		}
		switch heard := in.(type) {
		case remediate.Listing:
			in = e.clock.listing(heard)
		case remediate.Command:
			in = e.clock.command(heard)
		}
		if l, ok := in.(loading); ok {
			if l.book.Digest() == e.state.Rulebook {
				continue // it governs already
			}
			kept, err := e.keepBook(ctx, l.book)
			if err != nil {
				return records, err
			}
			e.alerts.book.Store(l.book)
			in = kept
		}
		rs, err := remediate.Handle(e.books, e.state, now, in)
		if err != nil {
			return records, err
		}
		records = append(records, rs...)
		if heard, ok := in.(remediate.Heard); ok {
			e.settled = append(e.settled, remediate.OutcomeOf(e.books, e.state, heard, rs))
		}
	}
	return records, nil
}

// answer tells those who wait how it ended: refused, not kept, or kept.
func (e *Engine) answer(batch []request, refused []error, err error) {
	for k, r := range batch {
		switch {
		case r.look != nil && err == nil:
			continue // it is answered when it has looked
		case refused[k] != nil:
			e.settle(r, refused[k])
		default:
			e.settle(r, err)
		}
	}
}

// settle answers one request, which waits no more.
func (e *Engine) settle(r request, err error) {
	e.waiting.end(r)
	r.done <- err
}

// append makes the records durable, then lets them be seen and performs what
// they start. While the journal cannot be written, nothing is kept and telling
// goes on.
func (e *Engine) append(ctx context.Context, records []remediate.Record) error {
	if len(records) == 0 {
		return nil
	}
	if e.degraded == nil {
		// A write that was begun is brought to its end, also when we stop.
		err := e.journal.Append(context.WithoutCancel(ctx), records[0].Seq-1, records)
		if err != nil {
			return err
		}
	}
	for _, r := range records {
		f, err := r.Fact()
		if err != nil {
			return err
		}
		if e.degraded == nil {
			e.durable.add(r)
		}
		e.opt.Observe(f)
		e.follow(f)
	}
	return nil
}

// follow begins and ends performances as a fact says.
func (e *Engine) follow(f remediate.Fact) {
	switch b := f.Body.(type) {
	case remediate.Started:
		e.start(b)
	case remediate.Delayed:
		if p := e.state.PendingOf(b.Incident, b.ID); p != nil {
			again := *p
			again.Again = true
			e.later[b.ID] = again
		}
	case remediate.Finished:
		e.cancel(b.ID)
	case remediate.Closed:
		for id, p := range e.running {
			if p.incident == b.Incident && !p.tell {
				e.cancel(id)
			}
		}
	}
}
