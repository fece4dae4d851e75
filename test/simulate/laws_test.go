package simulate

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	. "github.com/x0tta6bl4/remediated/remediate"
)

var (
	db      = Target{Cluster: cluster, Kind: "deployment", Namespace: "shop", Name: "db"}
	oneStep = []Step{{Name: "s", Do: []Do{{Kind: "restart"}}}}
	kept    = []Step{{Name: "s", Do: []Do{{Kind: "restart"}}, Evidence: true}}
	pair    = []Step{{Name: "s", Do: []Do{{Kind: "restart"}}, Approval: &ApprovalBy{People: 2, Within: minutes(10)}}}
	looking = []Step{{Name: "s", Do: []Do{{Kind: "cordon", Verify: &Verify{All: []Check{{Kind: "rollout"}}, Within: minutes(1)}}, {Kind: "restart"}}}}
	two     = []Step{{Name: "s", Do: []Do{{Kind: "cordon"}, {Kind: "restart"}}}, {Name: "t", Do: []Do{{Kind: "restart"}}}}
	// rules are those of the hand-made runs.
	rules = compiled(&Rulebook{
		Cluster: cluster, Runbooks: DefaultRunbooks(), Budget: []Budget{{Actions: 2, Per: minutes(60)}},
		Policies: []Policy{
			{Name: "p", When: []string{`alertname="A"`}, Severity: P1, Mode: ModeAct, Steps: oneStep, Guards: Guards{
				Budget: []Budget{{Actions: 1, Per: minutes(1)}}, Breaker: Breaker{Failures: 1, Reset: minutes(10)}}},
			{Name: "two", When: []string{`alertname="B"`}, Severity: P2, Mode: ModeAct, Steps: two},
			{Name: "pair", When: []string{`alertname="I"`}, Severity: P2, Mode: ModeAct, Steps: pair},
			{Name: "looking", When: []string{`alertname="J"`}, Severity: P2, Mode: ModeAct, Steps: looking},
			{Name: "careful", When: []string{`alertname="C"`}, Severity: P2, Mode: ModeApprove, Steps: oneStep},
			{Name: "shy", When: []string{`alertname="D"`}, Severity: P1, Mode: ModeObserve, Steps: oneStep},
			{Name: "cool", When: []string{`alertname="E"`}, Severity: P3, Mode: ModeAct, Steps: oneStep, Guards: Guards{
				Cooldown: minutes(10), Healthy: &Healthy{Query: "floor", Min: 0.5, Available: 1}}},
			{Name: "strict", When: []string{`alertname="F"`}, Severity: P3, Mode: ModeAct, Steps: oneStep, Guards: Guards{
				Healthy: &Healthy{Ready: 0.5, Headroom: true, Nodes: 0.7, ControlPlane: true}, Backup: &Backup{Newest: "backup", Max: minutes(60)}}},
			{Name: "leaf", When: []string{`alertname="G"`}, Severity: P3, Mode: ModeAct, Steps: kept, Guards: Guards{Depends: []Dependency{{Policy: "two"}}}},
		},
	})
	// fewer is another rulebook, without any of its policies.
	fewer = compiled(&Rulebook{Cluster: cluster, Runbooks: DefaultRunbooks()})
)

// run is made by hand: bodies, and durations that go by between them.
type run []any

var (
	alert  = Alert{Labels: LabelsOf(map[string]string{"alertname": "A"})}
	id     = IdentityOf(alert.Labels, nil)
	fires  = AlertFiring{ID: id, Alert: alert}
	loaded = RulebookLoaded{Digest: rules.Digest()}
	hour   = time.Hour
)

var again = AlertFiring{ID: id, Alert: alert, Found: true}

func opened(n uint64, policy string) Opened {
	p := rules.Policy(policy)
	return Opened{Incident: n, Policy: policy, Rulebook: rules.Digest(), Alert: id, Key: policy, Severity: p.Severity, Target: db}
}

func approves(by string) CommandGiven {
	return CommandGiven{Command: Approve, Incident: 1, By: by, Plan: "abcdef"}
}

func asks(name string, n uint64, purpose string) Started {
	return Started{ID: name, Incident: n, Deadline: epoch.Add(24 * hour), Ask: &Ask{Purpose: purpose, Questions: []Question{{Kind: "alert"}, {Kind: "workload"}, {Kind: "promql", Args: []byte(`{"query":"floor"}`)},
		{Kind: "cluster"}, {Kind: "promql", Args: []byte(`{"query":"backup"}`)}}}}
}

