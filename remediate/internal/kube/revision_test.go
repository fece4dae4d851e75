package kube_test

import (
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube/kubetest"
)

// A rollout is ours while it is of the template that we rolled back to; one of
// another template, or a restart by hand of that one, is somebody else's.
func TestRolloutOfARollback(t *testing.T) {
	read := func(d *appsv1.Deployment) *kube.Workload {
		w, err := kubetest.Reader(fake.NewClientset(d)).Workload(t.Context(), remediate.Target{Cluster: "prod", Kind: "deployment", Namespace: "shop", Name: "web"})
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	const theirs = "a rollout is in progress that we did not begin"
	for name, tc := range map[string]struct {
		then       func(*appsv1.Deployment)
		refused    string
		rolledBack bool
	}{
		"ours":             {func(*appsv1.Deployment) {}, "", true},
		"of another image": {func(d *appsv1.Deployment) { d.Spec.Template.Spec.NodeName = "n" }, theirs, false},
		"restarted by hand": {func(d *appsv1.Deployment) {
			d.Spec.Template.Annotations = map[string]string{kube.RestartedAnnotation: "x"}
		}, theirs, true},
		"without our note": {func(d *appsv1.Deployment) { d.Annotations = nil }, theirs, false},
	} {
		d := progress(corev1.ConditionTrue, changed("kubectl", time.Minute, imageField))
		d.Annotations = map[string]string{kube.RolledBackTo: read(d).Fingerprint()}
		tc.then(d)
		w := read(d)
		if !strings.HasPrefix(w.Refused, tc.refused) || tc.refused == "" && w.Refused != "" || w.RolledBack() != tc.rolledBack {
			t.Errorf("%s: refused %q, rolled back: %v", name, w.Refused, w.RolledBack())
		}
	}
}

// An empty selector would take the ReplicaSets of others for its own.
func TestRevisionsNeedASelector(t *testing.T) {
	d := deployment(func(d *appsv1.Deployment) { d.Spec.Selector = &metav1.LabelSelector{} })
	r := kubetest.Reader(fake.NewClientset(d))
	w, err := r.Object(t.Context(), remediate.Target{Cluster: "prod", Kind: "deployment", Namespace: "shop", Name: "web"})
	if err != nil {
		t.Fatal(err)
	}
	if all, err := r.Revisions(t.Context(), w); err == nil {
		t.Errorf("got %v", all)
	}
}
