package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate"
)

// measureHandle measures how many facts a second the decider comes to while so
// many incidents are open: whole stories, from an alert that fires to the end
// of its incident, and the same amid a storm of alerts that no policy concerns.
// The other incidents have nothing to do with them, so a ratio near 1 says that
// they cost nothing.
func measureHandle(ctx context.Context, o options) ([]row, error) {
	stories := contest{subject: "handle", name: "one story after the other", unit: "facts/s"}
	storms := contest{subject: "handle", name: "70 % alert edges, 30 % incident life", unit: "facts/s"}
	for _, s := range []struct {
		name   string
		open   int
		reload bool
	}{
		{"1000 open incidents", 1_000, false},
		{"100000 open incidents", 100_000, false},
		{"10000, after a reload", 10_000, true},
	} {
		d, err := newDecider(s.open)
		if err != nil {
			return nil, err
		}
		if s.reload {
			if err := d.reload(); err != nil {
				return nil, err
			}
		}
		stories.contestants = append(stories.contestants, contestant{s.name, o.rateOf(d.story)})
		if s.open == 1_000 { // beside 100,000 known alerts, those that no policy concerns are not written down
			storms.contestants = append(storms.contestants, contestant{s.name, o.rateOf(d.storm)})
		}
	}
	return hold(ctx, o.rounds, []contest{stories, storms})
}

// rateOf measures how much of its work is done in a second.
func (o options) rateOf(work func() (int, error)) func(context.Context) (sample, error) {
	return func(context.Context) (sample, error) {
		runtime.GC() // what the one before left behind is not this one's
		v, err := rate(o.sample, work)
		return sample{value: v}, err
	}
}

// decider is Handle and its state, in a world in which all is well at once.
type decider struct {
	books remediate.Rulebooks
	state *remediate.State
	now   time.Time
	told  uint64 // alerts so far

	keep  func([]remediate.Record) error // keeps what was decided; nil: nobody does
	deaf  bool                           // nothing that is started comes back
	apart time.Duration                  // from fact to fact, of a journal that is filled
}

// newDecider returns one with so many open incidents, of the policy that only
// observes.
func newDecider(open int) (*decider, error) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // what is made here is kept: collecting finds nothing
	d := &decider{books: remediate.Rulebooks{}, state: remediate.NewState(), now: time.Now()}
	if _, err := remediate.Found(d.state, d.now, "bbbbbbbb"); err != nil {
		return nil, err
	}
	book, err := rulebook()
	if err != nil {
		return nil, err
	}
	d.books[book.Digest()] = book
	if _, err := d.hear(remediate.Loaded{Digest: book.Digest(), Policies: []string{watched, down}}); err != nil {
		return nil, err
	}
	for ; d.told < uint64(open); d.told++ {
		if _, err := d.hear(d.alert(watched, true)); err != nil {
			return nil, err
		}
	}
	if n := len(d.state.Incidents); n != open {
		return nil, fmt.Errorf("%d incidents are open: want %d", n, open)
	}
	return d, nil
}

// reload loads another rulebook. That wakes all incidents, and they are worked
// off in slices.
func (d *decider) reload() error {
	book, err := rulebook()
	if err != nil {
		return err
	}
	book.Budget = []remediate.Budget{{Actions: 1 << 30, Per: model.Duration(time.Hour)}}
	if err := book.Compile(); err != nil {
		return err
	}
	d.books[book.Digest()] = book
	if _, err := d.hear(remediate.Loaded{Digest: book.Digest(), Policies: []string{watched, down}}); err != nil {
		return err
	}
	for next := d.state.Next(); !next.IsZero() && !next.After(d.now); next = d.state.Next() {
		if _, err := d.hear(remediate.Tick{}); err != nil {
			return err
		}
	}
	return nil
}

// story lets the next alert fire, be healed and resolve, and returns to how
// many facts that came.
func (d *decider) story() (facts int, err error) {
	defer func() { d.told++ }()
	open := len(d.state.Incidents)
	d.now = d.now.Add(time.Millisecond)
	for _, firing := range []bool{true, false} {
		n, err := d.hear(d.alert(down, firing))
		if err != nil {
			return 0, err
		}
		facts += n
	}
	if n := len(d.state.Incidents); n != open {
		return 0, fmt.Errorf("%d incidents are open after a story, %d before", n, open)
	}
	return facts, nil
}

// strangers is how many alerts that no policy concerns come and go beside each
// story: of its 14 facts two are edges, so that of all of them 28 in 40 are.
const strangers = 13

// storm is a story amid a storm.
func (d *decider) storm() (facts int, err error) {
	if facts, err = d.story(); err != nil {
		return 0, err
	}
	for range strangers {
		for _, firing := range []bool{true, false} {
			n, err := d.hear(d.alert(other, firing))
			if err != nil {
				return 0, err
			}
			facts += n
		}
		d.told++
	}
	return facts, nil
}

// hear hands Handle an input and performs what it starts, until nothing is
// left to do.
func (d *decider) hear(first remediate.Input) (facts int, err error) {
	for inputs := []remediate.Input{first}; len(inputs) > 0; inputs = inputs[1:] {
		records, err := remediate.Handle(d.books, d.state, d.now, inputs[0])
		if err != nil {
			return 0, err
		}
		facts += len(records)
		if d.keep != nil {
			if err := d.keep(records); err != nil {
				return 0, err
			}
		}
		for _, r := range records {
			if d.deaf || r.Kind != remediate.KindOf(remediate.Started{}) {
				continue
			}
			f, err := r.Fact()
			if err != nil {
				return 0, err
			}
			s := f.Body.(remediate.Started)
			inputs = append(inputs, remediate.Reported{ID: s.ID, Incident: s.Incident, Result: wellDone(s), At: d.now})
		}
	}
	return facts, nil
}

// alert is the next alert, by this name.
func (d *decider) alert(name string, firing bool) remediate.Heard {
	a := remediate.Alert{StartsAt: d.now, Labels: remediate.LabelsOf(map[string]string{
		"alertname": name, "cluster": "bench", "namespace": "x0tta6bl4", "job": "bench", "severity": "critical",
		"instance": fmt.Sprintf("i%08d", d.told), "container": "api",
	})}
	if !firing {
		a.EndsAt = d.now
	}
	return remediate.Heard{Alert: a, Firing: firing}
}
