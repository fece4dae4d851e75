package kube

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/x0tta6bl4/remediated/remediate"
)

// CordonedAnnotation of a node says which attempt of ours cordoned it.
const CordonedAnnotation = "remediated/cordoned"

// NodeEvents is the namespace of the Events about nodes, which have none.
const NodeEvents = metav1.NamespaceDefault

// podsPage is how many pods of a node are listed at a time.
const podsPage = 500

// controlPlaneLabels are of nodes that the cluster itself runs on.
var controlPlaneLabels = []string{"node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"}

func fromNode(t remediate.Target, n *corev1.Node) *Workload {
	w := &Workload{Target: t, Meta: n.ObjectMeta, Wanted: 1, Current: 1, Updated: 1, Revised: true, node: n}
	w.Observed = w.Meta.Generation
	if amiss(n) == "" {
		w.Available = 1
	}
	return w
}

// nodeText says how a node stands, and by whom it is cordoned.
func nodeText(n *corev1.Node) string {
	text := "is ready"
	if why := unwell(n); why != "" {
		text = why
	}
	if n.Spec.Unschedulable {
		text += " and is cordoned"
	}
	return "the node " + text
}

// refusedNode is for the nodes that the cluster itself runs on: without them
// nothing could be taken back.
func refusedNode(n *corev1.Node) string {
	for _, l := range controlPlaneLabels {
		if _, there := n.Labels[l]; there {
			return fmt.Sprintf("a node of the control plane (label %s): nothing is done to it", l)
		}
	}
	return ""
}

// IsNode tells whether it is a node.
func (w *Workload) IsNode() bool { return w.node != nil }

// Heard tells whether a node reports what becomes of its pods.
func (w *Workload) Heard() bool { return w.node != nil && unwell(w.node) == "" }

// Cordoned tells whether no new pods are put on a node.
func (w *Workload) Cordoned() bool { return w.node != nil && w.node.Spec.Unschedulable }

// CordonedBy returns the attempt of ours that cordoned a node last, "" when none
// did. It may be uncordoned since.
func (w *Workload) CordonedBy() string { return w.Meta.Annotations[CordonedAnnotation] }

// CordonIsOurs tells whether it was we who set that a node is cordoned, and
// nobody has set it anew.
func (w *Workload) CordonIsOurs() bool {
	if !w.Cordoned() || w.CordonedBy() == "" {
		return false
	}
	setters := Owners(w.Meta.ManagedFields, "spec", "unschedulable")
	return len(setters) == 1 && setters[0].Manager == Manager
}

// PodsOn lists all pods of a node.
func (r Reader) PodsOn(ctx context.Context, node string) ([]corev1.Pod, error) {
	if node == "" {
		return nil, judgement{errors.New("list pods: no node would mean the pods that are on none: name which")}
	}
	page := metav1.ListOptions{Limit: podsPage, FieldSelector: fields.OneTermEqualSelector("spec.nodeName", node).String()}
	var out []corev1.Pod
	for {
		list, err := r.client.Pods(metav1.NamespaceAll).List(ctx, page)
		if err != nil {
			return nil, fmt.Errorf("list the pods of node %s: %w", node, err)
		}
		out = append(out, list.Items...)
		if page.Continue = list.Continue; page.Continue == "" {
			return out, nil
		}
	}
}

// NodeEvents lists what was reported about a node, the oldest first. Its kubelet
// takes the node's name for its UID, so they are looked for by name.
func (r Reader) NodeEvents(ctx context.Context, node string) ([]corev1.Event, error) {
	if node == "" {
		return nil, judgement{errors.New("list events: no node would mean every node: name which")}
	}
	list, err := r.client.Events(NodeEvents).List(ctx, metav1.ListOptions{
		FieldSelector: fields.AndSelectors(
			fields.OneTermEqualSelector("involvedObject.kind", "Node"),
			fields.OneTermEqualSelector("involvedObject.name", node),
		).String(),
	})
	if err != nil {
		return nil, fmt.Errorf("list events: %w", err)
	}
	SortEvents(list.Items)
	return list.Items, nil
}
