package remediate

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/common/model"
)

// How long things may take that no policy says.
const (
	askWithin    = 30 * time.Second // the guards' questions
	verifySlack  = 30 * time.Second // beyond a verification's own limit, for the way there and back
	probeEvery   = 10 * time.Second // between probes of a healed incident
	probeWithin  = 10 * time.Second // one good sample in this time, or it is no longer healed
	askAgain     = 15 * time.Second // after a question that nobody could answer, at first
	askAgainMost = 2 * time.Minute  // and at most
	defaultEvery = time.Second      // between samples
)

// advance takes the incident one step further and tells whether it did. It is
// called until there is nothing more to do without hearing more.
func (h *handler) advance(i *Incident) bool {
	switch {
	case i.Status == StatusClosed, i.acting(), i.asking(ForVerification):
		return false
	case h.countable(i):
		return h.count(i)
	case i.Outcome == OK:
		h.heal(i)
		return true
	case i.Status == StatusActing:
		h.goOn(i)
		return true
	case i.Status == StatusVerifying: // nobody knows how the last one ended
		h.verify(i)
		return true
	case len(i.Firing) == 0:
		h.close(i, overBecause(i))
		return true
	case i.Status == StatusHealed:
		return h.probeOn(i)
	case i.Failed && !i.Exhausted && h.lastStep(i):
		h.emit(Exhausted{Incident: i.ID, Attempts: i.Tries})
		return true
	}
	return h.consider(i)
}

// overBecause says how an incident ended whose alerts all resolved.
func overBecause(i *Incident) string {
	switch {
	case i.Verified:
		return "verified, and its alerts resolved"
	case i.Tries == 0:
		return "its alerts resolved before anything was done"
	}
	return "its alerts resolved, though no verification held"
}

func (h *handler) close(i *Incident, why string) {
	h.emit(Closed{Incident: i.ID, Why: why, Verified: i.Verified, Took: durationOf(h.now.Sub(i.Opened))})
}

// policy returns the policy as it was when the incident was opened.
func (h *handler) policy(i *Incident) *Policy {
	if book := h.books[i.Rulebook]; book != nil {
		return book.Policy(i.Policy)
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
	if !h.isDue(i) || i.asking(ForGuards) {
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
	if !i.Asked || h.outdated(i) {
		h.ask(i, p)
		return true
	}
	h.judgeAnswers(v)
	return true
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
	case StatusObserved:
		m, _ := h.modeOf(i)
		return m != ModeObserve
	case StatusWaiting, StatusDenied, StatusHeld, StatusApproval:
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

// ask puts the guards' questions.
func (h *handler) ask(i *Incident, p *Policy) {
	qs := []Question{{Kind: "alert", Labels: h.firingAlert(i)}, {Kind: "workload", Target: i.Target}}
	for _, query := range h.queries(i, p) {
		args, _ := json.Marshal(map[string]string{"query": query}) // a map of strings
		qs = append(qs, Question{Kind: "promql", Args: args})
	}
	h.startAsk(i, askWithin, Ask{Purpose: ForGuards, Questions: qs})
}

// queries are the floors' queries of the policy as it was and as it is now.
func (h *handler) queries(i *Incident, p *Policy) []string {
	var qs []string
	for _, p := range []*Policy{p, h.policyNow(i)} {
		if p != nil && p.Guards.Healthy != nil && p.Guards.Healthy.Query != "" {
			qs = append(qs, p.Guards.Healthy.Query)
		}
	}
	return slices.Compact(qs)
}

// firingAlert returns the labels of the alert to ask Alertmanager about: one
// that is not known to be suppressed, if there is one, and among equals the
// one that opened the incident, then the first.
func (h *handler) firingAlert(i *Incident) Labels {
	opener := i.Alert.Labels.String()
	rank := func(id AlertID) int {
		n := 0
		if k := h.s.Known[id]; k != nil && len(k.Suppressed) > 0 {
			n += 2
		}
		if i.Alerts[id].String() != opener {
			n++
		}
		return n
	}
	first := slices.MinFunc(slices.Collect(maps.Keys(i.Firing)), func(a, b AlertID) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), slices.Compare(a[:], b[:]))
	})
	return i.Alerts[first]
}

func (h *handler) startAsk(i *Incident, within time.Duration, a Ask) {
	id := fmt.Sprintf("%s-q%d", h.s.Wire(i.ID), i.Asks+1)
	h.emit(Started{ID: id, Incident: i.ID, Deadline: h.now.Add(within), Ask: &a})
}

// judgeAnswers judges by what the world answered, and begins the act when
// every guard allows.
func (h *handler) judgeAnswers(v *view) {
	i := v.i
	v.read()
	verdicts := append(v.judge(cheapGuards), v.judge(askingGuards)...)
	plan, hash := v.plan()
	verdicts = append(verdicts, v.approval(hash))
	d, until := strictest(verdicts)
	j := Judged{Incident: i.ID, Step: v.step, Decision: d, Verdicts: verdicts, Target: v.target, Plan: plan, Hash: hash, Until: h.again(until)}
	if d == Approval {
		j.Until = verdicts[len(verdicts)-1].Until
	}
	h.emit(j)
	if d == Allowed {
		h.act(i, 0)
	}
}

