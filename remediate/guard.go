package remediate

import (
	"cmp"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// view is what the guards look at when they judge one step of one incident.
type view struct {
	h    *handler
	i    *Incident
	p    *Policy // as it was when the incident was opened
	step int

	// What the world answered, for the guards that need it.
	alert    Answer
	workload Answer
	queries  map[string]Answer // by the query
	target   Target            // the incident's, or the owner that was found to be meant
}

// guard answers whether acting may be done now, always with its reason.
type guard struct {
	name  string
	judge func(*view) Verdict
}

// cheapGuards need no question: they are judged first.
var cheapGuards = []guard{
	{"paused", paused},
	{"mode", mode},
	{"journal", journal},
	{"takeover", takeover},
	{"silenced", silenced},
	{"busy", busy},
	{"settle", settle},
	{"cooldown", cooldown},
	{"budget", budget},
	{"breaker", breaker},
}

// stopGuards are those by which somebody stops us: they are asked again before
// each further act of a procedure that was begun.
var stopGuards = []guard{
	{"paused", paused},
	{"mode", mode},
	{"journal", journal},
	{"takeover", takeover},
	{"silenced", silenced},
}

// askingGuards judge by what was answered.
var askingGuards = []guard{
	{"firing", firing},
	{"target", target},
	{"healthy", healthy},
}

// judge asks each guard, by the policy as it was when the incident was opened
// and, when its numbers are others by now, as it is: the stricter one holds.
func (v *view) judge(guards []guard) []Verdict {
	out := make([]Verdict, 0, len(guards)+len(askingGuards)+1)
	now := v.ruledNow()
	for _, g := range guards {
		verdict := g.judge(v)
		if now != nil {
			verdict = stricter(verdict, g.judge(now))
		}
		verdict.Guard = g.name
		out = append(out, verdict)
	}
	return out
}

// ruledNow is the same view by the policy as it is now, nil when its numbers
// are no others.
func (v *view) ruledNow() *view {
	p := v.h.policyNow(v.i)
	if p == nil || p == v.p || reflect.DeepEqual(p.Guards, v.p.Guards) {
		return nil
	}
	now := *v
	now.p = p
	return &now
}

// read takes up what the world answered. What is missing was not answered.
func (v *view) read() {
	v.alert, v.workload, v.queries = answer(v.i, "alert"), answer(v.i, "workload"), map[string]Answer{}
	values := slices.DeleteFunc(slices.Clone(v.i.Answers), func(a Answer) bool { return a.Kind != "promql" })
	for k, query := range v.h.queries(v.i, v.p) {
		if k < len(values) { // one answer for each question, in order
			v.queries[query] = values[k]
		}
	}
	v.target = v.i.Target
	var found Target
	if t := v.workload.Values[ValueTarget]; t != "" && found.UnmarshalText([]byte(t)) == nil {
		v.target = found
	}
}

func answer(i *Incident, kind string) Answer {
	for _, a := range i.Answers {
		if a.Kind == kind {
			return a
		}
	}
	return Answer{Kind: kind, Err: "no answer"}
}

// soon is when to ask again what could not be answered, or what was answered
// badly: after first, and the longer the trouble lasts, the less often.
func (v *view) soon(first time.Duration) time.Time {
	lasted := v.h.now.Sub(v.i.Since)
	return v.h.now.Add(min(max(first, lasted/8), askAgainMost).Truncate(time.Second))
}

// targetNow is the target as it is known when the guard is judged.
func (v *view) targetNow() Target {
	if !v.target.IsZero() {
		return v.target
	}
	return v.i.Target
}

// paused is the kill switch.
func paused(v *view) Verdict {
	for _, scope := range []string{"all", "policy/" + v.p.Name, "namespace/" + v.targetNow().Namespace} {
		if c, on := v.h.s.Paused[scope]; on {
			d := deny(time.Time{}, "%s is paused by %s%s", scope, c.By, said(c.Reason))
			d.For = "paused"
			return d
		}
	}
	return allow("nothing is paused")
}

// mode is what the policy may do by itself: the stricter of what it was when
// the incident was opened and of what it is now.
func mode(v *view) Verdict {
	m, gone := v.h.modeOf(v.i)
	switch {
	case gone:
		return deny(time.Time{}, "policy %s is no longer in the rulebook", v.p.Name)
	case m == ModeObserve:
		return Verdict{Decision: Observed, Reason: "policy " + v.p.Name + " only observes"}
	}
	return allow("policy %s may %s", v.p.Name, m)
}

// modeOf returns the incident's effective mode, and whether its policy is gone.
func (h *handler) modeOf(i *Incident) (m Mode, gone bool) {
	opened, now := h.policy(i), h.policyNow(i)
	switch {
	case opened == nil:
		return ModeObserve, true
	case now == nil:
		return opened.Mode, true
	}
	order := []Mode{ModeObserve, ModeApprove, ModeAct}
	return order[max(0, min(slices.Index(order, opened.Mode), slices.Index(order, now.Mode)))], false
}

// journal denies while what we do would not be remembered.
func journal(v *view) Verdict {
	if why := v.h.s.degraded; why != "" {
		return deny(v.soon(askAgain), "what is done now would not be remembered: %s", why)
	}
	return allow("what is done is remembered")
}

func takeover(v *view) Verdict {
	if v.i.Taken != "" {
		return hold("taken over by %s", v.i.Taken)
	}
	return allow("nobody has taken it over")
}

// silenced is a human's word to stop, as far as it is known without asking.
func silenced(v *view) Verdict {
	if len(v.i.Firing) == 0 {
		return allow("none of its alerts fires")
	}
	var by []string
	for id := range v.i.Firing {
		k := v.h.s.Known[id]
		if k == nil || len(k.Suppressed) == 0 {
			return allow("%d of its alerts fire and are not suppressed", len(v.i.Firing))
		}
		by = append(by, k.Suppressed...)
	}
	slices.Sort(by)
	return hold("all of its alerts are silenced or inhibited, by %s", strings.Join(slices.Compact(by), ", "))
}

// busy keeps two incidents from working on one target.
func busy(v *view) Verdict {
	t := v.targetNow()
	if o := v.h.s.Targets[t]; o != nil && o.Holder != 0 && o.Holder != v.i.ID {
		w := wait(time.Time{}, "incident i%d is at work on %s", o.Holder, t)
		w.For = "target/" + t.String()
		return w
	}
	return allow("nobody is at work on %s", t)
}

// settle leaves a little time between steps.
func settle(v *view) Verdict {
	pause := time.Duration(orElse(v.p.Guards.Settle, time.Duration(DefaultSettle)))
	if v.i.Ended.IsZero() {
		return allow("no step was tried before")
	}
	if until := v.i.Ended.Add(pause); until.After(v.h.now) {
		return wait(until, "the last step ended %s ago; %s are left between steps", since(v.h.now, v.i.Ended), pause)
	}
	return allow("the last step ended %s ago, %s are left between steps", since(v.h.now, v.i.Ended), pause)
}

// cooldown leaves time between two incidents on one target.
func cooldown(v *view) Verdict {
	need := time.Duration(v.p.Guards.Cooldown)
	o := v.h.s.Targets[v.targetNow()]
	switch {
	case need == 0:
		return allow("the policy has none")
	case o == nil || o.Ended.IsZero() || o.Last == v.i.ID:
		return allow("no other incident has worked on %s", v.targetNow())
	}
	if until := o.Ended.Add(need); until.After(v.h.now) {
		return wait(until, "incident i%d worked on it until %s ago, less than the cooldown of %s", o.Last, since(v.h.now, o.Ended), need)
	}
	return allow("incident i%d worked on it until %s ago, more than the cooldown of %s", o.Last, since(v.h.now, o.Ended), need)
}

// budget bounds how often is acted, by the policy and by all together.
func budget(v *view) Verdict {
	var global []Budget
	if book := v.h.books[v.h.s.Rulebook]; book != nil {
		global = book.Budget
	}
	var spent []string
	for _, b := range []struct {
		whose, key string
		limits     []Budget
	}{{"policy " + v.p.Name, v.p.Name, v.p.Guards.Budget}, {"all policies", "", global}} {
		for _, limit := range b.limits {
			used, until := v.h.spent(b.key, limit)
			if used >= limit.Actions {
				return deny(until, "%s: %d of %d acts in %s are used", b.whose, used, limit.Actions, limit.Per)
			}
			spent = append(spent, fmt.Sprintf("%s: %d of %d in %s", b.whose, used, limit.Actions, limit.Per))
		}
	}
	if len(spent) == 0 {
		return allow("none is set")
	}
	return allow("%s", strings.Join(spent, "; "))
}

// spent counts the acts within the budget's window, and says when the next
// one will fit.
func (h *handler) spent(key string, b Budget) (used int, until time.Time) {
	begin := h.now.Add(-time.Duration(b.Per))
	ring := h.s.Acts[key]
	first, _ := slices.BinarySearchFunc(ring, begin, func(t, begin time.Time) int {
		if t.After(begin) {
			return 1
		}
		return -1
	})
	used = len(ring) - first
	if used >= b.Actions && b.Actions > 0 {
		until = ring[len(ring)-b.Actions].Add(time.Duration(b.Per))
	}
	return used, until
}

// breaker stops a remedy that did not help.
func breaker(v *view) Verdict {
	name := breakerName(v.p.Name, v.targetNow())
	b, known := v.h.s.Breakers[name]
	if !known {
		return allow("closed: no failed verification is on record for %s", v.targetNow())
	}
	look, err := lookAtBreaker(name, v.p.Guards.breaker(), b, v.h.now)
	if err != nil {
		return deny(time.Time{}, "its state cannot be read: %v", err)
	}
	switch look.State {
	case "open":
		return deny(b.Until, "open until %s, after %d failed verifications in a row on %s", b.Until.Format(time.RFC3339), v.p.Guards.breaker().Failures, v.targetNow())
	case "half-open":
		return allow("half-open: one try")
	}
	return allow("closed: %d of %d failed verifications in a row", look.Failures, v.p.Guards.breaker().Failures)
}

// firing asks Alertmanager itself: a webhook may be minutes old.
func firing(v *view) Verdict {
	switch state := v.alert.Values[ValueState]; {
	case v.alert.Err != "":
		return wait(v.soon(askAgain), "it is not known whether the alert still fires: %s", v.alert.Err)
	case state == AlertStateSuppressed:
		h := hold("the alert is silenced or inhibited, by %s", v.alert.Values[ValueSuppressedBy])
		h.Until = v.soon(askAgain)
		return h
	case state != AlertStateFiring:
		return wait(v.soon(askAgain), "the alert no longer fires at Alertmanager: waiting for its end")
	}
	return allow("%s", v.alert.Text)
}

// target looks whether what would be acted on is there and may be acted on.
func target(v *view) Verdict {
	next := fmt.Sprintf("%s-a%d", v.h.s.Wire(v.i.ID), v.i.Tries+1)
	switch {
	case v.workload.Values[ValueRefused] != "":
		return deny(v.soon(4*askAgain), "%s: %s", v.targetNow(), v.workload.Values[ValueRefused])
	case v.workload.Err != "":
		return wait(v.soon(askAgain), "it is not known how %s is: %s", v.targetNow(), v.workload.Err)
	case v.workload.Values[ValueUID] == "":
		return wait(v.soon(askAgain), "it is not known which object %s is", v.targetNow())
	case v.target.Kind == "owner":
		return deny(time.Time{}, "the owner of pod %s/%s was not found", v.target.Namespace, v.target.Name)
	case v.workload.Values[ValueAttempt] == next:
		return deny(time.Time{}, "the attempt %s is on the object before it was made: another daemon with this journal is at work", next)
	}
	return allow("%s", v.workload.Text)
}

// healthy is the floor under which we do not add to the trouble.
func healthy(v *view) Verdict {
	g := v.p.Guards.Healthy
	if g == nil {
		return allow("no floor is set")
	}
	if g.Query != "" {
		a := v.queries[g.Query]
		value, err := strconv.ParseFloat(a.Values[ValueNumber], 64)
		switch {
		case a.Err != "" || err != nil || math.IsNaN(value): // no number is above no floor
			return wait(v.soon(askAgain), "%s is not known: %s", g.Query, cmp.Or(a.Err, "it has no number"))
		case value < g.Min:
			return deny(v.soon(4*askAgain), "%s is %v, at least %v is needed", g.Query, value, g.Min)
		}
	}
	if g.Available > 0 {
		n, err := strconv.Atoi(v.workload.Values[ValueAvailable])
		switch {
		case err != nil:
			return wait(v.soon(askAgain), "how many replicas are available is not known")
		case n < g.Available:
			return deny(v.soon(4*askAgain), "%d replicas are available, at least %d are needed", n, g.Available)
		}
	}
	return allow("above the floor")
}

// approval asks a human when the mode or the step wants it. What was approved
// is a plan: another one needs another approval.
func (v *view) approval(hash string) Verdict {
	m, _ := v.h.modeOf(v.i)
	by := v.p.Steps[v.step].Approval
	within := defaultApproval
	if by != nil && by.Within > 0 {
		within = time.Duration(by.Within)
	}
	verdict := func() Verdict {
		switch {
		case m != ModeApprove && by == nil:
			return allow("not needed")
		case v.i.Refused != "":
			return hold("denied by %s", v.i.Refused)
		case v.i.Approved == hash && v.h.now.Sub(v.i.ApprovedAt) <= within:
			return allow("plan %s is approved by %s", hash, v.i.Approver)
		case v.i.Status == StatusApproval && v.i.Hash == hash:
			return deny(time.Time{}, "nobody approved plan %s in time", hash)
		}
		why := "plan " + hash + " waits for a human"
		switch v.i.Approved {
		case "":
		case hash:
			why += fmt.Sprintf(": %s approved it %s ago, longer than the %s that an approval holds", v.i.Approver, since(v.h.now, v.i.ApprovedAt), within)
		default:
			why += fmt.Sprintf(": what %s approved was plan %s, and things have changed", v.i.Approver, v.i.Approved)
		}
		return Verdict{Decision: Approval, Reason: why, Until: v.h.now.Add(within)}
	}()
	verdict.Guard = "approval"
	return verdict
}

// defaultApproval is how long a human is waited for.
const defaultApproval = 10 * time.Minute

// because joins the reasons of the verdicts that stand in the way.
func because(vs []Verdict) string {
	d, _ := strictest(vs)
	var why []string
	for _, v := range vs {
		if v.Decision == d && d != Allowed {
			why = append(why, v.Guard+": "+v.Reason)
		}
	}
	return strings.Join(why, "; ")
}

// since is the time from then to now, rounded for people.
func since(now, then time.Time) time.Duration { return now.Sub(then).Round(time.Second) }
