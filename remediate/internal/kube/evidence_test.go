package kube_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	kubetesting "k8s.io/client-go/testing"

	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube/kubetest"
)

func TestYAMLKeepsNoSecrets(t *testing.T) {
	p := pod("p")
	p.ManagedFields = []metav1.ManagedFieldsEntry{changed("kubectl", time.Hour, imageField)}
	p.Annotations = map[string]string{"kubectl.kubernetes.io/last-applied-configuration": `{"hunter2":1}`, "env": "prod"}
	p.Labels = map[string]string{"env": "prod"}
	env := []corev1.EnvVar{{Name: "PASSWORD", Value: "hunter2"}, {Name: "TOKEN", ValueFrom: &corev1.EnvVarSource{
		SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "tokens"}, Key: "t"},
	}}}
	p.Spec = corev1.PodSpec{
		Containers: []corev1.Container{{Name: "c", Image: "shop:1", Env: env, LivenessProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{
			HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", HTTPHeaders: []corev1.HTTPHeader{{Name: "Authorization", Value: "hunter2"}}},
		}}}},
		InitContainers:      []corev1.Container{{Name: "i", Env: env}},
		EphemeralContainers: []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "e", Env: env}}},
	}
	b, err := kube.YAML(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, never := range []string{"hunter2", "managedFields", "kubectl:"} {
		if bytes.Contains(b, []byte(never)) {
			t.Errorf("it has %q:\n%s", never, b)
		}
	}
	for _, want := range []string{"kind: Pod", "apiVersion: v1", "shop:1", "PASSWORD", "Authorization", "/healthz", "name: tokens", "env: prod", "it may be a secret"} {
		if !bytes.Contains(b, []byte(want)) {
			t.Errorf("it lacks %q:\n%s", want, b)
		}
	}
	if p.Spec.Containers[0].Env[0].Value != "hunter2" {
		t.Error("the object itself was changed")
	}
}

func TestEvents(t *testing.T) {
	at := func(minute int) time.Time { return time.Date(2026, 9, 1, 12, minute, 0, 0, time.UTC) }
	event := func(name, of string, set func(*corev1.Event)) *corev1.Event {
		e := &corev1.Event{ObjectMeta: meta(name), InvolvedObject: corev1.ObjectReference{UID: meta(of).UID}}
		set(e)
		return e
	}
	r := kubetest.Reader(fake.NewClientset(
		event("series", "p", func(e *corev1.Event) {
			e.EventTime = metav1.NewMicroTime(at(1))
			e.Series = &corev1.EventSeries{LastObservedTime: metav1.NewMicroTime(at(9))}
		}),
		event("first", "p", func(e *corev1.Event) { e.FirstTimestamp = metav1.NewTime(at(2)) }),
		event("last", "p", func(e *corev1.Event) {
			e.FirstTimestamp, e.LastTimestamp = metav1.NewTime(at(1)), metav1.NewTime(at(7))
		}),
		event("new", "p", func(e *corev1.Event) { e.EventTime = metav1.NewMicroTime(at(5)) }),
		event("of another", "q", func(*corev1.Event) {}),
	))
	events, err := r.Events(t.Context(), "shop", "uid-p")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range events {
		names = append(names, e.Name)
	}
	if got := strings.Join(names, " "); got != "first new last series" {
		t.Errorf("order %s", got)
	}
	client := fake.NewClientset()
	for _, where := range []struct {
		namespace string
		uid       types.UID
	}{{"", "uid-p"}, {"shop", ""}} {
		if _, err := kubetest.Reader(client).Events(t.Context(), where.namespace, where.uid); err == nil || !strings.Contains(err.Error(), "every event") {
			t.Errorf("%+v: got %v", where, err)
		}
	}
	if len(client.Actions()) != 0 {
		t.Error("the API server was asked")
	}
}

// The end of a log is what tells.
func TestLogKeepsTheEnd(t *testing.T) {
	text := strings.Repeat(strings.Repeat("a", 999)+"\n", 150) + "panic: no more\n"
	client := fake.NewClientset()
	client.PrependReactor("get", "pods", func(a kubetesting.Action) (bool, runtime.Object, error) {
		o := a.(kubetesting.GenericAction).GetValue().(*corev1.PodLogOptions)
		if !o.Previous || o.Container != "c" || *o.TailLines != 200 || *o.LimitBytes < 64<<10 {
			t.Errorf("asked for %+v", o)
		}
		return true, &runtime.Unknown{Raw: []byte(text)}, nil
	})
	b, err := kubetest.Reader(client).Log(t.Context(), pod("p"), "c", true)
	if err != nil || len(b) > 64<<10 || len(b) < 63<<10 || !bytes.HasSuffix(b, []byte("panic: no more\n")) {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	if first, _, _ := bytes.Cut(b, []byte("\n")); len(first) != 999 {
		t.Errorf("it begins in the middle of a line: %d bytes", len(first))
	}
}
