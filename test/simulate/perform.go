package simulate

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// dealing names what is dealt with, as the world's weather does.
func dealing(s remediate.Started) string {
	switch {
	case s.Act != nil:
		return "act"
	case s.Tell != nil:
		return "tell"
	case s.Ask.Sampled():
		return "verify"
	}
	return "ask"
}

// perform carries out what was started, in the try so numbered, and hands over
// what comes of it: soon, late, twice or never.
func (w *world) perform(s remediate.Started, try int, report func(remediate.Result)) {
	d := diceFor(w.seed, s.ID+"/"+strconv.Itoa(try))
	what := dealing(s)
	takes := d.between(0, 800*time.Millisecond)
	if what != "tell" && d.chance(35) {
		takes = d.between(0, 15*time.Second)
	}
	if !d.chance(5 + w.foul[what]) {
		w.do(s, takes, report)
		return
	}
	left := max(time.Second, s.Deadline.Sub(w.now))
	switch d.IntN(8) {
	case 0: // slow
		w.do(s, d.between(time.Second, 40*time.Second), report)
	case 1: // too late
		w.do(s, left+d.between(time.Second, time.Minute), report)
	case 2: // twice
		w.do(s, takes, func(r remediate.Result) {
			report(r)
			w.in(d.between(0, 5*time.Second), func() { report(r) })
		})
	case 3: // done, and nobody hears of it
		w.do(s, takes, func(remediate.Result) {})
	case 4: // not done, and nobody hears of it
	case 5:
		w.in(takes, func() {
			report(remediate.Result{Outcome: remediate.Later, Until: w.now.Add(d.between(0, time.Minute)), Text: "429 Too Many Requests"})
		})
	case 6: // nobody knows, and it may have been done
		if d.chance(50) {
			w.do(s, takes, func(remediate.Result) {})
		}
		w.in(takes, func() { report(remediate.Result{Outcome: remediate.Unknown, Text: "connection reset"}) })
	case 7:
		outcome := remediate.Failed
		if what == "act" && d.chance(50) {
			outcome = remediate.Refused
		}
		w.in(takes, func() { report(remediate.Result{Outcome: outcome, Text: "403 Forbidden"}) })
	}
}

// do does what was started, after a while.
func (w *world) do(s remediate.Started, takes time.Duration, report func(remediate.Result)) {
	if what := dealing(s); what == "verify" {
		w.in(takes, func() { w.sample(s, w.now, report) })
		return
	}
	w.in(takes, func() {
		switch {
		case s.Act != nil:
			outcome, text := w.carryOut(s.ID, *s.Act)
			report(remediate.Result{Outcome: outcome, Text: text})
		case s.Tell != nil:
			report(remediate.Result{Outcome: remediate.OK, Ref: refOf(s)})
		default:
			r := remediate.Result{Outcome: remediate.OK}
			for k, q := range s.Ask.Questions {
				r.Answers = append(r.Answers, w.answer(diceFor(w.seed, fmt.Sprintf("%s?%d", s.ID, k)), q))
			}
			report(r)
		}
	})
}

// refOf is where a tell that arrived can be found from then on.
func refOf(s remediate.Started) string {
	if s.Tell == nil {
		return ""
	}
	return "ref-" + s.Tell.Destination
}

