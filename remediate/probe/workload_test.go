package probe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	kubetesting "k8s.io/client-go/testing"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube/kubetest"
	"github.com/x0tta6bl4/remediated/remediate/internal/outbound"
)

var db = remediate.Target{Cluster: "prod", Kind: "deployment", Namespace: "shop", Name: "db"}

func deployment(change func(*appsv1.Deployment)) *appsv1.Deployment {
	n := int32(2)
	d := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "db", Namespace: "shop", UID: "u1", Generation: 3},
		Spec: appsv1.DeploymentSpec{Replicas: &n, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "db"}}, Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{kube.AttemptAnnotation: "j-i1-a1"}},
		}},
		Status: appsv1.DeploymentStatus{ObservedGeneration: 3, Replicas: 2, UpdatedReplicas: 2, AvailableReplicas: 2},
	}
	if change != nil {
		change(d)
	}
	return d
}

func pod(name string, ready corev1.ConditionStatus) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop", UID: "p-" + "1", Labels: map[string]string{"app": "db"}},
		Status:     corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: ready}}},
	}
}

// over returns a Prober of a cluster "prod" with these objects, and with the
// namespace shop.
func over(t *testing.T, objects ...runtime.Object) (*Prober, *fake.Clientset) {
	t.Helper()
	if !slices.ContainsFunc(objects, func(o runtime.Object) bool { _, ok := o.(*corev1.Namespace); return ok }) {
		objects = append(objects, namespace(""))
	}
	p, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	client := fake.NewClientset(objects...)
	p.clusters["prod"] = kubetest.Reader(client)
	return p, client
}

func (p *Prober) one(t *testing.T, kind string, target remediate.Target, args string) remediate.Answer {
	t.Helper()
	return p.put(t.Context(), "", remediate.Question{Kind: kind, Target: target, Args: []byte(args)})
}

func namespace(mode string) *corev1.Namespace {
	n := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}
	if mode != "" {
		n.Annotations = map[string]string{kube.ModeAnnotation: mode}
	}
	return n
}

// budgetOf is a disruption budget of the pods with this label.
func budgetOf(name, app string, allowed int32) *policyv1.PodDisruptionBudget {
	return &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop"},
		Spec:       policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}},
		Status:     policyv1.PodDisruptionBudgetStatus{DisruptionsAllowed: allowed},
	}
}

func forbid(client *fake.Clientset, verb, resource string) {
	client.PrependReactor(verb, resource, func(kubetesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: resource}, "", errors.New("no role allows it"))
	})
}

func TestWorkload(t *testing.T) {
	p, _ := over(t, deployment(func(d *appsv1.Deployment) { d.Status.AvailableReplicas = 1 }))
	a := p.one(t, "workload", db, `{}`)
	if !a.OK || a.Text != "1 of 2 unavailable" || a.Err != "" {
		t.Errorf("got %+v", a)
	}
	for k, want := range map[string]string{
		remediate.ValueTarget: "prod/deployment/shop/db", remediate.ValueUID: "u1", remediate.ValueAttempt: "j-i1-a1",
		remediate.ValueReplicas: "2", remediate.ValueAvailable: "1", remediate.ValueRefused: "",
	} {
		if a.Values[k] != want {
			t.Errorf("%s = %q, want %q", k, a.Values[k], want)
		}
	}
	if len(a.Values[remediate.ValueTemplate]) < 20 {
		t.Errorf("template hash %q", a.Values[remediate.ValueTemplate])
	}
}

func TestWorkloadRefused(t *testing.T) {
	p, _ := over(t, deployment(func(d *appsv1.Deployment) { d.Spec.Paused = true }))
	if a := p.one(t, "workload", db, `{}`); a.OK || !strings.Contains(a.Values[remediate.ValueRefused], "paused") || !strings.Contains(a.Text, "paused") {
		t.Errorf("got %+v", a)
	}
	if a := p.one(t, "workload", db, `{"for":"resume"}`); !a.OK || a.Values[remediate.ValueRefused] != "" {
		t.Errorf("to resume it: %+v", a)
	}
	if a := p.one(t, "workload", db, `{"for":"restart"}`); a.OK || !strings.Contains(a.Err, "want pause, resume or rollback") {
		t.Errorf("for what there is not: %+v", a)
	}
	gone := db
	gone.Name = "nothing"
	if a := p.one(t, "workload", gone, `{}`); a.OK || a.Values[remediate.ValueRefused] != remediate.RefusedGone || a.Err != "" {
		t.Errorf("gone: %+v", a)
	}
	elsewhere := db
	elsewhere.Cluster = "staging"
	if a := p.one(t, "workload", elsewhere, `{}`); a.OK || !strings.Contains(a.Err, `cluster "staging" is not configured`) {
		t.Errorf("another cluster: %+v", a)
	}
}

