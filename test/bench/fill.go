package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
)

// A journal that was filled has, of ten facts, seven that are edges of alerts and
// three of the life of an incident.
const (
	edgesBeside = 26   // of alerts that no policy concerns, for each incident, which has 14 facts
	writeOf     = 1000 // facts that are written at once
	// ahead is by how much the last facts are ahead of the clock. Facts' time goes on
	// from the last one, so whoever opens a copy within that time finds what was asked
	// as a crash in that moment leaves it: not too old to be answered.
	ahead = 24 * time.Hour
)

// leftOpen is how many incidents are open at the end of a journal with so many facts.
func leftOpen(facts uint64) int { return int(min(1000, facts/20)) }

// underWay is how many of them have a question that was asked and not answered.
func underWay(facts uint64) int { return leftOpen(facts) / 10 }

// fill fills the journal in dir, which must be a new one, with about so many facts of
// so much time, by a rulebook that has policies for what is watched and what is down.
// They go through all that a daemon's facts go through. It returns how many alerts
// they tell of.
func fill(ctx context.Context, dir string, facts uint64, lasts time.Duration, book *remediate.Rulebook, release string) (alerts uint64, err error) {
	err = filled(ctx, dir, book, release, time.Now().Add(ahead-lasts), func(d *decider) error {
		d.apart = lasts / time.Duration(facts)
		err := d.live(facts)
		alerts = d.told
		return err
	})
	return alerts, err
}

// filled fills the journal in dir with what a decider of a rulebook and a release
// lives through from a time on.
func filled(ctx context.Context, dir string, book *remediate.Rulebook, release string, since time.Time, live func(*decider) error) (err error) {
	j, err := journal.Open(ctx, dir, journal.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	encoded, err := book.Encode()
	if err != nil {
		return err
	}
	if _, err := j.Keep(ctx, encoded); err != nil {
		return err
	}
	var waiting []remediate.Record
	write := func() error {
		if len(waiting) == 0 {
			return nil
		}
		err := j.Append(ctx, waiting[0].Seq-1, waiting)
		waiting = waiting[:0]
		return err
	}
	d := &decider{
		books: remediate.Rulebooks{book.Digest(): book}, state: remediate.NewState(),
		now: since,
		keep: func(records []remediate.Record) error {
			if waiting = append(waiting, records...); len(waiting) < writeOf {
				return nil
			}
			return write()
		},
	}
	if err := d.begin(book, release); err != nil {
		return err
	}
	if err := live(d); err != nil {
		return err
	}
	return write()
}

// begin founds the journal of a release that has a rulebook.
func (d *decider) begin(book *remediate.Rulebook, release string) error {
	founded, err := remediate.Found(d.state, d.now, "bbbbbbbb")
	if err != nil {
		return err
	}
	leads, _, err := remediate.Lead(d.state, d.now, release, false)
	if err != nil {
		return err
	}
	if err := d.keep([]remediate.Record{founded, leads}); err != nil {
		return err
	}
	loaded := remediate.Loaded{Digest: book.Digest()}
	for _, p := range book.Policies {
		loaded.Policies = append(loaded.Policies, p.Name)
	}
	_, err = d.hear(loaded)
	return err
}

// live lives through so many facts.
func (d *decider) live(facts uint64) error {
	open := leftOpen(facts)
	const perOpen = 5 // facts of an incident that stays open
	for d.state.Seq+perOpen*uint64(open) < facts {
		if err := d.hour(); err != nil {
			return err
		}
	}
	d.now = time.Now().Add(ahead)
	for n := range open {
		d.deaf = n >= open-underWay(facts)
		if _, err := d.hear(d.alert(watched, true)); err != nil {
			return err
		}
		d.told++
	}
	if n := d.state.Incidents.Len(); n != open {
		return fmt.Errorf("%d incidents are open: want %d", n, open)
	}
	return nil
}

// hour is an incident from its beginning to its end, and what fires beside it.
func (d *decider) hour() error {
	if _, err := d.story(); err != nil {
		return err
	}
	for range edgesBeside / 2 {
		for _, firing := range []bool{true, false} {
			d.now = d.now.Add(d.apart * 10 / 7)
			if _, err := d.hear(d.alert(other, firing)); err != nil {
				return err
			}
		}
		d.told++
	}
	return nil
}
