package simulate

import (
	"fmt"
	"slices"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Law is something that no day may break, whatever the world did. It is held
// against each fact before that becomes part of the story. A fact without a
// body only says how late it is.
type Law struct {
	Name  string
	Holds func(*story, remediate.Fact) error
}

// Laws are all that facts are held against. Those of acting are in
// laws_acting.go, those of people in laws_people.go.
var Laws = slices.Concat(lifeLaws, actingLaws, peopleLaws)

// lifeLaws are about what becomes of an alert and of what was started.
var lifeLaws = []Law{
	{"facts are in order", inOrder},
	{"what fires is written once, and so is its end", edgesOnce},
	{"every alert that a policy matches opens or joins an incident, at once", nobodyOverheard},
	{"one key, one open incident", oneKeyOneLife},
	{"who leaves was there, and the rest is counted", leaversWereThere},
	{"a name is given once", namesOnce},
	{"what is started finishes at most once", finishedOnce},
	{"what is begun is given the time that it needs", timeEnough},
	{"an incident ends when its alerts did or a human says so, and not in the middle of an attempt", endsInTime},
	{"closed is closed, and filed is gone", closedIsClosed},
	{"healed is what was verified, reopened what was healed, exhausted what failed to the last step", conclusionsHold},
	{"what was healed and is no longer is reopened, at once", lostIsReopened},
}

// Broken says which law does not hold and why.
type Broken struct{ Law, Why string }

func (b *Broken) Error() string { return fmt.Sprintf("law %q is broken: %s", b.Law, b.Why) }

func broken(law, format string, args ...any) *Broken {
	return &Broken{law, fmt.Sprintf(format, args...)}
}

// judge holds a fact against the laws and takes it into the story.
func (s *story) judge(laws []Law, f remediate.Fact) error {
	for _, l := range laws {
		if err := l.Holds(s, f); err != nil {
			return broken(l.Name, "%v", err)
		}
	}
	if f.Body != nil {
		s.hear(f)
	}
	return nil
}

func inOrder(s *story, f remediate.Fact) error {
	if f.Body == nil {
		return nil
	}
	if f.Seq != s.seq+1 || f.At.Before(s.at) {
		return fmt.Errorf("fact %d of %s follows fact %d of %s", f.Seq, f.At, s.seq, s.at)
	}
	return nil
}

// An edge is written again when other rules look at it (they find it firing),
// never because it was told again.
func edgesOnce(s *story, f remediate.Fact) error {
	switch b := f.Body.(type) {
	case remediate.AlertFiring:
		if s.firing[b.ID] && (!b.Found || s.looked[b.ID] == s.loads) {
			return fmt.Errorf("%s fires already", b.Alert.Labels)
		}
	case remediate.AlertResolved:
		if !s.firing[b.ID] {
			return fmt.Errorf("%s did not fire", b.ID)
		}
	case remediate.AlertSuppressed:
		if !s.firing[b.ID] || len(b.By) == 0 {
			return fmt.Errorf("%s does not fire, or nothing suppresses it", b.ID)
		}
	case remediate.AlertReleased:
		if !s.firing[b.ID] || s.told[b.ID] == "" {
			return fmt.Errorf("%s was not suppressed", b.ID)
		}
	}
	return nil
}

func nobodyOverheard(s *story, f remediate.Fact) error {
	_, next := f.Body.(remediate.AlertFiring)
	if len(s.owed) > 0 && (next || f.Body == nil || f.At.After(s.at)) {
		return fmt.Errorf("the alert that fired before %s is matched by %d policies that have no incident for it", f.At, len(s.owed))
	}
	return nil
}

func oneKeyOneLife(s *story, f remediate.Fact) error {
	switch b := f.Body.(type) {
	case remediate.Opened:
		if n := s.keys[b.Key]; n != 0 || b.Incident != s.last+1 || !s.firing[b.Alert] {
			return fmt.Errorf("i%d is opened for %s, which i%d has, after i%d", b.Incident, b.Key, n, s.last)
		}
	case remediate.Joined:
		if i := s.open[b.Incident]; i == nil || !s.firing[b.Alert] {
			return fmt.Errorf("%s joins i%d: there is no such incident, or it does not fire", b.Alert, b.Incident)
		}
	}
	return nil
}

func leaversWereThere(s *story, f remediate.Fact) error {
	b, ok := f.Body.(remediate.Left)
	if !ok {
		return nil
	}
	if i := s.open[b.Incident]; i == nil || !i.firing[b.Alert] || b.Firing != len(i.firing)-1 {
		return fmt.Errorf("%s leaves i%d, and %d are left", b.Alert, b.Incident, b.Firing)
	}
	return nil
}

// The world keeps apart what it was asked to do by these names: one that is
// given twice would be done once.
func namesOnce(s *story, f remediate.Fact) error {
	if b, ok := f.Body.(remediate.Started); ok && s.begun[b.ID] {
		return fmt.Errorf("%s was begun before", b.ID)
	}
	return nil
}

func finishedOnce(s *story, f remediate.Fact) error {
	id := ""
	switch b := f.Body.(type) {
	case remediate.Finished:
		id = b.ID
	case remediate.Delayed:
		id = b.ID
	default:
		return nil
	}
	if _, open := s.pending[id]; !open {
		return fmt.Errorf("%s of %s, which is not open", remediate.KindOf(f.Body), id)
	}
	return nil
}

func timeEnough(s *story, f remediate.Fact) error {
	b, ok := f.Body.(remediate.Started)
	if !ok {
		return nil
	}
	if left := b.Deadline.Sub(f.At); left <= 0 || b.Ask != nil && left < time.Duration(b.Ask.Within) {
		return fmt.Errorf("%s is begun at %s and is to end by %s", b.ID, f.At, b.Deadline)
	}
	return nil
}

func endsInTime(s *story, f remediate.Fact) error {
	b, ok := f.Body.(remediate.Closed)
	i := s.open[b.Incident]
	switch {
	case !ok || i == nil:
	case i.phase != idle && i.phase != brokenOff:
		return fmt.Errorf("i%d is closed while an attempt is under way", b.Incident)
	case i.Drill != "" && s.earnest():
	case len(i.firing) > 0 && !i.dismissed:
		return fmt.Errorf("i%d is closed while %d of its alerts fire", b.Incident, len(i.firing))
	}
	return nil
}

func closedIsClosed(s *story, f remediate.Fact) error {
	n := remediate.IncidentOf(f.Body)
	if n == 0 {
		return nil
	}
	if c, ok := f.Body.(remediate.CommandGiven); ok && c.Command == remediate.Note && n <= s.last {
		return nil // what was learned is known afterwards
	}
	_, opens := f.Body.(remediate.Opened)
	i := s.open[n]
	if i == nil && !opens {
		return fmt.Errorf("%s of i%d, which is not there", remediate.KindOf(f.Body), n)
	}
	if i == nil || !i.closed {
		if _, files := f.Body.(remediate.Filed); files {
			return fmt.Errorf("i%d is filed and not closed", n)
		}
		return nil
	}
	switch b := f.Body.(type) {
	case remediate.Finished, remediate.Delayed:
	case remediate.Filed:
		if len(i.telling) > 0 {
			return fmt.Errorf("i%d is filed while it is told of", n)
		}
	case remediate.Started:
		if b.Tell == nil {
			return fmt.Errorf("%s is begun after the end of i%d", b.ID, n)
		}
	default:
		return fmt.Errorf("%s of i%d, which is closed", remediate.KindOf(b), n)
	}
	return nil
}

func conclusionsHold(s *story, f remediate.Fact) error {
	i := s.open[remediate.IncidentOf(f.Body)]
	if i == nil {
		return nil
	}
	switch b := f.Body.(type) {
	case remediate.Healed:
		if i.phase != idle || i.verified != remediate.OK {
			return fmt.Errorf("i%d is healed, and its verification ended %q", b.Incident, i.verified)
		}
	case remediate.Reopened:
		if !i.healed {
			return fmt.Errorf("i%d is reopened, and was not healed", b.Incident)
		}
	case remediate.Exhausted:
		if i.phase != idle || !i.failed || i.exhausted || i.judged.Step != len(i.policy.Steps)-1 {
			return fmt.Errorf("i%d is exhausted after step %d of %d", b.Incident, i.judged.Step+1, len(i.policy.Steps))
		}
	}
	return nil
}

func lostIsReopened(s *story, f remediate.Fact) error {
	if !s.late(f) {
		return nil
	}
	for n, i := range s.open {
		if i.lost {
			return fmt.Errorf("i%d was healed, a probe says that it is no longer, and by %s it is not reopened", n, f.At)
		}
	}
	return nil
}

// slack is how late may be what is to happen at a time: a clock that was set
// by less than this is not noticed.
const slack = 6 * time.Second
