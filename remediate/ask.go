package remediate

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/common/model"
)

// What is asked: by the guards, to see whether it helped, to see that it is well,
// and for evidence.

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

// lookBack looks once, after an attempt that broke off and before the next, whether
// what that one would be verified by holds by now.
func (h *handler) lookBack(i *Incident, st Step) {
	h.startAsk(i, probeWithin+verifySlack, Ask{
		Purpose: ForSettling, Questions: i.questions(st.Verify),
		Within: model.Duration(probeWithin), Every: orElse(st.Verify.Every, defaultEvery),
	})
}

// confirmAt is when to look again whether it is well.
func (i *Incident) confirmAt() time.Time {
	return i.Probed.Add(patience(askAgain, i.Probed.Sub(i.Since)))
}

// ask puts the guards' questions.
func (h *handler) ask(i *Incident, p *Policy) {
	qs := []Question{{Kind: "alert", Labels: h.firingAlert(i)}}
	for _, t := range h.objects(i) {
		qs = append(qs, Question{Kind: "workload", Target: t, Args: h.purposeOf(i, t).json()})
	}
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
			qs[1].Args = workloadArgs{Headroom: true, For: h.purposeOf(i, i.Target).For}.json()
		}
		for _, q := range p.Guards.questions(i) {
			add(q)
		}
	}
	h.startAsk(i, askWithin, Ask{Purpose: ForGuards, Questions: qs})
}

// workloadArgs are the arguments of the question about an object.
type workloadArgs struct {
	Headroom bool   `json:"headroom,omitempty"`
	For      string `json:"for,omitempty"` // what would be done to it, where more is asked or less refused then
}

func (a workloadArgs) json() json.RawMessage {
	if a == (workloadArgs{}) {
		return nil
	}
	b, _ := json.Marshal(a) // a truth and a word
	return b
}

// beside are the kinds of acts that do nothing to the object that they stand with.
var beside = []string{"dns_update", "silence", "unsilence"}

// purposeOf asks what is refused of an object that the next step does nothing to
// but pause or resume its rollout: that one is under way, or paused, is what that
// is for. What is done to it first is asked about. Of one that is rolled back it
// asks to what.
func (h *handler) purposeOf(i *Incident, t Target) (a workloadArgs) {
	p := h.policy(i)
	if p == nil || len(p.Steps) == 0 {
		return a
	}
	kinds := p.Steps[h.nextStep(i, p)].kindsOn(t, i.Target, i.Alert.Labels)
	if slices.Contains(kinds, "rollback") {
		return workloadArgs{For: "rollback"}
	}
	for _, kind := range kinds {
		if slices.Contains(beside, kind) {
			continue
		}
		if kind != "pause" && kind != "resume" {
			return workloadArgs{}
		}
		a.For = cmp.Or(a.For, kind)
	}
	return a
}

// questions are those that a policy's own guards need answered.
func (g Guards) questions(i *Incident) []Question {
	var qs []Question
	if f := g.Healthy; f != nil {
		if f.Query != "" {
			qs = append(qs, Question{Kind: "promql", Args: queryArgs(f.Query)})
		}
		if f.Nodes > 0 || f.ControlPlane {
			qs = append(qs, Question{Kind: "cluster", Target: Target{Cluster: i.Target.Cluster}, Args: f.clusterArgs()})
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
	var qs []Question
	for _, t := range h.objects(i) {
		qs = append(qs, Question{Kind: "evidence", Target: t})
	}
	h.startAsk(i, gatherWithin, Ask{Purpose: ForEvidence, Questions: qs})
}

// firingAlert returns the labels of the alert to ask Alertmanager about: one
// that is not known to be suppressed, if there is one, and among equals the
// one that opened the incident, then the first.
func (h *handler) firingAlert(i *Incident) Labels {
	rank := func(id AlertID) int {
		n := 0
		if k := h.s.Known[id]; k != nil && len(k.Suppressed) > 0 {
			n += 2
		}
		if !slices.Equal(i.Alerts[id], i.Alert.Labels) {
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

// verify looks whether the step helped.
func (h *handler) verify(i *Incident) {
	h.look(i, ForVerification, h.policy(i).Steps[i.Step].Verify)
}

// look waits until what is to be seen is seen.
func (h *handler) look(i *Incident, purpose string, v Verify) {
	h.startAsk(i, time.Duration(v.Within)+verifySlack, Ask{
		Purpose: purpose, Questions: i.questions(v),
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
		t, err := otherTarget(i.Target, c.Target, i.Alert.Labels)
		if err != nil {
			t = Target{} // nor can this
		}
		qs = append(qs, Question{Kind: c.Kind, Target: t, Args: args})
	}
	return qs
}

func orElse(d model.Duration, otherwise time.Duration) model.Duration {
	if d > 0 {
		return d
	}
	return model.Duration(otherwise)
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
