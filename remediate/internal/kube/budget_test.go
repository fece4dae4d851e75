package kube_test

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube/kubetest"
)

func budget(name string, selector *metav1.LabelSelector, allowed int32) *policyv1.PodDisruptionBudget {
	return &policyv1.PodDisruptionBudget{
		ObjectMeta: meta(name), Spec: policyv1.PodDisruptionBudgetSpec{Selector: selector},
		Status: policyv1.PodDisruptionBudgetStatus{DisruptionsAllowed: allowed, ObservedGeneration: 2},
	}
}

func with(labels ...string) *metav1.LabelSelector {
	s := &metav1.LabelSelector{MatchLabels: map[string]string{}}
	for i := 0; i < len(labels); i += 2 {
		s.MatchLabels[labels[i]] = labels[i+1]
	}
	return s
}

func TestHeadroom(t *testing.T) {
	labelled := func(name, shard string) *corev1.Pod {
		p := pod(name)
		p.Labels = map[string]string{"app": "web", "shard": shard}
		return p
	}
	web := deployment(func(d *appsv1.Deployment) { d.Spec.Selector = with("app", "web") })
	stale := budget("stale", with("app", "web"), 3)
	stale.Generation = 3
	elsewhere := budget("elsewhere", with("app", "web"), 0)
	elsewhere.Namespace = "ops"
	for _, tc := range []struct {
		name    string
		budgets []runtime.Object
		want    *kube.Headroom
	}{
		{"no budget", nil, nil},
		{"of other pods", []runtime.Object{budget("db", with("app", "db"), 0)}, nil},
		{"of another namespace", []runtime.Object{elsewhere}, nil},
		{"of no pod", []runtime.Object{budget("none", nil, 0)}, nil},
		{"of every pod", []runtime.Object{budget("every", with(), 2)}, &kube.Headroom{Budgets: "every", Allowed: 2}},
		{"nothing left", []runtime.Object{budget("web", with("app", "web"), 0)}, &kube.Headroom{Budgets: "web"}},
		{"the tightest of two", []runtime.Object{budget("a", with("shard", "a"), 2), budget("b", with("shard", "b"), 1)}, &kube.Headroom{Budgets: "b", Allowed: 1}},
		{"one without, one with", []runtime.Object{budget("b", with("shard", "b"), 1)}, &kube.Headroom{Budgets: "b", Allowed: 1}},
		{"two of one pod", []runtime.Object{budget("web", with("app", "web"), 2), budget("a", with("shard", "a"), 2)}, &kube.Headroom{Budgets: "a, web"}},
		{"not counted yet", []runtime.Object{stale}, &kube.Headroom{Budgets: "stale"}},
	} {
		r := kubetest.Reader(fake.NewClientset(append(tc.budgets, web, labelled("w1", "a"), labelled("w2", "b"))...))
		w, err := r.Workload(t.Context(), remediate.Target{Kind: "deployment", Namespace: "shop", Name: "web"})
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.Headroom(t.Context(), w)
		if err != nil || (got == nil) != (tc.want == nil) || got != nil && *got != *tc.want {
			t.Errorf("%s: %+v, %v; want %+v", tc.name, got, err, tc.want)
		}
	}
}

// A pod's headroom is that of its own budgets, and other pods are not listed.
func TestHeadroomOfAPod(t *testing.T) {
	p := pod("w1")
	p.Labels = map[string]string{"shard": "a"}
	client := fake.NewClientset(p, budget("a", with("shard", "a"), 2), budget("b", with("shard", "b"), 0))
	r := kubetest.Reader(client)
	w, err := r.Object(t.Context(), remediate.Target{Kind: "pod", Namespace: "shop", Name: "w1"})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := r.Headroom(t.Context(), w); err != nil || got == nil || *got != (kube.Headroom{Budgets: "a", Allowed: 2}) {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, a := range client.Actions() {
		if a.GetVerb() == "list" && a.GetResource().Resource == "pods" {
			t.Error("pods were listed")
		}
	}
}
