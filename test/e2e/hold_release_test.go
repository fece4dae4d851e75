//go:build e2e

package e2e

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/x0tta6bl4/remediated/test/bed"
)

// holdingPolicies hold a release up, and let it go on.
const holdingPolicies = `
policies:
- name: hurts
  when: ['alertname="Posted"', 'job="posted"', 'users="hurt"']
  severity: P2
  mode: act
  target: deployment/x0tta6bl4/x0tta6bl4-api
  steps:
  - name: keep the pods that are still good while people look
    do: [{pause: {}}]
    verify: {all: [{pods: {min: 3}}], for: 1s, within: 20s, every: 200ms}
- name: calm
  when: ['alertname="Posted"', 'job="posted"', 'users="calm"']
  severity: P2
  mode: act
  target: deployment/x0tta6bl4/x0tta6bl4-api
  steps:
  - name: let it go on
    do: [{resume: {}}]
    verify: {all: [{pods: {min: 3}}], for: 1s, within: 20s, every: 200ms}
`

// A release that is rolled out is held up while it is under way, with the printed
// rights and inside of the fence, and goes on when a policy says so.
func TestHoldsARelease(t *testing.T) {
	b := connect(t)
	quiet(t, b)
	b.OnStop(func() error { return b.RepairWorkloads(context.Background()) })
	kubeconfig := daemonAccount(t, b)
	d := startDaemon(t, b, setup{policies: holdingPolicies, kubeconfig: kubeconfig, keep: true})
	grantPrinted(t, b, filepath.Join(d.dir, "remediated.yml"))
	awaitRight(t, b, kubeconfig, "yes", "patch", "deployments.apps")
	d.start()
	begun := time.Now()
	if err := b.Release(t.Context(), bed.Namespace, "x0tta6bl4-api"); err != nil {
		t.Fatal(err)
	}
	hurt, calm := newPosted(t, map[string]string{"users": "hurt"}), newPosted(t, map[string]string{"users": "calm"})
	fire(t, b, hurt)
	d.await("healed/1", 1)
	paused := func(want bool, by string) { // by: the end of the act's ID
		t.Helper()
		api, err := b.Client().AppsV1().Deployments(bed.Namespace).Get(t.Context(), "x0tta6bl4-api", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if mark, is := api.Annotations["remediated/paused"]; api.Spec.Paused != want || is != want || !strings.HasSuffix(mark, by) {
			t.Errorf("paused %v, annotations %v; want %v, by %q", api.Spec.Paused, api.Annotations, want, by)
		}
	}
	paused(true, "-i1-a1")
	fire(t, b, calm)
	d.await("healed/1", 2)
	paused(false, "")
	d.stop()
	d.checkActs(begun, 2)
	d.checkNothingRefused(begun)
}