// plan is what would be done, against what was seen.
func (v *view) plan() (*Plan, string) {
	step := v.p.Steps[v.step]
	p := &Plan{Step: step.Name}
	for n, d := range step.Do {
		args, err := fill(d.Args, v.i.Alert.Labels)
		if err != nil {
			args = nil // cannot be: it was filled in when the incident was opened
		}
		p.Acts = append(p.Acts, Act{
			Step: v.step, Index: n, Kind: d.Kind, Target: v.target, Args: args,
			UID: v.workload.Values[ValueUID], Template: v.workload.Values[ValueTemplate],
		})
	}
	p.Observed = v.workload.Text
	b, err := json.Marshal(p.Acts)
	if err != nil {
		panic("remediate: a plan is plain data: " + err.Error())
	}
	sum := sha256.Sum256(b)
	return p, hex.EncodeToString(sum[:6])
}

// act begins one act of the plan.
func (h *handler) act(i *Incident, index int) {
	a := i.Plan.Acts[index]
	n := i.Tries
	if index == 0 {
		n++
	}
	a.Attempt = fmt.Sprintf("%s-a%d", h.s.Wire(i.ID), n)
	id := a.Attempt
	if index > 0 {
		id = fmt.Sprintf("%s-%d", id, index+1)
	}
	within := DefaultActWithin
	if p := h.policy(i); p != nil && p.Steps[i.Step].Within > 0 {
		within = p.Steps[i.Step].Within
	}
	h.emit(Started{ID: id, Incident: i.ID, Deadline: h.now.Add(time.Duration(within)), Act: &a})
}

// goOn follows an act that ended: with the next act of the procedure, when
// nobody stopped us meanwhile, then with looking whether it helped. After an
// act that nobody knows the end of nothing more is done: what comes next in a
// procedure counts on what came before.
func (h *handler) goOn(i *Incident) {
	if i.Acted == len(i.Plan.Acts) || i.Doubt {
		h.verify(i)
		return
	}
	v := &view{h: h, i: i, p: h.policy(i), step: i.Step}
	verdicts := v.judge(stopGuards)
	if d, _ := strictest(verdicts); d != Allowed {
		h.judge(i, verdicts)
		return
	}
	h.act(i, i.Acted)
}

// verify looks whether the step helped.
func (h *handler) verify(i *Incident) {
	v := h.policy(i).Steps[i.Step].Verify
	h.startAsk(i, time.Duration(v.Within)+verifySlack, Ask{
		Purpose: ForVerification, Questions: i.questions(v),
		Hold: v.For, Within: v.Within, Every: orElse(v.Every, defaultEvery),
	})
}

// questions are those of a verification, about what the incident is about.
func (i *Incident) questions(v Verify) []Question {
	var qs []Question
	for _, c := range v.All {
		args, err := fill(c.Args, i.Alert.Labels)
		if err != nil {
			args = nil // cannot be: it was filled in when the incident was opened
		}
		qs = append(qs, Question{Kind: c.Kind, Target: i.Target, Args: args})
	}
	return qs
}

func orElse(d model.Duration, otherwise time.Duration) model.Duration {
	if d > 0 {
		return d
	}
	return model.Duration(otherwise)
}

// countable tells whether the breaker is yet to hear how a verification ended.
// A success is news to it only after a failure.
func (h *handler) countable(i *Incident) bool {
	if i.Outcome == "" || i.Counted {
		return false
	}
	_, onRecord := h.s.Breakers[breakerName(i.Policy, i.Target)]
	return i.Outcome == Failed || onRecord
}

// count tells the breaker how the verification ended.
func (h *handler) count(i *Incident) bool {
	name := breakerName(i.Policy, i.Target)
	success := i.Outcome == OK
	next, err := countOutcome(name, h.policy(i).Guards.breaker(), h.s.Breakers[name], h.now, success)
	if err != nil {
		h.err = fmt.Errorf("breaker %s: %w", name, err)
		return false
	}
	h.emit(BreakerCounted{Incident: i.ID, Breaker: name, Success: success, State: next.State, Shared: next.Shared, Until: next.Until})
	return true
}

// heal concludes that the step helped.
func (h *handler) heal(i *Incident) {
	var objective model.Duration
	if p := h.policy(i); p != nil {
		objective = p.Objective
	}
	took := durationOf(i.First.Sub(i.Since))
	b := Healed{Incident: i.ID, FirstGood: i.First, Took: took, Objective: objective, Met: objective == 0 || took <= objective}
	if n := len(i.Attempts); n > 0 {
		b.Attempt = i.Attempts[n-1].ID
	}
	h.emit(b)
}

// probeOn keeps looking at a healed incident until its alerts resolve.
func (h *handler) probeOn(i *Incident) bool {
	if i.Lost != "" {
		h.emit(Reopened{Incident: i.ID, Why: i.Lost})
		return true
	}
	if i.asking(ForProbingOn) || i.Probed.Add(probeEvery).After(h.now) {
		return false
	}
	v := h.policy(i).Steps[i.Step].Verify
	h.startAsk(i, probeWithin+verifySlack, Ask{
		Purpose: ForProbingOn, Questions: i.questions(v),
		Within: model.Duration(probeWithin), Every: orElse(v.Every, defaultEvery),
	})
	return true
}
