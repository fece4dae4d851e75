package remediate

import (
	"slices"
	"time"
)

// Apply folds one fact into the state. It decides nothing: what a fact means
// stays the same for ever, while what follows from it may change with each
// release.
func (s *State) Apply(f Fact) {
	before := s.At
	s.Seq, s.At = f.Seq, f.At
	s.forget(before)
	switch b := f.Body.(type) {
	case Founded:
		s.Journal, s.FoundedAt = b.Journal, f.At
	case RulebookLoaded:
		s.loaded(b, f.At)
	case AlertFiring:
		s.firing(b, f)
	case AlertResolved:
		s.resolved(b, f)
	case AlertSuppressed:
		s.suppressed(b.ID, b.By)
	case AlertReleased:
		s.suppressed(b.ID, nil)
	case AlertDoubted:
		s.known(b.ID, func(k *Known) { k.Doubted = true })
	case CommandGiven:
		s.commanded(b, f.At)
	case PauseEnded:
		s.unpaused(b.Scope)
	case Opened:
		s.opened(b, f)
	case Digested:
		s.digested(b, f.At)
	case Upgraded:
		s.upgraded(b, f, before)
	case Compared:
		s.compared(b)
	case ClockJumped:
		// Fact time is already the later of both clocks; it is there to be read.
	default:
		s.applyIncident(f)
	}
}

// applyIncident folds a fact about an incident that exists. One about an
// incident that has been let go (a late tell) changes nothing.
func (s *State) applyIncident(f Fact) {
	i := s.Incidents.Get(IncidentOf(f.Body))
	if i == nil {
		if IncidentOf(f.Body) == 0 {
			s.Digests.dealing(f)
		}
		return
	}
	switch b := f.Body.(type) {
	case Joined:
		s.joined(i, b)
	case Left:
		delete(i.Firing, b.Alert)
		s.touchLeaves(i.ID) // those that are left may all be silenced
	case Rated:
		s.rated(i, b)
	case Judged:
		s.judged(i, b)
	case BreakerCounted:
		s.Breakers[b.Breaker] = BreakerState{State: b.State, Shared: b.Shared, Until: b.Until}
		i.Counted = true
	case Healed:
		s.healed(i, b, f.At)
	case Reopened:
		i.reopened(f.At)
	case Exhausted:
		i.Exhausted = true
	case Escalated:
		s.escalated(i, b, f.At)
	case Rerouted:
		i.Ladder.Other = true
	case Late:
		i.Ladder.Late = i.Ladder.Late || b.What != LateUpdate
	case Updated:
		i.Updated = f.At
	case Warned:
		i.Warned = true
	case Breached:
		i.Warned, i.Breached = true, true
	case Closed:
		s.closed(i, b, f.At)
	case Started:
		s.started(i, b, f.At)
	case Delayed:
		s.delayed(i, b, f.At)
	case Finished:
		s.finished(i, b, f.At)
	case Filed:
		s.Incidents.drop(i.ID)
		s.index.drop(i)
		return
	}
	s.touch(i)
	if line := i.line(f.Body); line != "" && !i.toldAlready(f.Body) {
		i.Lines = append(i.Lines, Line{f.At, line})
		i.Lines = i.Lines[max(0, len(i.Lines)-maxLines):]
	}
}

// toldAlready tells whether a judgement says what the last one said. While the
// same guards stand in the way only their numbers change, which the incident's
// one message shows.
func (i *Incident) toldAlready(b Body) bool {
	j, ok := b.(Judged)
	before := i.Stand
	if ok {
		i.Stand = stands(j)
	}
	return ok && i.Stand == before
}

func (s *State) loaded(b RulebookLoaded, at time.Time) {
	s.Rulebook = b.Digest
	s.Generation++
	since := make(map[string]time.Time, len(b.Policies))
	for _, name := range b.Policies {
		since[name] = at
		if t, ok := s.PolicySince[name]; ok {
			since[name] = t
		}
	}
	s.PolicySince = since
	s.permitted() // it is judged by the new rulebook too
}

// known has what is known of an alert be followed by another that is changed, if it is
// known.
func (s *State) known(id AlertID, change func(*Known)) {
	if before := s.Known[id]; before != nil {
		k := *before
		change(&k)
		s.Known[id] = &k
	}
}

func (s *State) firing(b AlertFiring, f Fact) {
	s.Known[b.ID] = &Known{
		Firing: true, Seq: f.Seq, At: f.At, StartsAt: b.Alert.StartsAt,
		Generation: s.Generation, Suppressed: b.Suppressed, Own: b.Via == ViaOwn,
	}
	s.Heard = b
}

func (s *State) resolved(b AlertResolved, f Fact) {
	k := s.Known[b.ID]
	if k == nil {
		return
	}
	ends := b.EndsAt
	if ends.IsZero() {
		ends = f.At
	}
	s.Known[b.ID] = &Known{Seq: f.Seq, At: f.At, StartsAt: k.StartsAt, EndsAt: ends, Generation: k.Generation}
	s.Ended = append(s.Ended, b.ID)
	s.index.ended[b.ID]++
	s.forgetEnded()
}

