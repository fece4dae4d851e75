package action

import (
	"context"
	"encoding/json"

	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

const (
	evictPodDoc     = "evicts one pod, so that its workload makes another; waits where a disruption budget says so"
	evictPodExample = "evict_pod: {}"
)

var evictionRule = kube.Rule("", []string{"pods/eviction"}, "create")

// evictPod evicts the target. The object's identity goes with the request, and
// is compared before: a rejected eviction may spend the disruption budget all
// the same.
type evictPod struct{}

func evictPodRules(string, json.RawMessage) []rbacv1.PolicyRule {
	return append(kube.ReadRules(kube.Pod), evictionRule, eventRule)
}

func evictPodWrites(string, json.RawMessage) []Write {
	return append(eventWrites("evict_pod", kube.Pod), evictionWrite(""))
}

// evictionWrite is the eviction of a pod whose name is the target's with a
// suffix.
func evictionWrite(suffix string) Write {
	return Write{
		Doc:       "to evict a pod, that very one and in its own time",
		Operation: "CREATE", Resource: "pods/eviction",
		Named: "variables.name", Suffix: suffix,
		As: `has(object.deleteOptions) && ` + every(
			only("object.deleteOptions", "apiVersion", "kind", "preconditions", "dryRun"),
			`has(object.deleteOptions.preconditions) && has(object.deleteOptions.preconditions.uid)`,
		),
	}
}

func (*evictPod) validate() error { return nil }

func (*evictPod) perform(ctx context.Context, t *attempt) remediate.Result {
	return t.remove(ctx, "evicted", func(w *kube.Workload) *writeError {
		return t.evict(ctx, w.Target.Namespace, w.Target.Name, string(w.Meta.UID))
	})
}

// remove has a pod go away by how, unless it is gone already.
func (t *attempt) remove(ctx context.Context, done string, how func(*kube.Workload) *writeError) remediate.Result {
	w, stop := t.look(ctx)
	if stop != nil {
		return *stop
	}
	if left(w, t.Act.UID) {
		return ok("the pod is gone or going already")
	}
	if w.Refused != "" {
		return refused("%s", w.Refused)
	}
	e := how(w)
	switch {
	case e == nil:
		return t.tell(ctx, w, ok("%s", done))
	case kube.IsGone(e.err):
		return ok("the pod was gone when the request arrived")
	}
	r := t.unsent(e)
	if r.Outcome == remediate.Unknown || apierrors.IsConflict(e.err) {
		if now, stop := t.look(ctx); stop == nil && left(now, t.Act.UID) {
			r = ok("the pod is gone or going; what was answered is: %s", text(e.err))
		}
	}
	if r.Outcome == remediate.Later || r.Outcome == remediate.Failed {
		return r
	}
	return t.tell(ctx, w, r)
}

// left tells whether the pod with this UID is gone, replaced or being deleted.
func left(w *kube.Workload, uid string) bool {
	return w == nil || string(w.Meta.UID) != uid || w.Meta.DeletionTimestamp != nil
}

func (t *attempt) evict(ctx context.Context, namespace, name, uid string) *writeError {
	r := t.client.CoreV1.Post().
		Namespace(namespace).Resource("pods").Name(name).SubResource("eviction").
		Body(&policyv1.Eviction{
			ObjectMeta:    metav1.ObjectMeta{Name: name, Namespace: namespace},
			DeleteOptions: precondition(uid),
		})
	return t.send(ctx, r)
}

func precondition(uid string) *metav1.DeleteOptions {
	return &metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: new(types.UID(uid))}}
}