// Whoever approves a rollback is told to what; where there is nothing to go back
// to, it is not begun.
func TestWorkloadSaysToWhatItWouldBeRolledBack(t *testing.T) {
	with := func(image string) corev1.PodTemplateSpec {
		return corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "db"}},
			Spec: corev1.PodSpec{
				InitContainers: []corev1.Container{{Name: "schema", Image: "schema:7"}},
				Containers:     []corev1.Container{{Name: "db", Image: image}, {Name: "again", Image: image}},
			},
		}
	}
	revision := func(n int, image string) *appsv1.ReplicaSet {
		yes, set := true, &appsv1.ReplicaSet{Spec: appsv1.ReplicaSetSpec{Template: with(image)}}
		set.Namespace, set.Name = "shop", fmt.Sprintf("db-%d", n)
		set.Labels = map[string]string{"app": "db", appsv1.DefaultDeploymentUniqueLabelKey: fmt.Sprint(n)}
		set.Annotations = map[string]string{kube.RevisionAnnotation: fmt.Sprint(n)}
		set.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "Deployment", Name: "db", UID: "u1", Controller: &yes}}
		return set
	}
	now := deployment(func(d *appsv1.Deployment) {
		d.Spec.Selector, d.Spec.Template = &metav1.LabelSelector{MatchLabels: map[string]string{"app": "db"}}, with("db:2")
	})
	for name, tc := range map[string]struct {
		args         string
		revisions    []runtime.Object
		change, text string // what it comes to, or why nothing
	}{
		"another image":      {`{"for":"rollback"}`, []runtime.Object{revision(2, "db:2"), revision(1, "db:1")}, "from revision 2 with images schema:7, db:2 to revision 1 with images schema:7, db:1", ""},
		"nothing to go to":   {`{"for":"rollback"}`, []runtime.Object{revision(2, "db:2")}, "", "there is no earlier revision than revision 2"},
		"nobody asks for it": {`{}`, []runtime.Object{revision(2, "db:2"), revision(1, "db:1")}, "", ""},
	} {
		p, _ := over(t, append(tc.revisions, now)...)
		a := p.one(t, "workload", db, tc.args)
		if a.OK != (tc.text == "") || a.Err != "" || a.Values[remediate.ValueChange] != tc.change || (a.Values[remediate.ValueRevision] == "") != (tc.change == "") ||
			!strings.HasPrefix(a.Values[remediate.ValueRefused], tc.text) || !strings.Contains(a.Text, tc.text) {
			t.Errorf("%s: %+v", name, a)
		}
	}
	other := revision(1, "db:2")
	other.Spec.Template.Spec.NodeName = "elsewhere"
	p, client := over(t, now, revision(2, "db:2"), other)
	if a := p.one(t, "workload", db, `{"for":"rollback"}`); a.Values[remediate.ValueChange] != "from revision 2 to revision 1, both with images schema:7, db:2" {
		t.Errorf("of the same image: %+v", a)
	}
	forbid(client, "list", "replicasets")
	if a := p.one(t, "workload", db, `{"for":"rollback"}`); a.OK || !strings.Contains(a.Err, "list the ReplicaSets") || a.Values != nil {
		t.Errorf("not allowed to look: %+v", a)
	}
}

func TestWorkloadSaysWhatMayBeDone(t *testing.T) {
	p, _ := over(t, deployment(func(d *appsv1.Deployment) {
		d.Annotations = map[string]string{kube.ModeAnnotation: "approve"}
		at := metav1.NewTime(time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC))
		d.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl-edit", Time: &at, FieldsV1: metav1.NewFieldsV1(`{"f:spec":{"f:template":{}}}`)}}
	}), namespace("observe"))
	a := p.one(t, "workload", db, `{}`)
	if !a.OK || a.Values[remediate.ValueMode] != "approve" || a.Values[remediate.ValueNamespaceMode] != "observe" {
		t.Errorf("modes: %+v", a)
	}
	if a.Values[remediate.ValueChangedBy] != "kubectl-edit at 2026-09-01T12:00:00Z" {
		t.Errorf("changed by %q", a.Values[remediate.ValueChangedBy])
	}

	p, _ = over(t, deployment(nil))
	a = p.one(t, "workload", db, `{}`)
	for _, k := range []string{remediate.ValueMode, remediate.ValueNamespaceMode, remediate.ValueChangedBy} {
		if !a.OK || a.Values[k] != "" {
			t.Errorf("%s = %q where nobody said anything", k, a.Values[k])
		}
	}
}

