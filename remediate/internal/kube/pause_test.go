package kube_test

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube/kubetest"
)

var theWeb = remediate.Target{Kind: "deployment", Namespace: "shop", Name: "web"}

// paused makes the rollout of a Deployment paused, once each of the managers has
// set that.
func paused(by string, managers ...string) func(*appsv1.Deployment) {
	return func(d *appsv1.Deployment) {
		d.Spec.Paused = true
		if by != "" {
			d.Annotations = map[string]string{kube.PausedAnnotation: by}
		}
		for _, m := range managers {
			d.ManagedFields = append(d.ManagedFields, metav1.ManagedFieldsEntry{Manager: m, FieldsV1: metav1.NewFieldsV1(`{"f:spec":{"f:paused":{}}}`)})
		}
	}
}

func TestPauseIsOurs(t *testing.T) {
	for name, tc := range map[string]struct {
		d    *appsv1.Deployment
		want bool
	}{
		"not paused":       {deployment(nil), false},
		"resumed since":    {deployment(func(d *appsv1.Deployment) { paused("j-i1-a1", kube.Manager)(d); d.Spec.Paused = false }), false},
		"ours":             {deployment(paused("j-i1-a1", kube.Manager)), true},
		"a human's":        {deployment(paused("", "kubectl-rollout")), false},
		"a human's, since": {deployment(paused("j-i1-a1", "kubectl-rollout")), false},
		"of both":          {deployment(paused("j-i1-a1", kube.Manager, "argocd-controller")), false},
		"without a mark":   {deployment(paused("", kube.Manager)), false},
		"nobody knows":     {deployment(paused("j-i1-a1")), false},
	} {
		w, err := kubetest.Reader(fake.NewClientset(tc.d)).Object(t.Context(), theWeb)
		if err != nil {
			t.Fatal(err)
		}
		if got := w.PauseIsOurs(); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// A rollout that is under way, or paused, is refused for all but what is for it.
func TestRefusedForAPurpose(t *testing.T) {
	custom := func(d *appsv1.Deployment) {
		d.OwnerReferences = []metav1.OwnerReference{controller("example.com/v1", "Shop", "shop")}
	}
	for name, tc := range map[string]struct {
		d                     *appsv1.Deployment
		restart, pause, other string // what is refused; "" for nothing
	}{
		"nothing under way": {deployment(nil), "", "no rollout is under way", ""},
		"rolling out":       {progress(corev1.ConditionTrue), "in progress", "", ""},
		"stuck":             {progress(corev1.ConditionFalse), "", "", ""},
		"old pods are left": {deployment(func(d *appsv1.Deployment) { d.Status.Replicas = 3 }), "in progress", "", ""},
		"not seen yet":      {deployment(func(d *appsv1.Deployment) { d.Generation = 3 }), "not observed", "", ""},
		"recreated": {deployment(func(d *appsv1.Deployment) {
			d.Status.UpdatedReplicas, d.Spec.Strategy.Type = 0, appsv1.RecreateDeploymentStrategyType
		}), "in progress", "its strategy is Recreate", ""},
		"paused by us":        {deployment(paused("j-i1-a1", kube.Manager)), "paused by our attempt j-i1-a1: resume it first", "", ""},
		"paused by a human":   {deployment(paused("", "kubectl-rollout")), "somebody is working on it", "", ""},
		"a custom resource's": {deployment(custom), "custom resource", "custom resource", "custom resource"},
	} {
		for what, want := range map[kube.Purpose]string{"": tc.restart, kube.ToPause: tc.pause, kube.ToResume: tc.other} {
			w, err := kubetest.Reader(fake.NewClientset(tc.d)).WorkloadFor(t.Context(), theWeb, what)
			if err != nil {
				t.Fatal(err)
			}
			if (want == "") != (w.Refused == "") || !strings.Contains(w.Refused, want) {
				t.Errorf("%s, to %q: refused %q, want %q", name, what, w.Refused, want)
			}
		}
	}
}
