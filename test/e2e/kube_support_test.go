//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/action"
	"github.com/x0tta6bl4/remediated/remediate/probe"
)

// shop is a namespace of its own in a real cluster, in which the probes and
// actions are tried. Its pods are bound to no node, so that nothing but the
// tests says whether they are ready.
type shop struct {
	*testing.T
	admin     kubernetes.Interface
	config    *rest.Config
	namespace string
	ids       int
	kept      []byte // the evidence that was kept last
}

// openShop connects by KUBECONFIG and makes the namespace.
func openShop(t *testing.T) *shop {
	t.Helper()
	file := os.Getenv("KUBECONFIG")
	if file == "" {
		t.Fatal("KUBECONFIG is not set: run inside the bed")
	}
	cfg, err := clientcmd.BuildConfigFromFlags("", file)
	if err != nil {
		t.Fatal(err)
	}
	cfg.QPS = -1
	s := &shop{T: t, config: cfg, admin: kubernetes.NewForConfigOrDie(cfg)}
	ns, err := s.admin.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "kube-test-"}}, metav1.CreateOptions{})
	s.must(err)
	s.namespace = ns.Name
	t.Cleanup(func() {
		if err := s.admin.CoreV1().Namespaces().Delete(context.Background(), ns.Name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	eventually(t, 10*time.Second, func() string { return said(s.serviceAccount()) })
	return s
}

func (s *shop) serviceAccount() error {
	_, err := s.admin.CoreV1().ServiceAccounts(s.namespace).Get(s.Context(), "default", metav1.GetOptions{})
	return err
}

func (s *shop) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func said(err error) string {
	if err != nil {
		return err.Error()
	}
	return ""
}

// actor returns an Actor whose requests pass through before first.
func (s *shop) actor(before func(*http.Request)) *action.Actor {
	s.Helper()
	cfg := rest.CopyConfig(s.config)
	if before != nil {
		cfg.Wrap(func(next http.RoundTripper) http.RoundTripper { return hook{before, next} })
	}
	a, err := action.New(action.Options{Clusters: map[string]*rest.Config{"prod": cfg}, Instance: "e2e"})
	s.must(err)
	return a
}

type hook struct {
	before func(*http.Request)
	next   http.RoundTripper
}

func (h hook) RoundTrip(r *http.Request) (*http.Response, error) {
	h.before(r)
	return h.next.RoundTrip(r)
}

// once calls f before the first request of this method.
func once(method string, f func()) func(*http.Request) {
	done := false
	return func(r *http.Request) {
		if r.Method == method && !done && !strings.Contains(r.URL.Path, "/events") {
			done = true
			f()
		}
	}
}

func (s *shop) target(kind, name string) remediate.Target {
	return remediate.Target{Cluster: "prod", Kind: kind, Namespace: s.namespace, Name: name}
}

// ask puts one question with the probes.
func (s *shop) ask(kind string, target remediate.Target, args string) remediate.Answer {
	s.Helper()
	return s.askAs(s.config, kind, target, args)
}

// askAs puts one question as whom cfg connects as.
func (s *shop) askAs(cfg *rest.Config, kind string, target remediate.Target, args string) remediate.Answer {
	s.Helper()
	p, err := probe.New(probe.Options{
		Clusters: map[string]*rest.Config{"prod": cfg},
		Keep: func(_ context.Context, blob []byte) (string, error) {
			s.kept = blob
			return "kept", nil
		},
	})
	s.must(err)
	r := p.Perform(s.Context(), remediate.Started{Ask: &remediate.Ask{Purpose: remediate.ForGuards, Questions: []remediate.Question{{Kind: kind, Target: target, Args: []byte(args)}}}})
	if len(r.Answers) != 1 {
		s.Fatalf("got %+v", r)
	}
	return r.Answers[0]
}

// plan is the act on what the probe sees now.
func (s *shop) plan(kind string, target remediate.Target) remediate.Started {
	s.Helper()
	args := `{}`
	if kind == "rollback" {
		args = `{"for":"rollback"}`
	}
	a := s.ask("workload", target, args)
	if a.Err != "" || a.Values[remediate.ValueUID] == "" {
		s.Fatalf("%s: %+v", target, a)
	}
	s.ids++
	id := fmt.Sprintf("e2etest0-i42-a%d", s.ids)
	return remediate.Started{ID: id, Incident: 42, Deadline: time.Now().Add(time.Minute), Act: &remediate.Act{
		Attempt: id, Kind: kind, Target: target, UID: a.Values[remediate.ValueUID], Template: a.Values[remediate.ValueTemplate],
		Revision: a.Values[remediate.ValueRevision], Change: a.Values[remediate.ValueChange],
	}}
}

// perform performs and checks the outcome and that the text says why.
func (s *shop) perform(a *action.Actor, what remediate.Started, outcome, text string) {
	s.Helper()
	r := a.Perform(s.Context(), what)
	if r.Outcome != outcome || !strings.Contains(r.Text, text) {
		s.Fatalf("got %s %q, want %s %q", r.Outcome, r.Text, outcome, text)
	}
	if strings.Contains(r.Text, "could not be written") {
		s.Errorf("the Event: %s", r.Text)
	}
}

// performAmid performs what was judged when something has happened since, and when
// something happens between its look and its write; nil is nothing.
func (s *shop) performAmid(what remediate.Started, since, between func(*shop), outcome, text string) {
	s.Helper()
	if since != nil {
		since(s)
	}
	actor := s.actor(nil)
	if between != nil {
		actor = s.actor(once(http.MethodPatch, func() { between(s) }))
	}
	s.perform(actor, what, outcome, text)
}

// crashing makes a Deployment whose one pod runs on the bed's node, fails, and
// has failed once more by the time this returns.
func (s *shop) crashing() *corev1.Pod {
	s.Helper()
	s.deployment(func(d *appsv1.Deployment) {
		spec := &d.Spec.Template.Spec
		spec.NodeSelector = nil
		spec.Containers[0].Command = []string{"sh", "-c", "echo begun; echo panic: no more; exit 3"}
		spec.Containers[0].Env = []corev1.EnvVar{{Name: "PASSWORD", Value: "hunter2"}}
	})
	var p *corev1.Pod
	eventually(s.T, 60*time.Second, func() string {
		pods, err := s.admin.CoreV1().Pods(s.namespace).List(s.Context(), metav1.ListOptions{})
		s.must(err)
		if len(pods.Items) != 1 || len(pods.Items[0].Status.ContainerStatuses) != 1 {
			return fmt.Sprintf("%d pods, or it has not begun", len(pods.Items))
		}
		p = &pods.Items[0]
		if c := p.Status.ContainerStatuses[0]; c.RestartCount == 0 || c.State.Waiting == nil {
			return fmt.Sprintf("restarted %d times", c.RestartCount)
		}
		return ""
	})
	return p
}

func podTemplate() corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "x"}},
		Spec: corev1.PodSpec{
			NodeSelector: map[string]string{"kube-test": "nowhere"},
			Containers:   []corev1.Container{{Name: "c", Image: "none"}},
		},
	}
}

var selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": "x"}}

// deployment makes one and waits until its controller is done with it.
func (s *shop) deployment(change func(*appsv1.Deployment)) *appsv1.Deployment {
	s.Helper()
	n := int32(1)
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: appsv1.DeploymentSpec{Replicas: &n, Selector: selector, Template: podTemplate()}}
	if change != nil {
		change(d)
	}
	_, err := s.admin.AppsV1().Deployments(s.namespace).Create(s.Context(), d, metav1.CreateOptions{})
	s.must(err)
	eventually(s.T, 20*time.Second, func() string {
		if d = s.settled("web"); d.Status.UpdatedReplicas < *d.Spec.Replicas {
			return fmt.Sprintf("pods are missing: %+v", d.Status)
		}
		return ""
	})
	return d
}

// rolledOut says that every new pod of the Deployment is ready, until no old
// one is left.
func (s *shop) rolledOut() {
	s.Helper()
	eventually(s.T, 20*time.Second, func() string {
		pods, err := s.admin.CoreV1().Pods(s.namespace).List(s.Context(), metav1.ListOptions{})
		s.must(err)
		for i := range pods.Items {
			if p := &pods.Items[i]; p.Status.Phase != corev1.PodRunning && p.DeletionTimestamp == nil {
				s.ready(p)
			}
		}
		// Halfway there may be as many pods as at the end, all of which serve.
		d := s.settled("web")
		if n, st := *d.Spec.Replicas, d.Status; st.Replicas != n || st.UpdatedReplicas != n || st.AvailableReplicas != n {
			return fmt.Sprintf("rolling out: %+v", st)
		}
		return ""
	})
}

