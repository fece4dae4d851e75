package replay

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/pkg/labels"

	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/remediate"
)

// world answers as a test says. What it says nothing of is well.
type world struct {
	life  *Life
	says  policies.World
	fires map[string]bool // alerts that fire, by their labels; true: silenced
	named map[string]remediate.Labels
	// judge holds the value of a query against a check's bounds; nil: any is well.
	judge func(kind string, args json.RawMessage, value float64) (ok bool, text string)
}

func newWorld(l *Life, c policies.Case) *world {
	w := &world{life: l, judge: c.Judge, fires: map[string]bool{}, named: map[string]remediate.Labels{}, says: policies.World{
		Kinds: map[string]policies.Reply{}, Tells: map[string]policies.Reply{}, Queries: map[string]policies.Measured{},
		Workload: map[string]string{}, Cluster: map[string]string{},
	}}
	w.change(c.World)
	l.Started = w.started
	return w
}

// change takes over what is said; the rest stays as it was.
func (w *world) change(says policies.World) {
	maps.Copy(w.says.Kinds, says.Kinds)
	maps.Copy(w.says.Tells, says.Tells)
	maps.Copy(w.says.Queries, says.Queries)
	maps.Copy(w.says.Workload, says.Workload)
	maps.Copy(w.says.Cluster, says.Cluster)
}

// started answers what begins, when its time has come.
func (w *world) started(s remediate.Started) {
	switch {
	case s.Tell != nil:
		w.reply(s, w.toldBy(s.Tell.Destination), remediate.Result{Ref: "ref"})
	case s.Act != nil:
		w.reply(s, w.says.Kinds[s.Act.Kind], remediate.Result{})
	case s.Ask.Sampled():
		w.verify(s)
	default:
		w.life.Answer(w.life.Now, s, func() (remediate.Result, bool) {
			r := remediate.Result{Outcome: remediate.OK, Samples: 1}
			for _, q := range s.Ask.Questions {
				r.Answers = append(r.Answers, w.answer(q))
			}
			return r, true
		})
	}
}

// toldBy is how a destination answers: as is said of it, or of its family.
func (w *world) toldBy(destination string) policies.Reply {
	if r, ok := w.says.Tells[destination]; ok {
		return r
	}
	family, _, _ := strings.Cut(destination, "/")
	return w.says.Tells[family]
}

// reply ends something as is said, after the time that is said.
func (w *world) reply(s remediate.Started, how policies.Reply, r remediate.Result) {
	r.Outcome = cmp.Or(how.Outcome, remediate.OK)
	if r.Outcome == policies.Silent {
		return
	}
	if r.Outcome != remediate.OK {
		r.Text = cmp.Or(how.Why, "as the test says")
	}
	w.life.Answer(w.life.Now.Add(how.After), s, func() (remediate.Result, bool) { return r, true })
}

// answer is what is seen when a question of the guards is put.
func (w *world) answer(q remediate.Question) remediate.Answer {
	a := remediate.Answer{Kind: q.Kind, OK: true, Values: map[string]string{}}
	switch q.Kind {
	case "alert":
		w.alert(&a, q)
	case "alerts":
		w.alerts(&a, q)
	case "workload":
		w.workload(&a, q)
	case "cluster":
		w.cluster(&a)
	case "promql":
		w.query(&a, q)
	case "evidence":
		a.Values[remediate.ValueDigest], a.Text = strings.Repeat("0", 64), "nothing is kept in a test"
	}
	return a
}

// alert says what the Alertmanagers know of one alert.
func (w *world) alert(a *remediate.Answer, q remediate.Question) {
	silenced, fires := w.fires[q.Labels.String()]
	a.Text, a.Values[remediate.ValueState] = "still firing, not suppressed", remediate.AlertStateFiring
	switch {
	case !fires:
		a.OK, a.Text, a.Values[remediate.ValueState] = false, "no longer firing", remediate.AlertStateGone
	case silenced:
		a.Text, a.Values[remediate.ValueState] = "silenced", remediate.AlertStateSuppressed
		a.Values[remediate.ValueSuppressedBy] = silenceName
	}
}

