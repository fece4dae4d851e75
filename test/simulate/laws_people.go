package simulate

import (
	"fmt"
	"strings"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// peopleLaws are about who hears of what.
var peopleLaws = []Law{
	{"whoever must hear of it is called in time", calledInTime},
	{"nobody is called too early, or for what needs nobody", calledForGood},
	{"who is called is told", calledIsTold},
	{"an incident only gets worse, unless a human says how bad it is", onlyWorse},
	{"at most one tell of an incident is open at a destination", oneTellAtATime},
	{"nothing is triggered after its end was told", endIsEnd},
	{"of what only observes or was only found nobody is told", quietIsQuiet},
}

// due is when the next rung of the ladder is to be told, zero when none is: it
// is acknowledged, over or silenced, or it is told of by its root.
func (s *story) due(i *incident) time.Time {
	if root := s.rootOf(i); root != nil && (root.rung > 0 || root.acked) {
		return time.Time{}
	}
	return s.dueByItself(i)
}

// dueByItself is due, if it had no root.
func (s *story) dueByItself(i *incident) time.Time {
	book := s.books[i.Rulebook].Runbooks[i.severity]
	over := i.acked || i.healed || i.closed || i.rung >= len(book.Ladder)*(1+book.Repeat)
	if !s.tellable(i) || over || i.rung == 0 && s.confirming(i) {
		return time.Time{}
	}
	if i.rung > 0 {
		at := i.ladder
		for n := range i.rung {
			at = at.Add(time.Duration(book.Ladder[n%len(book.Ladder)].Wait))
		}
		return at
	}
	at := i.since
	if book.Page == remediate.PageOnNeed {
		at = at.Add(time.Duration(book.After))
		if !i.pageNow.IsZero() && i.pageNow.Before(at) {
			at = i.pageNow
		}
	}
	return at
}

// tellable tells whether people hear of an incident by its ladder.
func (s *story) tellable(i *incident) bool {
	book := s.books[i.Rulebook].Runbooks[i.severity]
	return !i.Found && i.policy.Mode != remediate.ModeObserve && !s.silenced(i) && len(book.Ladder) > 0
}

// confirming tells whether it is seen just now that it is well: its alerts are
// gone.
func (s *story) confirming(i *incident) bool {
	for _, p := range s.pending {
		if p.Incident == i.Incident && p.Ask != nil && p.Ask.Purpose == remediate.ForConfirmation {
			return len(i.firing) == 0
		}
	}
	return false
}

// rootOf is the incident whose page is that of i: what it waits for, as far up
// as that goes. In a storm a P1 is told of by itself.
func (s *story) rootOf(i *incident) *incident {
	var root *incident
	for at, n := s.waitsFor(i), 0; at != nil && n < 8; at, n = s.waitsFor(at), n+1 {
		root = at
	}
	if root == nil || root == i || !s.tellable(root) || root.Policy == remediate.StormPolicy && i.severity == remediate.P1 {
		return nil
	}
	return root
}

// waitsFor is the incident that i was last said to wait for.
func (s *story) waitsFor(i *incident) *incident {
	if i.waits == 0 || i.closed {
		return nil
	}
	root := s.open[i.waits]
	if root == nil || root.healed || root.closed {
		return nil
	}
	return root
}

// hasALeafThatIsDue tells whether somebody must hear of root because of what
// depends on it.
func (s *story) hasALeafThatIsDue(root *incident, at time.Time) bool {
	for _, leaf := range s.open {
		if due := s.dueByItself(leaf); s.rootOf(leaf) == root && !due.IsZero() && !due.After(at) {
			return true
		}
	}
	return false
}

// Being down, unable to remember, or set to another time is the only excuse.
func calledInTime(s *story, f remediate.Fact) error {
	if !s.late(f) {
		return nil
	}
	for n, i := range s.open {
		due := s.due(i)
		if due.IsZero() {
			continue
		}
		if by := later(later(due, i.excused), s.up); f.At.After(by.Add(slack)) {
			return fmt.Errorf("i%d, %s: rung %d was to be told at %s, and by %s is not", n, i.severity, i.rung+1, by, f.At)
		}
	}
	return nil
}

// late tells whether f is later than what was heard, and time went there by
// itself.
func (s *story) late(f remediate.Fact) bool {
	_, jumped := f.Body.(remediate.ClockJumped)
	return !jumped && (f.Body == nil || f.At.After(s.at))
}

func calledForGood(s *story, f remediate.Fact) error {
	b, ok := f.Body.(remediate.Escalated)
	i := s.open[b.Incident]
	if !ok || i == nil {
		return nil
	}
	due := s.due(i)
	if (due.IsZero() || f.At.Before(due)) && !(i.rung == 0 && s.hasALeafThatIsDue(i, f.At)) {
		return fmt.Errorf("i%d: %s is called at %s, due is %s", b.Incident, b.Tell, f.At, due)
	}
	ladder := s.books[i.Rulebook].Runbooks[i.severity].Ladder
	if b.Rung != i.rung+b.Skipped || b.Tell != ladder[b.Rung%len(ladder)].Tell {
		return fmt.Errorf("i%d: rung %d is called and is %s", b.Incident, b.Rung+1, b.Tell)
	}
	return nil
}

func calledIsTold(s *story, f remediate.Fact) error {
	if !s.late(f) {
		return nil
	}
	for n, i := range s.open {
		for who, at := range i.calls {
			if f.At.After(later(at, s.up).Add(slack)) {
				return fmt.Errorf("i%d: %s is called at %s and was not told", n, who, at)
			}
		}
	}
	return nil
}

func onlyWorse(s *story, f remediate.Fact) error {
	b, ok := f.Body.(remediate.Rated)
	i := s.open[b.Incident]
	if ok && i != nil && (b.From != i.severity || b.To >= b.From && b.To != i.rating) {
		return fmt.Errorf("i%d is %s, and is rated from %s to %s", i.Incident, i.severity, b.From, b.To)
	}
	return nil
}

func oneTellAtATime(s *story, f remediate.Fact) error {
	i, t := tellOf(s, f)
	if t != nil && i.telling[t.Destination] != "" {
		return fmt.Errorf("i%d: %s is told while %s is open", i.Incident, t.Destination, i.telling[t.Destination])
	}
	return nil
}

func endIsEnd(s *story, f remediate.Fact) error {
	i, t := tellOf(s, f)
	if t == nil || !strings.HasPrefix(t.Destination, "pagerduty/") {
		return nil
	}
	if i.shown[t.Destination] == "resolve" && t.Notice.Action != "resolve" {
		return fmt.Errorf("i%d: %s is told to %s after the end", i.Incident, t.Destination, t.Notice.Action)
	}
	return nil
}

func quietIsQuiet(s *story, f remediate.Fact) error {
	if i, t := tellOf(s, f); t != nil && (i.Found || i.policy.Mode == remediate.ModeObserve) {
		return fmt.Errorf("i%d: %s is told of it", i.Incident, t.Destination)
	}
	return nil
}

// tellOf returns the tell that f begins, and its incident.
func tellOf(s *story, f remediate.Fact) (*incident, *remediate.Tell) {
	b, ok := f.Body.(remediate.Started)
	if !ok || b.Tell == nil || s.open[b.Incident] == nil {
		return nil, nil
	}
	return s.open[b.Incident], b.Tell
}
