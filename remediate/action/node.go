package action

import (
	"context"
	"encoding/json"
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

// A node is cordoned by server-side apply, our mark in the same request. We own
// both fields then, and nothing else; to apply neither gives both up, and
// whatever somebody else has set meanwhile stays.

var nodePatchRule = kube.Rule("", []string{"nodes"}, "patch")

func nodeRules(string, json.RawMessage) []rbacv1.PolicyRule {
	return append(kube.ReadRules(kube.Node), nodePatchRule, eventRule)
}

// whatUncordoned is said when somebody has lifted the cordon that we set.
const whatUncordoned = "somebody uncordoned it"

// judgeNode says why nothing may be done to the node, nil when it may.
func (t *attempt) judgeNode(w *kube.Workload) *remediate.Result {
	if stop := t.meant(w); stop != nil || w.Refused == "" {
		return stop
	}
	return new(refused("%s", w.Refused))
}

// change brings a node to where judge says that it is done, by applying what it
// asks for.
func (t *attempt) change(ctx context.Context, cordon bool, judge func(*kube.Workload) *remediate.Result) (*kube.Workload, *remediate.Result) {
	return t.bring(ctx, change{
		look: t.look,
		judge: func(w *kube.Workload) *remediate.Result {
			if stop := t.judgeNode(w); stop != nil {
				return stop
			}
			return judge(w)
		},
		send: func(ctx context.Context, w *kube.Workload) *writeError { return t.applyNode(ctx, w, cordon) },
		done: func(w *kube.Workload) bool { return applied(w, t.ID, cordon) },
	})
}

// applied tells whether what was sent is there.
func applied(w *kube.Workload, id string, cordon bool) bool {
	if cordon {
		return w.Cordoned() && w.CordonedBy() == id
	}
	return !w.Cordoned() && w.CordonedBy() == ""
}

// applyNode sends what we own of the node: the cordon and its mark, or nothing.
// The body names the UID and the resourceVersion that were judged.
func (t *attempt) applyNode(ctx context.Context, w *kube.Workload, cordon bool) *writeError {
	n := asJudged(w)
	if cordon {
		n["metadata"].(map[string]any)["annotations"] = map[string]string{kube.CordonedAnnotation: t.ID}
		n["spec"] = map[string]any{"unschedulable": true}
	}
	body, err := json.Marshal(n)
	if err != nil {
		return &writeError{err: fmt.Errorf("encode the node: %w", err)}
	}
	force := false
	r := t.client.CoreV1.Patch(types.ApplyPatchType).Resource("nodes").Name(w.Target.Name).
		VersionedParams(&metav1.PatchOptions{FieldManager: kube.Manager, Force: &force}, kube.Parameters).
		Body(body)
	return t.send(ctx, r)
}
