//go:build e2e

package e2e

import (
	"errors"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/action"
)

// What the policies do passes the fence, with the printed roles and nothing
// more, and by the daemon's own hands.
func TestFenceLetsPassWhatThePoliciesDo(t *testing.T) {
	f := openFenced(t)
	f.applied("rbac")
	f.fence()
	f.granted()
	actor, err := action.New(action.Options{Clusters: map[string]*rest.Config{"prod": f.whom}})
	f.must(err)

	f.deployment(nil)
	f.as(f.shop).perform(actor, f.as(f.shop).plan("restart", f.target("deployment", "web")), remediate.OK, "restarted")
	if f.settled("web").Spec.Template.Annotations[mark] == "" {
		t.Error("the deployment bears no mark")
	}

	_, p := f.statefulSet()
	awaitNextSecond(t, p.CreationTimestamp.Time)
	f.as(f.shop).perform(actor, f.as(f.shop).plan("restart", f.target("statefulset", "db")), remediate.OK, "evicted db-0")

	f.daemonSet()
	f.as(f.shop).perform(actor, f.as(f.shop).plan("restart", f.target("daemonset", "agent")), remediate.OK, "restarted")

	_, p = f.there.statefulSet()
	f.as(f.there).perform(actor, f.as(f.there).plan("evict_pod", f.there.target("pod", "db-0")), remediate.OK, "evicted")
	f.there.pod("db-0", string(p.UID))
	what := f.as(f.there).plan("delete_pod", f.there.target("pod", "db-0"))
	what.Act.Args = []byte(`{"bypass_pdb":true}`)
	f.as(f.there).perform(actor, what, remediate.OK, "deleted")

	f.as(f.shop).perform(actor, f.as(f.shop).plan("isolate", f.target("deployment", "web")), remediate.OK, "isolated")
	f.perform(f.actor(nil), f.plan("isolate", f.target("statefulset", "db")), remediate.OK, "isolated")
	f.as(f.shop).perform(actor, f.as(f.shop).plan("lift_isolation", f.target("statefulset", "db")), remediate.OK, "lifted")

	f.there.cronJob("free", "echo freed")
	what = f.as(f.shop).plan("job", f.target("deployment", "web"))
	what.Act.Args = []byte(f.values.Replace(`{"from":"cronjob/THERE/free","images":["none"]}`))
	f.as(f.shop).performed(actor, what, remediate.OK, "completed")
}

// Whatever roles a stolen token has, the fence refuses what no policy does, and
// nothing changes. That each of these requests would change something is shown
// once the fence is gone.
func TestFenceRefuses(t *testing.T) {
	f := openFenced(t)
	f.targets()
	f.fence()
	f.widen()
	before := f.settled("web")
	for _, r := range attacks {
		if err := f.send(r); !isFence(err) {
			t.Errorf("%s: got %v, want the fence's refusal", r.name, err)
		}
	}
	if now := f.settled("web"); now.Generation != before.Generation {
		t.Errorf("generation %d after %d", now.Generation, before.Generation)
	}
	for _, r := range neighbours {
		if err := f.send(r, "dryRun=All"); err != nil {
			t.Errorf("%s: %v, want it to pass", r.name, err)
		}
	}

	f.observeOnly()
	for _, r := range neighbours {
		if err := f.send(r, "dryRun=All"); !isFence(err) {
			t.Errorf("%s: %v, want it refused where nothing is ever done", r.name, err)
		}
	}

	f.unfence()
	for _, r := range attacks {
		if why := f.letThrough(r); why != "" {
			t.Errorf("%s, without the fence: %s", r.name, why)
		}
	}
	for _, name := range []string{"another image: deployments/web", "no replicas", "a new secret"} {
		i := slices.IndexFunc(attacks, func(r request) bool { return r.name == name })
		f.must(f.send(attacks[i]))
	}
	if d := f.settled("web"); d.Spec.Template.Spec.Containers[0].Image != "evil" || *d.Spec.Replicas != 0 {
		t.Errorf("without the fence nothing changed: %+v", d.Spec)
	}
}

// letThrough says why a request would change nothing. One that opens a
// connection has no dry run: it is enough that it comes as far as the node.
func (f *fenced) letThrough(r request) string {
	err := f.send(r, "dryRun=All")
	var answered apierrors.APIStatus
	switch {
	case !connects(r):
		return said(err)
	case !errors.As(err, &answered) || apierrors.IsForbidden(err) || apierrors.IsNotFound(err):
		return "it did not come as far as the node: " + said(err)
	}
	return ""
}

// connects tells whether a request opens a connection, which has no dry run.
func connects(r request) bool {
	return slices.ContainsFunc([]string{"/exec", "/attach", "/portforward", "/proxy"}, func(s string) bool {
		return strings.Contains(r.path, s)
	})
}

// The printed roles alone refuse what is not of the kind that the policies do,
// and the fence cannot be taken away by whom it holds.
func TestPrintedRolesRefuse(t *testing.T) {
	f := openFenced(t)
	f.targets()
	f.applied("rbac")
	f.fence()
	f.granted()
	golden(t, "can-i.txt", f.rights())
	for _, r := range append(slices.Clone(beyondRoles), fenceRemovals...) {
		if err := f.send(r, "dryRun=All"); !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "cannot ") {
			t.Errorf("%s: got %v, want it refused by the roles", r.name, err)
		}
	}
	// What the API server keeps from admission policies: so it is the roles that
	// must refuse it.
	f.widen()
	for _, r := range fenceRemovals {
		if err := f.send(r, "dryRun=All"); err != nil {
			t.Errorf("%s: %v, want it accepted of one who has the right", r.name, err)
		}
	}
}
