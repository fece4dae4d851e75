package remediate_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	. "github.com/x0tta6bl4/remediated/remediate"
)

// raisedBook has a policy that acts, one that asks first, one that observes, one
// that only tells, and two of which one hangs on the other.
const raisedBook = `rulebook
  policies:
  - {name: db, when: ['alertname="DbDown"'], per: [namespace], severity: P2, mode: act, target: deployment/$namespace/db, objective: 4m, steps: [{name: restart, do: [{kind: restart}], verify: {all: [{kind: postgres}], for: 5s, within: 1m}}]}
  - {name: asks, when: ['alertname="Slow"'], severity: P2, mode: approve, target: deployment/shop/web, steps: [{name: scale, do: [{kind: restart}], verify: {all: [{kind: http}], within: 1m}}]}
  - {name: looks, when: ['alertname="Odd"'], severity: P2, mode: observe, target: deployment/shop/web, steps: [{name: restart, do: [{kind: restart}], verify: {all: [{kind: http}], within: 1m}}]}
  - {name: tells, when: ['alertname="Told"'], severity: P2, mode: act}
  - {name: minor, when: ['alertname="Minor"'], severity: P3, mode: act, target: deployment/shop/minor, steps: [{name: restart, do: [{kind: restart}], verify: {all: [{kind: postgres}], for: 5s, within: 1m}}]}
`

// play carries out commands, one a line.
func (w *world) play(script string) {
	w.t.Helper()
	for _, c := range commandsOf(script) {
		if c == "" {
			continue
		}
		w.must(w.do(c))
		w.settle()
	}
}

// raised is what is to fire, one alert a line: its labels less what all have,
// until when, and what it says.
func raised(w *world) string {
	w.t.Helper()
	var lines []string
	for _, a := range Raised(w.state, w.books, w.now) {
		if !a.Labels.Own() {
			w.t.Errorf("%s is not known as ours", a.Labels)
		}
		lines = append(lines, fmt.Sprintf("%s +%s %s", a.Labels.Without([]string{"source"}), a.EndsAt.Sub(w.now), a.Annotations["summary"]))
	}
	return strings.Join(lines, "\n")
}

// names are the names of what is to fire, in order.
func names(w *world) string {
	var all []string
	for _, a := range Raised(w.state, w.books, w.now) {
		all = append(all, strings.TrimPrefix(a.Name(), OwnPrefix))
	}
	return strings.Join(all, " ")
}

func TestNothingIsRaisedInADrill(t *testing.T) {
	w := newWorld(t)
	w.play(raisedBook + "pause all by=anna reason=deploying\nalert DbDown namespace=shop remediated_drill=d1\npass 7s")
	if got := raised(w); got != "" || w.state.Incidents.Get(1).Status != StatusDenied {
		t.Errorf("it is %s, raised\n%s", w.state.Incidents.Get(1).Status, got)
	}
}

// What is broken on purpose is not said to be left unmended while somebody is at it,
// unless people are called for it.
func TestOfALiveDrillNoFailureIsRaised(t *testing.T) {
	for page, want := range map[string]string{"": "", " page=true": "Failed"} {
		w := newWorld(t)
		w.play(raisedBook + "live-drill policy/db by=anna remediated_drill=l1" + page + "\npause all by=anna reason=deploying\nalert DbDown namespace=shop\npass 7s")
		if got := names(w); got != want {
			t.Errorf("with%s: raised %q, want %q", page, got, want)
		}
		if w.play("end-drill policy/db by=anna"); names(w) != "Failed" {
			t.Errorf("with%s, when it is over: raised %q", page, names(w))
		}
	}
}

// That nothing can be remembered is raised, before all else, until it can be again.
func TestRaisedWhileNothingIsRemembered(t *testing.T) {
	w := newWorld(t)
	w.play(raisedBook + "pause all by=anna\nalert DbDown namespace=shop")
	w.state.Degrade("open journal.lock: read-only file system")
	if got := strings.Split(raised(w), "\n")[0]; names(w) != "JournalFailed Failed" || got != `{alertname="RemediationJournalFailed", cluster="prod"} +5m0s `+
		`remediated cannot write to its journal: alerts are refused, to come again, and nothing is done: open journal.lock: read-only file system` {
		t.Errorf("raised %s: %s", names(w), got)
	}
	w.state.Degrade("")
	if got := names(w); got != "Failed" {
		t.Errorf("then raised %s", got)
	}
}