func does(name string, n uint64, index int) Started {
	a := planned(2).Acts[index]
	a.Attempt = name[:2]
	return Started{ID: name, Incident: n, Deadline: epoch.Add(24 * hour), Act: &a}
}

func planned(acts int) *Plan {
	return &Plan{Acts: []Act{{Kind: "restart", Target: db, UID: "u", Index: 0}, {Kind: "restart", Target: db, UID: "u", Index: 1}}[:acts]}
}

func tells(name, action string) Started {
	return Started{ID: name, Incident: 1, Deadline: epoch.Add(24 * hour), Tell: &Tell{Destination: "pagerduty/oncall", Notice: Notice{Action: action}}}
}

func calls(rung string) Escalated { return Escalated{Incident: 1, Tell: rung} }

func shows(name string) Started {
	return Started{ID: name, Incident: 1, Deadline: epoch.Add(24 * hour), Tell: &Tell{Destination: Slack, Notice: Notice{Action: "show"}}}
}

func drill(n uint64) Opened {
	b := opened(n, "p")
	b.Drill = "d1"
	return b
}

func practised(name string) Started {
	b := shows(name)
	b.Tell.Notice.Drill = "d1"
	return b
}

func announced(page bool) CommandGiven {
	return CommandGiven{Command: LiveDrill, By: "anna", Scope: "policy/p", Value: "1m", Labels: LabelsOf(map[string]string{DrillLabel: "l1"}), Page: page}
}

// live is an incident that a live drill was announced for.
func live(n uint64) Opened {
	b := opened(n, "p")
	b.Live = "l1"
	return b
}

func showsLive(name string) Started {
	b := shows(name)
	b.Tell.Notice.Live = "l1"
	return b
}

func ends(name string, n uint64, outcome string) Finished {
	return Finished{ID: name, Incident: n, Result: Result{Outcome: outcome}}
}

func by(command string) CommandGiven { return CommandGiven{Command: command, By: "anna", Incident: 1} }

// seen are answers that let act, but for what is changed in them.
func seen(name string, n uint64, change func([]Answer)) Finished {
	f := ends(name, n, OK)
	f.Answers = []Answer{
		{Kind: "alert", Values: map[string]string{ValueState: AlertStateFiring}},
		{Kind: "workload", Values: map[string]string{ValueUID: "u", ValueAvailable: "1", ValueReplicas: "2", ValueHeadroom: "1"}},
		{Kind: "promql", Values: map[string]string{ValueNumber: "1"}},
		{Kind: "cluster", Values: map[string]string{ValueNodes: "10", ValueNodesReady: "7", ValueControlPlane: ControlPlaneReady}},
		{Kind: "promql", Values: map[string]string{ValueNumber: strconv.FormatInt(epoch.Unix(), 10)}},
	}
	if change != nil {
		change(f.Answers)
	}
	return f
}

// allowed is a judgement in which every guard allows, but for those named.
func allowed(n uint64, acts int, but ...string) Judged {
	j := Judged{Incident: n, Decision: Allowed, Plan: planned(acts), Hash: "abcdef"}
	for _, g := range AllGuards {
		if !slices.Contains(but, g) {
			j.Verdicts = append(j.Verdicts, Verdict{Guard: g, Decision: Allowed, Reason: "fine"})
		}
	}
	return j
}

// lets is a judgement in which a human's word lets one guard pass.
func lets(n uint64, guard string) Judged {
	j := allowed(n, 1, guard)
	j.Verdicts = append(j.Verdicts, Verdict{Guard: guard, Decision: Allowed, Reason: "overridden by anna: it must be"})
	return j
}

// begin is how an attempt of policy begins, up to and without the act.
func begin(policy string, n uint64, acts int) run {
	f := fires
	f.Alert = Alert{Labels: LabelsOf(map[string]string{"alertname": strings.Split(rules.Policy(policy).When[0], `"`)[1]})}
	return run{loaded, f, opened(n, policy), asks("q1", n, ForGuards), seen("q1", n, nil), allowed(n, acts)}
}

// attempt is a whole one, that ended with this verification.
func attempt(policy string, outcome string) run {
	return append(begin(policy, 1, 1), does("a1", 1, 0), ends("a1", 1, OK), asks("v1", 1, ForVerification), ends("v1", 1, outcome))
}

