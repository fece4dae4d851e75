package remediate

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"
)

// view is what the guards look at when they judge one step of one incident.
type view struct {
	h    *handler
	i    *Incident
	p    *Policy // as it was when the incident was opened
	step int

	// What the world answered: asked is false while it was not asked, and the
	// guards say what can be said without.
	asked   bool
	alert   Answer
	sights  map[Target]sight  // what was seen of each object that was asked about
	answers map[string]Answer // to all other questions, by questionKey
}

// sight is an object as it was seen: for an owner, the one that was found to be
// meant.
type sight struct {
	Target
	Answer
}

// guard answers whether acting may be done now, always with its reason.
type guard struct {
	name  string
	judge func(*view) Verdict
}

// cheapGuards can say something without a question: they are judged first, and
// once more, together with the others, by what the world answered.
var cheapGuards = []guard{
	{"paused", paused},
	{"mode", mode},
	{"journal", journal},
	{"takeover", takeover},
	{"silenced", silenced},
	{"window", window},
	{"storm", storm},
	{"depends", depends},
	{"busy", busy},
	{"settle", settle},
	{"cooldown", cooldown},
	{"attempts", attemptsLeft},
	{"flapping", flapping},
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
	{"moved", moved},
	{"healthy", healthy},
	{"backup", backup},
}

// judge asks each guard, by the policy as it was when the incident was opened
// and, when its numbers are others by now, as it is: the stricter one holds.
// What a human overrides passes.
func (v *view) judge(guards []guard) []Verdict {
	out := make([]Verdict, 0, len(guards)+len(askingGuards)+1)
	now := v.ruledNow()
	for _, g := range guards {
		verdict := g.judge(v)
		if now != nil {
			verdict = stricter(verdict, g.judge(now))
		}
		verdict.Guard = g.name
		out = append(out, v.overridden(verdict))
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
	v.asked, v.answers, v.sights = true, map[string]Answer{}, map[Target]sight{}
	v.alert = Answer{Err: "no answer"}
	for k, q := range v.i.Questions {
		if k >= len(v.i.Answers) {
			break
		}
		a := v.i.Answers[k]
		switch q.Kind {
		case "alert":
			v.alert = a
		case "workload":
			v.sights[q.Target] = sightOf(q.Target, a)
		default:
			v.answers[questionKey(q.Kind, q.Args)] = a
		}
	}
}

// sightOf is what an answer says of an object that was asked about.
func sightOf(asked Target, a Answer) sight {
	s := sight{asked, a}
	var found Target
	if t := a.Values[ValueTarget]; t != "" && found.UnmarshalText([]byte(t)) == nil {
		s.Target = found
	}
	return s
}

// own is what was seen of the policy's own target.
func (v *view) own() sight { return v.of(v.i.Target) }

// sight is what was seen of the target that an act names for itself, or of the
// policy's own where it names none.
func (v *view) sight(template string) sight {
	t, err := otherTarget(v.i.Target, template, v.i.Alert.Labels)
	if err != nil {
		return sight{Answer: Answer{Err: err.Error()}} // cannot be: it was filled in when the incident was opened
	}
	return v.of(t)
}

// of is what was seen of an object; it is an error when nothing was.
func (v *view) of(t Target) sight {
	if s, ok := v.sights[t]; ok {
		return s
	}
	return sight{t, Answer{Kind: "workload", Err: "no answer"}}
}

// all is what is known of all objects that the step acts on, the policy's own
// target first.
func (v *view) all() []sight {
	var out []sight
	for _, t := range v.h.objects(v.i) {
		out = append(out, v.of(t))
	}
	return out
}

// questionKey tells one question of an ask from another.
func questionKey(kind string, args json.RawMessage) string { return kind + " " + string(args) }

// answer is what was answered to a question; it is an error when it was not.
func (v *view) answer(kind string, args json.RawMessage) Answer {
	if a, ok := v.answers[questionKey(kind, args)]; ok {
		return a
	}
	return Answer{Kind: kind, Err: "no answer"}
}

// soon is when to ask again what could not be answered, or what was answered
// badly: after first, and the longer the trouble lasts, the less often.
func (v *view) soon(first time.Duration) time.Time {
	return v.h.now.Add(patience(first, v.h.now.Sub(v.i.Since)))
}

// patience is how long to wait before something is asked again in trouble that
// has lasted so long.
func patience(first, lasted time.Duration) time.Duration {
	return min(max(first, lasted/8), askAgainMost).Truncate(time.Second)
}

// targetNow is the target as it is known when the guard is judged.
func (v *view) targetNow() Target { return v.own().Target }

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

// overridable are the guards that a human may let pass, in an emergency. The
// others stand for what no human can know better from afar (which object it
// is, whether the alert fires, whether what is done is remembered), or have a
// word of their own (resume, run, approve, a policy's mode).
var overridable = []string{
	"silenced", "window", "storm", "depends", "settle", "cooldown", "attempts", "flapping", "budget", "breaker", "healthy", "backup",
}

// Overridable tells whether a guard stands in the way that a human may let pass.
func (v Verdict) Overridable() bool {
	return strictness[v.Decision] >= strictness[Waiting] && slices.Contains(overridable, v.Guard)
}

// overrideHolds is how long an override waits for its attempt.
const overrideHolds = 10 * time.Minute

// override returns the human's word by which a guard passes, nil when there is
// none.
func (v *view) override(guard string) *Overriding {
	for k, o := range v.i.Overrides {
		if o.Guard == guard && v.h.now.Sub(o.At) <= overrideHolds {
			return &v.i.Overrides[k]
		}
	}
	return nil
}

// overridden lets a guard pass that a human overrode.
func (v *view) overridden(verdict Verdict) Verdict {
	o := v.override(verdict.Guard)
	if o == nil || strictness[verdict.Decision] < strictness[Waiting] {
		return verdict
	}
	passed := allow("overridden by %s: %s; it said: %s, %s", o.By, o.Reason, verdict.Decision, verdict.Reason)
	passed.Guard = verdict.Guard
	return passed
}
