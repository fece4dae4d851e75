package kube_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube/kubetest"
)

func meta(name string, owners ...metav1.OwnerReference) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: "shop", UID: types.UID("uid-" + name), Generation: 2, OwnerReferences: owners}
}

// controller is a reference to an object made with meta.
func controller(apiVersion, kind, name string) metav1.OwnerReference {
	yes := true
	return metav1.OwnerReference{APIVersion: apiVersion, Kind: kind, Name: name, UID: types.UID("uid-" + name), Controller: &yes}
}

func deployment(change func(*appsv1.Deployment)) *appsv1.Deployment {
	n := int32(2)
	d := &appsv1.Deployment{
		ObjectMeta: meta("web"),
		Spec:       appsv1.DeploymentSpec{Replicas: &n, Strategy: appsv1.DeploymentStrategy{Type: appsv1.RollingUpdateDeploymentStrategyType}},
		Status:     appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 2, UpdatedReplicas: 2, AvailableReplicas: 0},
	}
	if change != nil {
		change(d)
	}
	return d
}

func statefulSet(change func(*appsv1.StatefulSet)) *appsv1.StatefulSet {
	n := int32(3)
	s := &appsv1.StatefulSet{ObjectMeta: meta("db"), Spec: appsv1.StatefulSetSpec{Replicas: &n}, Status: appsv1.StatefulSetStatus{
		ObservedGeneration: 2, Replicas: 3, UpdatedReplicas: 3, AvailableReplicas: 1,
	}}
	if change != nil {
		change(s)
	}
	return s
}

func pod(name string, owners ...metav1.OwnerReference) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: meta(name, owners...)}
}

// changed is a managedFields entry: who owns part of the pod template since when.
func changed(manager string, ago time.Duration, field string) metav1.ManagedFieldsEntry {
	at := metav1.NewTime(time.Now().Add(-ago))
	return metav1.ManagedFieldsEntry{Manager: manager, Time: &at, FieldsV1: metav1.NewFieldsV1(`{"f:spec":{"f:template":` + field + `}}`)}
}

const (
	imageField   = `{"f:spec":{"f:containers":{}}}`
	attemptField = `{"f:metadata":{"f:annotations":{"f:remediated/attempt":{}}}}`
)

func volume(mode corev1.PersistentVolumeAccessMode, strategy appsv1.DeploymentStrategyType) []runtime.Object {
	return []runtime.Object{
		deployment(func(d *appsv1.Deployment) {
			d.Spec.Strategy.Type = strategy
			d.Spec.Template.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"},
			}}}
		}),
		&corev1.PersistentVolumeClaim{ObjectMeta: meta("data"), Spec: corev1.PersistentVolumeClaimSpec{AccessModes: []corev1.PersistentVolumeAccessMode{mode}}},
	}
}

func progress(status corev1.ConditionStatus, entries ...metav1.ManagedFieldsEntry) *appsv1.Deployment {
	return deployment(func(d *appsv1.Deployment) {
		d.Status.UpdatedReplicas, d.Status.Replicas = 1, 3
		d.Status.Conditions = []appsv1.DeploymentCondition{{Type: appsv1.DeploymentProgressing, Status: status}}
		d.ManagedFields = entries
	})
}