// sample looks whether the service works, and has worked for long enough,
// until it has or the time is over.
func (w *world) sample(s remediate.Started, begun time.Time, report func(remediate.Result)) {
	var at *service
	if len(s.Ask.Questions) > 0 {
		at = w.serviceOf(s.Ask.Questions[0].Target)
	}
	hold, end := time.Duration(s.Ask.Hold), begun.Add(time.Duration(s.Ask.Within))
	var good time.Time
	if at != nil && !at.well.IsZero() {
		good = later(begun, at.well)
	}
	switch {
	case !good.IsZero() && w.now.Sub(good) >= hold:
		report(remediate.Result{Outcome: remediate.OK, FirstGood: good, Held: s.Ask.Hold, Text: "held for " + s.Ask.Hold.String()})
	case !w.now.Before(end):
		report(remediate.Result{Outcome: remediate.Failed, Text: "http not ok: connection refused"})
	default:
		w.in(min(5*time.Second, end.Sub(w.now)), func() { w.sample(s, begun, report) })
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// answer answers one question by what truly is, unless nobody can tell.
func (w *world) answer(d dice, q remediate.Question) remediate.Answer {
	a := remediate.Answer{Kind: q.Kind, OK: true, Values: map[string]string{}}
	if d.chance(2 + w.foul["ask"]/2) {
		return remediate.Answer{Kind: q.Kind, Err: "connection refused"}
	}
	switch q.Kind {
	case "alert":
		return w.alertAnswer(q)
	case "alerts":
		a.Values[remediate.ValueCount] = strconv.Itoa(pick(d, 0, 0, 0, 1))
	case "workload":
		w.workload(&a, q)
		if d.chance(70) {
			a.Values[remediate.ValueHeadroom], a.Values[remediate.ValueBudget] = pick(d, "1", "1", "0"), "budget"
		}
		if d.chance(2) {
			delete(a.Values, remediate.ValueUID)
		}
	case "promql":
		a.Values[remediate.ValueNumber] = w.number(d, q)
	case "cluster":
		a.Values[remediate.ValueNodes], a.Values[remediate.ValueNodesReady] = "3", pick(d, "3", "3", "2")
		a.Values[remediate.ValueControlPlane] = pick(d, "ready", "ready", "ready", "etcd failed")
	case "evidence":
		a.Values[remediate.ValueDigest] = "e5b1"
	}
	return a
}

// number is mostly one that lets pass: much is up, and backups are new.
func (w *world) number(d dice, q remediate.Question) string {
	var args struct{ Query string }
	_ = json.Unmarshal(q.Args, &args) // what cannot be read is another query
	if args.Query == "backup" {
		return strconv.FormatInt(w.now.Add(-pick(d, time.Hour, time.Hour, 48*time.Hour)).Unix(), 10)
	}
	if d.chance(10 + w.foul["ask"]) {
		return pick(d, "0.2", "NaN", "")
	}
	return pick(d, "1", "0.5")
}

// alertAnswer is what the peers together say of one alert.
func (w *world) alertAnswer(q remediate.Question) remediate.Answer {
	a := remediate.Answer{Kind: "alert", OK: true, Values: map[string]string{remediate.ValueState: remediate.AlertStateGone}}
	id := remediate.IdentityOf(q.Labels, remediate.DefaultReplicaLabels())
	l := w.listing()
	for _, one := range l.Alerts {
		if remediate.IdentityOf(one.Alert.Labels, remediate.DefaultReplicaLabels()) != id {
			continue
		}
		a.Values[remediate.ValueState], a.Text = remediate.AlertStateFiring, "firing"
		if len(one.Suppressed) > 0 {
			a.Values[remediate.ValueState], a.Values[remediate.ValueSuppressedBy] = remediate.AlertStateSuppressed, one.Suppressed[0]
			return a
		}
	}
	if a.Text == "" && !l.Complete {
		return remediate.Answer{Kind: "alert", Err: "not listed, which may mean nothing: " + l.Why}
	}
	return a
}

// workload is what the cluster shows of a target.
func (w *world) workload(a *remediate.Answer, q remediate.Question) {
	s := w.serviceOf(q.Target)
	if s == nil || s.refused != "" {
		a.OK, a.Values[remediate.ValueRefused] = false, remediate.RefusedGone
		if s != nil {
			a.Values[remediate.ValueRefused] = s.refused
		}
		return
	}
	available := "0"
	if !s.well.IsZero() {
		available = "2"
	} else if s.root != nil {
		available = "1" // it runs, but its root does not
	}
	a.Text = available + " of 2 available"
	a.Values = map[string]string{
		remediate.ValueTarget: s.target().String(), remediate.ValueUID: uidOf(s), remediate.ValueTemplate: templateOf(s),
		remediate.ValueAttempt: s.attempt, remediate.ValueMode: s.mode, remediate.ValueReplicas: "2", remediate.ValueAvailable: available,
	}
}