// and joins runs.
func and(r run, more ...any) run { return append(slices.Clone(r), more...) }

// breaking are runs that break each law.
var breaking = map[string][]run{
	"facts are in order": {{fires, -hour, AlertResolved{ID: id}}},
	"what fires is written once, and so is its end": {
		{fires, fires}, {fires, again}, {AlertResolved{ID: id}}, {AlertSuppressed{ID: id, By: []string{"s"}}}, {fires, AlertReleased{ID: id}},
	},
	"every alert that a policy matches opens or joins an incident, at once": {{loaded, fires, hour}, {loaded, fires, fires}},
	"one key, one open incident": {
		{loaded, fires, opened(1, "p"), opened(2, "p")}, {fires, opened(2, "p")}, {opened(1, "p")}, {fires, Joined{Incident: 1, Alert: id}},
	},
	"who leaves was there, and the rest is counted": {
		{fires, opened(1, "p"), Left{Incident: 1, Alert: id, Firing: 1}}, {fires, opened(1, "p"), Left{Incident: 1}},
	},
	"a name is given once":                  {and(begin("p", 1, 1), asks("q1", 1, ForGuards))},
	"what is started finishes at most once": {and(begin("p", 1, 1), ends("q1", 1, OK)), {ends("x", 1, OK)}, {Delayed{ID: "x"}}},
	"what is begun is given the time that it needs": {
		{fires, opened(1, "p"), late(asks("q1", 1, ForGuards))},
		{fires, opened(1, "p"), Started{ID: "q1", Incident: 1, Deadline: epoch.Add(time.Second), Ask: &Ask{Within: seconds(2)}}},
	},
	"an incident ends when its alerts did or a human says so, and not in the middle of an attempt": {
		and(begin("p", 1, 1), does("a1", 1, 0), by(Close), Closed{Incident: 1}), {fires, opened(1, "p"), Closed{Incident: 1}},
		{fires, drill(1), Closed{Incident: 1}}, {fires, drill(1), opened(2, "strict"), Closed{Incident: 1}},
	},
	"closed is closed, and filed is gone": {
		{fires, opened(1, "p"), Closed{Incident: 1}, asks("q", 1, ForGuards)}, {fires, opened(1, "p"), Filed{Incident: 1}},
		{fires, opened(1, "p"), Closed{Incident: 1}, Filed{Incident: 1}, Closed{Incident: 1}},
		{fires, opened(1, "p"), tells("t", "trigger"), Closed{Incident: 1}, Filed{Incident: 1}},
		{fires, opened(1, "p"), Closed{Incident: 1}, Healed{Incident: 1}},
		{fires, opened(1, "p"), Closed{Incident: 1}, by(Ack)}, {fires, CommandGiven{Command: Note, By: "anna", Incident: 1}},
	},
	"healed is what was verified, reopened what was healed, exhausted what failed to the last step": {
		{fires, opened(1, "p"), Healed{Incident: 1}}, {fires, opened(1, "p"), Reopened{Incident: 1}}, {fires, opened(1, "p"), Exhausted{Incident: 1}},
		and(attempt("p", Failed), Healed{Incident: 1}), and(attempt("two", Failed), Exhausted{Incident: 1}),
	},
	"what was healed and is no longer is reopened, at once": {and(attempt("p", OK), Healed{Incident: 1}, asks("q2", 1, ForProbingOn), ends("q2", 1, Failed), time.Second)},
	"what is said to stand in the way does": {
		says("paused"), says("takeover"), says("silenced"), says("busy"), says("settle"), says("cooldown"), says("breaker"),
	},
	"every guard allows an attempt, in the moment in which it begins": {
		and(begin("p", 1, 1), time.Second, does("a1", 1, 0)),
		and(begin("p", 1, 1), allowed(1, 1, "busy"), does("a1", 1, 0)),
		and(begin("p", 1, 1), Judged{Incident: 1, Decision: Denied, Verdicts: allowed(1, 1).Verdicts}, does("a1", 1, 0)),
	},
	"what is done is what was planned": {and(begin("p", 1, 1), does("a1", 1, 1)), and(begin("p", 1, 1), Started{ID: "a1", Incident: 1, Act: &Act{Kind: "rm"}})},
	"one attempt at a time works on a target, until its verification has ended": {
		append(and(begin("p", 1, 1), does("a1", 1, 0), ends("a1", 1, OK)), and(begin("two", 2, 1)[2:], does("b1", 2, 0))...),
		and(begin("two", 1, 2), does("a1", 1, 0), does("a1-2", 1, 1)),
		and(begin("two", 1, 2), does("a1", 1, 0), ends("a1", 1, OK), does("b1-2", 1, 1)),
		and(begin("p", 1, 1), does("a1", 1, 0), ends("a1", 1, OK), does("a2", 1, 0)),
	},
	"what was done is looked at before anything else is decided": {
		and(begin("p", 1, 1), does("a1", 1, 0), ends("a1", 1, Unknown), allowed(1, 1)),
		and(begin("two", 1, 2), does("a1", 1, 0), ends("a1", 1, Unknown), does("a1-2", 1, 1)),
		and(begin("p", 1, 1), does("a1", 1, 0), ends("a1", 1, OK), asks("v1", 1, ForVerification), ends("v1", 1, Unknown), allowed(1, 1)),
	},
	"the next remedy follows one that did not help": {
		and(begin("two", 1, 1), Judged{Incident: 1, Step: 1}), and(attempt("two", Failed), Judged{Incident: 1, Step: 0}),
	},
	"no more attempts in any window than the budgets allow": {
		and(attempt("p", OK), 59*time.Second, does("a2", 1, 0)),
		and(attempt("p", OK), 10*time.Minute, does("a2", 1, 0), 40*time.Minute, does("a3", 1, 0)),
	},
	"no attempt while its breaker is open": {and(attempt("p", Failed), 9*time.Minute, does("a2", 1, 0))},
	"the breaker is written down as verifications ended": {
		and(attempt("p", Failed), BreakerCounted{Incident: 1, Breaker: "p on " + db.String(), Success: true}),
		and(attempt("p", Failed), BreakerCounted{Incident: 1, Breaker: "p on " + db.String(), State: "closed"}),
	},
	"nothing is done where it is paused": {
		and(begin("p", 1, 1), CommandGiven{Command: Pause, Scope: "all"}, does("a1", 1, 0)),
		and(begin("p", 1, 1), CommandGiven{Command: Pause, Scope: "policy/p"}, does("a1", 1, 0)),
		and(begin("p", 1, 1), CommandGiven{Command: Pause, Scope: "namespace/shop"}, does("a1", 1, 0)),
	},
	"a pause lasts until it is resumed, or until its end and no longer": {
		{loaded, CommandGiven{Command: Pause, Scope: "all"}, PauseEnded{Scope: "all"}},
		{loaded, PauseEnded{Scope: "all"}},
		{loaded, CommandGiven{Command: Pause, Scope: "all", Until: epoch.Add(time.Hour)}, PauseEnded{Scope: "all"}},
		and(begin("p", 1, 1), CommandGiven{Command: Pause, Scope: "policy/p", Until: epoch.Add(time.Minute)}, time.Hour, Judged{Incident: 1, Decision: Denied}),
	},
	"nothing is done for alerts that are all silenced": {and(begin("p", 1, 1), AlertSuppressed{ID: id, By: []string{"s"}}, does("a1", 1, 0))},
	"a human's no holds until a human says otherwise":  {and(begin("p", 1, 1), by(TakeOver), does("a1", 1, 0)), and(begin("p", 1, 1), by(Deny), does("a1", 1, 0))},
	"who only observes, only lists or only tells does not act": {
		and(begin("shy", 1, 1), does("a1", 1, 0)),
		and(begin("p", 1, 1), CommandGiven{Command: SetMode, Scope: "all", Value: "observe"}, does("a1", 1, 0)),
		and(begin("p", 1, 1), RulebookLoaded{Digest: fewer.Digest()}, does("a1", 1, 0)),
		and(begin("p", 1, 1), Upgraded{To: "2", Held: true}, does("a1", 1, 0)),
		and(begin("p", 1, 1), Upgraded{To: "2", Held: true}, Compared{Release: "2", Changed: 1, Lifts: true}, does("a1", 1, 0)),
		and(begin("p", 1, 1), Upgraded{To: "2", Held: true}, Compared{Release: "2", Why: "lost", Lifts: true}, does("a1", 1, 0)),
		and(begin("p", 1, 1), Upgraded{To: "2", Held: true}, CommandGiven{Command: Accept, Value: "1"}, does("a1", 1, 0)),
		{loaded, fires, found(1), does("a1", 1, 0)},
		{loaded, fires, toldOnly(1), does("a1", 1, 0)},
		{loaded, fires, drill(1), Judged{Incident: 1, Decision: Allowed, Plan: planned(1)}, does("a1", 1, 0)},
		sees("p", func(a []Answer) { a[1].Values[ValueMode] = "observe" }), sees("p", func(a []Answer) { a[1].Values[ValueNamespaceMode] = "perhaps" }),
	},
	"nothing is begun for an alert that does not fire": {and(begin("p", 1, 1), Left{Incident: 1, Alert: id}, does("a1", 1, 0))},
	"what needs a human was approved: that plan, in time, for one attempt": {
		and(begin("careful", 1, 1), does("a1", 1, 0)), sees("p", func(a []Answer) { a[1].Values[ValueMode] = "approve" }),
		and(begin("careful", 1, 1), CommandGiven{Command: Approve, Incident: 1, Plan: "ffffff"}, does("a1", 1, 0)),
		and(begin("careful", 1, 1), CommandGiven{Command: Approve, Incident: 1, Plan: "abcdef"}, hour, does("a1", 1, 0)),
		and(begin("careful", 1, 1), CommandGiven{Command: Approve, Incident: 1, Plan: "abcdef"}, does("a1", 1, 0), ends("a1", 1, Failed), does("a2", 1, 0)),
		and(begin("pair", 1, 1), approves("anna"), does("a1", 1, 0)), and(begin("pair", 1, 1), approves("anna"), approves("anna"), does("a1", 1, 0)),
		and(begin("pair", 1, 1), approves("anna"), hour, approves("bob"), does("a1", 1, 0)),
		and(begin("pair", 1, 1), approves("anna"), CommandGiven{Command: Deny, Incident: 1}, approves("bob"), does("a1", 1, 0)),
	},
	"an act that counts on the one before begins when that was seen": {
		and(begin("looking", 1, 2), does("a1", 1, 0), ends("a1", 1, OK), does("a1-2", 1, 1)),
		and(begin("looking", 1, 2), does("a1", 1, 0), ends("a1", 1, OK), asks("q9", 1, ForGoingOn), ends("q9", 1, Failed), does("a1-2", 1, 1)),
		and(begin("looking", 1, 2), does("a1", 1, 0), ends("a1", 1, OK), asks("q9", 1, ForGoingOn), ends("q9", 1, Unknown), does("a1-2", 1, 1)),
	},
	"what is acted on was seen within two seconds, under the rules that govern": {
		and(begin("p", 1, 1), 3*time.Second, does("a1", 1, 0)), {loaded, fires, opened(1, "p"), does("a1", 1, 0)},
		and(begin("p", 1, 1), RulebookLoaded{Digest: fewer.Digest()}, does("a1", 1, 0)),
		{loaded, fires, opened(1, "p"), asks("q1", 1, ForGuards), ends("q1", 1, Unknown), allowed(1, 1), does("a1", 1, 0)},
	},
	"what was seen lets act": {
		sees("p", func(a []Answer) { a[0].Values[ValueState] = AlertStateGone }), sees("p", func(a []Answer) { a[1].Values[ValueUID] = "v" }),
		sees("p", func(a []Answer) { a[1].Values[ValueRefused] = "no" }), sees("cool", func(a []Answer) { a[1].Values[ValueAvailable] = "0" }),
		sees("cool", func(a []Answer) { a[2].Values[ValueNumber] = "0.4" }), sees("cool", func(a []Answer) { a[2].Values[ValueNumber] = "NaN" }),
		sees("cool", func(a []Answer) { a[2].Values[ValueNumber] = "" }),
		sees("strict", func(a []Answer) { a[1].Values[ValueAvailable] = "0" }), sees("strict", func(a []Answer) { a[1].Values[ValueHeadroom] = "0" }),
		sees("strict", func(a []Answer) { a[3].Values[ValueNodesReady] = "6" }), sees("strict", func(a []Answer) { a[3].Values[ValueControlPlane] = "etcd" }),
		sees("strict", func(a []Answer) { a[4].Values[ValueNumber] = "1" }), sees("strict", func(a []Answer) { delete(a[4].Values, ValueNumber) }),
	},
	"what was half done is taken back before anything is begun": {and(begin("two", 1, 2), undoable(), does("a1", 1, 0), ends("a1", 1, OK),
		does("a1-2", 1, 1), ends("a1-2", 1, Failed), does("a2", 1, 0))},
	"a step that asks for evidence has it gathered for each attempt": {
		and(begin("leaf", 1, 1), does("a1", 1, 0)),
		and(begin("leaf", 1, 1), asks("e1", 1, ForEvidence), does("a1", 1, 0), ends("a1", 1, Failed), does("a2", 1, 0)),
	},
	"nobody tries for ever: so many attempts, and so many healings of one target": {
		and(begin("p", 1, 1), append(times(DefaultAttempts, does("a1", 1, 0), ends("a1", 1, Failed)), does("a2", 1, 0))...),
		and(begin("p", 1, 1), append(times(DefaultFlapping().Heals, does("a1", 1, 0), Healed{Incident: 1, Attempt: "a1"}, Reopened{Incident: 1}), by(Run), does("a2", 1, 0))...),
	},
	"roots are healed, and leaves wait; in a storm all wait but roots": {
		{loaded, fires, opened(1, "two"), opened(2, "leaf"), does("b1", 2, 0)},
		{loaded, fires, Opened{Incident: 1, Policy: StormPolicy, Rulebook: rules.Digest(), Alert: id}, opened(2, "p"), does("b1", 2, 0)},
	},
	"a while lies between attempts, and between incidents on one target": {
		and(attempt("two", Failed), 9*time.Second, does("a2", 1, 0)),
		append(and(attempt("p", OK), 9*time.Minute), and(begin("cool", 2, 1)[2:], does("b1", 2, 0))...),
	},
	"an override lets one guard pass, for one attempt": {
		and(begin("p", 1, 1), lets(1, "budget")),
		and(begin("p", 1, 1), overrides("breaker"), lets(1, "budget")),
		and(begin("p", 1, 1), overrides("budget"), lets(1, "budget"), does("a1", 1, 0), ends("a1", 1, Failed), lets(1, "budget")),
	},
	"whoever must hear of it is called in time": {
		{loaded, fires, opened(1, "p"), 10 * time.Second},
		{loaded, fires, opened(1, "p"), Escalated{Incident: 1, Tell: "oncall"}, 6 * time.Minute},
		{loaded, fires, opened(1, "two"), 6 * time.Minute},
		{loaded, fires, opened(1, "two"), Judged{Incident: 1, Decision: Denied}, time.Minute},
		{loaded, announced(false), fires, live(1), 2 * time.Minute}, {loaded, announced(true), fires, live(1), time.Minute},
		{loaded, announced(false), fires, live(1), CommandGiven{Command: EndDrill, By: "anna", Scope: "policy/p"}, time.Minute},
	},
	"nobody is called too early, or for what needs nobody": {
		{loaded, fires, opened(1, "two"), Escalated{Incident: 1, Tell: "oncall"}},
		{loaded, fires, opened(1, "p"), Escalated{Incident: 1, Tell: "director"}},
		{loaded, fires, opened(1, "p"), by(Ack), Escalated{Incident: 1, Tell: "oncall"}},
		{loaded, fires, opened(1, "p"), Escalated{Incident: 1, Tell: "oncall"}, Escalated{Incident: 1, Rung: 1, Tell: "manager"}},
		{loaded, fires, opened(1, "p"), AlertSuppressed{ID: id, By: []string{"s1"}}, Escalated{Incident: 1, Tell: "oncall"}},
		{loaded, announced(false), fires, live(1), Escalated{Incident: 1, Tell: "oncall"}},
	},
	"who is called is told": {{loaded, fires, opened(1, "p"), Escalated{Incident: 1, Tell: "oncall"}, 2 * time.Minute}},
	"each call has a key of its own, and nobody is called who need not be": {
		{loaded, fires, opened(1, "p"), tells("t1", "trigger")},
		{loaded, fires, opened(1, "p"), calls("oncall"), by(Ack), tells("t1", "trigger")},
		{loaded, fires, opened(1, "p"), calls("oncall"), calls("manager"), tells("t1", "trigger")},
		{loaded, fires, opened(1, "p"), calls("oncall"), tells("t1", "trigger"), ends("t1", 1, OK), calls("manager"), calls("oncall"), tells("t2", "trigger")},
	},
	"what goes on is said, and that its objective is missed": {
		{loaded, fires, opened(1, "p"), shows("t1"), ends("t1", 1, OK), 6 * time.Minute},
		{loaded, fires, opened(1, "p"), shows("t1"), ends("t1", 1, OK), 30 * time.Minute, Updated{Incident: 1}, time.Minute},
	},
	"an incident only gets worse, unless a human says how bad it is": {
		{loaded, fires, opened(1, "p"), Rated{Incident: 1, From: P1, To: P2}}, {loaded, fires, opened(1, "p"), Rated{Incident: 1, From: P2, To: P1}},
	},
	"at most one tell of an incident is open at a destination": {{fires, opened(1, "p"), tells("t1", "trigger"), tells("t2", "acknowledge")}},
	"nothing is triggered after its end was told":              {{fires, opened(1, "p"), tells("t1", "resolve"), ends("t1", 1, OK), tells("t2", "trigger")}},
	"a drill is shown where drills are, as a drill, and nothing else is": {
		{fires, drill(1), tells("t1", "trigger")}, {fires, drill(1), shows("t1")}, {fires, opened(1, "p"), practised("t1")},
		{announced(true), fires, live(1), shows("t1")}, {announced(true), fires, opened(1, "p"), showsLive("t1")},
	},
	"nobody practises while people are needed":               {{loaded, fires, drill(1), opened(2, "two"), time.Minute}},
	"of what only observes or was only found nobody is told": {{fires, found(1), tells("t1", "trigger")}, {fires, opened(1, "shy"), tells("t1", "trigger")}},
}

