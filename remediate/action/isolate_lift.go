package action

import (
	"context"
	"encoding/json"
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

const (
	liftIsolationDoc     = "removes the NetworkPolicy that isolate made; as undo only that of its own attempt"
	liftIsolationExample = "lift_isolation: {}"
)

// liftIsolation removes the target's isolation, that very object. Whether the
// target is still the same one is no matter: its pods are cut off by name.
type liftIsolation struct{}

func liftIsolationRules(target string, _ json.RawMessage) []rbacv1.PolicyRule {
	return append(sameRules(target), kube.Rule("networking.k8s.io", []string{"networkpolicies"}, "get", "delete"), eventRule)
}

func (*liftIsolation) validate() error { return nil }

func (*liftIsolation) perform(ctx context.Context, t *attempt) remediate.Result {
	r := t.lift(ctx)
	return t.tellIfThere(ctx, r)
}

func (t *attempt) lift(ctx context.Context) remediate.Result {
	for range judgings {
		there, stop := t.isolation(ctx)
		switch {
		case stop != nil:
			return *stop
		case there == nil:
			return ok("it is not isolated, or no longer")
		case !isOurs(there):
			return failed("there is a NetworkPolicy %s that is not ours: it is left as it is", there.Name)
		case t.Act.Undo && !t.ofThisAttempt(there.Labels[attemptLabel]):
			return ok("it was isolated by %s before, and stays so", there.Labels[attemptLabel])
		case there.DeletionTimestamp != nil:
			return ok("its isolation is being removed already")
		}
		e := t.send(ctx, t.client.NetworkingV1.Delete().
			Namespace(there.Namespace).Resource("networkpolicies").Name(there.Name).Body(precondition(string(there.UID))))
		switch {
		case e == nil:
			return ok("the isolation by %s was lifted", there.Labels[attemptLabel])
		case kube.IsGone(e.err):
			return ok("its isolation was gone when the request arrived")
		case apierrors.IsConflict(e.err):
			continue // it was replaced since it was looked at
		}
		r := t.unsent(e)
		if r.Outcome == remediate.Unknown {
			if now, stop := t.isolation(ctx); stop == nil && (now == nil || now.UID != there.UID) {
				return ok("the isolation by %s was lifted; the answer was lost", there.Labels[attemptLabel])
			}
		}
		return r
	}
	return t.later(fmt.Errorf("the isolation of %s changes faster than it can be lifted", t.Act.Target))
}
