package remediate_test

import (
	"testing"
	"time"

	. "github.com/x0tta6bl4/remediated/remediate"
)

// TestEvidenceIsOfItsAttempt: what was kept before one attempt is not shown as
// what was kept before the next, which kept nothing.
func TestEvidenceIsOfItsAttempt(t *testing.T) {
	w := newWorld(t)
	w.set["verify"] = "failed"
	w.load(bookOf(t, `policies: [{name: p, when: ['alertname="A"'], severity: P2, mode: act, target: deployment/shop/db, guards: {settle: 1s}, steps: [
  {name: s, evidence: true, do: [{kind: restart}], verify: {all: [{kind: http}], within: 1m}},
  {name: t, do: [{kind: rollback}], verify: {all: [{kind: http}], within: 1m}}]}]`))
	w.must(w.hear(Heard{Alert: w.alert([]string{"A"}), Firing: true}))
	w.pass(time.Minute)
	i := w.state.Incidents.Get(1)
	if len(i.Attempts) != 2 || i.Attempts[0].Evidence != "d1" || i.Attempts[1].Evidence != "" {
		t.Errorf("evidence of the attempts: %+v, want d1 and none", i.Attempts)
	}
}
