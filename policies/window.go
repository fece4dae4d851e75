package policies

import (
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/alertmanager/timeinterval"

	"github.com/x0tta6bl4/remediated/remediate"
)

// window reads when automation may act.
func (v value) window() *remediate.Window {
	var w remediate.Window
	said := len(v.doc.problems)
	v.object("the guard window", fields{
		"only":  func(v value) { w.Only = v.intervals() },
		"never": func(v value) { w.Never = v.intervals() },
	})
	switch {
	case len(v.doc.problems) > said: // what it would mean is not known
	case len(w.Only)+len(w.Never) == 0:
		v.fail("the guard window names no time", "write {only: [{weekdays: ['monday:friday'], times: [{start_time: '09:00', end_time: '17:00'}]}]}, or leave it out")
	default:
		v.checkOpens(&w, time.Now())
	}
	return &w
}

func (v value) intervals() []timeinterval.TimeInterval {
	var out []timeinterval.TimeInterval
	v.list("time intervals", func(v value) { out = append(out, v.interval()) })
	return out
}

// How far is looked ahead. Every day of every month, the 29th of February among
// them, is in eight years; the nearer time is what somebody has in mind who
// writes a year.
const (
	everyDay = 8*365 + 2
	soonDays = 400
)

// checkOpens refuses a window that never opens, which would be a policy that
// never acts, and warns of one that does nothing, or nothing any more. What only
// the years make so is no error: a daemon must still start when they are over.
func (v value) checkOpens(w *remediate.Window, now time.Time) {
	switch {
	case !willBe(open, withoutYears(w), now, everyDay):
		v.fail("this window never opens", "there is no time that is in one of only and in none of never")
	case !willBe(open, w, now, soonDays):
		v.warn(fmt.Sprintf("this window is not open within the next %d days", soonDays), "look at its years")
	case !willBe(closed, w, now, soonDays):
		v.warn("this window is always open", fmt.Sprintf("leave it out: it holds nothing within the next %d days", soonDays))
	}
}

// withoutYears is the window in any year.
func withoutYears(w *remediate.Window) *remediate.Window {
	out := &remediate.Window{Only: slices.Clone(w.Only)}
	for i := range out.Only {
		out.Only[i].Years = nil
	}
	for _, t := range w.Never {
		if t.Years == nil {
			out.Never = append(out.Never, t)
		}
	}
	return out
}

func open(w *remediate.Window, t time.Time) bool {
	contains := func(i timeinterval.TimeInterval) bool { return i.ContainsTime(t.UTC()) } // by its own location, if it has one
	return (len(w.Only) == 0 || slices.ContainsFunc(w.Only, contains)) && !slices.ContainsFunc(w.Never, contains)
}

func closed(w *remediate.Window, t time.Time) bool { return !open(w, t) }

// willBe tells whether the window is so at some time of these days. It looks at
// each moment at which an interval can begin or end, for in between nothing
// changes.
func willBe(so func(*remediate.Window, time.Time) bool, w *remediate.Window, from time.Time, days int) bool {
	turns := turnsOf(w)
	for day := range days {
		for _, t := range turns {
			if so(w, t.on(from, day)) {
				return true
			}
		}
	}
	return false
}

// turn is a time of day at which a window may open or close.
type turn struct {
	minute int
	zone   *time.Location
}

// on returns that time of the day that is so many days after from's.
func (t turn) on(from time.Time, day int) time.Time {
	y, m, d := from.In(t.zone).Date()
	return time.Date(y, m, d+day, 0, t.minute, 0, 0, t.zone)
}

func turnsOf(w *remediate.Window) []turn {
	out := []turn{{0, time.UTC}}
	for _, i := range slices.Concat(w.Only, w.Never) {
		zone := time.UTC
		if i.Location != nil {
			zone = i.Location.Location
		}
		minutes := []int{0}
		for _, t := range i.Times {
			minutes = append(minutes, t.StartMinute, t.EndMinute)
		}
		for _, m := range minutes {
			same := func(t turn) bool { return t.minute == m && t.zone.String() == zone.String() }
			if !slices.ContainsFunc(out, same) {
				out = append(out, turn{m, zone})
			}
		}
	}
	return out
}
