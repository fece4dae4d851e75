package simulate

import (
	"fmt"
	"slices"
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
	{"each call has a key of its own, and nobody is called who need not be", callsAreNew},
	{"what goes on is said, and that its objective is missed", saidInTime},
	{"a drill is shown where drills are, as a drill, and nothing else is", drillsApart},
	{"nobody practises while people are needed", drillsEnd},
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
		return later(at.Add(-i.early), s.quietUntil(i))
	}
	at := i.since
	if book.Page == remediate.PageOnNeed {
		at = at.Add(time.Duration(book.After))
		if !i.pageNow.IsZero() && i.pageNow.Before(at) {
			at = i.pageNow
		}
	}
	return later(at, s.quietUntil(i))
}

// quietUntil is until when nobody is called for what a live drill broke, zero when
// that is not so.
func (s *story) quietUntil(i *incident) time.Time {
	if l := s.live[i.Policy]; i.Live != "" && l.name == i.Live && !l.page {
		return l.until
	}
	return time.Time{}
}

// tellable tells whether people hear of an incident by its ladder.
func (s *story) tellable(i *incident) bool {
	book := s.books[i.Rulebook].Runbooks[i.severity]
	return !i.Found && (i.policy.Mode != remediate.ModeObserve || i.Drill != "") && !s.silenced(i) && len(book.Ladder) > 0
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
	if root == nil || root == i || root.Drill != i.Drill || !s.tellable(root) || root.Policy == remediate.StormPolicy && i.severity == remediate.P1 {
		return nil
	}
	return root
}

// waitsFor is the first of the incidents that i was last said to wait for that is
// not over: a storm ends, and what i depends on may be as it was.
func (s *story) waitsFor(i *incident) *incident {
	for _, n := range i.waits {
		if root := s.open[n]; !i.closed && root != nil && !root.healed && !root.closed {
			return root
		}
	}
	return nil
}