func (s *State) suppressed(id AlertID, by []string) {
	s.known(id, func(k *Known) { k.Suppressed = by })
	for _, n := range s.index.byAlert[id] {
		s.lookAgain(s.Incidents.Get(n))
		s.touchLeaves(n)
	}
}

// lookAgain makes an incident that a guard keeps waiting be judged anew: what
// it waits for may have changed.
func (s *State) lookAgain(i *Incident) {
	switch i.Status {
	case StatusWaiting, StatusDenied, StatusHeld:
		i.Until = s.At
	}
	s.touch(i)
}

// permitted makes every incident be judged anew: what may be done at all has
// changed.
func (s *State) permitted() {
	for _, n := range s.Incidents.Numbers() {
		s.Incidents.change(n, func(i *Incident) {
			if i.Status == StatusObserved {
				i.Until = s.At
			}
			s.lookAgain(i)
		})
	}
}

// remember adds a moment to a ring and lets go of what is too old to matter.
func remember(ring []time.Time, at time.Time) []time.Time {
	ring = append(ring, at)
	for at.Sub(ring[0]) > Remembered {
		ring = ring[1:]
	}
	return ring[max(0, len(ring)-MaxActs):]
}

func (s *State) commanded(b CommandGiven, at time.Time) {
	switch b.Command {
	case Pause:
		s.pausedBy(b)
		return
	case Resume:
		s.unpaused(b.Scope)
		return
	case SetMode:
		s.Modes[b.Scope] = b
		if Mode(b.Value) == ModeAct {
			delete(s.Modes, b.Scope)
		}
		s.permitted()
		return
	case Accept:
		s.accepted(b)
		return
	case Drill, EndDrill:
		s.drilled(b, at)
		return
	case LiveDrill:
		s.announced(b, at)
		return
	}
	i := s.Incidents.Get(b.Incident)
	if i == nil {
		return
	}
	switch b.Command {
	case Ack:
		i.Acked, i.AckedAt = b.By, at
		s.touchLeaves(i.ID)
	case TakeOver:
		i.Acked, i.AckedAt, i.Taken = b.By, at, b.By
		s.touchLeaves(i.ID)
	case Unack:
		i.Acked, i.AckedAt, i.Ladder = "", at, i.Ladder.anew()
		s.touchLeaves(i.ID)
		s.lookAgain(i)
	case Override:
		i.Overrides = append(i.Overrides, Overriding{b.Guard, b.By, b.Reason, at})
		s.lookAgain(i)
	case Rate:
		i.RatedBy = b.By
	case Approve:
		i.approve(b.By, at)
		i.Refused, i.Status, i.Until = "", StatusDeciding, time.Time{}
	case Deny:
		i.Approved, i.Approvals = "", nil
		i.Refused, i.Status, i.Until = b.By, StatusHeld, time.Time{}
	case Run:
		i.rerun(at)
	}
	s.touch(i)
	i.Lines = append(i.Lines, Line{at, i.line(b)})
}

// approve adds somebody to those who approved the plan that waits. When another
// one began to wait, those of the one before were let go of.
func (i *Incident) approve(by string, at time.Time) {
	i.Approved = i.Hash
	i.Approvals = slices.DeleteFunc(i.Approvals, func(a Approving) bool { return a.By == by })
	i.Approvals = append(i.Approvals, Approving{by, at})
}

// rerun clears what stood in the way of an incident that a human wants tried.
func (i *Incident) rerun(at time.Time) {
	if i.Found {
		i.Since = at
	}
	i.Found, i.Taken, i.Refused, i.Exhausted, i.Failed = false, "", "", false, false
	i.Step, i.Until, i.Base = 0, time.Time{}, i.Tries
	if !i.underWay() {
		i.Status, i.Healed, i.Verified = StatusDeciding, time.Time{}, false
	}
}

// meet notes a target that an incident is about, if it is one that lasts.
func (s *State) meet(t Target) {
	if t.lasts() && s.Targets[t] == nil {
		s.Targets[t] = nobody
	}
}

// nobody was ever at work on a target.
var nobody = new(Occupancy)

// release lets go of what the incident holds and wakes who waits for it.
func (s *State) release(i *Incident, at time.Time) {
	for _, t := range append([]Target{i.Target}, i.Holds...) {
		if o := s.Targets[t]; o != nil && o.Holder == i.ID {
			s.Targets[t] = &Occupancy{Last: i.ID, Ended: at}
			s.wakeWaiters("target/" + t.String())
		}
	}
	i.Holds = nil
}

// hold takes hold of an object, until it is seen whether what is done helped.
func (s *State) hold(i *Incident, t Target) {
	o := Occupancy{Holder: i.ID}
	if before := s.Targets[t]; before != nil {
		o.Last, o.Ended = before.Last, before.Ended
	}
	s.Targets[t] = &o
	if t != i.Target && !slices.Contains(i.Holds, t) {
		i.Holds = append(i.Holds, t)
	}
}
