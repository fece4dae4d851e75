package remediate_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	. "github.com/x0tta6bl4/remediated/remediate"
)

const drillBook = `rulebook
  destinations: [slack, slack/thread, slack/drill, pagerduty/oncall]
  policies:
  - {name: first, when: ['alertname="Taken"'], severity: P2, mode: act}
  - {name: db, when: ['alertname="DbDown"', 'job="database"'], per: [namespace], severity: P1, mode: act, target: deployment/$namespace/db, steps: [{name: restart, do: [{kind: restart}], verify: {all: [{kind: postgres}], within: 1m}}]}
  - {name: pods, when: ['alertname=~"Pod.*"'], severity: P2, mode: act, target: owner/$namespace/$pod, steps: [{name: restart, do: [{kind: restart}], verify: {all: [{kind: postgres}], within: 1m}}]}
  - {name: taken, when: ['alertname="Taken"'], severity: P2, mode: act}
`

// practise is the alert by which people practise just now, "" when they do not.
func practise(w *world) string {
	w.t.Helper()
	var all []string
	for _, a := range Raised(w.state, w.books, w.now) {
		if a.Labels.Get(DrillLabel) != "" {
			all = append(all, a.Labels.String()+" +"+a.EndsAt.Sub(w.now).String()+" "+a.Annotations["summary"])
		}
	}
	return strings.Join(all, "\n")
}

func TestADrillIsRaisedUntilItIsOver(t *testing.T) {
	begin := drillBook + "drill policy/db by=anna value=20m reason=monthly namespace=shop"
	alert := `{alertname="DbDown", job="database", namespace="shop", remediated_drill="d3"}`
	says := " a drill of policy db, by anna: monthly: nothing is broken"
	for name, c := range map[string]struct{ then, want string }{
		"at once":                      {"", alert + " +5m0s" + says},
		"at its end for what is left":  {"pass 17m", alert + " +3m0s" + says},
		"no longer":                    {"pass 20m", ""},
		"until somebody ends it":       {"pass 1m\nend-drill policy/db by=bert", ""},
		"through a restart":            {"restart", alert + " +5m0s" + says},
		"until its incident is closed": {"alert DbDown job=database namespace=shop remediated_drill=d3\nclose i1 by=anna", ""},
		"until it is serious":          {"alert DbDown job=database namespace=shop remediated_drill=d3\nalert DbDown job=database namespace=web", ""},
		"though another one is closed": {"alert DbDown job=database namespace=shop remediated_drill=other\nclose i1 by=anna", alert + " +5m0s" + says},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.play(begin + "\n" + c.then)
			if got := practise(w); got != c.want {
				t.Errorf("raised\n%s\nwant\n%s", got, c.want)
			}
			w.checkLaws()
		})
	}
}

// What people are shown says that it was broken on purpose, as long as that is so
// and when it is over; not of what is left broken.
func TestALiveDrillIsShownAsOneUntilItIsInEarnest(t *testing.T) {
	for name, c := range map[string]struct{ then, want string }{
		"while it is on":              {"", "l1"},
		"when it is mended":           {"world act=ok\nreport i1-a1 ok\nend-drill policy/db by=anna", "l1"},
		"when it is closed":           {"report i1-a1 failed\nclose i1 by=anna\nend-drill policy/db by=anna", "l1"},
		"when it is over, and is not": {"end-drill policy/db by=anna", ""},
		"when its time is over":       {"pass 61s", ""},
	} {
		w := newWorld(t)
		w.play(drillBook + "world act=silent\nlive-drill policy/db by=anna value=1m remediated_drill=l1\nalert DbDown job=database namespace=shop\n" + c.then + "\npass 1s")
		shown := "?"
		for _, f := range w.heard {
			if b, ok := f.Body.(Started); ok && b.Tell != nil && b.Tell.Destination == Slack {
				shown = b.Tell.Notice.Live
			}
		}
		if shown != c.want || w.state.Last != 1 {
			t.Errorf("%s: shown as %q, want %q", name, shown, c.want)
		}
		w.checkLaws()
	}
}

