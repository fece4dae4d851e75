package kube_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube/kubetest"
)

var w1 = remediate.Target{Cluster: "prod", Kind: kube.Node, Name: "w1"}

// aNode is ready, once it was changed or not.
func aNode(change func(*corev1.Node)) *corev1.Node {
	n := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "w1", UID: "uid-w1", Labels: map[string]string{}, Annotations: map[string]string{}},
		Status:     corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}},
	}
	if change != nil {
		change(n)
	}
	return n
}

func set(manager string) metav1.ManagedFieldsEntry {
	return metav1.ManagedFieldsEntry{Manager: manager, FieldsV1: metav1.NewFieldsV1(`{"f:spec":{"f:unschedulable":{}}}`)}
}

func cordonedBy(managers ...string) func(*corev1.Node) {
	return func(n *corev1.Node) {
		n.Spec.Unschedulable = true
		n.Annotations[kube.CordonedAnnotation] = "j-i1-a1"
		for _, m := range managers {
			n.ManagedFields = append(n.ManagedFields, set(m))
		}
	}
}

func TestNodeAsATarget(t *testing.T) {
	for name, tc := range map[string]struct {
		change        func(*corev1.Node)
		text, refused string
		heard, ours   bool
	}{
		"ready":          {nil, "the node is ready", "", true, false},
		"not ready":      {func(n *corev1.Node) { n.Status.Conditions[0].Status = corev1.ConditionFalse }, "the node is not ready", "", false, false},
		"not heard of":   {func(n *corev1.Node) { n.Status.Conditions[0].Status = corev1.ConditionUnknown }, "the node is not heard of", "", false, false},
		"says nothing":   {func(n *corev1.Node) { n.Status.Conditions = nil }, "the node is not heard of", "", false, false},
		"cordoned by us": {cordonedBy(kube.Manager), "the node is ready and is cordoned", "", true, true},
		"by a person":    {cordonedBy("kubectl-cordon"), "the node is ready and is cordoned", "", true, false},
		"by both":        {cordonedBy(kube.Manager, "kubectl-cordon"), "the node is ready and is cordoned", "", true, false},
		"by nobody":      {cordonedBy(), "the node is ready and is cordoned", "", true, false},
		"without a mark": {func(n *corev1.Node) {
			cordonedBy(kube.Manager)(n)
			n.Annotations = nil
		}, "the node is ready and is cordoned", "", true, false},
		"control plane": {func(n *corev1.Node) { n.Labels["node-role.kubernetes.io/control-plane"] = "" }, "the node is ready", "a node of the control plane", true, false},
		"its old label": {func(n *corev1.Node) { n.Labels["node-role.kubernetes.io/master"] = "" }, "the node is ready", "a node of the control plane", true, false},
		"going": {func(n *corev1.Node) {
			now := metav1.Now()
			n.DeletionTimestamp, n.Finalizers = &now, []string{"x/y"}
		}, "the node is ready", "it is being deleted", true, false},
	} {
		w, err := kubetest.Reader(fake.NewClientset(aNode(tc.change))).Workload(t.Context(), w1)
		if err != nil {
			t.Fatal(err)
		}
		if w.Text() != tc.text || !strings.HasPrefix(w.Refused, tc.refused) || (w.Refused == "") != (tc.refused == "") {
			t.Errorf("%s: %q, refused %q", name, w.Text(), w.Refused)
		}
		if w.Heard() != tc.heard || w.CordonIsOurs() != tc.ours {
			t.Errorf("%s: heard of %v, its cordon is ours %v", name, w.Heard(), w.CordonIsOurs())
		}
		if !w.IsNode() || w.Fingerprint() != "" || w.Object() == nil || string(w.Meta.UID) != "uid-w1" {
			t.Errorf("%s: %+v", name, w)
		}
	}
	if _, err := kubetest.Reader(fake.NewClientset()).Workload(t.Context(), w1); !kube.IsGone(err) {
		t.Errorf("no node: %v", err)
	}
}

// No name would mean other objects than any node's.
func TestOfNoNode(t *testing.T) {
	r := kubetest.Reader(fake.NewClientset())
	if _, err := r.PodsOn(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "name which") {
		t.Errorf("pods: %v", err)
	}
	if _, err := r.NodeEvents(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "name which") {
		t.Errorf("events: %v", err)
	}
}

// The budgets that count are those of its pods' own namespaces.
func TestHeadroomOfANode(t *testing.T) {
	pod := func(namespace string) *corev1.Pod {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: namespace, Labels: map[string]string{"app": "x"}}, Spec: corev1.PodSpec{NodeName: "w1"}}
	}
	budget := func(namespace string, allowed int32) *policyv1.PodDisruptionBudget {
		return &policyv1.PodDisruptionBudget{
			ObjectMeta: metav1.ObjectMeta{Name: "of-" + namespace, Namespace: namespace},
			Spec:       policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "x"}}},
			Status:     policyv1.PodDisruptionBudgetStatus{DisruptionsAllowed: allowed},
		}
	}
	r := kubetest.Reader(fake.NewClientset(aNode(nil), pod("shop"), pod("web"), budget("shop", 2), budget("web", 1), budget("ops", 0)))
	w, err := r.Workload(t.Context(), w1)
	if err != nil {
		t.Fatal(err)
	}
	h, err := r.Headroom(t.Context(), w)
	if err != nil || h == nil || *h != (kube.Headroom{"of-web", 1}) {
		t.Errorf("got %+v, %v", h, err)
	}
}
