package pagerduty

import (
	"context"
	"fmt"
	"time"

	api "github.com/PagerDuty/go-pagerduty"

	"github.com/x0tta6bl4/remediated/notify"
	"github.com/x0tta6bl4/remediated/remediate"
)

const (
	// late is how old a page is when it may be overtaken by what people did.
	late = 30 * time.Second
	// tellWithin is how long package remediate gives a tell, so that a tell's
	// deadline says when it was decided. Were it longer there, what people did
	// first is not counted and they are called once too often.
	tellWithin = 10 * time.Minute
	// skew is how far PagerDuty's clock and ours may be apart.
	skew = time.Minute
	// lookWithin is how long a page may be held up to look whether it is still needed.
	lookWithin = 3 * time.Second
)

// call makes one try of calling a rung, and then ends the page that this one
// replaces: not before, lest there be none, and in the same tell, lest it be
// forgotten. All of it may be repeated.
func (p *PagerDuty) call(ctx context.Context, s remediate.Started, to integration, event *api.V2Event) error {
	n := s.Tell.Notice
	id := s.Tell.Destination + " " + n.Key
	first, again := p.tries.get(id)
	if !again {
		first = time.Now()
		p.tries.put(id, first)
	}
	if again || s.Again || time.Since(begun(s, first)) > late || p.moves(to.rung) {
		acted, err := p.overtaken(ctx, n, begun(s, first).Add(-skew))
		if err != nil {
			return fmt.Errorf("pagerduty, rung %s: %s of %s: %w", to.rung, trigger, n.Key, err)
		}
		if acted == actedBefore { // who acknowledged the old page keeps it
			p.tries.drop(id)
			return nil
		}
		if acted == actedOn {
			return p.end(ctx, id, to, n)
		}
	}
	if err := p.raise(ctx, to, event); err != nil {
		return err
	}
	return p.end(ctx, id, to, n)
}

// begun is when a page was decided, as far as is known here: a page that was
// given up and begun anew has a later deadline.
func begun(s remediate.Started, first time.Time) time.Time {
	if decided := s.Deadline.Add(-tellWithin); !s.Deadline.IsZero() && decided.Before(first) {
		return decided
	}
	return first
}

// end ends the page that this one replaces, and then nothing is left to do.
func (p *PagerDuty) end(ctx context.Context, id string, to integration, n remediate.Notice) error {
	if err := p.resolveReplaced(ctx, to, n); err != nil {
		return err
	}
	p.tries.drop(id)
	return nil
}

func (p *PagerDuty) resolveReplaced(ctx context.Context, to integration, n remediate.Notice) error {
	if n.Replaces == "" || n.Replaces == n.Key {
		return nil
	}
	if len(n.Replaces) > maxDedupKey {
		return &notify.FinalError{
			Err: fmt.Errorf("pagerduty: the key that %s replaces is too long", n.Key),
			Do:  "this is a bug in remediated: please report it",
		}
	}
	return p.sendEvent(ctx, to, &api.V2Event{Action: resolve, DedupKey: n.Replaces, Client: "remediated"})
}

// What people did while a page was on its way.
type acted int

const (
	actedNot    acted = iota
	actedOn           // on what the page is about
	actedBefore       // on the page before it
)

// overtaken tells whether a person acknowledged or resolved the page or the
// one that it replaces since it was decided, and passes that on. What was done
// before was known when it was decided. If nobody knows, the page is sent: one
// too many wakes nobody twice, one too few wakes nobody.
func (p *PagerDuty) overtaken(ctx context.Context, n remediate.Notice, since time.Time) (acted, error) {
	if p.options.APIToken == "" || p.options.Heard == nil {
		return actedNot, nil
	}
	look, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	for _, k := range []struct {
		key string
		is  acted
	}{{n.Key, actedOn}, {n.Replaces, actedBefore}} {
		if k.key == "" {
			continue
		}
		incidents, err := p.list(look, k.key)
		if err != nil {
			p.observe(SeenBlind)
			return actedNot, nil //nolint:nilerr // a page is not held up by not knowing
		}
		for _, i := range incidents {
			st := standingOf(i)
			if st.By.ID == "" || st.At.Before(since) {
				continue
			}
			if err := p.hear(ctx, st.event(k.key)); err != nil {
				return actedNot, fmt.Errorf("%s did something about it, which is not yet written down: %w", st.By.Name, err)
			}
			p.observe(SeenOvertaken)
			return k.is, nil
		}
	}
	return actedNot, nil
}
