package remediate

import (
	"slices"
	"time"
)

// How long things may take that no policy says.
const (
	askWithin    = 30 * time.Second // the guards' questions
	gatherWithin = 20 * time.Second // evidence
	verifySlack  = 30 * time.Second // beyond a verification's own limit, for the way there and back
	probeEvery   = 10 * time.Second // between probes of a healed incident
	probeWithin  = 10 * time.Second // one good sample in this time, or it is no longer healed
	seemsWell    = 2 * time.Minute  // for an alert to end that is about what is well by now: its rule's interval, and Alertmanager's
	askAgain     = 15 * time.Second // after a question that nobody could answer, at first
	askAgainMost = 2 * time.Minute  // and at most
	defaultEvery = time.Second      // between samples
)

// advance takes the incident one step further and tells whether it did. It is
// called until there is nothing more to do without hearing more.
func (h *handler) advance(i *Incident) bool {
	switch {
	case i.Status == StatusClosed, i.underWay(), i.asking(ForConfirmation):
		return false
	case h.countable(i):
		return h.count(i)
	case i.Outcome == OK:
		h.heal(i)
		return true
	case i.Owed > 0:
		return h.takeBack(i)
	case i.Status == StatusActing:
		h.goOn(i)
		return true
	case i.Status == StatusVerifying: // nobody knows how the last one ended
		h.verify(i)
		return true
	case len(i.Firing) == 0:
		return h.end(i)
	case i.Confirmed:
		h.heal(i)
		return true
	case i.Status == StatusHealed:
		return h.probeOn(i)
	case i.Failed && !i.Exhausted && h.lastStep(i):
		h.emit(Exhausted{Incident: i.ID, Attempts: i.Tries})
		return true
	}
	return h.consider(i)
}

// end closes an incident whose alerts all resolved. That is not to say that it
// is well: Prometheus or the exporter may be what is gone. So what no
// verification has held for is looked at first, as long as the policy says how
// and there is something to look at: a pod whose alert is gone may be gone too.
func (h *handler) end(i *Incident) bool {
	p := h.policy(i)
	switch {
	case i.Verified, i.Confirmed, i.Found, i.ToldOnly != "", !i.Target.lasts(), h.silent(i), len(p.Steps) == 0:
		h.close(i, overBecause(i))
		return true
	case i.Status == StatusUnconfirmed && i.confirmAt().After(h.now):
		return false
	}
	h.confirm(i, p.Steps[min(i.Step, len(p.Steps)-1)], false)
	return true
}

// overBecause says how an incident ended whose alerts all resolved.
func overBecause(i *Incident) string {
	switch {
	case i.Verified:
		return "verified, and its alerts resolved"
	case i.Confirmed:
		return "its alerts resolved, and it is well"
	case i.Tries == 0:
		return "its alerts resolved before anything was done"
	}
	return "its alerts resolved, though no verification held"
}

func (h *handler) close(i *Incident, why string) {
	h.emit(Closed{Incident: i.ID, Why: why, Verified: i.Verified || i.Confirmed, Took: durationOf(h.now.Sub(i.Opened))})
}

// policy returns the policy as it was when the incident was opened.
func (h *handler) policy(i *Incident) *Policy { return h.policyOf(i.Rulebook, i.Policy) }

// policyOf returns a policy of a rulebook, nil when either is not there.
func (h *handler) policyOf(rulebook, policy string) *Policy {
	if book := h.books[rulebook]; book != nil {
		return book.Policy(policy)
	}
	return nil
}

// policyNow returns the policy as it is in the rulebook that governs, nil when
// it is no longer there.
func (h *handler) policyNow(i *Incident) *Policy {
	if book := h.books[h.s.Rulebook]; book != nil {
		return book.Policy(i.Policy)
	}
	return nil
}

// lastStep tells whether the step judged last is the policy's last.
func (h *handler) lastStep(i *Incident) bool {
	p := h.policy(i)
	return p != nil && i.Step == len(p.Steps)-1
}

// consider looks whether the next step may be taken now. What can be said
// without asking is said first; only when nothing stands in the way is the
// world asked, and then everything is judged by what it answered.
func (h *handler) consider(i *Incident) bool {
	if !h.isDue(i) || i.considering() {
		return false
	}
	p := h.policy(i)
	if p == nil || i.ToldOnly != "" || len(p.Steps) == 0 {
		h.judge(i, []Verdict{cannot(i)})
		return true
	}
	v := &view{h: h, i: i, p: p, step: h.nextStep(i, p)}
	verdicts := v.judge(cheapGuards)
	if d, _ := strictest(verdicts); strictness[d] >= strictness[Waiting] {
		h.judge(i, verdicts)
		return true
	}
	if i.Unseen && h.modeOf(i).Mode == ModeAct && p.Steps[v.step].Approval == nil { // who is asked sees for himself
		h.lookBack(i, p.Steps[v.step])
		return true
	}
	// Both at once: what is done for an incident should wait for neither longer than it must.
	gather, ask := v.wantsEvidence(), !i.Asked || h.outdated(i)
	if gather {
		h.gather(i)
	}
	if ask {
		h.ask(i, p)
	}
	if !gather && !ask {
		h.judgeAnswers(v)
	}
	return true
}

