package replay

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/remediate"
)

// Outcome is what came of one test.
type Outcome struct {
	Case     policies.Case
	Book     *remediate.Rulebook  // by which it was decided; nil when there was an error before that
	Followed []policies.Happening // what followed, in order
	Facts    []remediate.Fact     // all of it
	Took     time.Duration        // on the wall's clock
	Err      error                // why it could not be lived through; nil when it could

}

// Passed tells whether what was expected followed, and nothing else.
func (o *Outcome) Passed() bool {
	return o.Err == nil && slices.EqualFunc(o.Case.Expect, o.Followed, meets)
}

// journalName is that of every test's journal.
const journalName = "testtest"

// Run lives through one test. The wall's clock is read for Took alone.
func Run(book *remediate.Rulebook, c policies.Case) *Outcome { return inMode(book, c.Mode).run(c) }

// moded is a rulebook with all of its policies in one mode, or why it cannot be
// had. All tests of that mode share it.
type moded struct {
	book *remediate.Rulebook
	err  error
}

func (m moded) run(c policies.Case) *Outcome {
	began := time.Now()
	o := &Outcome{Case: c, Err: m.err}
	if m.err == nil {
		o.Book, o.Err = m.book, o.live(m.book)
	}
	o.Took = time.Since(began)
	return o
}

func (o *Outcome) live(book *remediate.Rulebook) error {
	t := newTeller(o.Case.Start, book)
	l, err := Begin(o.Case.Start, journalName, func(f remediate.Fact) { o.follow(t, f) })
	if err != nil {
		return err
	}
	w := newWorld(l, o.Case)
	if err := l.Load(book); err != nil {
		return err
	}
	for _, m := range o.Case.Moves {
		if err := l.Pass(o.Case.Start.Add(m.At)); err != nil {
			return err
		}
		if err := w.move(m); err != nil {
			return fmt.Errorf("at %s: %w", m.At, err)
		}
	}
	return l.Pass(o.Case.Start.Add(o.Case.Until))
}

// follow takes up what followed.
func (o *Outcome) follow(t *teller, f remediate.Fact) {
	o.Facts = append(o.Facts, f)
	if h, ok := t.tell(f); ok {
		o.Followed = append(o.Followed, h)
	}
}

// inMode is the rulebook with all of its policies in a mode.
func inMode(book *remediate.Rulebook, mode remediate.Mode) moded {
	if mode == "" {
		return moded{book, nil}
	}
	other := *book
	other.Policies = slices.Clone(book.Policies)
	for i := range other.Policies {
		if len(other.Policies[i].Steps) > 0 {
			other.Policies[i].Mode = mode
		}
	}
	return moded{&other, other.Compile()}
}

// move lets something happen from outside.
func (w *world) move(m policies.Move) error {
	switch {
	case m.World != nil:
		w.change(*m.World)
	case m.Alert != nil:
		id := m.Alert.Labels.String()
		w.fires[id], w.named[id] = false, m.Alert.Labels
		return w.life.Hear(remediate.Heard{Firing: true, Alert: remediate.Alert{
			Labels: m.Alert.Labels, Annotations: m.Alert.Annotations, StartsAt: w.life.Now.Add(-m.Alert.Fired),
		}})
	case m.Resolve != nil:
		delete(w.fires, m.Resolve.String())
		return w.life.Hear(remediate.Heard{Alert: remediate.Alert{Labels: m.Resolve, EndsAt: w.life.Now}})
	case m.Silence != nil:
		return w.silence(m.Silence, true)
	case m.Unsilence != nil:
		return w.silence(m.Unsilence, false)
	case m.Command != nil:
		return w.command(*m.Command)
	}
	return nil
}

// silence has the Alertmanagers list an alert as silenced, or no longer.
func (w *world) silence(ls remediate.Labels, silenced bool) error {
	if _, fires := w.fires[ls.String()]; !fires {
		return fmt.Errorf("no alert %s fires that could be silenced: write its labels as they are under alert", ls)
	}
	w.fires[ls.String()] = silenced
	l := remediate.ListedAlert{Alert: remediate.Alert{Labels: ls, StartsAt: w.life.Now}}
	if silenced {
		l.Suppressed = []string{silenceName}
	}
	return w.life.Hear(remediate.Listing{At: w.life.Now, Alerts: []remediate.ListedAlert{l}})
}

// command gives a human's word. One that does not fit is part of the story.
func (w *world) command(c remediate.Command) error {
	if i := w.life.State.Incidents.Get(c.Incident); i != nil && (c.Command == remediate.Approve || c.Command == remediate.Deny) {
		c.Plan = i.Hash
	}
	err := w.life.Hear(c)
	var refused *remediate.RefusedError
	if errors.As(err, &refused) {
		return w.life.Hear(remediate.Rejected{CommandGiven: remediate.CommandGiven(c), Why: refused.Why})
	}
	return err
}

// RunAll lives through tests side by side, at most so many at a time, and
// returns their outcomes in order.
func RunAll(s *policies.Suite, keep func(policies.Case) bool, atOnce int) []*Outcome {
	var cases []policies.Case
	books := map[remediate.Mode]moded{}
	for _, c := range s.Cases {
		if !keep(c) {
			continue
		}
		cases = append(cases, c)
		if _, had := books[c.Mode]; !had {
			books[c.Mode] = inMode(s.Rulebook, c.Mode)
		}
	}
	out := make([]*Outcome, len(cases))
	inParallel(len(cases), atOnce, func(n int) { out[n] = books[cases[n].Mode].run(cases[n]) })
	return out
}
