//go:build e2e

package e2e

import (
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/test/bed"
	"github.com/x0tta6bl4/remediated/test/scenarios"
)

// The main job on real parts, for faults that the kubelet does not heal by
// itself: Prometheus fires, Alertmanager calls, the daemon acts, looks whether it
// helped, and tells people.
func TestHeals(t *testing.T) {
	for _, scenario := range scenarios.All {
		if scenario.Approver != "" {
			continue // TestDataLoss tells of it
		}
		t.Run(scenario.Name, func(t *testing.T) {
			b := connect(t)
			quiet(t, b)
			d := startDaemon(t, b, setup{})
			if scenario.Setup != nil {
				end, err := scenario.Setup(t.Context(), b)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() {
					if err := end(); err != nil {
						t.Error(err)
					}
				})
			}
			begun := time.Now()
			if err := scenario.Strike(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			d.awaitFiled(1)
			if took := d.stop(); took > 10*time.Second {
				t.Errorf("it took %s to stop", took)
			}
			d.checkHealed(scenario.Policy, scenario.Objective)
			d.checkActs(begun, 1)
			d.checkSlack(1)
			d.checkPaged(scenario.Paged)
			d.checkDecidedAgain()
			d.checkExported()
			d.checkRemembered(begun, scenario.Policy)
		})
	}
}

// quiet waits until no alert of the bed fires: what a test before left behind
// must not be found by the daemon of the next.
func quiet(t *testing.T, b *bed.Bed) {
	t.Helper()
	eventually(t, 2*time.Minute, firing(t, b, false))
}
