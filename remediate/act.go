package remediate

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// What is done: the plan, its acts one after the other, what takes them back, and
// what follows from how it ended.

// plan is what would be done, against what was seen.
func (v *view) plan() (*Plan, string) {
	step := v.p.Steps[v.step]
	p := &Plan{Step: step.Name, Observed: v.own().Text}
	for n, d := range step.Do {
		p.Acts = append(p.Acts, v.actOf(n, d))
	}
	for n, d := range step.Undo {
		a := v.actOf(n, d)
		a.Undo, a.Template, a.Revision, a.Change = true, "", "", "" // what we did ourselves may have changed it
		p.Undo = append(p.Undo, a)
	}
	all := slices.Concat(p.Acts, p.Undo)
	if own := v.own().Target; !slices.ContainsFunc(all, func(a Act) bool { return a.Target == own }) {
		p.About = own
	}
	b, err := json.Marshal(all)
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
	s := v.sight(d.Target)
	a := Act{
		Step: v.step, Index: n, Kind: d.Kind, Target: s.Target, Args: args,
		UID: s.Values[ValueUID], Template: s.Values[ValueTemplate],
	}
	if d.Kind == "rollback" {
		a.Revision, a.Change = s.Values[ValueRevision], s.Values[ValueChange]
	}
	return a
}

// changes names those acts of the plan of which was seen what they come to, as
// it stands behind the plan's hash. Which object it is of goes without saying
// where it is what the incident is about.
func (p *Plan) changes(own Target) string {
	var all []string
	for _, a := range p.Acts {
		switch {
		case a.Change == "":
		case a.Target == own:
			all = append(all, a.Kind+a.comesTo())
		default:
			all = append(all, a.String())
		}
	}
	if len(all) == 0 {
		return ""
	}
	return ": " + strings.Join(all, ", then ")
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

// goOn follows an act that ended: with a look at what the next one counts on,
// with that act, when nobody stopped us meanwhile, and in the end with looking
// whether it helped. After an act that nobody knows the end of nothing more is
// done: what comes next in a procedure counts on what came before.
func (h *handler) goOn(i *Incident) {
	if i.Acted == len(i.Plan.Acts) || i.Doubt {
		h.verify(i)
		return
	}
	if v := h.policy(i).Steps[i.Step].Do[i.Acted-1].Verify; v != nil && i.Checked < i.Acted {
		h.look(i, ForGoingOn, *v)
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
