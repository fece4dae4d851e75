//go:build e2e

package e2e

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/test/bed"
)

// A right that is missing stops the act at the API server; people hear which
// one it is. Nothing else is tried in its place.
func TestMissingRightIsNamed(t *testing.T) {
	b := connect(t)
	quiet(t, b)
	kubeconfig := daemonAccount(t, b)
	apply(t, b, strings.Replace(daemonRole, "verbs: [get, patch]", "verbs: [get]", 1))
	t.Cleanup(func() { apply(t, b, daemonRole) })
	awaitRight(t, b, kubeconfig, "no", "patch", "deployments.apps")
	begun := time.Now()
	d := startDaemon(t, b, setup{policies: strings.Replace(postedPolicies, "severity: P1", "severity: P2", 1), kubeconfig: kubeconfig})
	a := newPosted(t, nil)
	fire(t, b, a)
	d.awaitPages(1) // a P2: somebody is called because nothing helped
	story := d.story(1)
	for _, words := range []string{"not allowed", `cannot patch resource "deployments"`, "role"} {
		if !strings.Contains(story, words) {
			t.Errorf("the story does not say %q:\n%s", words, story)
		}
	}
	resolve(t, b, a)
	d.awaitFiled(1)
	d.stop()
	d.checkRefused(begun)
	for _, f := range d.facts() {
		if c, ok := f.Body.(remediate.Closed); ok && c.Verified {
			t.Error("it was closed as verified, and nothing was done")
		}
	}
}

// The role that the other tests heal with allows nothing else.
func TestRoleIsSmall(t *testing.T) {
	b := connect(t)
	kubeconfig := daemonAccount(t, b)
	awaitRight(t, b, kubeconfig, "yes", "patch", "deployments.apps")
	for _, what := range []string{
		"delete deployments.apps", "create deployments.apps", "update deployments.apps", "delete pods", "create pods", "create pods/exec",
		"create pods/eviction", "get secrets", "list secrets", "get configmaps", "patch statefulsets.apps", "create serviceaccounts/token",
		"create rolebindings.rbac.authorization.k8s.io", "impersonate users",
	} {
		awaitRight(t, b, kubeconfig, "no", strings.Fields(what)...)
	}
}

// awaitRight waits until the API server says whether the account may do it.
func awaitRight(t *testing.T, b *bed.Bed, kubeconfig, want string, what ...string) {
	t.Helper()
	eventually(t, 20*time.Second, func() string {
		args := append([]string{"--kubeconfig", kubeconfig, "--namespace", bed.Namespace, "auth", "can-i"}, what...)
		answer, _ := b.Kubectl(t.Context(), "", args...) // it fails when the answer is no
		if got := strings.TrimSpace(answer); got != want {
			return strings.Join(what, " ") + ": " + got + ", want " + want
		}
		return ""
	})
}

func apply(t *testing.T, b *bed.Bed, manifest string) {
	t.Helper()
	if err := b.Apply(context.Background(), manifest); err != nil {
		t.Fatal(err)
	}
}

// checkRefused wants that all that the cluster was asked to change was refused.
func (d *daemon) checkRefused(since time.Time) {
	d.t.Helper()
	events, err := d.bed.Mutations(bed.Namespace, account, since)
	if err != nil {
		d.t.Fatal(err)
	}
	tried := 0
	for _, e := range events {
		if e.Object.Resource == "events" {
			continue
		}
		tried++
		if e.Response.Code != http.StatusForbidden || e.Verb != "patch" || e.Object.Name != "x0tta6bl4-redis" {
			d.t.Errorf("%s %s/%s was answered %d", e.Verb, e.Object.Resource, e.Object.Name, e.Response.Code)
		}
	}
	if tried == 0 {
		d.t.Error("the cluster was not asked")
	}
}
