package remediate

import (
	"slices"
	"time"
)

// What was decided about incidents, folded.

func (s *State) opened(b Opened, f Fact) {
	i := &Incident{
		ID: b.Incident, Key: b.Key, Policy: b.Policy, Rulebook: b.Rulebook, Severity: b.Severity,
		Target: b.Target, ToldOnly: b.ToldOnly, Found: b.Found, Drill: b.Drill, Live: b.Live, Opened: f.At, Since: f.At, Status: StatusDeciding,
		Alerts: map[AlertID]Labels{}, Firing: map[AlertID]bool{}, Shown: map[string]Showed{},
		Alert: s.Heard.Alert,
	}
	if b.Found {
		i.Status = StatusListed
	}
	s.Last = b.Incident
	s.Incidents.Put(i)
	s.index.open(i)
	s.member(i, b.Alert)
	s.touch(i)
	switch {
	case b.Policy == StormPolicy:
		s.Storm = i.ID
	case !b.Found && b.Drill == "":
		s.Opens = remember(s.Opens, f.At)
		s.Opens = s.Opens[max(0, len(s.Opens)-MaxOpens):]
	}
	if i.Drill == "" {
		s.meet(i.Target)
	}
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
	s.touchLeaves(i.ID) // it may be silenced by now, or no longer
}

// member makes the alert heard last one of the incident's.
func (s *State) member(i *Incident, id AlertID) {
	i.Alerts[id] = s.Heard.Alert.Labels
	i.Firing[id] = true
	s.known(id, func(k *Known) { k.Generation = s.Generation })
	s.index.addAlert(id, i.ID)
}

func (s *State) judged(i *Incident, b Judged) {
	s.index.unwait(i)
	i.Step, i.Failed, i.Outcome, i.Verdicts, i.Until = b.Step, false, "", b.Verdicts, b.Until
	if i.Status == StatusActing && i.Owed == 0 && i.Plan != nil && i.Acted > 0 {
		i.Owed = len(i.Plan.Undo) // somebody stopped it in the middle
	}
	if i.Owed == 0 {
		i.Plan, i.Hash = b.Plan, b.Hash
	}
	if b.Decision == Approval && b.Hash != i.Approved {
		i.Approved, i.Approvals = "", nil // asked anew: what was approved is no longer the plan
	}
	i.Asked, i.Questions, i.Answers = false, nil, nil
	if !b.Target.IsZero() && b.Target != i.Target {
		s.index.leaveTarget(i)
		i.Target = b.Target
		s.index.enterTarget(i)
		if i.Drill == "" {
			s.meet(i.Target)
		}
	}
	i.see(b.Plan)
	i.Status = map[Decision]Status{
		Allowed: StatusActing, Waiting: StatusWaiting, Denied: StatusDenied,
		Held: StatusHeld, Approval: StatusApproval, Observed: StatusObserved,
	}[b.Decision]
	i.Would = i.Would || b.Decision == Observed && b.Plan != nil
	s.index.wait(i)
}

// see remembers what the incident's own target was when a plan was made.
func (i *Incident) see(p *Plan) {
	if p == nil {
		return
	}
	if k := slices.IndexFunc(p.Acts, func(a Act) bool { return a.Target == i.Target }); k >= 0 {
		i.Seen = Object{p.Acts[k].UID, p.Acts[k].Template}
	}
}

func (s *State) healed(i *Incident, b Healed, at time.Time) {
	i.Status, i.Healed, i.First, i.Verified, i.Probed = StatusHealed, at, b.FirstGood, true, at
	s.index.unwait(i)
	i.Failed, i.Outcome, i.Verdicts, i.Until, i.Confirmed, i.Lost = false, "", nil, time.Time{}, false, ""
	i.Unseen, i.Seemed = false, time.Time{}
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
	i.Warned, i.Breached = false, false // another runbook, another objective
	s.touchLeaves(i.ID)                 // its runbook is another: they may no longer hear of it
	if s.index.touched[i.ID] {
		delete(s.index.touched, i.ID)
		s.touch(i)
	}
}

// reopened begins anew from the first step. What was tried stays on record,
// and so do budget and breaker, or a flapping alert would be a restart loop.
// Who acknowledged saw another trouble than this one, so the ladder begins
// anew too, unless somebody took the incident over.
func (i *Incident) reopened(at time.Time) {
	i.Status, i.Since, i.Healed, i.First, i.Verified = StatusDeciding, at, time.Time{}, time.Time{}, false
	i.Step, i.Failed, i.Exhausted, i.Lost, i.Ladder = 0, false, false, "", i.Ladder.anew()
	i.Acked, i.AckedAt, i.Confirmed, i.RatedBy, i.Measured = i.Taken, at, false, "", time.Time{}
	i.Updated, i.Warned, i.Breached = time.Time{}, false, false
}

func (s *State) escalated(i *Incident, b Escalated, at time.Time) {
	if i.Ladder.Since.IsZero() {
		i.Ladder.Since, i.Ladder.Why = at, b.Why
	}
	i.Ladder.Told, i.Ladder.Now, i.Ladder.At = b.Rung+1, b.Tell, at
	i.Ladder.Early += time.Duration(b.Early)
	i.Ladder.Other, i.Ladder.Late = false, false
	if i.Ladder.Calls == nil {
		i.Ladder.Calls = map[string]int{}
	}
	i.Ladder.Calls[b.Tell]++
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
		s.Storm, s.Digests.Stormed = 0, true
	}
	s.practised(i)
	s.tallied(i)
	s.wakeWaiters(rootKey(i.ID))
}
