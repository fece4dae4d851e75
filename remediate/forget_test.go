package remediate_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	. "github.com/x0tta6bl4/remediated/remediate"
)

// An alert that comes again and again does not keep those from being forgotten that
// resolved once.
func TestFlappingIsNotRememberedTwice(t *testing.T) {
	w := newWorld(t)
	w.load(bookOf(t, "policies: []"))
	hear := func(name string, firing bool) {
		a := w.alert([]string{name})
		if !firing {
			a.EndsAt = w.now
		}
		w.must(w.hear(Heard{Alert: a, Firing: firing}))
		w.pass(time.Minute)
	}
	for hour := range 80 {
		hear("Flaps", true)
		hear("Flaps", false)
		if hour == 0 {
			hear("Once", true)
			hear("Once", false)
		}
		w.pass(time.Hour)
	}
	if len(w.state.Known) != 1 || len(w.state.Ended) != 1 {
		t.Errorf("%d alerts are known, in %d places: want the one that flaps", len(w.state.Known), len(w.state.Ended))
	}
}

const podPolicies = `
policies:
  - name: pods
    when: ['alertname="Pod"']
    per: [pod]
    severity: P3
    mode: act
    target: pod/shop/$pod
    guards: {attempts: 1}
    steps: [{name: delete, do: [{kind: delete_pod}], verify: {all: [{kind: rollout}], within: 1m, every: 1s}}]
  - name: deployments
    when: ['alertname="Deployment"']
    per: [n]
    severity: P3
    mode: act
    target: deployment/shop/$n
    guards: {attempts: 1}
    steps: [{name: restart, do: [{kind: restart}], verify: {all: [{kind: rollout}], within: 1m, every: 1s}}]
`

// Pods come and go: what was done about one is forgotten when it is older than what
// is remembered of acts, whether it helped or not. Of what lasts nothing is.
func TestPodsAreForgotten(t *testing.T) {
	w := newWorld(t)
	w.load(bookOf(t, podPolicies))
	for day := range 40 {
		for what, how := range map[string]string{"healed": "ok/20s", "failed": "silent"} {
			w.set["verify"] = how
			n := fmt.Sprintf("%s-%d", what, day)
			for _, words := range [][]string{{"Pod", "pod=" + n}, {"Deployment", "n=" + n}} {
				a := w.alert(words)
				w.must(w.hear(Heard{Alert: a, Firing: true}))
				w.pass(10 * time.Minute)
				a.EndsAt = w.now
				w.must(w.hear(Heard{Alert: a, Firing: false}))
			}
		}
		w.pass(23 * time.Hour)
	}
	pods, lasting := 0, 0
	for target := range w.state.Targets {
		if target.Kind == "pod" {
			pods++
		} else {
			lasting++
		}
	}
	of := func(names []string) (pods int) {
		for _, name := range names {
			if strings.Contains(name, "/pod/") {
				pods++
			}
		}
		return pods
	}
	breakers, heals := of(keysOf(w.state.Breakers)), of(keysOf(w.state.Heals))
	if pods < 60 || pods > 68 || breakers < 30 || breakers > 34 || heals < 30 || heals > 34 {
		t.Errorf("of 80 pods %d are known, with %d breakers and %d times healed: want those of a month", pods, breakers, heals)
	}
	if lasting != 80 || len(w.state.Breakers)-breakers != 40 {
		t.Errorf("of 80 Deployments %d are known, of 40 breakers of theirs %d", lasting, len(w.state.Breakers)-breakers)
	}
}

// What is being worked on when the day ends is not forgotten.
func TestWhatIsHeldIsKept(t *testing.T) {
	w := newWorld(t)
	w.load(bookOf(t, podPolicies))
	w.set["verify"] = "ok/20s"
	w.pass(14*time.Hour - 5*time.Second) // it began at 10:00
	a := w.alert([]string{"Pod", "pod=web-1"})
	w.must(w.hear(Heard{Alert: a, Firing: true}))
	w.pass(10 * time.Second)
	a.EndsAt = w.now
	w.must(w.hear(Heard{Alert: a, Firing: false})) // a fact of the new day
	if o := w.state.Targets[Target{Cluster: "prod", Kind: "pod", Namespace: "shop", Name: "web-1"}]; o == nil || o.Holder != 1 {
		t.Errorf("i1 is at work on it, and known is %+v", o)
	}
}

func keysOf[V any](m map[string]V) (all []string) {
	for k := range m {
		all = append(all, k)
	}
	return all
}