func TestRaisedSaysWhatAndWhere(t *testing.T) {
	w := newWorld(t)
	w.play(raisedBook + "pause all by=anna reason=deploying\nalert DbDown namespace=shop cluster=eu\npass 7s")
	if got, want := raised(w), `{alertname="RemediationFailed", cluster="prod", incident="i1", namespace="shop", policy="db", severity="P2", target="deployment/shop/db"} `+
		`+5m0s DbDown at deployment/shop/db is not mended by automation: paused: all is paused by anna: deploying`; got != want {
		t.Errorf("raised\n%s\nwant\n%s", got, want)
	}
	if a := Raised(w.state, w.books, w.now)[0]; !a.StartsAt.Equal(epoch) {
		t.Errorf("it fires since %s", a.StartsAt)
	}
	// A clock that is behind makes neither a beginning that is to come nor a longer lease.
	early := w.now.Add(-time.Hour)
	if a := Raised(w.state, w.books, early)[0]; a.StartsAt.After(early) || a.EndsAt.Sub(early) != 5*time.Minute {
		t.Errorf("with a clock that was set back it fires from %s to %s", a.StartsAt, a.EndsAt)
	}
}

// TestRaised plays each reason for which something is raised, and each for which
// nothing is.
func TestRaised(t *testing.T) {
	for name, c := range map[string]struct{ script, want string }{
		"nothing happened":          {"", ""},
		"automation is at it":       {"world verify=ok/20s\nalert DbDown namespace=shop\npass 10s", ""},
		"it is healed":              {"alert DbDown namespace=shop\npass 10s", ""},
		"it waits":                  {"world workload=unknown\nalert DbDown namespace=shop\npass 20m", ""}, // the ladder calls, and the alert itself
		"denied":                    {"pause all by=anna\nalert DbDown namespace=shop", "Failed"},
		"denied, of P3":             {"pause all by=anna\nalert Minor", "Failed"},
		"every step was tried once": {"world verify=failed/1s\nalert DbDown namespace=shop\npass 5s", "Failed"}, // it waits to begin anew
		"every step was tried":      {"world verify=failed/1s\nalert DbDown namespace=shop\npass 20s", "Failed"},
		"and then one helped":       {"world verify=failed/1s\nalert DbDown namespace=shop\npass 20s\nworld verify=ok\npass 2h", ""},
		"denied and acknowledged":   {"pause all by=anna\nalert DbDown namespace=shop\nack i1 by=ben", ""},
		"and given back":            {"pause all by=anna\nalert DbDown namespace=shop\nack i1 by=ben\nunack i1 by=ben", "Failed"},
		"taken over":                {"world verify=failed/1s\nalert DbDown namespace=shop\npass 20s\ntakeover i1 by=ben", ""},
		"denied and silenced":       {"pause all by=anna\nalert DbDown namespace=shop\nlisting complete\n  DbDown namespace=shop suppressed=s1", ""},
		"and released":              {"pause all by=anna\nalert DbDown namespace=shop\nlisting complete\n  DbDown namespace=shop suppressed=s1\nlisting complete\n  DbDown namespace=shop", "Failed"},
		"denied and resolved":       {"pause all by=anna\nalert DbDown namespace=shop\nresolve DbDown namespace=shop\npass 1m", ""},
		"only found":                {"pause all by=anna\nalert DbDown namespace=shop ago=1h", ""},
		"not well, for a moment":    {"world confirm=failed/1s alert=gone\nalert DbDown namespace=shop\nresolve DbDown namespace=shop\npass 1m", ""},
		"not well, for longer":      {"world confirm=failed/1s alert=gone\nalert DbDown namespace=shop\nresolve DbDown namespace=shop\npass 6m", "Failed"},
		"not well, of P3":           {"world confirm=failed/1s alert=gone\nalert Minor\nresolve Minor\npass 4m59s", ""},
		"nor is it later":           {"world confirm=failed/1s alert=gone\nalert Minor\nresolve Minor\npass 6m", "Failed"},
		"it was well":               {"world confirm=ok alert=gone\nalert DbDown namespace=shop\nresolve DbDown namespace=shop\npass 6m", ""},
		"a plan waits":              {"alert Slow", "ApprovalNeeded"},
		"acknowledged it waits":     {"alert Slow\nack i1 by=ben", "ApprovalNeeded"}, // to have seen it is not to approve
		"approved":                  {"alert Slow\napprove i1 by=ben plan=shown", ""},
		"a human denied the plan":   {"alert Slow\ndeny i1 by=ben plan=shown", ""},
		"nobody approved in time":   {"alert Slow\npass 11m", "Failed"},
		"a policy observes":         {"alert Odd\npass 1h", ""},
		"and is held":               {"pause all by=anna\nalert Odd\npass 1h", ""},
		"set to observe":            {"mode all by=anna value=observe\nalert DbDown namespace=shop\npass 1h", ""},
		"a policy only tells":       {"alert Told\npass 1h", ""},
		"a label is missing":        {"alert DbDown", "Failed"},
		"the watchdog":              {"trouble RemediationWatchdog begins no alert for 5m", "Watchdog"},
		"acknowledged":              {"trouble RemediationWatchdog begins no alert for 5m\nack i1 by=ben", "Watchdog"},
		"it is seen again":          {"trouble RemediationWatchdog begins no alert for 5m\ntrouble RemediationWatchdog ends", ""},
		"Slack takes nothing":       {"world tell:slack=failed\npause all by=anna\nalert DbDown namespace=shop\nack i1 by=ben\npass 25m", "Untold"},
		"two at once":               {"pause all by=anna\nalert Slow\nalert DbDown namespace=shop", "Failed Failed"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.play(raisedBook + c.script)
			if got := names(w); got != c.want {
				t.Errorf("raised %q, want %q\n%s", got, c.want, w.story(w.heard))
			}
			w.refold()
			if got := names(w); got != c.want {
				t.Errorf("after a restart %q, want %q", got, c.want)
			}
		})
	}
}

