package remediate_test

import (
	"testing"

	. "github.com/x0tta6bl4/remediated/remediate"
)

// TestWhatIsAskedOfAnObjectIsForWhatIsDoneToIt: a rollout under way is no reason
// against an act that holds it up, and stays one against all others.
func TestWhatIsAskedOfAnObjectIsForWhatIsDoneToIt(t *testing.T) {
	for name, tc := range map[string]struct{ guards, do, want, other string }{
		"to pause it":              {"", `do: [{kind: pause}], undo: [{kind: resume}]`, `{"for":"pause"}`, ""},
		"to resume it":             {"", `do: [{kind: resume}]`, `{"for":"resume"}`, ""},
		"with headroom":            {"healthy: {headroom: true}", `do: [{kind: pause}]`, `{"headroom":true,"for":"pause"}`, ""},
		"headroom alone":           {"healthy: {headroom: true}", `do: [{kind: restart}]`, `{"headroom":true}`, ""},
		"to pause and restart it":  {"", `do: [{kind: pause}, {kind: restart}]`, "", ""},
		"to pause it and more":     {"", `do: [{kind: pause}], undo: [{kind: scale}]`, "", ""},
		"to pause it in silence":   {"", `do: [{kind: silence}, {kind: pause}], undo: [{kind: resume}, {kind: unsilence}]`, `{"for":"pause"}`, ""},
		"to silence alone":         {"", `do: [{kind: silence}]`, "", ""},
		"to call and pause":        {"", `do: [{kind: http_call}, {kind: pause}]`, "", ""},
		"to roll it back":          {"", `do: [{kind: scale}, {kind: rollback}]`, `{"for":"rollback"}`, ""},
		"to roll another one back": {"healthy: {headroom: true}", `do: [{kind: restart}, {kind: rollback, target: deployment/shop/web}]`, `{"headroom":true}`, `{"for":"rollback"}`},
		"to pause another one":     {"", `do: [{kind: pause, target: deployment/shop/web}]`, "", `{"for":"pause"}`},
		"to restart another one":   {"", `do: [{kind: pause}, {kind: restart, target: deployment/shop/web}]`, `{"for":"pause"}`, ""},
		"to do it by another kind": {"", `do: [{kind: restart}]`, "", ""},
	} {
		w := newWorld(t)
		w.load(bookOf(t, `policies: [{name: p, when: ['alertname="A"'], severity: P2, mode: act, target: deployment/shop/db, guards: {`+tc.guards+`}, steps: [
  {name: s, `+tc.do+`, verify: {all: [{kind: http}], within: 1m}}]}]`))
		w.must(w.hear(Heard{Alert: w.alert([]string{"A"}), Firing: true}))
		asked := map[string]string{}
		for _, q := range w.state.Incidents.Get(1).Questions {
			if q.Kind == "workload" {
				asked[q.Target.Name] = string(q.Args)
			}
		}
		if asked["db"] != tc.want || asked["web"] != tc.other {
			t.Errorf("%s: asked %q", name, asked)
		}
	}
}