// silenceName is the one silence of a test.
const silenceName = "silence of the test"

// alerts counts those that fire, are not silenced, and match.
func (w *world) alerts(a *remediate.Answer, q remediate.Question) {
	var args struct{ Filter []string }
	if err := json.Unmarshal(q.Args, &args); err != nil {
		unknown(a, err.Error())
		return
	}
	var names []string
	for id, silenced := range w.fires {
		if ls := w.named[id]; !silenced && matches(ls, args.Filter) {
			names = append(names, ls.Get("alertname"))
		}
	}
	slices.Sort(names)
	a.Values[remediate.ValueCount] = strconv.Itoa(len(names))
	a.Text = fmt.Sprintf("%d of them fire: %s", len(names), strings.Join(names, ", "))
}

// matches tells whether labels match all of the matchers, as at Alertmanager.
func matches(ls remediate.Labels, filter []string) bool {
	for _, f := range filter {
		m, err := labels.ParseMatcher(f)
		if err != nil || !m.Matches(ls.Get(m.Name)) {
			return false
		}
	}
	return true
}

// What is seen of a target.
const (
	firstUID, nextUID           = "uid-1", "uid-2"
	firstTemplate, nextTemplate = "template-1", "template-2"
)

// workload says how the target is.
func (w *world) workload(a *remediate.Answer, q remediate.Question) {
	t := q.Target
	if t.Kind == "owner" { // of a pod, whose name begins with its owner's
		t.Kind, t.Name = "deployment", ownerOf(t.Name)
	}
	maps.Copy(a.Values, map[string]string{
		remediate.ValueTarget: t.String(), remediate.ValueUID: firstUID, remediate.ValueTemplate: firstTemplate,
		remediate.ValueReplicas: "1", remediate.ValueAvailable: "0",
	})
	maps.Copy(a.Values, w.says.Workload)
	delete(a.Values, "is")
	a.Text = a.Values[remediate.ValueAvailable] + " of " + a.Values[remediate.ValueReplicas] + " available"
	switch w.says.Workload["is"] {
	case policies.TargetGone:
		a.OK, a.Values[remediate.ValueRefused] = false, remediate.RefusedGone
	case policies.TargetUnknown:
		unknown(a, "the test says that it is not known")
	case policies.TargetChanged:
		a.Values[remediate.ValueTemplate] = nextTemplate
	case policies.TargetRestarted:
		a.Values[remediate.ValueTemplate] = firstTemplate + ".r1"
	case policies.TargetRecreated:
		a.Values[remediate.ValueUID] = nextUID
	}
	if a.Values[remediate.ValueRefused] != "" {
		a.OK = false
	}
}

// ownerOf takes the two random parts off a pod's name, or the one that there is.
func ownerOf(pod string) string {
	parts := strings.Split(pod, "-")
	return strings.Join(parts[:max(1, len(parts)-2)], "-")
}

// cluster says how the cluster itself is.
func (w *world) cluster(a *remediate.Answer) {
	if w.says.Cluster["is"] == remediate.Unknown {
		unknown(a, "the test says that it is not known")
		return
	}
	a.Values = map[string]string{
		remediate.ValueNodes: "3", remediate.ValueNodesReady: "3", remediate.ValueControlPlane: remediate.ControlPlaneReady,
	}
	maps.Copy(a.Values, w.says.Cluster)
	delete(a.Values, "is")
}

// query says what a query of a guard or of a severity is.
func (w *world) query(a *remediate.Answer, q remediate.Question) {
	query, m, said := w.measured(q)
	switch {
	case !said:
		unknown(a, fmt.Sprintf("the test does not say what it is: add queries: {%q: 1} to its world", query))
	case !m.Known:
		unknown(a, "the test says that it is not known")
	default:
		a.Values[remediate.ValueNumber] = strconv.FormatFloat(m.Value, 'g', -1, 64)
		a.Text = query + " is " + a.Values[remediate.ValueNumber]
	}
}