// wantsEvidence tells whether something is to be kept before the step, and was not
// looked for yet.
func (v *view) wantsEvidence() bool {
	return v.p.Steps[v.step].Evidence && v.i.Kept != v.i.Tries+1 && v.mode().Mode != ModeObserve
}

// outdated tells whether what was answered may no longer be judged: it has
// waited for its turn, or other rules govern than when it was asked.
func (h *handler) outdated(i *Incident) bool {
	return h.now.Sub(i.AskedAt) > freshAnswer || i.AskedBook != h.s.Rulebook
}

// isDue tells whether the incident is to be judged now.
func (h *handler) isDue(i *Incident) bool {
	switch i.Status {
	case StatusDeciding:
		return true
	case StatusWaiting, StatusDenied, StatusHeld, StatusApproval, StatusObserved:
		return !i.Until.IsZero() && !i.Until.After(h.now)
	}
	return false
}

// nextStep is the one after a step that did not help, else the same one.
// After the last it begins again with the first: breaker and budget, not the
// number of steps, say when enough is enough.
func (h *handler) nextStep(i *Incident, p *Policy) int {
	if i.Failed {
		return (i.Step + 1) % len(p.Steps)
	}
	return i.Step
}

// objects are what the incident's next step, or the one that is under way, acts
// on, the incident's own target first.
func (h *handler) objects(i *Incident) []Target {
	p := h.policy(i)
	if p == nil || len(p.Steps) == 0 {
		return []Target{i.Target}
	}
	return p.Steps[h.nextStep(i, p)].objects(i.Target, i.Alert.Labels)
}

func cannot(i *Incident) Verdict {
	v := deny(time.Time{}, "the policy %s it was opened under has no step", i.Policy)
	if i.ToldOnly != "" {
		v = deny(time.Time{}, "%s", i.ToldOnly)
	}
	v.Guard = "target"
	return v
}

// judge writes verdicts down that need no plan.
func (h *handler) judge(i *Incident, verdicts []Verdict) {
	d, until := strictest(verdicts)
	step := i.Step
	if p := h.policy(i); p != nil && len(p.Steps) > 0 {
		step = h.nextStep(i, p)
	}
	h.emit(Judged{Incident: i.ID, Step: step, Decision: d, Verdicts: verdicts, Until: h.again(until)})
}

// later is until, or a moment from now when that is not later: nothing is
// judged or tried again in the same moment.
func (h *handler) later(until time.Time) time.Time {
	if until = wholeMillisecond(until); until.After(h.now) {
		return until
	}
	return h.now.Add(time.Second)
}

// again is when a judgement is to be made anew, zero when only something that
// happens brings that about.
func (h *handler) again(until time.Time) time.Time {
	if until.IsZero() {
		return until
	}
	return h.later(until)
}

// judgeAnswers judges by what the world answered, and begins the act when
// every guard allows.
func (h *handler) judgeAnswers(v *view) {
	i := v.i
	v.read()
	h.suppression(v)
	verdicts := append(v.judge(cheapGuards), v.judge(askingGuards)...)
	plan, hash := v.plan()
	verdicts = append(verdicts, v.approval(plan, hash))
	d, until := strictest(verdicts)
	elsewhere := h.elsewhere(v, verdicts)
	h.emit(Judged{Incident: i.ID, Step: v.step, Decision: d, Verdicts: verdicts, Target: v.own().Target, Plan: plan, Hash: hash, Until: h.again(until)})
	switch {
	case d == Allowed:
		h.act(i, 0)
	case elsewhere != nil:
		h.confirm(i, v.p.Steps[v.step], *elsewhere)
	}
}

// suppression writes down what the webhooks did not say: that the alert that
// was asked about is silenced or inhibited.
func (h *handler) suppression(v *view) {
	if v.alert.Err != "" || v.alert.Values[ValueState] != AlertStateSuppressed {
		return
	}
	by := []string{v.alert.Values[ValueSuppressedBy]}
	for id := range v.i.Firing {
		k := h.s.Known[id]
		if k != nil && len(k.Suppressed) == 0 && v.i.Alerts[id].String() == h.askedAbout(v.i).String() {
			h.emit(AlertSuppressed{ID: id, By: by})
			return
		}
	}
}

// askedAbout returns the labels of the alert that the guards' ask was about.
func (h *handler) askedAbout(i *Incident) Labels {
	for _, q := range i.Questions {
		if q.Kind == "alert" {
			return q.Labels
		}
	}
	return nil
}

// elsewhere tells whether somebody else was at work on the target: nil when
// not, else whether it was what the step would have done. Whatever else stands
// in the way of an act, it is seen whether that helped.
func (h *handler) elsewhere(v *view, verdicts []Verdict) *bool {
	restarts := slices.ContainsFunc(v.p.Steps[v.step].Do, func(d Do) bool { return d.Kind == "restart" })
	for _, verdict := range verdicts {
		if verdict.Guard == "moved" && verdict.Decision != Allowed {
			counts := restarts && restartedOnly(v.i.Seen.Template, v.seen().Template)
			return &counts
		}
	}
	return nil
}
