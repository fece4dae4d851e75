package remediate

import (
	"slices"
	"time"
)

// Apply folds one fact into the state. It decides nothing: what a fact means
// stays the same for ever, while what follows from it may change with each
// release.
func (s *State) Apply(f Fact) {
	s.Seq, s.At = f.Seq, f.At
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
		if k := s.Known[b.ID]; k != nil {
			k.Doubted = true
		}
	case CommandGiven:
		s.commanded(b, f.At)
	case Opened:
		s.opened(b, f)
	case ClockJumped:
		// Fact time is already the later of both clocks; it is there to be read.
	default:
		s.applyIncident(f)
	}
}

// applyIncident folds a fact about an incident that exists. One about an
// incident that has been let go (a late tell) changes nothing.
func (s *State) applyIncident(f Fact) {
	i := s.Incidents[IncidentOf(f.Body)]
	if i == nil {
		return
	}
	switch b := f.Body.(type) {
	case Joined:
		s.joined(i, b)
	case Left:
		delete(i.Firing, b.Alert)
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
	case Closed:
		s.closed(i, b, f.At)
	case Started:
		s.started(i, b, f.At)
	case Delayed:
		if p := i.pending(b.ID); p != nil {
			p.NotBefore, p.Why = b.Until, b.Why
		}
	case Finished:
		s.finished(i, b, f.At)
	case Filed:
		delete(s.Incidents, i.ID)
		s.index.drop(i)
		return
	}
	s.touch(i.ID)
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
	*k = Known{Seq: f.Seq, At: f.At, StartsAt: k.StartsAt, EndsAt: ends, Generation: k.Generation}
	s.Ended = append(s.Ended, b.ID)
	for len(s.Ended) > 0 {
		old := s.Known[s.Ended[0]]
		if old != nil && !old.Firing && f.At.Sub(old.At) < rememberEnd {
			break
		}
		if old != nil && !old.Firing {
			delete(s.Known, s.Ended[0])
		}
		s.Ended = s.Ended[1:]
	}
}

