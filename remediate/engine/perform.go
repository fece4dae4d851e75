package engine

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/x0tta6bl4/remediated/remediate"
)

// performance is one ask, act or tell under way.
type performance struct {
	incident uint64
	tell     bool
	cancel   context.CancelFunc
	ended    chan struct{}
}

// returned is what a performance came back with, and under which fold of the
// state it was begun.
type returned struct {
	remediate.Reported
	epoch int
}

// start performs s outside the loop, until its deadline.
func (e *Engine) start(s remediate.Started) {
	ctx, cancel := context.WithTimeout(e.perform, s.Deadline.Sub(e.clock.told))
	p := performance{incident: s.Incident, tell: s.Tell != nil, cancel: cancel, ended: make(chan struct{})}
	e.running[s.ID] = p
	delete(e.later, s.ID)
	epoch, now := e.epoch, e.clock.steady()
	if i := e.state.Incidents.Get(s.Incident); i != nil {
		s.Severity = i.Severity
	}
	go func() {
		defer close(p.ended)
		defer cancel()
		r := e.carryOut(ctx, s)
		back := returned{remediate.Reported{ID: s.ID, Incident: s.Incident, Result: r, At: now()}, epoch}
		report := request{batch: []remediate.Input{back}, done: make(chan error, 1)}
		e.waiting.begin(report)
		select {
		case e.answers <- report:
			e.poke()
		case <-e.perform.Done():
			e.waiting.end(report)
		}
	}()
}

// carryOut performs s. A performer that panics leaves behind an outcome that
// nobody knows, not a dead daemon.
func (e *Engine) carryOut(ctx context.Context, s remediate.Started) (r remediate.Result) {
	defer func() {
		if p := recover(); p != nil {
			e.opt.Log.Error("performer panicked", "id", s.ID, "panic", p, "stack", string(debug.Stack()))
			r = remediate.Result{Outcome: remediate.Unknown, Text: fmt.Sprintf("the performer panicked: %v", p)}
		}
	}()
	return e.opt.Performer.Perform(ctx, s)
}

// cancel ends a performance that nobody waits for any more.
func (e *Engine) cancel(id string) {
	if p, ok := e.running[id]; ok {
		p.cancel()
		delete(e.running, id)
	}
	delete(e.later, id)
}

// performLater performs again what did not get through and is due.
func (e *Engine) performLater() {
	for id, p := range e.later {
		if !p.NotBefore.After(e.clock.told) {
			delete(e.later, id)
			e.start(p.Started)
		}
	}
}

// cancelAll ends all performances and waits for them. What they report from
// here on is of another epoch.
func (e *Engine) cancelAll() {
	for id, p := range e.running {
		p.cancel()
		delete(e.running, id)
	}
	clear(e.later)
	e.epoch++
}
