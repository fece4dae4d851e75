//go:build e2e

package e2e

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate/record"
	"github.com/x0tta6bl4/remediated/test/bed"
	"github.com/x0tta6bl4/remediated/test/doubles/slack"
	"github.com/x0tta6bl4/remediated/test/scenarios"
)

// healing is what a policy of the scenarios does to the cluster, where that is
// not one patch of a Deployment.
var healing = map[string]struct {
	right  string // one that it needs, of those that are printed for it
	writes int    // that the cluster sees
	check  func(d *daemon)
}{
	"disk-space": {right: "create jobs.batch", writes: 1, check: (*daemon).checkJob},
	"memory-hog": {right: "create pods --subresource=eviction", writes: 1},
	"node-lost":  {right: "patch nodes", writes: 2}, // the cordon, and the eviction of what ran there

	"network-partition": {right: "patch deployments.apps", writes: 1, check: (*daemon).checkWaitedForNetwork},
}

// The main job on real parts, for faults that the kubelet does not heal by
// itself: Prometheus fires, Alertmanager calls, the daemon acts, looks whether it
// helped, and tells people. It has the roles that are printed for its policies,
// and is inside of the fence that is.
func TestHeals(t *testing.T) {
	for _, scenario := range scenarios.All {
		switch scenario.Name {
		case "data-loss", "security-breach", "cluster-failure", "bad-helm-release":
			continue // TestDataLoss, TestBreach, TestClusterFailure and TestHelmRelease tell of them
		}
		t.Run(scenario.Name, func(t *testing.T) { heals(t, scenario) })
	}
}

func heals(t *testing.T, scenario scenarios.Scenario) {
	b := connect(t)
	kubeconfig := daemonAccount(t, b)
	quiet(t, b)
	if scenario.Setup != nil {
		if err := scenario.Setup(t.Context(), b); err != nil { // connect's Stop ends it
			t.Fatal(err)
		}
	}
	d := startDaemon(t, b, setup{policies: scenario.Policies, kubeconfig: kubeconfig, people: anna, keep: true})
	grantPrinted(t, b, filepath.Join(d.dir, "remediated.yml"))
	does := healing[scenario.Policy]
	awaitRight(t, b, kubeconfig, "yes", strings.Fields(cmp.Or(does.right, "patch deployments.apps"))...)
	d.start()
	begun := time.Now()
	if err := scenario.Strike(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if len(scenario.Approvers) > 0 {
		d.await("opened/1", 1)
		d.press("remediated_approve", slack.DefaultUser.ID)
	}
	if scenario.Return != nil {
		d.await("healed/1", 1)
		if err := scenario.Return(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	d.awaitFiled(1)
	row := d.row(scenario, begun)
	if took := d.stop(); took > 10*time.Second {
		t.Errorf("it took %s to stop", took)
	}
	if scenario.Works != nil {
		if err := scenario.Works(t.Context(), b); err != nil {
			t.Errorf("it is healed, and yet: %v", err)
		}
	}
	d.checkHealed(scenario.Policy, scenario.Objective)
	d.checkActs(begun, cmp.Or(does.writes, 1))
	d.checkNothingRefused(begun)
	d.checkSlack(told(scenario))
	d.checkPaged(scenario.Paged)
	if does.check != nil {
		does.check(d)
	}
	d.checkDecidedAgain()
	d.checkExported()
	d.checkRemembered(begun, scenario.Policy)
	t.Log(row)
}

// told is how many messages Slack has for a scenario.
func told(s scenarios.Scenario) int {
	if s.Untold {
		return 0
	}
	return 1
}

// row is a row of the table of docs/performance.md: what was promised and what was
// measured, since the fault, by the daemon's own recovery record.
func (d *daemon) row(s scenarios.Scenario, struck time.Time) string {
	d.t.Helper()
	var r record.Record
	if err := ask("/api/v1/incidents/1/record", &r); err != nil {
		d.t.Fatal(err)
	}
	cells := []string{"`" + s.Name + "`", r.RTO.Objective.String(), r.RTO.Took.String()}
	for _, at := range []time.Time{r.Times.Opened, r.Times.Decided, r.Times.Acted, r.Times.Good, r.Times.Closed} {
		cells = append(cells, fmt.Sprintf("%.1f s", at.Sub(struck).Seconds()))
	}
	return "| " + strings.Join(append(cells, d.toldWhom(r)), " | ") + " |"
}

// toldWhom says who heard of the incident.
func (d *daemon) toldWhom(r record.Record) string {
	var whom []string
	for _, m := range d.people.Slack.Messages() {
		if m.ThreadTS == "" {
			whom = append(whom, fmt.Sprintf("one message in Slack, edited %d times", len(m.Earlier)))
		}
	}
	for _, c := range r.Called {
		whom = append(whom, c.Who+" was paged")
	}
	return cmp.Or(strings.Join(whom, "; "), "nobody, before the next digest")
}

// quiet waits until no alert of the bed fires: what a test before left behind
// must not be found by the daemon of the next.
func quiet(t *testing.T, b *bed.Bed) {
	t.Helper()
	eventually(t, 2*time.Minute, firing(t, b, false))
}