func (s *State) suppressed(id AlertID, by []string) {
	if k := s.Known[id]; k != nil {
		k.Suppressed = by
	}
	for _, n := range s.index.byAlert[id] {
		s.lookAgain(s.Incidents[n])
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
	s.touch(i.ID)
}

// permitted makes every incident be judged anew: what may be done at all has
// changed.
func (s *State) permitted() {
	for _, i := range s.Incidents {
		if i.Status == StatusObserved {
			i.Until = s.At
		}
		s.lookAgain(i)
	}
}

func (s *State) opened(b Opened, f Fact) {
	i := &Incident{
		ID: b.Incident, Key: b.Key, Policy: b.Policy, Rulebook: b.Rulebook, Severity: b.Severity,
		Target: b.Target, ToldOnly: b.ToldOnly, Found: b.Found, Opened: f.At, Since: f.At, Status: StatusDeciding,
		Alerts: map[AlertID]Labels{}, Firing: map[AlertID]bool{}, Shown: map[string]Showed{},
		Alert: s.Heard.Alert,
	}
	if b.Found {
		i.Status = StatusListed
	}
	s.Last = b.Incident
	s.Incidents[i.ID] = i
	s.index.open(i)
	s.member(i, b.Alert)
	s.touch(i.ID)
	switch {
	case b.Policy == StormPolicy:
		s.Storm = i.ID
	case !b.Found:
		s.Opens = append(s.Opens, f.At)
		s.Opens = s.Opens[max(0, len(s.Opens)-maxOpens):]
	}
	s.meet(i.Target)
}

func (s *State) joined(i *Incident, b Joined) {
	s.member(i, b.Alert)
	if i.Found && !b.Found {
		i.Found, i.Since, i.Status = false, s.At, StatusDeciding
	}
	switch i.Status {
	case StatusHealed:
		i.Probed = time.Time{} // another alert: probe again now
	case StatusUnconfirmed:
		i.Status, i.Lost = StatusDeciding, ""
	}
	i.Confirmed = false
	s.lookAgain(i)
}

// member makes the alert heard last one of the incident's.
func (s *State) member(i *Incident, id AlertID) {
	i.Alerts[id] = s.Heard.Alert.Labels
	i.Firing[id] = true
	if k := s.Known[id]; k != nil {
		k.Generation = s.Generation
	}
	s.index.addAlert(id, i.ID)
}

func (s *State) judged(i *Incident, b Judged) {
	i.Step, i.Failed, i.Outcome, i.Verdicts, i.Until = b.Step, false, "", b.Verdicts, b.Until
	if i.Status == StatusActing && i.Owed == 0 && i.Plan != nil && i.Acted > 0 {
		i.Owed = len(i.Plan.Undo) // somebody stopped it in the middle
	}
	if i.Owed == 0 {
		i.Plan, i.Hash = b.Plan, b.Hash
	}
	if b.Plan != nil && len(b.Plan.Acts) > 0 {
		i.Seen = Object{b.Plan.Acts[0].UID, b.Plan.Acts[0].Template}
	}
	if b.Decision == Approval {
		i.Approved, i.Approver = "", "" // asked anew: what was approved is no longer the plan
	}
	i.Asked, i.Questions, i.Answers = false, nil, nil
	if !b.Target.IsZero() && b.Target != i.Target {
		s.index.leaveTarget(i.Target)
		i.Target = b.Target
		s.index.atTarget[i.Target]++
		s.meet(i.Target)
	}
	i.Status = map[Decision]Status{
		Allowed: StatusActing, Waiting: StatusWaiting, Denied: StatusDenied,
		Held: StatusHeld, Approval: StatusApproval, Observed: StatusObserved,
	}[b.Decision]
	s.index.wait(i)
}

func (s *State) healed(i *Incident, b Healed, at time.Time) {
	i.Status, i.Healed, i.First, i.Verified, i.Probed = StatusHealed, at, b.FirstGood, true, at
	i.Failed, i.Outcome, i.Verdicts, i.Until, i.Confirmed, i.Lost = false, "", nil, time.Time{}, false, ""
	if b.Attempt != "" {
		name := breakerName(i.Policy, i.Target)
		s.Heals[name] = remember(s.Heals[name], at)
	}
	s.wakeWaiters(rootKey(i.ID))
}

// rated folds that the incident is as bad as b says. The queue is ordered by
// severity: an incident that waits in it is entered anew.
func (s *State) rated(i *Incident, b Rated) {
	i.Severity = b.To
	if s.index.touched[i.ID] {
		delete(s.index.touched, i.ID)
		s.touch(i.ID)
	}
}

// remember adds a moment to a ring and lets go of what is too old to matter.
func remember(ring []time.Time, at time.Time) []time.Time {
	ring = append(ring, at)
	for at.Sub(ring[0]) > rememberAct {
		ring = ring[1:]
	}
	return ring
}

// reopened begins anew from the first step. What was tried stays on record,
// and so do budget and breaker, or a flapping alert would be a restart loop.
// Who acknowledged saw another trouble than this one, so the ladder begins
// anew too, unless somebody took the incident over.
func (i *Incident) reopened(at time.Time) {
	i.Status, i.Since, i.Healed, i.First, i.Verified = StatusDeciding, at, time.Time{}, time.Time{}, false
	i.Step, i.Failed, i.Exhausted, i.Lost, i.Ladder = 0, false, false, "", Ladder{To: i.Ladder.To}
	i.Acked, i.Confirmed, i.RatedBy, i.Measured = i.Taken, false, "", time.Time{}
}

func (s *State) escalated(i *Incident, b Escalated, at time.Time) {
	if i.Ladder.Since.IsZero() {
		i.Ladder.Since, i.Ladder.Why = at, b.Why
	}
	i.Ladder.Told = b.Rung + 1
	s.touchLeaves(i.ID)
	if !slices.Contains(i.Ladder.To, b.Tell) {
		i.Ladder.To = append(i.Ladder.To, b.Tell)
	}
}

func (s *State) closed(i *Incident, b Closed, at time.Time) {
	i.Status, i.Closed, i.Verified, i.Until = StatusClosed, at, b.Verified, time.Time{}
	i.Pending = slices.DeleteFunc(i.Pending, func(p Pending) bool { return p.Tell == nil })
	s.release(i, at)
	s.index.close(i)
	if s.Storm == i.ID {
		s.Storm = 0
	}
	s.wakeWaiters(rootKey(i.ID))
}

func (s *State) started(i *Incident, b Started, at time.Time) {
	i.Pending = append(i.Pending, Pending{Started: b})
	switch {
	case b.Ask != nil:
		i.Asks++
		i.startedAsk(*b.Ask, s.Rulebook, at)
	case b.Tell != nil:
		i.Tells++
	case b.Act != nil:
		s.startedAct(i, *b.Act, at)
	}
}

func (i *Incident) startedAsk(a Ask, book string, at time.Time) {
	switch a.Purpose {
	case ForGuards:
		i.Asked, i.AskedBook, i.Questions = false, book, a.Questions
	case ForVerification:
		i.Status, i.Overrides = StatusVerifying, nil
	case ForProbingOn:
		i.Probed = at
	case ForConfirmation:
		i.Status, i.Probed = StatusVerifying, at
	case ForImpact:
		i.Measured = at
	case ForEvidence:
		i.Kept, i.Evidence = i.Tries+1, ""
	}
}

func (s *State) startedAct(i *Incident, a Act, at time.Time) {
	i.Status, i.Seen = StatusActing, Object{}
	s.occupancy(a.Target).Holder = i.ID
	if a.Undo {
		i.Owed = len(i.Plan.Undo) - a.Index - 1
		return
	}
	i.Acted, i.Doubt = a.Index+1, false
	if a.Index > 0 {
		return // a further act of the same attempt
	}
	i.Tries++
	i.Approved, i.Approver = "", "" // one approval, one attempt
	for _, key := range []string{"", i.Policy} {
		s.Acts[key] = remember(s.Acts[key], at)
	}
	name := ""
	if i.Plan != nil {
		name = i.Plan.Step
	}
	i.Attempts = append(i.Attempts, Attempt{ID: a.Attempt, Step: name, Act: a.Kind + " " + a.Target.String(), At: at, Evidence: i.Evidence})
	i.Attempts = i.Attempts[max(0, len(i.Attempts)-maxAttempts):]
}

func (s *State) finished(i *Incident, b Finished, at time.Time) {
	p := i.pending(b.ID)
	if p == nil {
		return // nobody waits for it
	}
	what := p.Started
	i.Pending = slices.DeleteFunc(i.Pending, func(p Pending) bool { return p.ID == b.ID })
	switch {
	case what.Tell != nil:
		i.told(*what.Tell, b, at)
	case what.Act != nil && what.Act.Undo:
		s.undone(i, b, at)
	case what.Act != nil:
		s.acted(i, b, at)
	case what.Ask != nil:
		s.answered(i, *what.Ask, b, at)
	}
}

// answered folds the end of an ask.
func (s *State) answered(i *Incident, a Ask, b Finished, at time.Time) {
	switch a.Purpose {
	case ForGuards:
		i.Asked, i.AskedAt, i.Answers = true, at, b.Answers
	case ForVerification:
		s.verified(i, b, at)
	case ForProbingOn:
		if b.Outcome == Failed && i.Status == StatusHealed {
			i.Lost = b.Text
		}
	case ForConfirmation:
		i.confirmed(a, b, at)
	case ForImpact:
		i.Impact = b.Answers
	case ForEvidence:
		for _, e := range b.Answers {
			i.Evidence = e.Values[ValueDigest]
		}
	}
}

// confirmed folds whether it is well without our doing. A human who did what
// the step would have done, and it did not help, spares us the step.
func (i *Incident) confirmed(a Ask, b Finished, at time.Time) {
	if b.Outcome == OK {
		i.Confirmed, i.First, i.Lost = true, b.FirstGood, ""
		if i.First.IsZero() {
			i.First = at
		}
		i.Status = StatusDeciding
		return
	}
	i.Status = StatusDeciding
	switch {
	case len(i.Firing) == 0:
		i.Lost, i.Status = b.Text, StatusUnconfirmed
	case b.Outcome == Failed && a.Counts:
		i.Failed = true
	}
}

// acted folds the end of an act. One that was refused or failed ends the
// attempt: there is nothing to verify. A first refusal says that somebody else
// changed the object meanwhile: the same step is looked at anew, so that
// nobody's repair is answered with the next, more drastic one.
func (s *State) acted(i *Incident, b Finished, at time.Time) {
	if n := len(i.Attempts); n > 0 {
		i.Attempts[n-1].Result = b.Outcome + said(b.Text)
	}
	i.Doubt = b.Outcome == Unknown
	if b.Outcome != Refused && b.Outcome != Failed {
		i.Refusals = 0
		return
	}
	if b.Outcome == Refused {
		i.Refusals++
	}
	s.brokenOff(i, i.Acted-1, b.Outcome == Failed || i.Refusals > 1, at)
}

// brokenOff folds the end of an attempt that was not carried through: done is
// how many of its acts may have changed something. What they changed is taken
// back first, if the step says how.
func (s *State) brokenOff(i *Incident, done int, failed bool, at time.Time) {
	i.Failed, i.Ended, i.Status, i.Overrides = failed, at, StatusDeciding, nil
	if done > 0 && i.Plan != nil && len(i.Plan.Undo) > 0 {
		i.Owed, i.Status = len(i.Plan.Undo), StatusActing
		return
	}
	s.release(i, at)
}

// undone folds the end of an act of the undo. One that failed does not keep
// the next from being tried: as much as possible is taken back.
func (s *State) undone(i *Incident, b Finished, at time.Time) {
	if n := len(i.Attempts); n > 0 {
		i.Attempts[n-1].Result += "; undo " + b.Outcome + said(b.Text)
	}
	if i.Owed == 0 {
		i.Status, i.Ended = StatusDeciding, at
		s.release(i, at)
	}
}

// verified folds the end of a verification.
func (s *State) verified(i *Incident, b Finished, at time.Time) {
	if n := len(i.Attempts); n > 0 {
		i.Attempts[n-1].Verify = b.Outcome + said(b.Text)
		i.Attempts[n-1].OK = b.Outcome == OK
	}
	if b.Outcome == Unknown && i.Unknowns < maxUnknowns {
		i.Unknowns++
		return
	}
	i.Unknowns, i.Ended, i.Outcome, i.Counted, i.First = 0, at, OK, false, b.FirstGood
	if i.First.IsZero() {
		i.First = at
	}
	if b.Outcome == OK {
		s.release(i, at)
		return
	}
	i.Outcome, i.First = Failed, time.Time{}
	done := 0
	if i.Plan != nil && i.Acted < len(i.Plan.Acts) {
		done = i.Acted
	}
	s.brokenOff(i, done, true, at)
}

func (i *Incident) told(t Tell, b Finished, at time.Time) {
	sh := i.Shown[t.Destination]
	sh.At = at
	if b.Outcome != OK {
		sh.Failures++
		i.Shown[t.Destination] = sh
		return
	}
	sh.Digest, sh.Action, sh.Failures = t.Digest, t.Notice.Action, 0
	if b.Ref != "" {
		sh.Ref = b.Ref
	}
	i.Shown[t.Destination] = sh
	if n := len(t.Notice.Lines); n > 0 {
		last := t.Notice.Lines[n-1]
		if k := slices.Index(i.Lines, last); k >= 0 {
			i.Lines = slices.Clone(i.Lines[k+1:])
		}
	}
}

func (s *State) commanded(b CommandGiven, at time.Time) {
	switch b.Command {
	case Pause:
		s.Paused[b.Scope] = b
		return
	case Resume:
		delete(s.Paused, b.Scope)
		s.wakeWaiters("paused")
		return
	case SetMode:
		s.Modes[b.Scope] = b
		if Mode(b.Value) == ModeAct {
			delete(s.Modes, b.Scope)
		}
		s.permitted()
		return
	}
	i := s.Incidents[b.Incident]
	if i == nil {
		return
	}
	switch b.Command {
	case Ack:
		i.Acked = b.By
		s.touchLeaves(i.ID)
	case TakeOver:
		i.Acked, i.Taken = b.By, b.By
		s.touchLeaves(i.ID)
	case Override:
		i.Overrides = append(i.Overrides, Overriding{b.Guard, b.By, b.Reason, at})
		s.lookAgain(i)
	case Rate:
		i.RatedBy = b.By
	case Approve:
		i.Approved, i.Approver, i.ApprovedAt = i.Hash, b.By, at
		i.Refused, i.Status, i.Until = "", StatusDeciding, time.Time{}
	case Deny:
		i.Refused, i.Status, i.Until = b.By, StatusHeld, time.Time{}
	case Run:
		i.rerun(at)
	}
	s.touch(i.ID)
	i.Lines = append(i.Lines, Line{at, i.line(b)})
}

// rerun clears what stood in the way of an incident that a human wants tried.
func (i *Incident) rerun(at time.Time) {
	if i.Found {
		i.Since = at
	}
	i.Found, i.Taken, i.Refused, i.Exhausted, i.Failed = false, "", "", false, false
	i.Step, i.Until, i.Base = 0, time.Time{}, i.Tries
	if !i.acting() && !i.asking(ForVerification) {
		i.Status, i.Healed, i.Verified = StatusDeciding, time.Time{}, false
	}
}

// meet notes a target that an incident is about. Pods come and go, and what an
// owner stands for is known only later: neither is counted among the targets
// that a storm's share is a share of.
func (s *State) meet(t Target) {
	if !t.IsZero() && t.Kind != "pod" && t.Kind != "owner" {
		s.occupancy(t)
	}
}

// occupancy returns who is at work on t, made when nobody ever was.
func (s *State) occupancy(t Target) *Occupancy {
	o := s.Targets[t]
	if o == nil {
		o = new(Occupancy)
		s.Targets[t] = o
	}
	return o
}

// release lets go of what the incident holds and wakes who waits for it.
func (s *State) release(i *Incident, at time.Time) {
	o := s.Targets[i.Target]
	if o == nil || o.Holder != i.ID {
		return
	}
	*o = Occupancy{Last: i.ID, Ended: at}
	s.wakeWaiters("target/" + i.Target.String())
}
