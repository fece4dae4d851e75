package action

import (
	"context"
	"encoding/json"
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/kubernetes/scheme"

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
	switch {
	case w == nil:
		return new(refused("%s", remediate.RefusedGone))
	case string(w.Meta.UID) != t.Act.UID:
		return new(refused("it was deleted and made anew since it was judged"))
	case w.Refused != "":
		return new(refused("%s", w.Refused))
	}
	return nil
}

// change brings a node to where judge says that it is done, by applying what it
// asks for. It reads the node anew when it changed since it was judged.
func (t *attempt) change(ctx context.Context, cordon bool, judge func(*kube.Workload) *remediate.Result) (*kube.Workload, *remediate.Result) {
	for range judgings {
		w, stop := t.look(ctx)
		if stop != nil {
			return w, stop
		}
		if stop = t.judgeNode(w); stop == nil {
			stop = judge(w)
		}
		if stop != nil {
			return w, stop
		}
		e := t.applyNode(ctx, w, cordon)
		switch {
		case e == nil:
			return w, nil
		case isFieldConflict(e.err):
			return w, new(refused("another field manager owns what would be set: %s", text(e.err)))
		case apierrors.IsConflict(e.err):
			continue // it changed since it was judged: judge it anew
		case apierrors.IsInvalid(e.err) && hasCause(e.err, "metadata.uid"):
			return w, new(refused("it was deleted and made anew since it was judged: %s", text(e.err)))
		}
		r := t.unsent(e)
		if r.Outcome != remediate.Unknown {
			return w, &r
		}
		now, stop := t.look(ctx)
		if stop == nil && now != nil && string(now.Meta.UID) == t.Act.UID && applied(now, t.ID, cordon) {
			return now, nil // the answer was lost
		}
		return w, &r
	}
	return nil, new(t.later(fmt.Errorf("%s changes faster than it can be judged", t.Act.Target)))
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
	n := applycore.Node(w.Target.Name).WithUID(w.Meta.UID).WithResourceVersion(w.Meta.ResourceVersion)
	if cordon {
		n.WithAnnotations(map[string]string{kube.CordonedAnnotation: t.ID}).WithSpec(applycore.NodeSpec().WithUnschedulable(true))
	}
	body, err := json.Marshal(n)
	if err != nil {
		return &writeError{err: fmt.Errorf("encode the node: %w", err)}
	}
	force := false
	r := t.client.CoreV1().RESTClient().Patch(types.ApplyPatchType).Resource("nodes").Name(w.Target.Name).
		VersionedParams(&metav1.PatchOptions{FieldManager: kube.Manager, Force: &force}, scheme.ParameterCodec).
		Body(body)
	return t.send(ctx, r)
}
