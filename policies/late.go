package policies

import (
	"fmt"
	"time"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate"
)

// checkLate warns of steps that the policy's own numbers keep from being taken,
// hold back for long, or have begin when the objective is missed already. A step
// is reached when all before it have failed, each in an attempt of its own.
func (w *written) checkLate() {
	g := w.Guards
	for i, at := range w.stepsAt {
		if i == 0 {
			continue
		}
		name := w.Steps[i].Name
		if i >= g.Attempts {
			at.warn(fmt.Sprintf("the step %q is never reached by itself", name), fmt.Sprintf(
				"guards.attempts ends it after %d, and a human's run begins with the first step: let attempts be at least %d, or take the step out", g.Attempts, len(w.Steps)))
			return
		}
		if i >= int(g.Breaker.Failures) {
			at.warn(fmt.Sprintf("the step %q waits for %s", name, g.Breaker.Reset), fmt.Sprintf(
				"the breaker is open by then: let guards.breaker.failures be at least %d", len(w.Steps)))
			return
		}
		for _, b := range g.Budget {
			if i >= b.Actions {
				at.warn(fmt.Sprintf("the step %q waits for the budget per %s", name, b.Per), fmt.Sprintf(
					"the steps before it use it up: let actions be at least %d", len(w.Steps)))
				return
			}
		}
	}
}

// checkObjective warns of the first step that begins too late for the objective.
// That a step did not help is known when its verification ends.
func (w *written) checkObjective() {
	var spent model.Duration
	for i, at := range w.stepsAt {
		if i > 0 && w.Objective > 0 && spent >= w.Objective {
			at.warn(fmt.Sprintf("the objective of %s is missed before the step %q begins", w.Objective, w.Steps[i].Name), fmt.Sprintf(
				"that the steps before it did not help is known after %s: let their verify.within be shorter, or the objective longer", spent))
			return
		}
		spent += longest(w.Steps[i])
	}
}

// checkBreaker warns of a breaker that has closed again before the verification
// after it could end: it hardly holds anything back.
func (w *written) checkBreaker() {
	var most model.Duration
	for _, s := range w.Steps {
		most = max(most, longest(s))
	}
	if reset := w.Guards.Breaker.Reset; reset > 0 && reset < most && w.breaker.node != nil {
		w.breaker.warn(fmt.Sprintf("the breaker stays open for %s, and one try takes up to %s", reset, most), fmt.Sprintf(
			"a remedy that does not help goes on all but without a pause: let reset be longer, for example %s", model.Duration(10*time.Duration(most))))
	}
}

// longest is how long may be looked whether the step helped, and whether its acts
// did what the next ones count on.
func longest(s remediate.Step) model.Duration {
	d := s.Verify.Within
	for _, do := range s.Do {
		if do.Verify != nil {
			d += do.Verify.Within
		}
	}
	return d
}