// says is a judgement in which a guard says no for no reason.
func says(guard string) run {
	return run{loaded, fires, opened(1, "p"), Judged{Incident: 1, Decision: Denied, Verdicts: []Verdict{{Guard: guard, Decision: Denied}}}}
}

// undoable is a judgement whose plan says how it is taken back.
func undoable() Judged {
	j := allowed(1, 2)
	j.Plan.Undo = []Act{{Kind: "uncordon", Target: db, Undo: true}}
	return j
}

func times(n int, what ...any) run { return slices.Repeat(run(what), n) }

func undoes(name string) Started {
	return Started{ID: name, Incident: 1, Deadline: epoch.Add(hour), Act: &Act{Attempt: name[:2], Kind: "uncordon", Target: db, Undo: true}}
}

func rates(v Severity) CommandGiven {
	c := by(Rate)
	c.Value = string(v)
	return c
}

func late(b Started) Started {
	b.Deadline = epoch
	return b
}

func found(n uint64) Opened {
	o := opened(n, "p")
	o.Found = true
	return o
}

func toldOnly(n uint64) Opened {
	o := opened(n, "p")
	o.ToldOnly = "it has no remedy"
	return o
}

func overrides(guard string) CommandGiven {
	c := by(Override)
	c.Guard = guard
	return c
}