// Who may not read what a namespace says does not know that it says nothing.
func TestANamespaceThatMayNotBeReadIsAnError(t *testing.T) {
	p, client := over(t, deployment(nil))
	forbid(client, "get", "namespaces")
	if a := p.one(t, "workload", db, `{}`); a.OK || !strings.Contains(a.Err, "namespace shop") || !strings.Contains(a.Err, "forbidden") {
		t.Errorf("got %+v", a)
	}
}

func TestWorkloadHeadroom(t *testing.T) {
	objects := []runtime.Object{
		deployment(nil), pod("db-1", corev1.ConditionTrue), pod("db-2", corev1.ConditionTrue),
		budgetOf("db", "db", 1), budgetOf("web", "web", 0),
	}
	p, client := over(t, objects...)
	a := p.one(t, "workload", db, `{"headroom":true}`)
	if !a.OK || a.Values[remediate.ValueHeadroom] != "1" || a.Values[remediate.ValueBudget] != "db" || !strings.Contains(a.Text, "1 disruptions allowed by db") {
		t.Errorf("got %+v", a)
	}
	client.ClearActions()
	a = p.one(t, "workload", db, `{}`)
	if _, ok := a.Values[remediate.ValueHeadroom]; ok || slices.ContainsFunc(client.Actions(), func(a kubetesting.Action) bool { return a.GetVerb() == "list" }) {
		t.Errorf("not asked for, and looked for: %+v, %v", a, client.Actions())
	}

	p, _ = over(t, append(objects, budgetOf("all", "db", 5))...)
	if a := p.one(t, "workload", db, `{"headroom":true}`); a.Values[remediate.ValueHeadroom] != "0" || a.Values[remediate.ValueBudget] != "all, db" {
		t.Errorf("two budgets of one pod: %+v", a)
	}
	p, _ = over(t, objects[0], objects[1], objects[4])
	if a := p.one(t, "workload", db, `{"headroom":true}`); !a.OK || a.Values[remediate.ValueHeadroom] != "" || a.Values[remediate.ValueBudget] != "" {
		t.Errorf("no budget: %+v", a)
	}
	for _, resource := range []string{"poddisruptionbudgets", "pods"} {
		p, client = over(t, objects...)
		forbid(client, "list", resource)
		if a := p.one(t, "workload", db, `{"headroom":true}`); a.OK || !strings.Contains(a.Err, "forbidden") {
			t.Errorf("%s cannot be listed: %+v", resource, a)
		}
	}
}

func TestAnAPIServerThatFailsIsNotAsked(t *testing.T) {
	p, client := over(t, deployment(nil))
	calls := 0
	client.PrependReactor("get", "deployments", func(kubetesting.Action) (bool, runtime.Object, error) {
		calls++
		return true, nil, context.DeadlineExceeded
	})
	for range outbound.Failures {
		if a := p.one(t, "workload", db, `{}`); a.OK || a.Err == "" || a.Values != nil {
			t.Fatalf("a failed read: %+v", a)
		}
	}
	a := p.one(t, "rollout", db, `{}`)
	if a.OK || !strings.Contains(a.Err, "kubernetes prod failed 5 times in a row; it will be tried again at 2") {
		t.Errorf("open breaker: %+v", a)
	}
	if calls != outbound.Failures {
		t.Errorf("%d calls, want %d", calls, outbound.Failures)
	}
}

// A breaker that half opens lets one call through: a question that takes two requests
// must be answered then.
func TestAnAPIServerIsTriedByOneQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, client := over(t, deployment(nil))
		failing := true
		client.PrependReactor("get", "*", func(kubetesting.Action) (bool, runtime.Object, error) {
			return failing, nil, context.DeadlineExceeded
		})
		for range outbound.Failures {
			p.one(t, "workload", db, `{}`)
		}
		failing = false
		time.Sleep(outbound.Reset + time.Second)
		if a := p.one(t, "workload", db, `{}`); !a.OK {
			t.Errorf("when it answers again: %+v", a)
		}
	})
}

