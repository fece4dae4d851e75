package kube

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Headroom is how much the disruption budgets of a workload's pods allow now.
type Headroom struct {
	Budgets string // the name of the tightest; of more than one where a pod has more than one
	Allowed int32  // disruptions
}

// Headroom returns the least that a disruption budget of any of the workload's
// pods allows, nil when none of them has a budget. It is 0 for a pod with more
// than one: the API server refuses to evict such a pod.
func (r Reader) Headroom(ctx context.Context, w *Workload) (*Headroom, error) {
	budgets, err := r.budgets(ctx, w.Target.Namespace)
	if err != nil || len(budgets) == 0 {
		return nil, err
	}
	pods, err := r.PodsOf(ctx, w)
	if err != nil {
		return nil, err
	}
	var least *Headroom
	for i := range pods {
		if h := headroomOf(&pods[i], budgets); h != nil && (least == nil || h.Allowed < least.Allowed) {
			least = h
		}
	}
	return least, nil
}

// budget is a disruption budget with its selector parsed.
type budget struct {
	name     string
	where    string // its namespace, whose pods alone it is about
	selector labels.Selector
	allowed  int32
	counted  bool // its controller has counted for it as it is now
	pods     int32
	healthy  int32 // of its pods, that must be
}

func (r Reader) budgets(ctx context.Context, namespace string) ([]budget, error) {
	list, err := r.client.PodDisruptionBudgets(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list the disruption budgets of %s: %w", cmp.Or(namespace, "all namespaces"), err)
	}
	out := make([]budget, 0, len(list.Items))
	for i := range list.Items {
		b := &list.Items[i]
		// As the API server reads it: no selector is no pod, an empty one every pod.
		selector, err := metav1.LabelSelectorAsSelector(b.Spec.Selector)
		if err != nil {
			return nil, judgement{fmt.Errorf("selector of the disruption budget %s: %w", b.Name, err)}
		}
		out = append(out, budget{b.Name, b.Namespace, selector, allowed(b), counted(b), b.Status.ExpectedPods, b.Status.DesiredHealthy})
	}
	return out, nil
}

// allowed is 0 while the budget's controller has not counted for it as it is
// now: the API server refuses an eviction then.
func allowed(b *policyv1.PodDisruptionBudget) int32 {
	if !counted(b) {
		return 0
	}
	return max(0, b.Status.DisruptionsAllowed)
}

func counted(b *policyv1.PodDisruptionBudget) bool {
	return b.Status.ObservedGeneration >= b.Generation
}

// covers tells whether a budget is about pods of a namespace with these labels.
func (b budget) covers(namespace string, of map[string]string) bool {
	return b.where == namespace && b.selector.Matches(labels.Set(of))
}

func headroomOf(p *corev1.Pod, budgets []budget) *Headroom {
	var names []string
	var least int32
	for _, b := range budgets {
		if b.covers(p.Namespace, p.Labels) {
			names = append(names, b.name)
			least = b.allowed
		}
	}
	switch len(names) {
	case 0:
		return nil
	case 1:
		return &Headroom{names[0], least}
	}
	return &Headroom{Budgets: strings.Join(names, ", ")}
}
