//go:build e2e

package e2e

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/test/bed"
	"github.com/x0tta6bl4/remediated/test/scenarios"
)

// checkWaitedForNetwork wants that nothing was done while the network was cut, and
// that the restart took no more pods at a time than their disruption budget has
// room for.
func (d *daemon) checkWaitedForNetwork() {
	d.t.Helper()
	held, acted := d.heldUntil()
	if held == 0 || acted.IsZero() {
		d.t.Errorf("it was held %d times before it acted at %s", held, acted)
	}
	_, gone := d.opened()
	const budget = `poddisruptionbudget="x0tta6bl4-api"`
	least := fmt.Sprintf(`min_over_time(kube_poddisruptionbudget_status_current_healthy{%s}[%ds] @ %d) >= on () kube_poddisruptionbudget_status_desired_healthy{%[1]s}`,
		budget, int(gone.Sub(acted).Seconds())+1, gone.Unix())
	if missing := holds(d.t, d.bed, least)(); missing != "" {
		d.t.Errorf("its disruption budget was not kept: %s", missing)
	}
}

// heldUntil counts how often it was judged that the network is to be waited for,
// before it acted and when that was.
func (d *daemon) heldUntil() (held int, acted time.Time) {
	d.t.Helper()
	for _, f := range d.facts() {
		switch b := f.Body.(type) {
		case remediate.Judged:
			waits := slices.ContainsFunc(b.Verdicts, func(v remediate.Verdict) bool {
				return v.Guard == "depends" && v.Decision == remediate.Waiting && strings.Contains(v.Reason, "mesh_peer_dial_success")
			})
			if waits && acted.IsZero() {
				held++
			}
		case remediate.Started:
			if b.Act != nil {
				acted = f.At
			}
		}
	}
	return held, acted
}

// A network that is cut and comes back by itself: its pods find together again,
// and not one of them is restarted for it.
func TestPartitionThatEndsByItself(t *testing.T) {
	b := connect(t)
	kubeconfig := daemonAccount(t, b)
	quiet(t, b)
	d := startDaemon(t, b, setup{policies: scenarios.PartitionPolicies, kubeconfig: kubeconfig, people: anna, keep: true})
	grantPrinted(t, b, filepath.Join(d.dir, "remediated.yml"))
	awaitRight(t, b, kubeconfig, "yes", "patch", "deployments.apps")
	d.start()
	before, begun := uids(t, b), time.Now()

	if err := scenarios.CutNetwork(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	d.await("judged/1", 1)
	if err := b.Mend(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.awaitFiled(1)
	if story := d.story(1); !strings.Contains(story, "is 0, and it depends on that being at least 1") {
		t.Errorf("the story does not tell what was waited for:\n%s", story)
	}
	d.stop()
	if held, acted := d.heldUntil(); held == 0 || !acted.IsZero() {
		t.Errorf("it was held %d times, and acted at %s", held, acted)
	}
	d.checkActs(begun, 0)
	d.checkNothingRefused(begun)
	d.checkSlack(1)
	d.checkPaged(false)
	if after := uids(t, b); !slices.Equal(after, before) {
		t.Errorf("the pods are %v, and were %v", after, before)
	}
	if err := scenarios.MeshWorks(t.Context(), b); err != nil {
		t.Error(err)
	}
}

// uids are those of the API's pods, sorted.
func uids(t *testing.T, b *bed.Bed) (uids []string) {
	t.Helper()
	pods, err := b.Pods(t.Context(), bed.Namespace, api)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pods {
		uids = append(uids, string(p.UID))
	}
	slices.Sort(uids)
	return uids
}
