package alertmanager

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// List asks all Alertmanagers what fires and what is suppressed. It does not
// fail: the listing says in Why what it lacks, and is then not Complete.
func (c *Client) List(ctx context.Context) remediate.Listing {
	l, _ := c.list(ctx)
	return l
}

// list returns the listing, and how many alerts in it could not be read.
func (c *Client) list(ctx context.Context) (remediate.Listing, int) {
	l := remediate.Listing{At: time.Now().UTC()}
	replies := c.alerts(ctx, nil)
	c.prove(ctx, replies)
	l.Why = doubts(replies)
	l.Complete = l.Why == ""
	l.Alerts = c.inWords(ctx, merge(replies))
	var unreadable int
	for _, r := range replies {
		unreadable = max(unreadable, r.unreadable)
	}
	return l, unreadable
}

// inWords returns all alerts of a listing with what suppresses each.
func (c *Client) inWords(ctx context.Context, all []seen) []remediate.ListedAlert {
	r := c.registerOf(ctx, all, all)
	c.memory.steady(all, r)
	out := make([]remediate.ListedAlert, 0, len(all))
	for _, s := range all {
		out = append(out, remediate.ListedAlert{Alert: s.alert, Suppressed: r.words(s.stops)})
	}
	return out
}

// merge makes one list of what all said, sorted by labels. An alert that one
// of them holds to be suppressed is suppressed.
func merge(replies []reply) []seen {
	byID := map[remediate.AlertID]*seen{}
	for _, r := range replies {
		for _, s := range r.alerts {
			id := remediate.IdentityOf(s.alert.Labels, nil)
			if first := byID[id]; first == nil {
				byID[id] = &s
			} else {
				*first = first.with(s)
			}
		}
	}
	out := make([]seen, 0, len(byID))
	for _, s := range byID {
		out = append(out, *s)
	}
	slices.SortFunc(out, func(a, b seen) int { return compareLabels(a.alert.Labels, b.alert.Labels) })
	return out
}

// with returns what two Alertmanagers together say of the same alert: what the
// one says that heard of it last, since the first of both has seen it, and
// suppressed by whatever either names.
func (s seen) with(t seen) seen {
	newest, other := s, t
	if t.updatedAt.After(s.updatedAt) {
		newest, other = t, s
	}
	if other.alert.StartsAt.Before(newest.alert.StartsAt) {
		newest.alert.StartsAt = other.alert.StartsAt
	}
	if !newest.looked() {
		newest.state = other.state // who may have
	}
	newest.stops = s.stops.with(t.stops)
	return newest
}

func compareLabels(a, b remediate.Labels) int {
	return slices.CompareFunc(a, b, func(x, y remediate.Label) int {
		if n := strings.Compare(x.Name, y.Name); n != 0 {
			return n
		}
		return strings.Compare(x.Value, y.Value)
	})
}

// Round is one round of [Client.Poll].
type Round struct {
	At         time.Time
	Took       time.Duration
	Complete   bool
	Why        string // why it is not complete
	Firing     int
	Suppressed int
	Unreadable int   // alerts that the intake would have refused as well
	Err        error // of submit: the listing was not kept
}

// Poll hands a listing to submit: at once, then every so often, and whenever
// one is asked for by [Client.Pull]. A listing that could not be kept is not
// repeated: the next one says as much. Poll returns when ctx ends.
func (c *Client) Poll(ctx context.Context, every time.Duration, submit func(context.Context, []remediate.Input) error) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		if ctx.Err() != nil {
			return
		}
		c.round(ctx, submit)
		select {
		case <-ctx.Done():
		case <-t.C:
		case <-c.pull:
		}
	}
}

func (c *Client) round(ctx context.Context, submit func(context.Context, []remediate.Input) error) {
	l, unreadable := c.list(ctx)
	if ctx.Err() != nil {
		return // what it lacks is our doing
	}
	n := Round{At: l.At, Complete: l.Complete, Why: l.Why, Unreadable: unreadable}
	for _, a := range l.Alerts {
		if len(a.Suppressed) > 0 {
			n.Suppressed++
		} else {
			n.Firing++
		}
	}
	if err := submit(ctx, []remediate.Input{l}); err != nil {
		n.Err = fmt.Errorf("submit listing: %w", err)
	}
	n.Took = time.Since(l.At)
	c.o.Listed(n)
}

// Pull has [Client.Poll] list at once. It does not wait. Asked for several
// times before the next round begins, one listing answers all; asked for
// during a round, another one follows it.
func (c *Client) Pull() {
	select {
	case c.pull <- struct{}{}:
	default:
	}
}