// What is refused, and its neighbour that is not.
func TestRefused(t *testing.T) {
	partition := int32(2)
	web := controller("apps/v1", "Deployment", "web")
	rs := func(owners ...metav1.OwnerReference) *appsv1.ReplicaSet {
		return &appsv1.ReplicaSet{ObjectMeta: meta("web-1", owners...)}
	}
	ofRS := controller("apps/v1", "ReplicaSet", "web-1")
	other := ofRS
	other.UID = "another"
	for _, tc := range []struct {
		name    string
		kind    string
		target  string
		want    string // "" for not refused
		objects []runtime.Object
	}{
		{"a plain deployment", "deployment", "web", "", []runtime.Object{deployment(nil)}},
		{"paused", "deployment", "web", "paused", []runtime.Object{deployment(func(d *appsv1.Deployment) { d.Spec.Paused = true })}},
		{"being deleted", "deployment", "web", "being deleted", []runtime.Object{deployment(func(d *appsv1.Deployment) {
			now := metav1.Now()
			d.DeletionTimestamp, d.Finalizers = &now, []string{"x"}
		})}},
		{"of an operator", "deployment", "web", "custom resource Cluster pg: use its operator's way", []runtime.Object{deployment(func(d *appsv1.Deployment) {
			d.OwnerReferences = []metav1.OwnerReference{controller("postgresql.cnpg.io/v1", "Cluster", "pg")}
		})}},
		{"with a custom owner that does not control", "deployment", "web", "custom resource", []runtime.Object{deployment(func(d *appsv1.Deployment) {
			d.OwnerReferences = []metav1.OwnerReference{{APIVersion: "app.k8s.io/v1beta1", Kind: "Application", Name: "a"}}
		})}},
		{"controller lags", "deployment", "web", "has not observed generation 3", []runtime.Object{deployment(func(d *appsv1.Deployment) { d.Generation = 3 })}},
		{"rolling out", "deployment", "web", "1 of 2 updated", []runtime.Object{progress(corev1.ConditionTrue, changed("kubectl", time.Minute, imageField))}},
		{"rolling out since after our restart", "deployment", "web", "in progress", []runtime.Object{
			progress(corev1.ConditionTrue, changed("remediated", 2*time.Minute, attemptField), changed("kubectl", time.Minute, imageField))}},
		{"our own restart rolls out", "deployment", "web", "", []runtime.Object{
			progress(corev1.ConditionTrue, changed("remediated", time.Minute, attemptField), changed("kubectl", time.Hour, imageField))}},
		{"a stuck rollout", "deployment", "web", "", []runtime.Object{progress(corev1.ConditionFalse, changed("kubectl", time.Minute, imageField))}},
		{"RWO and RollingUpdate", "deployment", "web", "claim data can be mounted once only", volume(corev1.ReadWriteOnce, appsv1.RollingUpdateDeploymentStrategyType)},
		{"RWOP and RollingUpdate", "deployment", "web", "make it Recreate", volume(corev1.ReadWriteOncePod, appsv1.RollingUpdateDeploymentStrategyType)},
		{"RWO and Recreate", "deployment", "web", "", volume(corev1.ReadWriteOnce, appsv1.RecreateDeploymentStrategyType)},
		{"RWX and RollingUpdate", "deployment", "web", "", volume(corev1.ReadWriteMany, appsv1.RollingUpdateDeploymentStrategyType)},

		{"a plain statefulset", "statefulset", "db", "", []runtime.Object{statefulSet(nil)}},
		{"OnDelete", "statefulset", "db", "OnDelete", []runtime.Object{statefulSet(func(s *appsv1.StatefulSet) { s.Spec.UpdateStrategy.Type = appsv1.OnDeleteStatefulSetStrategyType })}},
		{"partitioned", "statefulset", "db", "partitioned at 2", []runtime.Object{statefulSet(func(s *appsv1.StatefulSet) {
			s.Spec.UpdateStrategy.RollingUpdate = &appsv1.RollingUpdateStatefulSetStrategy{Partition: &partition}
		})}},
		{"statefulset rolling out", "statefulset", "db", "in progress", []runtime.Object{statefulSet(func(s *appsv1.StatefulSet) {
			s.Status.UpdatedReplicas, s.ManagedFields = 1, []metav1.ManagedFieldsEntry{changed("helm", time.Minute, imageField)}
		})}},
		{"statefulset stuck for long", "statefulset", "db", "", []runtime.Object{statefulSet(func(s *appsv1.StatefulSet) {
			s.Status.UpdatedReplicas, s.ManagedFields = 1, []metav1.ManagedFieldsEntry{changed("helm", time.Hour, imageField)}
		})}},

		{"a pod of a deployment", "pod", "p", "", []runtime.Object{pod("p", ofRS), rs(web), deployment(nil)}},
		{"a pod of a replica set alone", "pod", "p", "", []runtime.Object{pod("p", ofRS), rs()}},
		{"a pod of an argo rollout", "pod", "p", "custom resource Rollout", []runtime.Object{pod("p", ofRS), rs(controller("argoproj.io/v1alpha1", "Rollout", "web"))}},
		{"a pod of an operator", "pod", "p", "custom resource Cluster", []runtime.Object{pod("p", controller("postgresql.cnpg.io/v1", "Cluster", "pg"))}},
		{"a pod of an operator's statefulset", "pod", "p", "custom resource", []runtime.Object{pod("p", controller("apps/v1", "StatefulSet", "db")),
			statefulSet(func(s *appsv1.StatefulSet) {
				s.OwnerReferences = []metav1.OwnerReference{controller("kafka.strimzi.io/v1", "Kafka", "k")}
			})}},
		{"a bare pod", "pod", "p", "bare pod", []runtime.Object{pod("p")}},
		{"a static pod", "pod", "p", "static pod", []runtime.Object{pod("p", controller("v1", "Node", "n"))}},
		{"a mirror pod", "pod", "p", "static pod", []runtime.Object{func() *corev1.Pod {
			p := pod("p", ofRS)
			p.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "x"}
			return p
		}()}},
		{"a pod of a job", "pod", "p", "of a Job", []runtime.Object{pod("p", controller("batch/v1", "Job", "j"))}},
		{"a replication controller's pod", "pod", "p", "no workload that we act on", []runtime.Object{pod("p", controller("v1", "ReplicationController", "r"))}},
		{"an orphan", "pod", "p", "not there any more", []runtime.Object{pod("p", ofRS)}},
		{"an orphan of a namesake", "pod", "p", "not there any more", []runtime.Object{pod("p", other), rs(web), deployment(nil)}},

		{"an orphan of a namesake statefulset", "pod", "p", "not there any more", []runtime.Object{
			pod("p", func() metav1.OwnerReference {
				ref := controller("apps/v1", "StatefulSet", "db")
				ref.UID = "another"
				return ref
			}()), statefulSet(nil),
		}},

		{"an owner", "owner", "p", "", []runtime.Object{pod("p", ofRS), rs(web), deployment(nil)}},
		{"an owner of a bare pod", "owner", "p", "bare pod", []runtime.Object{pod("p")}},
		{"an owner of a replica set's pod", "owner", "p", "belongs to no Deployment", []runtime.Object{pod("p", ofRS), rs()}},
		{"an owner that is an operator's", "owner", "p", "custom resource", []runtime.Object{pod("p", controller("apps/v1", "StatefulSet", "db")),
			statefulSet(func(s *appsv1.StatefulSet) {
				s.OwnerReferences = []metav1.OwnerReference{controller("kafka.strimzi.io/v1", "Kafka", "k")}
			})}},
	} {
		r := kubetest.Reader(fake.NewClientset(tc.objects...))
		w, err := r.Workload(t.Context(), remediate.Target{Cluster: "prod", Kind: tc.kind, Namespace: "shop", Name: tc.target})
		switch {
		case err != nil:
			t.Errorf("%s: %v", tc.name, err)
		case tc.want == "" && w.Refused != "" || !strings.Contains(w.Refused, tc.want):
			t.Errorf("%s: refused %q, want %q", tc.name, w.Refused, tc.want)
		}
	}
}

