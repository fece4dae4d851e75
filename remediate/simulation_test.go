package remediate_test

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	. "github.com/x0tta6bl4/remediated/remediate"
)

// TestSimulation lives through random days: random rulebooks, alerts, listings
// and commands, answers that are late, repeated, lost, unknown or wrong, and
// crashes at any append, also such as lose the last batch. The laws must hold.
// It prints how to run a failure again; -rapid.checks=N lives through more.
func TestSimulation(t *testing.T) {
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "rapid.checks" })
	if !chosen {
		if err := flag.Set("rapid.checks", "40"); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = flag.Set("rapid.checks", "100") }()
	}
	if err := flag.Set("rapid.nofailfile", "true"); err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, simulate)
}

// simulation is a world that random things happen to.
type simulation struct {
	*world
	rt    *rapid.T
	books []*Rulebook
	fires map[string]Alert // what truly fires, by its labels
}

func simulate(rt *rapid.T) {
	s := &simulation{world: newWorld(rt), rt: rt, fires: map[string]Alert{}}
	for range rapid.IntRange(1, 3).Draw(rt, "rulebooks") {
		s.books = append(s.books, s.rulebook())
	}
	s.load(s.books[0])
	for n := range rapid.IntRange(5, 40).Draw(rt, "steps") {
		if n%3 == 0 {
			s.weather()
		}
		s.step()
		s.settle()
		if err := s.nobodyIsForgotten(); err != nil {
			rt.Fatalf("law %q: %v", "nobody is forgotten", err)
		}
		if n%5 == 0 {
			s.must(IndexesFit(s.state, s.world.books))
		}
	}
	s.checkLaws()
}

func pick[T any](s *simulation, label string, of ...T) T {
	return rapid.SampledFrom(of).Draw(s.rt, label)
}

// rulebook makes a few policies that overlap in alerts, targets and budgets.
func (s *simulation) rulebook() *Rulebook {
	var b strings.Builder
	b.WriteString("budget: [{actions: 9, per: 1h}]\npolicies:\n")
	for n := range rapid.IntRange(1, 3).Draw(s.rt, "policies") {
		fmt.Fprintf(&b, `- name: p%d
  when: ['%s']
  per: %s
  continue: %v
  severity: %s
  mode: %s
  target: %s
  guards: {cooldown: %s, budget: [{actions: %d, per: 30m}], breaker: {failures: %d, reset: 20m}%s}
  steps:
`, n, pick(s, "when", `alertname="A"`, `alertname=~"A|B"`, `namespace="a"`),
			pick(s, "per", "[namespace]", "[namespace, pod]", "[]"), rapid.Bool().Draw(s.rt, "continue"),
			pick(s, "severity", P1, P2, P2, P3), pick(s, "mode", ModeAct, ModeAct, ModeAct, ModeApprove, ModeObserve),
			pick(s, "target", "deployment/$namespace/db", "deployment/shop/db", "owner/$namespace/$pod", "deployment/$namespace/db", `""`),
			pick(s, "cooldown", "0s", "2m"), pick(s, "actions", 1, 3), pick(s, "failures", 1, 2),
			pick(s, "healthy", "", ", healthy: {query: up, min: 0.5}", ", healthy: {available: 1}"))
		for k := range rapid.IntRange(1, 2).Draw(s.rt, "steps of a policy") {
			fmt.Fprintf(&b, "  - {name: s%d, %sdo: %s, verify: {all: [{kind: postgres}], for: %s, within: 1m, every: 1s}}\n", k,
				pick(s, "approval", "", "", "approval: {within: 5m}, "),
				pick(s, "do", "[{kind: restart}]", "[{kind: cordon}, {kind: restart}]"), pick(s, "for", "0s", "10s"))
		}
	}
	return bookOf(s.rt, b.String())
}

// weather changes how the world answers.
func (s *simulation) weather() {
	fair := map[string]string{"ask": "ok", "act": "ok", "verify": "ok/5s", "probe": "ok", "tell": "ok", "alert": "firing", "workload": "1", "promql": "1", "lag": "ok"}
	foul := []struct {
		what string
		how  []string
	}{
		{"ask", []string{"ok/1s", "ok/40s", "silent", "later", "unknown"}},
		{"act", []string{"ok/20s", "failed", "refused/1s", "unknown", "silent", "later", "ok/3m"}},
		{"verify", []string{"ok/20s", "failed/20s", "failed/1s", "unknown/5s", "silent", "ok/2m"}},
		{"probe", []string{"failed", "unknown", "silent"}},
		{"tell", []string{"ok/5s", "failed", "later", "silent", "unknown"}},
		{"alert", []string{"gone", "suppressed", "unknown"}},
		{"workload", []string{"ok", "moved", "refused", "unknown"}},
		{"promql", []string{"0.2", "NaN", "unknown"}},
		{"lag", []string{"ok/1s", "ok/3s"}},
	}
	maps.Copy(s.set, fair)
	s.set["tell:pagerduty/oncall"] = "ok" // who is called can be called: whatever else is down
	for range pick(s, "troubles", 0, 0, 1, 1, 2, 4) {
		f := foul[rapid.IntRange(0, len(foul)-1).Draw(s.rt, "trouble")]
		s.set[f.what] = pick(s, f.what, f.how...)
	}
	s.repeats = rapid.Bool().Draw(s.rt, "repeats")
	s.loses = pick(s, "loses", false, false, false, true)
}

