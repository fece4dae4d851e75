//go:build e2e

package e2e

import (
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/test/bed"
)

// The main job on real parts, for faults that the kubelet does not heal by
// itself: Prometheus fires, Alertmanager calls, the daemon restarts, looks
// whether it helped, and tells people.
func TestHeals(t *testing.T) {
	for _, fault := range []struct {
		name      string
		strike    func(*testing.T, *bed.Bed) error
		policy    string
		objective time.Duration // from the alert's arrival to the first good sample
		paged     bool
	}{
		{"PostgreSQL hangs", hang(database), "postgres-down", 5 * time.Minute, true},
		{"PostgreSQL cannot start until its pod is replaced", breakAll(database), "postgres-down", 5 * time.Minute, true},
		{"Redis hangs", hang(cache), "redis-down", time.Minute, false},
		{"Redis cannot start until its pod is replaced", breakAll(cache), "redis-down", time.Minute, false},
		{"a pod crash-loops by a state that a fresh one does not have", breakOne(api), "pod-restarts", 30 * time.Second, false},
	} {
		t.Run(fault.name, func(t *testing.T) {
			b := connect(t)
			quiet(t, b)
			d := startDaemon(t, b, setup{})
			begun := time.Now()
			if err := fault.strike(t, b); err != nil {
				t.Fatal(err)
			}
			d.awaitFiled(1)
			if took := d.stop(); took > 10*time.Second {
				t.Errorf("it took %s to stop", took)
			}
			d.checkHealed(fault.policy, fault.objective)
			d.checkActs(begun, 1)
			d.checkSlack(1)
			d.checkPaged(fault.paged)
			d.checkDecidedAgain()
			d.checkExported()
			d.checkRemembered(begun, fault.policy)
		})
	}
}

func hang(selector string) func(*testing.T, *bed.Bed) error {
	return func(t *testing.T, b *bed.Bed) error { return b.Hang(t.Context(), bed.Namespace, selector) }
}

func breakAll(selector string) func(*testing.T, *bed.Bed) error {
	return func(t *testing.T, b *bed.Bed) error { return b.Break(t.Context(), bed.Namespace, selector) }
}

func breakOne(selector string) func(*testing.T, *bed.Bed) error {
	return func(t *testing.T, b *bed.Bed) error {
		pods, err := b.Pods(t.Context(), bed.Namespace, selector)
		if err != nil {
			return err
		}
		return b.BreakPod(t.Context(), bed.Namespace, pods[0].Name)
	}
}

// quiet waits until no alert of the bed fires: what a test before left behind
// must not be found by the daemon of the next.
func quiet(t *testing.T, b *bed.Bed) {
	t.Helper()
	eventually(t, 2*time.Minute, firing(t, b, false))
}
