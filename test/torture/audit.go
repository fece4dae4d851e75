package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
)

// count is what came of a round.
type count struct {
	acknowledged int // alerts
	kills        int
	lost         []string      // what was acknowledged and is not in the journal, or has no outcome
	twice        []string      // what was done more than once
	acts         int           // that arrived in the world
	slowest      time.Duration // from a start until alerts were taken
	acked        map[string]bool
}

// of is the count with what the load and the world know.
func (c count) of(l *load, w *world) count {
	l.stop()
	c.acked, c.acknowledged = l.acked, len(l.acked)
	c.twice, c.acts = w.twice(), len(w.calls)
	return c
}

func (c count) plus(o count) count {
	c.acknowledged, c.kills, c.acts = c.acknowledged+o.acknowledged, c.kills+o.kills, c.acts+o.acts
	c.lost, c.twice = append(c.lost, o.lost...), append(c.twice, o.twice...)
	c.slowest = max(c.slowest, o.slowest)
	return c
}

// String says it in one line.
func (c count) String() string {
	return fmt.Sprintf("%d times; acknowledged %d, acted %d, lost %d, twice %d; took alerts again after %s at most",
		c.kills, c.acknowledged, c.acts, len(c.lost), len(c.twice), c.slowest.Round(time.Millisecond))
}

// err names some of what must not be.
func (c count) err() error {
	var errs []error
	for what, all := range map[string][]string{"lost": c.lost, "twice": c.twice} {
		for _, one := range all[:min(len(all), 10)] {
			errs = append(errs, fmt.Errorf("%s: %s", what, one))
		}
	}
	if c.acts == 0 {
		errs = append(errs, errors.New("nothing was done at all: that nothing was done twice shows nothing"))
	}
	return errors.Join(errs...)
}

// audit holds the journal against the count. All that was acknowledged must be
// in it, with an outcome; what was begun must have ended, once.
func (c count) audit(ctx context.Context, dir string) (count, error) {
	j, err := journal.OpenReading(ctx, dir)
	if err != nil {
		return c, err
	}
	defer j.Close()
	if _, err := j.Check(ctx); err != nil {
		return c, fmt.Errorf("%w: %w", errDamaged, err)
	}
	b := book{names: map[remediate.AlertID]string{}, heard: map[string]bool{}, opened: map[string]bool{}, open: map[string]remediate.Started{}}
	for r, err := range j.Read(ctx) {
		if err == nil {
			err = b.take(r)
		}
		if err != nil {
			return c, err
		}
	}
	for name := range c.acked {
		switch {
		case !b.heard[name]:
			c.lost = append(c.lost, name+" is not in the journal")
		case name[0] == broken[0] && !b.opened[name]:
			c.lost = append(c.lost, name+" is in the journal, and nothing came of it")
		}
	}
	for id := range b.open {
		c.lost = append(c.lost, id+" was begun and never ended")
	}
	c.twice = append(c.twice, b.twice...)
	return c, nil
}

// book is what a journal says.
type book struct {
	names  map[remediate.AlertID]string
	heard  map[string]bool // names and numbers of alerts
	opened map[string]bool
	open   map[string]remediate.Started // not finished
	twice  []string                     // what finished more than once
}

func (b *book) take(r remediate.Record) error {
	f, err := r.Decode()
	if err != nil {
		return err
	}
	switch body := f.Body.(type) {
	case remediate.AlertFiring:
		name := body.Alert.Name() + " " + body.Alert.Labels.Get("n")
		b.names[body.ID], b.heard[name] = name, true
	case remediate.Opened:
		b.opened[b.names[body.Alert]] = true
	case remediate.Started:
		b.open[body.ID] = body
	case remediate.Closed:
		for id, s := range b.open {
			if s.Incident == body.Incident && s.Ask != nil {
				delete(b.open, id) // nobody waits for the answer any more
			}
		}
	case remediate.Finished:
		if _, ok := b.open[body.ID]; !ok {
			b.twice = append(b.twice, body.ID+" finished, and was not under way")
		}
		delete(b.open, body.ID)
	}
	return nil
}