// sees begins an attempt on answers that are changed.
func sees(policy string, change func([]Answer)) run {
	return and(begin(policy, 1, 1)[:4], seen("q1", 1, change), allowed(1, 1), does("a1", 1, 0))
}

// held holds a hand-made run against laws.
func held(r run, laws []Law) error {
	s := newStory(Rulebooks{rules.Digest(): rules, fewer.Digest(): fewer})
	at, seq := epoch, uint64(0)
	for _, what := range append(r, time.Duration(0)) {
		f := Fact{At: at}
		if d, ok := what.(time.Duration); ok {
			at = at.Add(d)
			f.At = at
		} else {
			seq++
			f.Seq, f.Body = seq, what.(Body)
		}
		if err := s.judge(laws, f); err != nil {
			return err
		}
	}
	return nil
}

// TestLawsCanFail hands every law runs that break it: a law that nothing can
// break says nothing.
func TestLawsCanFail(t *testing.T) {
	for _, l := range Laws {
		if len(breaking[l.Name]) == 0 {
			t.Errorf("nothing here breaks the law %q", l.Name)
		}
		for k, r := range breaking[l.Name] {
			if held(r, []Law{l}) == nil {
				t.Errorf("law %q holds in run %d: %v", l.Name, k, r)
			}
		}
	}
	for name := range breaking {
		if !slices.ContainsFunc(Laws, func(l Law) bool { return l.Name == name }) {
			t.Errorf("there is no law %q", name)
		}
	}
}

