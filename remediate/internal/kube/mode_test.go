package kube_test

import (
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube/kubetest"
)

func workloadOf(t *testing.T, kind, name string, objects ...runtime.Object) *kube.Workload {
	t.Helper()
	w, err := kubetest.Reader(fake.NewClientset(objects...)).Workload(t.Context(), remediate.Target{Kind: kind, Namespace: "shop", Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func annotated(m metav1.ObjectMeta, mode string) metav1.ObjectMeta {
	if mode != "" {
		m.Annotations = map[string]string{kube.ModeAnnotation: mode}
	}
	return m
}

// What a pod says and what its workload says: the stricter holds, and what is
// no mode is never overlooked.
func TestModeOfAPod(t *testing.T) {
	for _, tc := range []struct{ pod, set, want string }{
		{"", "", ""},
		{"", "act", "act"},
		{"approve", "", "approve"},
		{"", "observe", "observe"},
		{"observe", "act", "observe"},
		{"act", "approve", "approve"},
		{"approve", "observe", "observe"},
		{"observe", "off", "off"},
		{"off", "observe", "off"},
		{"Observe", "act", "Observe"},
	} {
		p := pod("db-0", controller("apps/v1", "StatefulSet", "db"))
		p.ObjectMeta = annotated(p.ObjectMeta, tc.pod)
		set := statefulSet(func(s *appsv1.StatefulSet) { s.ObjectMeta = annotated(s.ObjectMeta, tc.set) })
		if got := workloadOf(t, "pod", "db-0", p, set).Mode(); got != tc.want {
			t.Errorf("pod %q, set %q: %q, want %q", tc.pod, tc.set, got, tc.want)
		}
	}
}

func TestNamespaceMode(t *testing.T) {
	r := kubetest.Reader(fake.NewClientset(&corev1.Namespace{ObjectMeta: annotated(metav1.ObjectMeta{Name: "shop"}, "observe")}, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "ops"}}))
	for namespace, want := range map[string]string{"shop": "observe", "ops": ""} {
		if got, err := r.NamespaceMode(t.Context(), namespace); got != want || err != nil {
			t.Errorf("%s: %q, %v; want %q", namespace, got, err, want)
		}
	}
	if _, err := r.NamespaceMode(t.Context(), "nowhere"); err == nil {
		t.Error("a namespace that is not there says nothing, and that is no error")
	}
}

func TestChangedBy(t *testing.T) {
	at := func(manager string, minute int, fields string) metav1.ManagedFieldsEntry {
		e := metav1.ManagedFieldsEntry{Manager: manager, FieldsV1: metav1.NewFieldsV1(fields)}
		if minute > 0 {
			now := metav1.NewTime(time.Date(2026, 9, 1, 12, minute, 0, 0, time.UTC))
			e.Time = &now
		}
		return e
	}
	const template = `{"f:spec":{"f:template":{"f:spec":{}}}}`
	for _, tc := range []struct {
		name    string
		entries []metav1.ManagedFieldsEntry
		want    string
	}{
		{"nobody", nil, ""},
		{"only us", []metav1.ManagedFieldsEntry{at("remediated", 1, template)}, ""},
		{"only its status", []metav1.ManagedFieldsEntry{at("kube-controller-manager", 1, `{"f:status":{}}`)}, ""},
		{"only its replicas", []metav1.ManagedFieldsEntry{at("hpa", 1, `{"f:spec":{"f:replicas":{}}}`)}, ""},
		{"the latest", []metav1.ManagedFieldsEntry{at("kubectl-edit", 3, template), at("helm", 2, template), at("remediated", 9, template)}, "kubectl-edit at 2026-09-01T12:03:00Z"},
		{"one without a time", []metav1.ManagedFieldsEntry{at("helm", 0, template), at("kubectl", 2, template)}, "kubectl at 2026-09-01T12:02:00Z"},
		{"none with a time", []metav1.ManagedFieldsEntry{at("helm", 0, template)}, "helm at a time that is not known"},
	} {
		set := statefulSet(func(s *appsv1.StatefulSet) { s.ManagedFields = tc.entries })
		if got := workloadOf(t, "statefulset", "db", set).ChangedBy(); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
		p := pod("db-0", controller("apps/v1", "StatefulSet", "db"))
		if got := workloadOf(t, "pod", "db-0", p, set).ChangedBy(); got != tc.want {
			t.Errorf("%s, of its pod: %q, want %q", tc.name, got, tc.want)
		}
	}
}
