package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
)

// count is what came of a round.
type count struct {
	acknowledged int // alerts
	kills        int
	lost         []string // what was acknowledged and is not in the journal, or has no outcome
	twice        []string // what was done more than once
	acts         int      // that arrived in the world
	starts       []start
	looked       time.Duration // from a start until what was under way when the daemon died was looked after, at most
	audited      bool
	acked        map[string]bool
}

// of is the count with what the load, the world and the daemon know. The journal's
// word, once it was heard, stays.
func (c count) of(l *load, w *world, d *tortured) count {
	l.stop()
	if c.audited {
		return c
	}
	c.acked, c.acknowledged, c.starts = l.acked, len(l.acked), d.starts
	c.twice, c.acts = w.twice(), len(w.calls)
	return c
}

func (c count) plus(o count) count {
	c.acknowledged, c.kills, c.acts = c.acknowledged+o.acknowledged, c.kills+o.kills, c.acts+o.acts
	c.lost, c.twice = append(c.lost, o.lost...), append(c.twice, o.twice...)
	return c
}

// String says it in one line.
func (c count) String() string {
	counted := fmt.Sprintf("%d times; acknowledged %d, acted %d, lost %d, twice %d", c.kills, c.acknowledged, c.acts, len(c.lost), len(c.twice))
	if !c.audited {
		return counted + ", before its journal was asked; " + c.cost()
	}
	return fmt.Sprintf("%s; %s; what was under way was looked after within %s", counted, c.cost(), c.looked.Round(time.Millisecond))
}

// cost is what a death costs: how long it took until alerts were taken again. That
// must not grow with their number, so the first and the last quarter are told apart.
func (c count) cost() string {
	if len(c.starts) == 0 {
		return "took none"
	}
	took := func(some []start) (median, slowest time.Duration) {
		sorted := make([]time.Duration, 0, len(some))
		for _, s := range some {
			sorted = append(sorted, s.took.Round(time.Millisecond))
		}
		slices.Sort(sorted)
		return sorted[len(sorted)/2], sorted[len(sorted)-1]
	}
	quarter := (len(c.starts) + 3) / 4
	median, slowest := took(c.starts)
	first, _ := took(c.starts[:quarter])
	last, _ := took(c.starts[len(c.starts)-quarter:])
	return fmt.Sprintf("took alerts after %s in the median (first quarter %s, last %s) and %s at most", median, first, last, slowest)
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
	b := book{names: map[remediate.AlertID]string{}, heard: map[string]bool{}, opened: map[string]bool{}, open: map[string]remediate.Started{}, waits: map[uint64]time.Time{}}
	for _, s := range c.starts {
		b.starts = append(b.starts, s.at)
	}
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
	c.looked, c.audited = b.looked, true
	return c, nil
}

// book is what a journal says.
type book struct {
	names  map[remediate.AlertID]string
	heard  map[string]bool // names and numbers of alerts
	opened map[string]bool
	open   map[string]remediate.Started // not finished
	twice  []string                     // what finished more than once

	starts []time.Time          // of the daemon, those after the facts so far
	waits  map[uint64]time.Time // incidents with something under way when the daemon died: since the start after that
	looked time.Duration        // how long one of them waited at most for its next fact
}

func (b *book) take(r remediate.Record) error {
	f, err := r.Decode()
	if err != nil {
		return err
	}
	b.look(f)
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

// look sees how long an incident waited that had something under way when the
// daemon died. That it died again meanwhile counts as waiting.
func (b *book) look(f remediate.Fact) {
	for len(b.starts) > 0 && !f.At.Before(b.starts[0]) {
		for _, s := range b.open {
			if _, ok := b.waits[s.Incident]; !ok && s.Incident != 0 {
				b.waits[s.Incident] = b.starts[0]
			}
		}
		b.starts = b.starts[1:]
	}
	incident := remediate.IncidentOf(f.Body)
	if since, ok := b.waits[incident]; ok {
		b.looked = max(b.looked, f.At.Sub(since))
		delete(b.waits, incident)
	}
}