// hasALeafThatIsDue tells whether somebody must hear of root because of what
// depends on it: it is time, or those who were called for that cannot be told.
func (s *story) hasALeafThatIsDue(root *incident, at time.Time) bool {
	for _, leaf := range s.open {
		due := s.dueByItself(leaf)
		if s.rootOf(leaf) == root && !due.IsZero() && (!due.After(at) || leaf.rung > 0 && s.outOfReach(leaf, at) == nil) {
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
	if b.Early > 0 && !due.IsZero() {
		due = due.Add(-time.Duration(b.Early))
		if err := s.outOfReach(i, f.At); err != nil {
			return fmt.Errorf("i%d: %s is called early: %w", b.Incident, b.Tell, err)
		}
	}
	if (due.IsZero() || f.At.Before(due)) && !(i.rung == 0 && s.hasALeafThatIsDue(i, f.At)) {
		return fmt.Errorf("i%d: %s is called at %s, due is %s", b.Incident, b.Tell, f.At, due)
	}
	ladder := s.books[i.Rulebook].Runbooks[i.severity].Ladder
	if b.Rung != i.rung+b.Skipped || b.Tell != ladder[b.Rung%len(ladder)].Tell {
		return fmt.Errorf("i%d: rung %d is called and is %s", b.Incident, b.Rung+1, b.Tell)
	}
	return nil
}

// outOfReach tells why those who were called last are not to be passed over:
// a page arrived, or was not tried for a minute yet, or has not failed.
func (s *story) outOfReach(i *incident, at time.Time) error {
	tried := 0
	for _, family := range []string{remediate.PagerDuty, remediate.SlackPage} {
		d := family + i.called
		if !slices.Contains(s.books[i.Rulebook].Destinations, d) {
			continue
		}
		tried++
		if key := i.arrived[d]; key != "" && i.keys[d+" "+key] == i.times[i.called] {
			return fmt.Errorf("%s was told by %s", i.called, d)
		}
		if !i.failing[d] {
			return fmt.Errorf("%s does not fail", d)
		}
	}
	if tried == 0 || at.Sub(i.calledAt) < time.Minute {
		return fmt.Errorf("%s was called %s ago, by %d channels", i.called, at.Sub(i.calledAt), tried)
	}
	return nil
}

// callsAreNew: what has the same key would be merged and wake nobody.
func callsAreNew(s *story, f remediate.Fact) error {
	i, t := tellOf(s, f)
	if t == nil || rungOf(*t) == "" {
		return nil
	}
	rung := rungOf(*t)
	if n, used := i.keys[t.Destination+" "+t.Notice.Key]; used && n != i.times[rung] {
		return fmt.Errorf("i%d: call %d of %s has the key of call %d", i.Incident, i.times[rung], rung, n)
	}
	if rung != i.called || i.acked || i.healed || i.closed {
		return fmt.Errorf("i%d: %s is called, and is not to be", i.Incident, rung)
	}
	return nil
}

// saidInTime is about those that people see in Slack.
func saidInTime(s *story, f remediate.Fact) error {
	if !s.late(f) {
		return nil
	}
	for n, i := range s.open {
		book := s.books[i.Rulebook].Runbooks[i.severity]
		excused := later(later(i.excused, s.up), i.visible).Add(slack)
		if i.visible.IsZero() || i.healed || i.closed || !s.tellable(i) || s.rootOf(i) != nil {
			continue
		}
		if due := later(i.since, i.updated).Add(time.Duration(book.Update)); book.Update > 0 && f.At.After(later(due.Add(slack), excused)) {
			return fmt.Errorf("i%d: an update was due at %s", n, due)
		}
		if due := i.since.Add(time.Duration(book.Objective)); book.Objective > 0 && !i.breached && f.At.After(later(due.Add(slack), excused)) {
			return fmt.Errorf("i%d: its objective was missed at %s, and nobody said so", n, due)
		}
	}
	return nil
}

func calledIsTold(s *story, f remediate.Fact) error {
	if !s.late(f) {
		return nil
	}
	for n, i := range s.open {
		if i.Drill != "" {
			continue // nobody is
		}
		for who, at := range i.calls {
			// a tell that hangs is in its way for a minute at most
			if f.At.After(later(at, s.up).Add(time.Minute + slack)) {
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
	if i, t := tellOf(s, f); t != nil && (i.Found || i.policy.Mode == remediate.ModeObserve && i.Drill == "") {
		return fmt.Errorf("i%d: %s is told of it", i.Incident, t.Destination)
	}
	return nil
}

func drillsApart(s *story, f remediate.Fact) error {
	i, t := tellOf(s, f)
	switch {
	case t == nil:
	case t.Notice.Drill != i.Drill:
		return fmt.Errorf("i%d, drill %q, is told of as of drill %q", i.Incident, i.Drill, t.Notice.Drill)
	case i.Live == "" && t.Notice.Live != "", t.Notice.Live == "" && i.Live != "" && s.live[i.Policy].name == i.Live && s.live[i.Policy].until.After(f.At):
		return fmt.Errorf("i%d, of the live drill %q, is told of as of the live drill %q", i.Incident, i.Live, t.Notice.Live)
	case i.Drill != "" && t.Destination != remediate.Slack && t.Destination != remediate.SlackThread:
		return fmt.Errorf("i%d is a drill, and is told to %s", i.Incident, t.Destination)
	}
	return nil
}

// earnest tells whether something is open that people are needed for.
func (s *story) earnest() bool {
	for _, i := range s.open {
		if i.Drill == "" && !i.Found && i.severity != remediate.P3 && !i.healed && !i.closed && i.policy.Mode != remediate.ModeObserve {
			return true
		}
	}
	return false
}

func drillsEnd(s *story, f remediate.Fact) error {
	if !s.late(f) || s.needed.IsZero() || !f.At.After(later(s.needed, s.up).Add(slack)) {
		return nil
	}
	for n, i := range s.open {
		if i.Drill != "" && !i.closed {
			return fmt.Errorf("i%d is a drill, and goes on while people are needed since %s", n, s.needed)
		}
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