// TestLawsHold: an incident that is healed, one that fails at every step, one
// that a human approves, and one whose guards a human lets pass break nothing.
func TestLawsHold(t *testing.T) {
	silent := func(r run) run { // nobody need be called
		return slices.Insert(slices.Clone(r), 3, any(by(Ack)))
	}
	over := func(guard string, r run) run {
		k := slices.IndexFunc(r, func(b any) bool { j, ok := b.(Judged); return ok && j.Decision == Allowed })
		r = slices.Clone(r)
		r[k] = lets(1, guard)
		return slices.Insert(r, k, any(overrides(guard)))
	}
	for name, r := range map[string]run{
		"healed":    and(silent(attempt("p", OK)), Healed{Incident: 1}, time.Minute, AlertResolved{ID: id}, Left{Incident: 1, Alert: id}, Closed{Incident: 1}, Filed{Incident: 1}),
		"exhausted": and(silent(attempt("p", Failed)), BreakerCounted{Incident: 1, Breaker: "p on " + db.String(), State: "open"}, Exhausted{Incident: 1}),
		"approved": and(silent(begin("careful", 1, 1)), Judged{Incident: 1, Decision: Approval, Plan: planned(1), Hash: "abcdef"},
			CommandGiven{Command: Approve, Incident: 1, Plan: "abcdef"}, allowed(1, 1), does("a1", 1, 0)),
		"approved by two": and(silent(begin("pair", 1, 1)), Judged{Incident: 1, Decision: Approval, Plan: planned(1), Hash: "abcdef"},
			approves("anna"), time.Second, approves("bob"), allowed(1, 1), does("a1", 1, 0)),
		"a procedure that is looked at": and(silent(begin("looking", 1, 2)), does("a1", 1, 0), ends("a1", 1, OK), asks("q9", 1, ForGoingOn), ends("q9", 1, OK), does("a1-2", 1, 1)),
		"called": {loaded, fires, opened(1, "p"), Escalated{Incident: 1, Tell: "oncall"}, tells("t1", "trigger"), 5 * time.Minute,
			Escalated{Incident: 1, Rung: 1, Tell: "manager"}, Started{ID: "t2", Incident: 1, Deadline: epoch.Add(hour), Tell: &Tell{Destination: "pagerduty/manager", Notice: Notice{Action: "trigger"}}}, by(Ack), hour},
		"a procedure": and(silent(begin("two", 1, 2)), does("a1", 1, 0), ends("a1", 1, OK), does("a1-2", 1, 1), ends("a1-2", 1, Unknown), asks("v", 1, ForVerification)),
		"a procedure taken back": and(silent(begin("two", 1, 2)), does("a1", 1, 0), ends("a1", 1, OK), does("a1-2", 1, 1), ends("a1-2", 1, Failed),
			undoes("a1-3"), ends("a1-3", 1, OK), Judged{Incident: 1, Step: 1, Decision: Waiting, Verdicts: []Verdict{{Guard: "settle", Decision: Waiting}}}),
		"under strict rules": sees("strict", nil),
		"a root in a storm": and(run{loaded, AlertFiring{ID: AlertID{9}, Via: ViaOwn}, Opened{Incident: 1, Policy: StormPolicy, Rulebook: rules.Digest(), Severity: P3, Alert: AlertID{9}}},
			and(begin("two", 2, 1)[1:], does("a1", 2, 0))...),
		"rated": {loaded, fires, opened(1, "p"), by(Ack), rates(P3), Rated{Incident: 1, From: P1, To: P3}, Rated{Incident: 1, From: P3, To: P2}},
		"a pause overridden": over("paused", slices.Insert(and(silent(begin("p", 1, 1)), does("a1", 1, 0)), 4,
			any(CommandGiven{Command: Pause, Scope: "all"}))),
		"a takeover overridden": over("takeover", slices.Insert(and(silent(begin("p", 1, 1)), does("a1", 1, 0)), 4, any(by(TakeOver)))),
		"a mode overridden":     over("mode", and(silent(begin("shy", 1, 1)), does("a1", 1, 0))),
	} {
		if err := held(r, Laws); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestGuardsAreAllThereAre keeps the list of guards that an attempt must have
// been allowed by the list that the decider has.
func TestGuardsAreAllThereAre(t *testing.T) {
	has := map[string]bool{"approval": true} // it is judged by the plan, after the others
	files, err := filepath.Glob("../../remediate/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^\t\{"(\w+)", \w+\},$`).FindAllSubmatch(text, -1) {
			has[string(m[1])] = true
		}
	}
	for g := range has {
		if !slices.Contains(AllGuards, g) {
			t.Errorf("the decider has the guard %s: name it in AllGuards", g)
		}
	}
	for _, g := range AllGuards {
		if !has[g] {
			t.Errorf("the decider has no guard %s", g)
		}
	}
}
