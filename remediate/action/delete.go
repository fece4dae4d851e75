package action

import (
	"context"
	"encoding/json"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/args"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

const (
	deletePodDoc     = "removes one pod, by eviction unless bypass_pdb says to disregard its disruption budget"
	deletePodExample = "delete_pod: {bypass_pdb: true}"
)

type deletePod struct {
	BypassPDB bool `json:"bypass_pdb,omitempty"`
}

// deletePodRules allow to delete only where the arguments say that it is meant.
func deletePodRules(target string, raw json.RawMessage) []rbacv1.PolicyRule {
	var a deletePod
	if args.Decode(raw, &a) == nil && !a.BypassPDB {
		return evictPodRules(target, raw)
	}
	return append(kube.ReadRules(kube.Pod), kube.Rule("", []string{"pods"}, "delete"), eventRule)
}

func deletePodWrites(target string, raw json.RawMessage) []Write {
	var a deletePod
	if args.Decode(raw, &a) == nil && !a.BypassPDB {
		return append(eventWrites("delete_pod", kube.Pod), evictionWrite(""))
	}
	return append(eventWrites("delete_pod", kube.Pod), Write{
		Doc:       "to delete a pod, that very one and in its own time",
		Operation: "DELETE", Resource: "pods",
		Named: "variables.name",
		As: every(
			`has(request.options.preconditions) && has(request.options.preconditions.uid)`,
			only("request.options", "apiVersion", "kind", "preconditions", "gracePeriodSeconds", "dryRun"),
			ownTime,
		),
	})
}

// ownTime holds when a pod is given the time that it says it needs to end. The
// API server has filled it in by then: nothing for a pod that does not run.
const ownTime = `(!has(request.options.gracePeriodSeconds) ||
  request.options.gracePeriodSeconds == oldObject.spec.terminationGracePeriodSeconds ||
  !has(oldObject.spec.nodeName) || oldObject.status.phase in ["Failed", "Succeeded"])`

func (*deletePod) validate() error { return nil }

func (a *deletePod) perform(ctx context.Context, t *attempt) remediate.Result {
	if !a.BypassPDB {
		return (*evictPod)(nil).perform(ctx, t)
	}
	return t.remove(ctx, "deleted, disregarding its disruption budget", func(w *kube.Workload) *writeError {
		r := t.client.CoreV1.Delete().
			Namespace(w.Target.Namespace).Resource("pods").Name(w.Target.Name).
			Body(precondition(string(w.Meta.UID)))
		return t.send(ctx, r)
	})
}