func TestADrillTakesAName(t *testing.T) {
	w := newWorld(t)
	w.play(drillBook + "drill policy/db by=anna namespace=shop remediated_drill=2026-Q4")
	if got := practise(w); !strings.HasPrefix(got, `{alertname="DbDown", job="database", namespace="shop", remediated_drill="2026-Q4"} +5m0s`) {
		t.Errorf("raised %s", got)
	}
	if d := w.state.Drills["db"]; d.Until.Sub(d.Since) != 30*time.Minute {
		t.Errorf("it lasts %s", d.Until.Sub(d.Since))
	}
}

func TestDrillsAreRefused(t *testing.T) {
	for name, c := range map[string]struct{ before, drill, want string }{
		"no scope":                 {"", "drill all by=anna", "want policy/NAME"},
		"no such policy":           {"", "drill policy/nobody by=anna", `scope "policy/nobody"`},
		"a policy of our own":      {"", "drill policy/storm by=anna", `scope "policy/storm"`},
		"nobody":                   {"", "drill policy/db namespace=shop", "needs to say who gives it"},
		"too long":                 {"", "drill policy/db by=anna value=5h namespace=shop", "from 1m to 4h"},
		"too short":                {"", "drill policy/db by=anna value=59s namespace=shop", "from 1m to 4h"},
		"no time at all":           {"", "drill policy/db by=anna value=soon namespace=shop", `value "soon"`},
		"no drill by its name":     {"", "drill policy/db by=anna namespace=shop remediated_drill=", "want a name for the drill"},
		"a label that is none":     {"", "drill policy/db by=anna namespace=shop a-b=c", `label "a-b"`},
		"a matcher that fits not":  {"", "drill policy/pods by=anna namespace=shop pod=web-1", `policy pods takes alerts with alertname=~"Pod.*": give the label alertname a value that fits`},
		"a label for its target":   {"", "drill policy/pods by=anna alertname=PodDown namespace=shop", "pod"},
		"a label for its incident": {"", "drill policy/db by=anna", "policy db keeps incidents apart by namespace"},
		"another policy's alert":   {"", "drill policy/taken by=anna", "is taken by policy first, which stands before taken"},
		"twice":                    {"drill policy/db by=anna namespace=shop", "drill policy/db by=bert namespace=web", "is on until 10:30:00: remedy drill end db"},
		"in earnest":               {"alert DbDown job=database namespace=web\npass 1s\n", "drill policy/db by=anna namespace=shop", "incident i1 is open, P1 and not healed"},
		"no place for it":          {strings.Replace(drillBook, "slack/drill, ", "", 1), "drill policy/db by=anna namespace=shop", "notify.slack.drills"},
		"the end of none":          {"", "end-drill policy/db by=anna", "there is no drill of policy db"},
		"the end of what is over":  {"drill policy/db by=anna value=1m namespace=shop\npass 1m", "end-drill policy/db by=anna", "there is no drill of policy db"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.set["verify"] = "silent"
			w.play(drillBook + c.before)
			before := practise(w)
			err := w.do(c.drill)
			var refused *RefusedError
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("it says %v, want %q", err, c.want)
			}
			if got := practise(w); got != before {
				t.Errorf("raised %s", got)
			}
		})
	}
}

// What people are shown says what would be done, and who would have been called.
func TestADrillSaysWhatWouldBe(t *testing.T) {
	w := newWorld(t)
	w.play(drillBook + "alert DbDown job=database namespace=shop remediated_drill=d1\npass 1m")
	var shown []string
	for _, f := range w.heard {
		b, ok := f.Body.(Started)
		if !ok || b.Tell == nil {
			continue
		}
		shown = append(shown, b.Tell.Destination+" "+b.Tell.Notice.Why)
		for _, l := range b.Tell.Notice.Lines {
			shown = append(shown, b.Tell.Destination+" "+l.Text)
		}
	}
	all := strings.Join(shown, "\n")
	for _, want := range []string{
		"slack mode: it is a drill; it would be done: restart prod/deployment/shop/db",
		"slack/thread observe: mode: it is a drill; it would be done: restart prod/deployment/shop/db",
		"slack/thread oncall would have been called: P1 is told at once",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not among\n%s", want, all)
		}
	}
}