// What is not seen to be well stays raised while it is looked at once more.
func TestRaisedDoesNotComeAndGo(t *testing.T) {
	w := newWorld(t)
	w.play(raisedBook + "world confirm=failed/5s alert=gone\nalert DbDown namespace=shop\nresolve DbDown namespace=shop\npass 5m")
	for range 600 {
		if got := names(w); got != "Failed" {
			t.Fatalf("at +%s %q is raised\n%s", w.now.Sub(epoch), got, w.story(w.heard))
		}
		w.pass(time.Second)
	}
}

func TestRaisedApproval(t *testing.T) {
	w := newWorld(t)
	w.play(raisedBook + "alert Slow")
	all := Raised(w.state, w.books, w.now)
	if len(all) != 1 || all[0].Annotations["plan"] != w.state.Incidents.Get(1).Hash || all[0].Annotations["plan"] == "" || all[0].Annotations["step"] != "scale" {
		t.Errorf("raised %+v, want the plan %s", all, w.state.Incidents.Get(1).Hash)
	}
}

// In a storm, one alert is raised for all that it holds.
func TestRaisedStorm(t *testing.T) {
	w := newWorld(t)
	w.play(`rulebook
  storm: {incidents: 5, per: 5m, calm: 5m}
  policies:
  - {name: p, when: ['alertname="P"'], per: [n], severity: P2, mode: act, target: deployment/shop/$n, holdPage: true, steps: [{name: s, do: [{kind: restart}], verify: {all: [{kind: http}], within: 1m}}]}
world verify=failed/50s
alerts 20 P`)
	if got := names(w); got != "Storm" {
		t.Errorf("raised %q, want the storm alone, and no page held that waits for its end", got)
	}
	if got := raised(w); !strings.Contains(got, `severity="P2"} +5m0s 5 incidents were opened within 5m`) {
		t.Errorf("raised\n%s", got)
	}
}

// A leaf is its root's.
func TestRaisedLeaf(t *testing.T) {
	w := newWorld(t)
	w.play(`rulebook
  policies:
  - {name: root, when: ['alertname="Root"'], severity: P2, mode: act, target: deployment/shop/root, steps: [{name: s, do: [{kind: restart}], verify: {all: [{kind: http}], within: 20m}}]}
  - {name: leaf, when: ['alertname="Leaf"'], severity: P2, mode: act, target: deployment/shop/leaf, guards: {depends: [{policy: root}]}, steps: [{name: s, do: [{kind: restart}], verify: {all: [{kind: http}], within: 1m}}]}
world verify=failed/15m confirm=failed/1s
alert Root
alert Leaf
resolve Leaf
pass 10m`)
	if got := names(w); got != "" {
		t.Errorf("raised %q for a leaf that is not well\n%s", got, w.story(w.heard))
	}
}
