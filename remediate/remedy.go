package remediate

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// How long things may take that no policy says.
const (
	askWithin    = 30 * time.Second // the guards' questions
	gatherWithin = 20 * time.Second // evidence
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
	case i.Status == StatusClosed, i.acting(), i.asking(ForVerification), i.asking(ForConfirmation):
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
// verification has held for is looked at first, as long as the policy says how.
func (h *handler) end(i *Incident) bool {
	p := h.policy(i)
	switch {
	case i.Verified, i.Confirmed, i.Found, i.ToldOnly != "", h.silent(i), len(p.Steps) == 0:
		h.close(i, overBecause(i))
		return true
	case i.Status == StatusUnconfirmed && i.confirmAt().After(h.now):
		return false
	}
	h.confirm(i, p.Steps[min(i.Step, len(p.Steps)-1)], false)
	return true
}

// confirm looks whether it is well without our doing: because its alerts are
// gone, or because somebody else was at work.
func (h *handler) confirm(i *Incident, st Step, counts bool) {
	v := st.Verify
	within := v.Within
	if len(i.Firing) == 0 { // a look is enough; it is taken again
		within = min(within, v.For+model.Duration(probeWithin))
	}
	h.startAsk(i, time.Duration(within)+verifySlack, Ask{
		Purpose: ForConfirmation, Questions: i.questions(v), Counts: counts,
		Hold: v.For, Within: within, Every: orElse(v.Every, defaultEvery),
	})
}

// confirmAt is when to look again whether it is well.
func (i *Incident) confirmAt() time.Time {
	return i.Probed.Add(patience(askAgain, i.Probed.Sub(i.Since)))
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
	if !h.isDue(i) || i.asking(ForGuards) || i.asking(ForEvidence) {
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
	if p.Steps[v.step].Evidence && i.Kept != i.Tries+1 && v.mode().Mode != ModeObserve {
		h.gather(i)
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
	add := func(q Question) {
		key := questionKey(q.Kind, q.Args)
		if !slices.ContainsFunc(qs, func(o Question) bool { return questionKey(o.Kind, o.Args) == key }) {
			qs = append(qs, q)
		}
	}
	for _, p := range []*Policy{p, h.policyNow(i)} {
		if p == nil {
			continue
		}
		if p.Guards.Healthy != nil && p.Guards.Healthy.Headroom {
			qs[1].Args = json.RawMessage(`{"headroom":true}`)
		}
		for _, q := range p.Guards.questions(i) {
			add(q)
		}
	}
	h.startAsk(i, askWithin, Ask{Purpose: ForGuards, Questions: qs})
}

// questions are those that a policy's own guards need answered.
func (g Guards) questions(i *Incident) []Question {
	var qs []Question
	if f := g.Healthy; f != nil {
		if f.Query != "" {
			qs = append(qs, Question{Kind: "promql", Args: queryArgs(f.Query)})
		}
		if f.Nodes > 0 || f.ControlPlane {
			qs = append(qs, Question{Kind: "cluster", Target: Target{Cluster: i.Target.Cluster}})
		}
	}
	for _, d := range g.Depends {
		if args, err := alertsArgs(d, i.Alert.Labels); err == nil && len(d.Alert) > 0 {
			qs = append(qs, Question{Kind: "alerts", Args: args})
		}
		if d.Query != "" {
			qs = append(qs, Question{Kind: "promql", Args: queryArgs(d.Query)})
		}
	}
	if g.Backup != nil {
		qs = append(qs, Question{Kind: "promql", Args: queryArgs(g.Backup.Newest)})
	}
	return qs
}

// gather keeps what there is to be seen before an attempt destroys it, once
// for each attempt. What cannot be had does not keep the attempt from being
// made.
func (h *handler) gather(i *Incident) {
	h.startAsk(i, gatherWithin, Ask{Purpose: ForEvidence, Questions: []Question{{Kind: "evidence", Target: i.Target}}})
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
	h.suppression(v)
	verdicts := append(v.judge(cheapGuards), v.judge(askingGuards)...)
	plan, hash := v.plan()
	verdicts = append(verdicts, v.approval(hash))
	d, until := strictest(verdicts)
	elsewhere := h.elsewhere(v, verdicts)
	h.emit(Judged{Incident: i.ID, Step: v.step, Decision: d, Verdicts: verdicts, Target: v.target, Plan: plan, Hash: hash, Until: h.again(until)})
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
	by := strings.Split(v.alert.Values[ValueSuppressedBy], ",")
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

// elsewhere tells whether somebody else was at work on the target and nothing
// forbids to see whether that helped: nil when not, else whether it was what
// the step would have done.
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

// plan is what would be done, against what was seen.
func (v *view) plan() (*Plan, string) {
	step := v.p.Steps[v.step]
	p := &Plan{Step: step.Name, Observed: v.workload.Text}
	for n, d := range step.Do {
		p.Acts = append(p.Acts, v.actOf(n, d))
	}
	for n, d := range step.Undo {
		a := v.actOf(n, d)
		a.Undo, a.Template = true, "" // what we did ourselves may have changed it
		p.Undo = append(p.Undo, a)
	}
	b, err := json.Marshal(slices.Concat(p.Acts, p.Undo))
	if err != nil {
		panic("remediate: a plan is plain data: " + err.Error())
	}
	sum := sha256.Sum256(b)
	return p, hex.EncodeToString(sum[:6])
}

// actOf is one act of the plan, against what was seen.
func (v *view) actOf(n int, d Do) Act {
	args, err := fill(d.Args, v.i.Alert.Labels)
	if err != nil {
		args = nil // cannot be: it was filled in when the incident was opened
	}
	return Act{
		Step: v.step, Index: n, Kind: d.Kind, Target: v.target, Args: args,
		UID: v.workload.Values[ValueUID], Template: v.workload.Values[ValueTemplate],
	}
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
	h.startAct(i, id, a)
}

func (h *handler) startAct(i *Incident, id string, a Act) {
	within := time.Duration(DefaultActWithin)
	if p := h.policy(i); p != nil {
		st := p.Steps[a.Step]
		all := st.Do
		if a.Undo {
			all = st.Undo
		}
		within = time.Duration(cmp.Or(all[a.Index].Within, st.Within, DefaultActWithin))
	}
	h.emit(Started{ID: id, Incident: i.ID, Deadline: h.now.Add(within), Act: &a})
}

// takeBack begins the next act of the undo, when nobody stops us. What was half
// done is taken back before anything else is.
func (h *handler) takeBack(i *Incident) bool {
	if i.Status != StatusActing && !h.isDue(i) {
		return false
	}
	v := &view{h: h, i: i, p: h.policy(i), step: i.Step}
	verdicts := v.judge(stopGuards)
	if d, _ := strictest(verdicts); d != Allowed {
		h.judge(i, verdicts)
		return true
	}
	a := i.Plan.Undo[len(i.Plan.Undo)-i.Owed]
	a.Attempt = fmt.Sprintf("%s-a%d", h.s.Wire(i.ID), i.Tries)
	h.startAct(i, fmt.Sprintf("%s-u%d", a.Attempt, a.Index+1), a)
	return true
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
	if n := len(i.Attempts); n > 0 && !i.Confirmed {
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