func TestOwnerIsFound(t *testing.T) {
	r := kubetest.Reader(fake.NewClientset(
		pod("p1", controller("apps/v1", "ReplicaSet", "web-1")), &appsv1.ReplicaSet{ObjectMeta: meta("web-1", controller("apps/v1", "Deployment", "web"))}, deployment(nil),
		pod("p2", controller("apps/v1", "StatefulSet", "db")), statefulSet(nil),
		pod("p3", controller("apps/v1", "DaemonSet", "log")), &appsv1.DaemonSet{ObjectMeta: meta("log")},
	))
	for name, want := range map[string]string{"p1": "prod/deployment/shop/web", "p2": "prod/statefulset/shop/db", "p3": "prod/daemonset/shop/log"} {
		w, err := r.Workload(t.Context(), remediate.Target{Cluster: "prod", Kind: "owner", Namespace: "shop", Name: name})
		if err != nil || w.Target.String() != want {
			t.Errorf("%s: %v, %v; want %s", name, w, err, want)
		}
	}
	_, err := r.Workload(t.Context(), remediate.Target{Kind: "owner", Namespace: "shop", Name: "p4"})
	if !errors.Is(err, kube.ErrGone) {
		t.Errorf("no pod: got %v", err)
	}
	_, err = r.Workload(t.Context(), remediate.Target{Kind: "cronjob", Namespace: "shop", Name: "c"})
	if err == nil || !strings.Contains(err.Error(), `no target of kind "cronjob"`) || kube.IsFault(err) {
		t.Errorf("unknown kind: got %v", err)
	}
}