// settled waits until the controller has observed the Deployment as it is.
func (s *shop) settled(name string) (d *appsv1.Deployment) {
	s.Helper()
	eventually(s.T, 20*time.Second, func() string {
		var err error
		if d, err = s.admin.AppsV1().Deployments(s.namespace).Get(s.Context(), name, metav1.GetOptions{}); err != nil {
			return err.Error()
		}
		if d.Status.ObservedGeneration < d.Generation {
			return fmt.Sprintf("not settled: %+v", d.Status)
		}
		return ""
	})
	return d
}

// statefulSet makes one and waits for its first pod.
func (s *shop) statefulSet() (*appsv1.StatefulSet, *corev1.Pod) {
	s.Helper()
	n := int32(1)
	set := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: "db"}, Spec: appsv1.StatefulSetSpec{Replicas: &n, Selector: selector, Template: podTemplate()}}
	set, err := s.admin.AppsV1().StatefulSets(s.namespace).Create(s.Context(), set, metav1.CreateOptions{})
	s.must(err)
	p := s.pod("db-0", "")
	eventually(s.T, 10*time.Second, func() string {
		set, err = s.admin.AppsV1().StatefulSets(s.namespace).Get(s.Context(), "db", metav1.GetOptions{})
		s.must(err)
		if set.Status.UpdatedReplicas != 1 {
			return fmt.Sprintf("status %+v", set.Status)
		}
		return ""
	})
	return set, p
}

// pod waits for a pod of this name whose UID is not the given one.
func (s *shop) pod(name string, not string) (p *corev1.Pod) {
	s.Helper()
	eventually(s.T, 20*time.Second, func() string {
		var err error
		if p, err = s.admin.CoreV1().Pods(s.namespace).Get(s.Context(), name, metav1.GetOptions{}); err != nil {
			return err.Error()
		}
		if string(p.UID) == not {
			return "the old pod is there"
		}
		return ""
	})
	return p
}

// ready says that a pod runs and serves, unless its ReplicaSet takes it away
// meanwhile.
func (s *shop) ready(p *corev1.Pod) {
	s.Helper()
	now := metav1.Now()
	eventually(s.T, 5*time.Second, func() string {
		p, err := s.admin.CoreV1().Pods(s.namespace).Get(s.Context(), p.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return ""
		}
		s.must(err)
		p.Status.Phase = corev1.PodRunning
		p.Status.StartTime = &now
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: now}}
		if _, err = s.admin.CoreV1().Pods(s.namespace).UpdateStatus(s.Context(), p, metav1.UpdateOptions{}); apierrors.IsNotFound(err) {
			return ""
		}
		return said(err)
	})
}

func one() *intstr.IntOrString { n := intstr.FromInt32(1); return &n }

// events returns the notes of the Events about an object.
func (s *shop) events(uid string) (notes []string) {
	s.Helper()
	list, err := s.admin.EventsV1().Events(s.namespace).List(s.Context(), metav1.ListOptions{})
	s.must(err)
	for _, e := range list.Items {
		if string(e.Regarding.UID) == uid && e.ReportingController == "remediated" {
			notes = append(notes, e.Note)
		}
	}
	return notes
}