// step lets one thing happen.
func (s *simulation) step() {
	switch pick(s, "step", "fire", "fire", "fire", "resolve", "again", "listing", "command", "command", "command", "load", "pass", "pass", "pass", "pass", "crash", "away", "degrade", "jump") {
	case "fire":
		a := s.someAlert()
		s.fires[a.Labels.Without(DefaultReplicaLabels()).String()] = a
		s.must(s.hear(Heard{Alert: a, Firing: true}))
	case "resolve":
		a := s.someAlert()
		delete(s.fires, a.Labels.Without(DefaultReplicaLabels()).String())
		s.must(s.hear(Heard{Alert: a}))
	case "again":
		s.again()
	case "listing":
		s.must(s.hear(s.someListing()))
	case "command":
		_ = s.hear(s.someCommand()) // one that does not fit is refused and writes nothing
	case "load":
		s.load(pick(s, "book", s.books...))
	case "pass":
		s.pass(pick(s, "pass", time.Second, 5*time.Second, 15*time.Second, time.Minute, 5*time.Minute, 20*time.Minute))
	case "crash":
		s.refold()
	case "away":
		s.now = s.now.Add(pick(s, "away", time.Second, time.Minute, time.Hour))
		s.refold()
		s.must(s.hear(Tick{}))
	case "degrade":
		s.state.Degrade(pick(s, "degrade", "", "the disk is full"))
	case "jump":
		s.must(s.hear(Jumped{By: pick(s, "jump", -time.Hour, time.Minute)}))
	}
}

func (s *simulation) someAlert() Alert {
	labels := map[string]string{
		"alertname": pick(s, "alertname", "A", "B", "C"), "namespace": pick(s, "namespace", "a", "a", "b", "b", "B!", ""),
		"pod": pick(s, "pod", "x", "y"), "replica": pick(s, "replica", "0", "1"),
	}
	return Alert{Labels: LabelsOf(labels), StartsAt: s.now.Add(-pick(s, "ago", 0, 0, 0, time.Second, 15*time.Second, 10*time.Hour))}
}

// again tells what is known once more. That must not be written.
func (s *simulation) again() {
	a := s.someAlert()
	s.loses = false
	s.must(s.hear(Heard{Alert: a, Firing: true}))
	s.settle()
	n := len(s.records)
	s.must(s.hear(Heard{Alert: a, Firing: true}))
	if len(s.records) != n {
		s.rt.Fatalf("a repeat was written: %s", s.story(s.heard[n:]))
	}
	delete(s.fires, a.Labels.Without(DefaultReplicaLabels()).String())
	s.must(s.hear(Heard{Alert: a}))
}

func (s *simulation) someListing() Listing {
	l := Listing{At: s.now.Add(-pick(s, "begun", 0, time.Second)), Complete: rapid.Bool().Draw(s.rt, "complete")}
	for _, key := range slices.Sorted(maps.Keys(s.fires)) {
		if !l.Complete && strings.Contains(key, `pod="x"`) {
			continue
		}
		l.Alerts = append(l.Alerts, ListedAlert{Alert: s.fires[key], Suppressed: pick(s, "suppressed", nil, nil, []string{"s1"})})
	}
	return l
}

func (s *simulation) someCommand() Command {
	c := Command{By: pick(s, "by", "anna", "bob", ""), Incident: rapid.Uint64Range(1, s.state.Last+1).Draw(s.rt, "incident")}
	c.Command = pick(s, "command", Ack, TakeOver, Approve, Approve, Approve, Approve, Deny, Run, Run, Run, Close, Pause, Resume, Resume)
	c.Scope = pick(s, "scope", "all", "policy/p0", "namespace/a", "nonsense")
	if c.Command == Pause {
		c.Value = pick(s, "lasts", "", "", "10s", "5m")
	}
	if i := s.state.Incidents.Get(c.Incident); i != nil && pick(s, "right plan", true, true, false) {
		c.Plan = i.Hash
	}
	return c
}

// nobodyIsForgotten recomputes, without the ladder, who should have heard of
// what by now: P1 at once, P2 when it is denied, exhausted or not healed in
// time; and that the page is out or on its way.
func (s *simulation) nobodyIsForgotten() error {
	for _, i := range s.state.Incidents.All() {
		p := s.world.books[i.Rulebook].Policy(i.Policy)
		quiet := i.Found || p.Mode == ModeObserve || i.Acked != "" || i.Status == StatusHeld || i.Status == StatusClosed || i.Status == StatusHealed
		due := i.Severity == P1 || i.Severity == P2 &&
			(i.Status == StatusDenied || i.Exhausted || s.now.Sub(i.Since) > 5*time.Minute)
		if quiet || !due || s.silenced(i) {
			continue
		}
		if i.Ladder.Told == 0 {
			return fmt.Errorf("i%d, %s and %s since %s, and nobody was told", i.ID, i.Severity, i.Status, s.now.Sub(i.Since))
		}
		if sh := i.Shown["pagerduty/"+i.Ladder.To[0]]; sh.Action == "" && sh.Failures == 0 && !s.paging(i) {
			return fmt.Errorf("i%d: %s was to be told and is not", i.ID, i.Ladder.To[0])
		}
	}
	return nil
}

// silenced tells whether all of the incident's alerts that fire are known to be
// suppressed: that is a human's word to call nobody.
func (s *simulation) silenced(i *Incident) bool {
	for id := range i.Firing {
		if len(s.state.Known[id].Suppressed) == 0 {
			return false
		}
	}
	return len(i.Firing) > 0
}

func (s *simulation) paging(i *Incident) bool {
	for _, p := range i.Pending {
		if p.Tell != nil && strings.HasPrefix(p.Tell.Destination, "pagerduty/") {
			return true
		}
	}
	return false
}
