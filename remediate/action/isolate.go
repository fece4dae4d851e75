package action

import (
	"context"
	"encoding/json"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

const (
	isolateDoc     = "cuts the target's pods off from the network by a NetworkPolicy, until lift_isolation"
	isolateExample = "isolate: {}"

	// isolationPrefix begins the names of our NetworkPolicies, before the
	// target's kind and name: there is one for each target, whoever made it.
	isolationPrefix = "remediated-isolates-"
	// isolatesAnnotation holds the UID of what a NetworkPolicy isolates.
	isolatesAnnotation = "remediated/isolates"
	managedByLabel     = "app.kubernetes.io/managed-by"
)

// isolate denies all traffic from and to the target's pods. Other NetworkPolicies
// for the same pods go on to allow what they allow: rules only add up.
type isolate struct{}

func isolateRules(target string, _ json.RawMessage) []rbacv1.PolicyRule {
	return append(sameRules(target), kube.Rule("networking.k8s.io", []string{"networkpolicies"}, "get", "create"), eventRule)
}

func (*isolate) validate() error { return nil }

func (*isolate) perform(ctx context.Context, t *attempt) remediate.Result {
	w, stop := t.same(ctx)
	if stop != nil {
		return *stop
	}
	want, why := isolation(w, t.ID)
	if why != "" {
		return refused("%s", why)
	}
	there, stop := t.isolation(ctx)
	if stop != nil {
		return *stop
	}
	var r remediate.Result
	if there != nil {
		r = t.isolated(there, want)
	} else {
		r = t.isolate(ctx, want)
	}
	if r.Outcome == remediate.Later {
		return r
	}
	return t.tell(ctx, w, r)
}

// isolate sends the NetworkPolicy. Its name is the target's: sent twice, it is
// there once.
func (t *attempt) isolate(ctx context.Context, want *networkingv1.NetworkPolicy) remediate.Result {
	e := t.send(ctx, t.client.NetworkingV1.Post().Namespace(want.Namespace).Resource("networkpolicies").Body(want))
	if e == nil {
		return isolatedBy(want)
	}
	r := t.unsent(e)
	if r.Outcome == remediate.Unknown || apierrors.IsAlreadyExists(e.err) {
		if there, stop := t.isolation(ctx); stop == nil && there != nil {
			return t.isolated(there, want)
		}
	}
	return r
}

// isolation is the NetworkPolicy that isolates a workload, or why there can be
// none.
func isolation(w *kube.Workload, id string) (*networkingv1.NetworkPolicy, string) {
	selector := w.Selector
	if w.Target.Kind == kube.Pod {
		name := w.Meta.Labels[appsv1.StatefulSetPodNameLabel]
		if name == "" {
			return nil, "none of its labels tells it from its siblings, which would be cut off as well: isolate its workload, for example by target: owner/$namespace/$pod"
		}
		selector = &metav1.LabelSelector{MatchLabels: map[string]string{appsv1.StatefulSetPodNameLabel: name}}
	} else if _, err := w.LabelSelector(); err != nil {
		return nil, err.Error()
	}
	name := isolationName(w.Target)
	if err := remediate.CheckName(name); err != nil {
		return nil, fmt.Sprintf("it cannot have a NetworkPolicy called after it: %v", err)
	}
	return &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Namespace: w.Target.Namespace,
			Labels:      map[string]string{attemptLabel: id, managedByLabel: kube.Manager},
			Annotations: map[string]string{isolatesAnnotation: string(w.Meta.UID)},
		},
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: *selector.DeepCopy(),
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress},
		},
	}, ""
}

func isolationName(t remediate.Target) string { return isolationPrefix + t.Kind + "-" + t.Name }

// isolation reads the NetworkPolicy of the target, nil when there is none.
func (t *attempt) isolation(ctx context.Context) (p *networkingv1.NetworkPolicy, stop *remediate.Result) {
	return find(ctx, t, func(ctx context.Context) (*networkingv1.NetworkPolicy, error) {
		return t.client.NetworkPolicies(t.Act.Target.Namespace).Get(ctx, isolationName(t.Act.Target), metav1.GetOptions{})
	})
}

// isOurs tells whether we made a NetworkPolicy.
func isOurs(p *networkingv1.NetworkPolicy) bool {
	return p.Labels[managedByLabel] == kube.Manager && p.Labels[attemptLabel] != "" && p.Annotations[isolatesAnnotation] != ""
}

// isolated is the result where there is a NetworkPolicy of that name.
func (t *attempt) isolated(there, want *networkingv1.NetworkPolicy) remediate.Result {
	id := there.Labels[attemptLabel]
	switch {
	case !isOurs(there):
		return failed("there is a NetworkPolicy %s that is not ours", there.Name)
	case there.DeletionTimestamp != nil:
		return t.later(fmt.Errorf("the NetworkPolicy %s is being deleted", there.Name))
	case there.Annotations[isolatesAnnotation] != want.Annotations[isolatesAnnotation]:
		return failed("the NetworkPolicy %s is about an object of this name that is no more: lift_isolation removes it", there.Name)
	case !apiequality.Semantic.DeepEqual(there.Spec, want.Spec):
		return failed("somebody changed the NetworkPolicy %s: it no longer isolates what it should", there.Name)
	case id == t.ID && !t.again:
		return failed("the NetworkPolicy %s of %s was there before it was sent: somebody else uses our IDs, or a journal was copied", there.Name, id)
	case id != t.ID:
		return ok("it was isolated already, by %s; nothing was sent", id)
	}
	return isolatedBy(there)
}

func isolatedBy(p *networkingv1.NetworkPolicy) remediate.Result {
	return ok("isolated: the NetworkPolicy %s denies all traffic of the pods with %s, where the network enforces such", p.Name, metav1.FormatLabelSelector(&p.Spec.PodSelector))
}
