package remediate

import (
	"cmp"
	"slices"
	"time"
)

// What was started and how it ended, folded.

func (s *State) started(i *Incident, b Started, at time.Time) {
	i.Pending = append(i.Pending, Pending{Started: b})
	switch {
	case b.Ask != nil:
		i.Asks++
		i.startedAsk(*b.Ask, s.Rulebook, at)
	case b.Tell != nil:
		if b.Tell.Destination == Slack && !i.visible() && i.Severity != P1 && i.Ladder.Told == 0 {
			s.Introduced = append(s.Introduced, at)
			s.Introduced = s.Introduced[max(0, len(s.Introduced)-maxIntroduced):]
		}
		i.startedTell(*b.Tell, at)
	case b.Act != nil:
		s.startedAct(i, *b.Act, at)
	}
}

// startedTell folds the beginning of a tell. A page with another key than the
// last is another page: what arrived before it says nothing of it.
func (i *Incident) startedTell(t Tell, at time.Time) {
	i.Tells++
	sh := i.Shown[t.Destination]
	if sh.Since.IsZero() {
		sh.Since = at
	}
	if t.Notice.Action == "trigger" && t.Notice.Key != sh.Key {
		sh.Old, sh.Key, sh.Action = sh.Key, t.Notice.Key, ""
	}
	i.Shown[t.Destination] = sh
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
	s.hold(i, a.Target)
	if i.Plan != nil {
		if !i.Plan.About.IsZero() {
			s.hold(i, i.Plan.About)
		}
		for _, all := range [][]Act{i.Plan.Acts, i.Plan.Undo} {
			for k := range all {
				s.hold(i, all[k].Target)
			}
		}
	}
	if a.Undo {
		i.Owed = len(i.Plan.Undo) - a.Index - 1
		return
	}
	i.Acted, i.Doubt = a.Index+1, false
	if a.Index > 0 {
		return // a further act of the same attempt
	}
	i.Checked = 0
	i.Unseen, i.Seemed = false, time.Time{}
	i.Tries++
	i.Approved, i.Approvals = "", nil // one approval, one attempt
	for _, key := range []string{"", i.Policy} {
		s.Acts[key] = remember(s.Acts[key], at)
	}
	name := ""
	if i.Plan != nil {
		name = i.Plan.Step
	}
	i.Attempts = append(i.Attempts, Attempt{ID: a.Attempt, Step: name, Act: a.Kind + " " + a.Target.String(), At: at, Evidence: i.Evidence})
	i.Evidence = "" // it is of this attempt
	i.Attempts = i.Attempts[max(0, len(i.Attempts)-maxAttempts):]
}

// delayed folds that a dealing did not get through and is tried again.
func (s *State) delayed(i *Incident, b Delayed, at time.Time) {
	p := i.pending(b.ID)
	if p == nil {
		return
	}
	p.NotBefore, p.Why = b.Until, b.Why
	if p.Tell != nil {
		s.heardBySlack(*p.Tell, Result{Outcome: Later, Text: b.Why}, at)
	}
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
		s.heardBySlack(*what.Tell, b.Result, at)
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
	case ForGoingOn:
		s.checked(i, b, at)
	case ForProbingOn:
		if b.Outcome == Failed && i.Status == StatusHealed {
			i.Lost = cmp.Or(b.Text, "a probe failed")
		}
	case ForConfirmation:
		i.confirmed(a, b, at)
	case ForSettling:
		if i.Unseen = false; b.Outcome == OK {
			i.Seemed = at
		}
	case ForImpact:
		i.Impact = b.Answers
	case ForEvidence:
		for _, e := range b.Answers {
			i.Evidence = cmp.Or(i.Evidence, e.Values[ValueDigest])
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
// attempt. A first refusal says that somebody else changed the object meanwhile:
// the same step is looked at anew, so that nobody's repair is answered with the
// next, more drastic one. Where nothing was done, what we saw before is still what
// that is told by; where something may have been, it is looked at before the next
// attempt whether it helped, for the alert still fires for a while when it did.
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
	if b.Outcome == Refused && i.Acted == 1 {
		i.see(i.Plan)
	} else {
		i.Unseen = true
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

// checked folds whether an act did what the next one counts on. When it did not,
// the remedy did not help, as if all of it had been done.
func (s *State) checked(i *Incident, b Finished, at time.Time) {
	if b.Outcome != OK {
		s.verified(i, b, at)
		return
	}
	i.Checked, i.Unknowns = i.Acted, 0
}

// heardBySlack folds whether Slack takes what is shown there. Where drills are
// shown is another place: nobody looks there for what is broken.
func (s *State) heardBySlack(t Tell, b Result, at time.Time) {
	switch {
	case t.Destination != Slack && t.Destination != SlackThread || t.Notice.Drill != "":
	case b.Outcome == OK:
		s.Mute = Mute{}
	case s.Mute.Since.IsZero():
		s.Mute = Mute{at, b.Text}
	default:
		s.Mute.Why = b.Text
	}
}

func (i *Incident) told(t Tell, b Finished, at time.Time) {
	sh := i.Shown[t.Destination]
	sh.At = at
	switch b.Outcome {
	case OK:
	case Refused: // it is no longer to be told
		sh.Since = time.Time{}
		i.Shown[t.Destination] = sh
		return
	default:
		sh.Failures++
		sh.Why = b.Text
		i.Shown[t.Destination] = sh
		return
	}
	sh.Digest, sh.Action, sh.Failures, sh.Since, sh.Why, sh.Old = t.Digest, t.Notice.Action, 0, time.Time{}, "", ""
	if b.Ref != "" {
		sh.Ref = b.Ref
	}
	if n := len(t.Notice.Attempts); t.Destination == PagerDutyChanges && n > 0 {
		sh.Ref = t.Notice.Attempts[n-1].ID
	}
	i.Shown[t.Destination] = sh
	if n := len(t.Notice.Lines); n > 0 {
		last := t.Notice.Lines[n-1]
		if k := slices.Index(i.Lines, last); k >= 0 {
			i.Lines = slices.Clone(i.Lines[k+1:])
		}
	}
}
