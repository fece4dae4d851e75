package main

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"syscall"
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
		{"98000 open incidents", 98_000, false}, // beside 100,000 known alerts, those that no policy concerns are not written down
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
		if !s.reload {
			storms.contestants = append(storms.contestants, contestant{s.name, o.rateOf(d.storm)})
		}
	}
	return o.hold(ctx, []contest{stories, storms})
}

// rateOf measures how much of its work is done in a second of a processor, that of
// the collector included: whatever else the machine does takes none of it.
func (o options) rateOf(work func() (int, error)) func(context.Context) (sample, error) {
	return func(context.Context) (sample, error) {
		runtime.GC() // what the one before left behind is not this one's
		begun, computed := time.Now(), processorTime()
		wall, err := rate(o.sample, work)
		took := time.Since(begun)
		return sample{value: wall * took.Seconds() / (processorTime() - computed).Seconds()}, err
	}
}

// processorTime is how much of the processors' time this process has used.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // it is asked about itself, which cannot fail
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// decider is Handle and its state, in a world in which all is well at once.
type decider struct {
	books remediate.Rulebooks
	state *remediate.State
	now   time.Time
	told  uint64 // alerts so far

	keep  func([]remediate.Record) error // keeps what was decided; nil: nobody does
	deaf  bool                           // nothing that is started comes back
	apart time.Duration                  // from fact to fact, of a journal that is filled; 0: a minute from story to story
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
	if n := d.state.Incidents.Len(); n != open {
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
	open := d.state.Incidents.Len()
	d.now = d.now.Add(cmp.Or(d.apart, time.Minute)) // what ended a day ago is forgotten
	for _, firing := range []bool{true, false} {
		n, err := d.hear(d.alert(down, firing))
		if err != nil {
			return 0, err
		}
		facts += n
	}
	if n := d.state.Incidents.Len(); n != open {
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
	for k := range strangers {
		for _, firing := range []bool{true, false} {
			n, err := d.hear(d.alertOf(other, uint64(k), firing))
			if err != nil {
				return 0, err
			}
			facts += n
		}
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

// number is i00000042, quickly: what is measured takes not much longer.
func number(n uint64) string {
	b := []byte(mark)
	for k := len(b) - 1; k > 0; k-- {
		b[k] = byte('0' + n%10)
		n /= 10
	}
	return string(b)
}

// alert is the next alert, by this name.
func (d *decider) alert(name string, firing bool) remediate.Heard {
	return d.alertOf(name, d.told, firing)
}

// alertOf is an alert by this name and number.
func (d *decider) alertOf(name string, n uint64, firing bool) remediate.Heard {
	a := remediate.Alert{StartsAt: d.now, Labels: remediate.Labels{
		{Name: "alertname", Value: name}, {Name: "cluster", Value: "bench"}, {Name: "container", Value: "api"},
		{Name: "instance", Value: number(n)}, {Name: "job", Value: "bench"}, {Name: "namespace", Value: "x0tta6bl4"}, {Name: "severity", Value: "critical"},
	}}
	if !firing {
		a.EndsAt = d.now
	}
	return remediate.Heard{Alert: a, Firing: firing}
}
