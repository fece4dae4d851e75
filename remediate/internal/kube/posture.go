package kube

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/posture"
)

// Posture reads what a target has against the loss of a pod or a node. For a pod
// it is about the workload that it belongs to. What stands beside the workload
// and cannot be read is left out, and noted.
func (r Reader) Posture(ctx context.Context, t remediate.Target) (posture.Workload, error) {
	if t.Kind == Pod {
		t.Kind = Owner
	}
	w, err := r.Object(ctx, t)
	if err != nil {
		return posture.Workload{}, err
	}
	if w.Template == nil {
		return posture.Workload{Alone: w.Refused}, nil
	}
	out := posture.Workload{
		PerNode: w.daemonSet != nil, Wanted: int(w.Wanted), Available: int(w.Available),
		Apart: w.apart(), Claims: w.claims(), Unread: map[string]error{},
	}
	for _, c := range w.Template.Spec.Containers {
		out.Containers = append(out.Containers, containerOf(c))
	}
	if !out.PerNode { // a drain leaves those where they are
		if out.Budgets, err = r.covering(ctx, w); err != nil {
			out.Unread[posture.Evictions] = err
		}
	}
	if !out.PerNode && out.Wanted > 1 {
		if out.Nodes, err = r.nodesOf(ctx, w); err != nil {
			out.Unread[posture.Spread] = err
		}
	}
	if w.deployment != nil {
		if out.Once, err = r.heldVolume(ctx, w.deployment); err != nil {
			out.Unread[posture.Volume] = err
		}
	}
	return out, nil
}

// claims are those that its pods mount, and the templates of those that are made
// for each of its pods.
func (w *Workload) claims() []string {
	names := claimsOf(w.Template.Spec)
	if w.statefulSet != nil {
		for _, c := range w.statefulSet.Spec.VolumeClaimTemplates {
			names = append(names, c.Name)
		}
	}
	return names
}

func containerOf(c corev1.Container) posture.Container {
	set := func(of corev1.ResourceList, name corev1.ResourceName) bool { _, is := of[name]; return is }
	asks := func(name corev1.ResourceName) bool {
		return set(c.Resources.Requests, name) || set(c.Resources.Limits, name)
	}
	return posture.Container{
		Name: c.Name, Readiness: c.ReadinessProbe != nil, Liveness: c.LivenessProbe != nil,
		Requests:    asks(corev1.ResourceCPU) && asks(corev1.ResourceMemory),
		MemoryLimit: set(c.Resources.Limits, corev1.ResourceMemory),
	}
}

// covering returns the disruption budgets of the pods that the workload makes.
func (r Reader) covering(ctx context.Context, w *Workload) (out []posture.Budget, err error) {
	budgets, err := r.budgets(ctx, w.Target.Namespace)
	for _, b := range budgets {
		if b.covers(w.Target.Namespace, w.Template.Labels) {
			out = append(out, posture.Budget{Name: b.name, Counted: b.counted, Pods: int(b.pods), Healthy: int(b.healthy)})
		}
	}
	return out, err
}

// nodesOf returns the node of each pod that has one and has not ended.
func (r Reader) nodesOf(ctx context.Context, w *Workload) (nodes []string, err error) {
	pods, err := r.PodsOf(ctx, w)
	for _, p := range pods {
		if !Ended(&p) && p.Spec.NodeName != "" {
			nodes = append(nodes, p.Spec.NodeName)
		}
	}
	return nodes, err
}

// apart tells what the pod template says against all pods on one node. Which
// domains there are for a topology key is not looked at: what comes of it is
// seen by where the pods are.
func (w *Workload) apart() posture.Apart {
	apart := posture.Anywhere
	say := func(selects, required bool) {
		switch {
		case selects && required:
			apart = posture.Required
		case selects:
			apart = max(apart, posture.Preferred)
		}
	}
	spec := w.Template.Spec
	for _, c := range spec.TopologySpreadConstraints {
		// With a skew as large as the workload all of it may be in one domain.
		say(w.selects(c.LabelSelector) && c.MaxSkew < w.Wanted, c.WhenUnsatisfiable == corev1.DoNotSchedule)
	}
	if spec.Affinity == nil || spec.Affinity.PodAntiAffinity == nil {
		return apart
	}
	for _, t := range spec.Affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution {
		say(w.avoids(t), true)
	}
	for _, t := range spec.Affinity.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution {
		say(w.avoids(t.PodAffinityTerm), false)
	}
	return apart
}

// avoids tells whether a term of an anti-affinity is against pods of its own.
func (w *Workload) avoids(t corev1.PodAffinityTerm) bool {
	here := len(t.Namespaces) == 0 && t.NamespaceSelector == nil || slices.Contains(t.Namespaces, w.Target.Namespace)
	if s, err := metav1.LabelSelectorAsSelector(t.NamespaceSelector); err == nil && t.NamespaceSelector != nil && s.Empty() {
		here = true
	}
	return here && w.selects(t.LabelSelector)
}

// selects tells whether a selector means pods of its own; none means no pod.
func (w *Workload) selects(s *metav1.LabelSelector) bool {
	selector, err := metav1.LabelSelectorAsSelector(s)
	return err == nil && selector.Matches(labels.Set(w.Template.Labels))
}