// measured is what the test says of the query that a question asks, now; false
// when it says nothing of it.
func (w *world) measured(q remediate.Question) (query string, m policies.Measured, said bool) {
	var args struct{ Query string }
	if err := json.Unmarshal(q.Args, &args); err != nil {
		return "", m, false // that arguments can be read was seen when the policy was
	}
	if m, said = w.says.Queries[args.Query]; m.IsAgo {
		m.Value = float64(w.life.Now.Add(-m.Ago).UnixMilli()) / 1000
	}
	return args.Query, m, said
}

// check is what is seen when a check of a verification looks, and how long after
// an act it is well. Of PromQL of which the test says the value, its bounds decide.
func (w *world) check(q remediate.Question) (a remediate.Answer, after time.Duration) {
	a = remediate.Answer{Kind: q.Kind, OK: true, Text: "well"}
	how := w.says.Kinds[q.Kind]
	if cmp.Or(how.Outcome, remediate.OK) != remediate.OK {
		a.OK, a.Text = false, cmp.Or(how.Why, "as the test says")
		return a, how.After
	}
	if q.Kind != "promql" || w.judge == nil || len(w.says.Queries) == 0 {
		return a, how.After
	}
	switch _, m, said := w.measured(q); {
	case !said:
	case !m.Known:
		a.OK, a.Text = false, "the test says that it is not known"
	default:
		a.OK, a.Text = w.judge(q.Kind, q.Args, m.Value)
	}
	return a, how.After
}

func unknown(a *remediate.Answer, why string) { a.OK, a.Err = false, why }

// verify samples a verification, or whatever else asks whether it is well, as a
// prober would: at once and then every so often, until it has held for as long
// as it must, or its time is over.
func (w *world) verify(s remediate.Started) {
	v := &verification{world: w, ask: *s.Ask, began: w.life.Now}
	var look func() (remediate.Result, bool)
	look = func() (remediate.Result, bool) {
		r, ended, next := v.sample()
		if !ended {
			w.life.Answer(next, s, look)
		}
		return r, ended
	}
	w.life.Answer(w.life.Now, s, look)
}

// verification is one that is under way.
type verification struct {
	world   *world
	ask     remediate.Ask
	began   time.Time
	first   time.Time // the first good sample of the run, zero when the last was bad
	samples int
}

// sample looks once. It says when to look again, unless it has ended.
func (v *verification) sample() (r remediate.Result, ended bool, next time.Time) {
	now := v.world.life.Now
	v.samples++
	r = remediate.Result{Samples: v.samples}
	bad, slow := "", time.Duration(0)
	for _, q := range v.ask.Questions {
		a, after := v.world.check(q)
		if !a.OK {
			bad = q.Kind + ": " + a.Text
		}
		slow = max(slow, after)
		r.Answers = append(r.Answers, a)
	}
	switch {
	case bad != "":
		v.first = time.Time{}
	case (v.ask.Purpose == remediate.ForVerification || v.ask.Purpose == remediate.ForGoingOn) && now.Sub(v.began) < slow:
		bad, v.first = "not well yet", time.Time{}
	case v.first.IsZero():
		v.first = now
	}
	r.FirstGood = v.first
	over := v.began.Add(time.Duration(v.ask.Within))
	next = now.Add(max(time.Duration(v.ask.Every), time.Millisecond))
	switch {
	case !v.first.IsZero() && now.Sub(v.first) >= time.Duration(v.ask.Hold):
		r.Outcome, r.Text = remediate.OK, "held for "+now.Sub(v.first).String()
		return r, true, next
	case v.ask.Within > 0 && next.After(over) && !now.Before(over):
		r.Outcome, r.Text = remediate.Failed, fmt.Sprintf("not within %s: %s", v.ask.Within, cmp.Or(bad, "held too short"))
		return r, true, next
	case v.ask.Within > 0 && next.After(over):
		next = over
	}
	return r, false, next
}
