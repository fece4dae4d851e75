package kube_test

import (
	"errors"
	"reflect"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	kubetesting "k8s.io/client-go/testing"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube/kubetest"
	"github.com/x0tta6bl4/remediated/remediate/posture"
)

// web is the Deployment shop/web of two pods labelled app=web.
func web(change func(*appsv1.Deployment)) *appsv1.Deployment {
	return deployment(func(d *appsv1.Deployment) {
		d.Spec.Selector, d.Spec.Template.Labels = with("app", "web"), map[string]string{"app": "web"}
		if change != nil {
			change(d)
		}
	})
}

// on is a pod of web on a node.
func on(name, node string) *corev1.Pod {
	p := pod(name, controller("apps/v1", "ReplicaSet", "web-1"))
	p.Labels, p.Spec.NodeName = map[string]string{"app": "web"}, node
	return p
}

func postureOf(t *testing.T, target string, objects ...runtime.Object) posture.Workload {
	t.Helper()
	what, err := remediate.ParseTarget("prod", target)
	if err != nil {
		t.Fatal(err)
	}
	w, err := kubetest.Reader(fake.NewClientset(objects...)).Posture(t.Context(), what)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestPostureOfPods(t *testing.T) {
	counted := budget("web", with("app", "web"), 1)
	counted.Status.ExpectedPods, counted.Status.DesiredHealthy = 2, 1
	stale := budget("stale", with(), 1)
	stale.Generation = 3
	ended := on("web-old", "n3")
	ended.Status.Phase = corev1.PodFailed
	going := on("web-going", "n3")
	going.DeletionTimestamp, going.Finalizers = &metav1.Time{}, []string{"x/y"}
	d := web(func(d *appsv1.Deployment) { d.Status.AvailableReplicas = 1 })
	rs := &appsv1.ReplicaSet{ObjectMeta: meta("web-1", controller("apps/v1", "Deployment", "web"))}
	objects := []runtime.Object{d, rs, counted, stale, budget("db", with("app", "db"), 0), on("w1", "n1"), on("w2", "n2"), on("w3", ""), ended, going}
	want := posture.Workload{
		Wanted: 2, Available: 1, Nodes: []string{"n1", "n2"}, Unread: map[string]error{},
		Budgets: []posture.Budget{{Name: "stale"}, {Name: "web", Counted: true, Pods: 2, Healthy: 1}},
	}
	for _, target := range []string{"deployment/shop/web", "owner/shop/w1", "pod/shop/w1"} {
		if got := postureOf(t, target, objects...); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", target, got, want)
		}
	}
}