func TestFingerprint(t *testing.T) {
	of := func(image string, annotations map[string]string) string {
		r := kubetest.Reader(fake.NewClientset(deployment(func(d *appsv1.Deployment) {
			d.Spec.Template.Annotations = annotations
			d.Spec.Template.Spec.Containers = []corev1.Container{{Name: "c", Image: image}}
		})))
		w, err := r.Workload(t.Context(), remediate.Target{Kind: "deployment", Namespace: "shop", Name: "web"})
		if err != nil {
			t.Fatal(err)
		}
		return w.Fingerprint()
	}
	restarted := func(at string) map[string]string { return map[string]string{kube.RestartedAnnotation: at} }
	for name, tc := range map[string]struct {
		before, now string
		want        kube.Change
	}{
		"nothing":           {of("a", nil), of("a", nil), kube.Same},
		"our restart":       {of("a", nil), of("a", map[string]string{kube.AttemptAnnotation: "a1"}), kube.Same},
		"our next restart":  {of("a", map[string]string{kube.AttemptAnnotation: "a1"}), of("a", map[string]string{kube.AttemptAnnotation: "a2"}), kube.Same},
		"a human's restart": {of("a", nil), of("a", restarted("t1")), kube.Restarted},
		"another restart":   {of("a", restarted("t1")), of("a", restarted("t2")), kube.Restarted},
		"restart undone":    {of("a", restarted("t1")), of("a", nil), kube.Moved},
		"another image":     {of("a", nil), of("b", nil), kube.Moved},
		"image and restart": {of("a", restarted("t1")), of("b", restarted("t2")), kube.Moved},
		"other annotation":  {of("a", nil), of("a", map[string]string{"x": "y"}), kube.Moved},
	} {
		if got := kube.Compare(tc.before, tc.now); got != tc.want {
			t.Errorf("%s: got %v, want %v", name, got, tc.want)
		}
	}
}

func TestPodsRefusesAnEmptySelector(t *testing.T) {
	client := fake.NewClientset(pod("p"))
	r := kubetest.Reader(client)
	for _, sel := range []labels.Selector{nil, labels.Everything(), labels.NewSelector()} {
		if _, err := r.Pods(t.Context(), "shop", sel); err == nil || !strings.Contains(err.Error(), "every pod") {
			t.Errorf("selector %v: got %v", sel, err)
		}
	}
	if len(client.Actions()) != 0 {
		t.Error("the API server was asked")
	}
}

func TestFaults(t *testing.T) {
	pods := schema.GroupResource{Resource: "pods"}
	proxy := apierrors.NewGenericServerResponse(404, "get", pods, "p", "404 page not found", 0, true)
	for name, tc := range map[string]struct {
		err         error
		fault, gone bool
	}{
		"not found":          {apierrors.NewNotFound(pods, "p"), false, true},
		"forbidden":          {apierrors.NewForbidden(pods, "p", errors.New("no")), false, false},
		"conflict":           {apierrors.NewConflict(pods, "p", errors.New("no")), false, false},
		"too many requests":  {apierrors.NewTooManyRequests("slow down", 1), false, false},
		"internal error":     {apierrors.NewInternalError(errors.New("etcd")), true, false},
		"timeout":            {context.DeadlineExceeded, true, false},
		"refused":            {errors.New("connect: connection refused"), true, false},
		"a proxy's 404":      {proxy, false, false},
		"nothing went wrong": {nil, false, false},
	} {
		if got := kube.IsFault(tc.err); got != tc.fault {
			t.Errorf("%s: fault %v, want %v", name, got, tc.fault)
		}
		if got := kube.IsGone(tc.err); got != tc.gone {
			t.Errorf("%s: gone %v, want %v", name, got, tc.gone)
		}
	}
}

func TestMergeRules(t *testing.T) {
	got := kube.MergeRules(
		kube.Rule("apps", []string{"deployments"}, "get"),
		kube.Rule("apps", []string{"deployments", "statefulsets"}, "patch", "get"),
		kube.Rule("", []string{"pods"}, "get"),
		kube.Rule("", []string{"pods"}, "list"),
		kube.Rule("", []string{"pods/eviction"}, "create"),
		rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"pods"}, ResourceNames: []string{"x"}, Verbs: []string{"delete"}},
		kube.ControlPlaneRule, kube.ControlPlaneRule,
	)
	want := []rbacv1.PolicyRule{
		kube.Rule("", []string{"pods"}, "get", "list"),
		{APIGroups: []string{""}, Resources: []string{"pods"}, ResourceNames: []string{"x"}, Verbs: []string{"delete"}},
		kube.Rule("", []string{"pods/eviction"}, "create"),
		kube.Rule("apps", []string{"deployments", "statefulsets"}, "get", "patch"),
		{NonResourceURLs: []string{"/readyz"}, Verbs: []string{"get"}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}