func TestGoneDoesNotOpenTheBreaker(t *testing.T) {
	p, _ := over(t)
	for range 3 * outbound.Failures {
		p.one(t, "workload", db, `{}`)
	}
	if a := p.one(t, "workload", db, `{}`); a.Err != "" {
		t.Errorf("got %+v", a)
	}
}

func TestRollout(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*appsv1.Deployment)
		ok     bool
		text   string
	}{
		"complete":     {nil, true, "2 of 2 updated and available"},
		"not observed": {func(d *appsv1.Deployment) { d.Generation = 4 }, false, "generation 4 is not observed"},
		"updating":     {func(d *appsv1.Deployment) { d.Status.UpdatedReplicas = 1 }, false, "1 of 2 updated"},
		"old pods":     {func(d *appsv1.Deployment) { d.Status.Replicas = 3 }, false, "1 old pods remain"},
		"not up":       {func(d *appsv1.Deployment) { d.Status.AvailableReplicas = 0 }, false, "0 of 2 available"},
		"scaled to 0": {func(d *appsv1.Deployment) {
			d.Spec.Replicas = new(int32)
			d.Status = appsv1.DeploymentStatus{ObservedGeneration: 3}
		}, false, "nothing runs"},
	} {
		p, _ := over(t, deployment(tc.change))
		if a := p.one(t, "rollout", db, ``); a.OK != tc.ok || !strings.Contains(a.Text, tc.text) {
			t.Errorf("%s: %+v", name, a)
		}
	}
	p, _ := over(t)
	if a := p.one(t, "rollout", db, ``); a.OK || a.Err != "" {
		t.Errorf("gone: %+v", a)
	}
}

func TestPods(t *testing.T) {
	going := pod("db-3", corev1.ConditionTrue)
	now := metav1.Now()
	going.DeletionTimestamp, going.Finalizers = &now, []string{"x"}
	p, client := over(t, deployment(nil), pod("db-1", corev1.ConditionTrue), pod("db-2", corev1.ConditionFalse), going)
	for args, want := range map[string]bool{
		`{}`:                              false, // 1 ready of the 2 wanted
		`{"min":1}`:                       true,
		`{"selector":"app=db","min":1}`:   true,
		`{"selector":"app=db","min":2}`:   false, // the pod that is going does not count
		`{"selector":"app=none","min":1}`: false,
	} {
		if a := p.one(t, "pods", db, args); a.OK != want || a.Err != "" {
			t.Errorf("%s: %+v, want %v", args, a, want)
		}
	}
	client.PrependReactor("list", "pods", func(kubetesting.Action) (bool, runtime.Object, error) {
		return true, &corev1.PodList{}, context.DeadlineExceeded
	})
	if a := p.one(t, "pods", db, `{"min":1}`); a.OK || a.Err == "" {
		t.Errorf("a failed listing: %+v", a)
	}
}

func TestPodsOfAnEmptySelectorAreRefused(t *testing.T) {
	p, client := over(t, deployment(func(d *appsv1.Deployment) { d.Spec.Selector = &metav1.LabelSelector{} }))
	for _, args := range []string{`{"selector":"","min":1}`, `{"selector":" ","min":1}`, `{}`} {
		if a := p.one(t, "pods", db, args); a.OK || !strings.Contains(a.Err, "empty") {
			t.Errorf("%s: %+v", args, a)
		}
	}
	for _, a := range client.Actions() {
		if a.GetVerb() == "list" {
			t.Error("pods were listed")
		}
	}
}

func TestTheClientCannotWrite(t *testing.T) {
	client, err := readOnly(&rest.Config{Host: "http://127.0.0.1:1", Transport: refuse{t}})
	if err != nil {
		t.Fatal(err)
	}
	err = client.CoreV1.Delete().Namespace("shop").Resource("pods").Name("db-1").Do(t.Context()).Error()
	if err == nil || !strings.Contains(err.Error(), "a probe only reads") {
		t.Errorf("delete: got %v", err)
	}
	err = client.AppsV1.Post().Namespace("shop").Resource("deployments").Body(deployment(nil)).Do(t.Context()).Error()
	if err == nil || !strings.Contains(err.Error(), "a probe only reads") {
		t.Errorf("create: got %v", err)
	}
}

type refuse struct{ t *testing.T }

func (r refuse) RoundTrip(q *http.Request) (*http.Response, error) {
	r.t.Errorf("%s %s was sent", q.Method, q.URL)
	return nil, context.Canceled
}