func TestPostureOfContainers(t *testing.T) {
	list := func(names ...corev1.ResourceName) corev1.ResourceList {
		out := corev1.ResourceList{}
		for _, n := range names {
			out[n] = resource.MustParse("1")
		}
		return out
	}
	const cpu, memory = corev1.ResourceCPU, corev1.ResourceMemory
	d := web(func(d *appsv1.Deployment) {
		d.Spec.Template.Spec.InitContainers = []corev1.Container{{Name: "init"}}
		d.Spec.Template.Spec.Containers = []corev1.Container{
			{Name: "bare"},
			{Name: "ready", ReadinessProbe: &corev1.Probe{}, Resources: corev1.ResourceRequirements{Requests: list(cpu)}},
			{Name: "alive", LivenessProbe: &corev1.Probe{}, Resources: corev1.ResourceRequirements{Requests: list(cpu, memory)}},
			{Name: "bound", Resources: corev1.ResourceRequirements{Requests: list(cpu), Limits: list(memory)}},
		}
	})
	want := []posture.Container{{Name: "bare"}, {Name: "ready", Readiness: true}, {Name: "alive", Liveness: true, Requests: true}, {Name: "bound", Requests: true, MemoryLimit: true}}
	if got := postureOf(t, "deployment/shop/web", d).Containers; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestPostureOfSpread(t *testing.T) {
	spread := func(skew int32, when corev1.UnsatisfiableConstraintAction, s *metav1.LabelSelector) func(*corev1.PodSpec) {
		return func(p *corev1.PodSpec) {
			p.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{MaxSkew: skew, TopologyKey: corev1.LabelHostname, WhenUnsatisfiable: when, LabelSelector: s}}
		}
	}
	own, others := with("app", "web"), with("app", "db")
	required := func(t corev1.PodAffinityTerm) func(*corev1.PodSpec) {
		return func(p *corev1.PodSpec) {
			p.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{t}}}
		}
	}
	preferred := func(p *corev1.PodSpec) {
		p.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{{PodAffinityTerm: corev1.PodAffinityTerm{LabelSelector: own}}}}}
	}
	for name, c := range map[string]struct {
		change func(*corev1.PodSpec)
		want   posture.Apart
	}{
		"nothing":                  {func(*corev1.PodSpec) {}, posture.Anywhere},
		"affinity to nodes only":   {func(p *corev1.PodSpec) { p.Affinity = &corev1.Affinity{} }, posture.Anywhere},
		"spread where it must":     {spread(1, corev1.DoNotSchedule, own), posture.Required},
		"spread where it can":      {spread(1, corev1.ScheduleAnyway, own), posture.Preferred},
		"a skew of all":            {spread(2, corev1.DoNotSchedule, own), posture.Anywhere},
		"spread of others":         {spread(1, corev1.DoNotSchedule, others), posture.Anywhere},
		"spread of none":           {spread(1, corev1.DoNotSchedule, nil), posture.Anywhere},
		"required":                 {required(corev1.PodAffinityTerm{LabelSelector: own}), posture.Required},
		"required, of others":      {required(corev1.PodAffinityTerm{LabelSelector: others}), posture.Anywhere},
		"required, here":           {required(corev1.PodAffinityTerm{LabelSelector: own, Namespaces: []string{"shop"}}), posture.Required},
		"required, elsewhere":      {required(corev1.PodAffinityTerm{LabelSelector: own, Namespaces: []string{"ops"}}), posture.Anywhere},
		"required, everywhere":     {required(corev1.PodAffinityTerm{LabelSelector: own, NamespaceSelector: with()}), posture.Required},
		"required, somewhere":      {required(corev1.PodAffinityTerm{LabelSelector: own, NamespaceSelector: with("team", "a")}), posture.Anywhere},
		"preferred":                {preferred, posture.Preferred},
		"preferred after required": {func(p *corev1.PodSpec) { spread(1, corev1.DoNotSchedule, own)(p); preferred(p) }, posture.Required},
	} {
		d := web(func(d *appsv1.Deployment) { c.change(&d.Spec.Template.Spec) })
		if got := postureOf(t, "deployment/shop/web", d).Apart; got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestPostureOfVolumes(t *testing.T) {
	for _, c := range []struct {
		mode     corev1.PersistentVolumeAccessMode
		strategy appsv1.DeploymentStrategyType
		once     string
	}{
		{corev1.ReadWriteOnce, appsv1.RollingUpdateDeploymentStrategyType, "data"},
		{corev1.ReadWriteOncePod, appsv1.RollingUpdateDeploymentStrategyType, "data"},
		{corev1.ReadWriteMany, appsv1.RollingUpdateDeploymentStrategyType, ""},
		{corev1.ReadWriteOnce, appsv1.RecreateDeploymentStrategyType, ""},
	} {
		objects := volume(c.mode, c.strategy)
		objects[0].(*appsv1.Deployment).Spec.Selector = with("app", "web")
		got := postureOf(t, "deployment/shop/web", objects...)
		if got.Once != c.once || !reflect.DeepEqual(got.Claims, []string{"data"}) {
			t.Errorf("%s, %s: held is %q of %q, want %q", c.mode, c.strategy, got.Once, got.Claims, c.once)
		}
	}
	s := statefulSet(func(s *appsv1.StatefulSet) {
		s.Spec.Selector = with("app", "db")
		s.Spec.VolumeClaimTemplates = []corev1.PersistentVolumeClaim{{ObjectMeta: metav1.ObjectMeta{Name: "data"}}}
	})
	if got := postureOf(t, "statefulset/shop/db", s); got.Once != "" || !reflect.DeepEqual(got.Claims, []string{"data"}) {
		t.Errorf("a StatefulSet's: held is %q of %q", got.Once, got.Claims)
	}
}

// A DaemonSet is about nodes, and one pod is on one: no more is asked than is
// needed. A pod without a workload is said to be one.
func TestPostureOfOthers(t *testing.T) {
	daemons := &appsv1.DaemonSet{ObjectMeta: meta("agent"), Spec: appsv1.DaemonSetSpec{Selector: with("app", "agent")}}
	single := web(func(d *appsv1.Deployment) { d.Spec.Replicas = nil })
	client := fake.NewClientset(daemons, single, budget("every", with(), 0), pod("bare"))
	r := kubetest.Reader(client)
	for _, c := range []struct {
		kind, name string
		perNode    bool
		budgets    int
		alone      string
	}{
		{"daemonset", "agent", true, 0, ""},
		{"deployment", "web", false, 1, ""},
		{"pod", "bare", false, 0, "a bare pod: nothing would bring it back"},
	} {
		w, err := r.Posture(t.Context(), remediate.Target{Kind: c.kind, Namespace: "shop", Name: c.name})
		if err != nil || w.PerNode != c.perNode || len(w.Budgets) != c.budgets || w.Alone != c.alone || len(w.Nodes) > 0 {
			t.Errorf("%s: %+v, %v", c.kind, w, err)
		}
	}
	for _, a := range client.Actions() {
		if a.GetVerb() == "list" && a.GetResource().Resource == "pods" {
			t.Error("pods were listed")
		}
	}
}

// What stands beside the workload and cannot be read is noted by the check that
// needs it; the rest is read. A workload that is not there is an error.
func TestPostureUnread(t *testing.T) {
	objects := volume(corev1.ReadWriteOnce, appsv1.RollingUpdateDeploymentStrategyType)
	objects[0].(*appsv1.Deployment).Spec.Selector = with("app", "web")
	client := fake.NewClientset(objects...)
	for resource, check := range map[string]string{"poddisruptionbudgets": posture.Evictions, "pods": posture.Spread, "persistentvolumeclaims": posture.Volume} {
		refused := errors.New("no " + resource)
		client.PrependReactor("*", resource, func(kubetesting.Action) (bool, runtime.Object, error) { return true, nil, refused })
		w, err := kubetest.Reader(client).Posture(t.Context(), remediate.Target{Kind: "deployment", Namespace: "shop", Name: "web"})
		if err != nil || !errors.Is(w.Unread[check], refused) || w.Wanted != 2 {
			t.Errorf("without %s: %+v, %v", resource, w, err)
		}
	}
	if _, err := kubetest.Reader(client).Posture(t.Context(), remediate.Target{Kind: "deployment", Namespace: "shop", Name: "lost"}); !kube.IsGone(err) {
		t.Errorf("one that is not there: %v", err)
	}
}
