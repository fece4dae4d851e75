package probe

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	kubetesting "k8s.io/client-go/testing"

	"github.com/x0tta6bl4/remediated/remediate"
)

// keeper keeps one blob.
type keeper struct {
	blob []byte
	err  error
}

func (k *keeper) keep(ctx context.Context, blob []byte) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	k.blob = blob
	return "digest-1", k.err
}

// evidenceOver returns what is kept of a target among these objects, and the answer.
func evidenceOver(t *testing.T, target remediate.Target, prepare func(*fake.Clientset), objects ...runtime.Object) (string, remediate.Answer) {
	t.Helper()
	p, client := over(t, objects...)
	if prepare != nil {
		prepare(client)
	}
	k := new(keeper)
	p.keep = k.keep
	a := p.one(t, "evidence", target, `{}`)
	return string(k.blob), a
}

// crashed is a pod whose container c was restarted.
func crashed(name string) *corev1.Pod {
	p := pod(name, corev1.ConditionFalse)
	p.UID = types.UID("uid-" + name)
	p.Spec.Containers = []corev1.Container{{Name: "c", Env: []corev1.EnvVar{{Name: "PASSWORD", Value: "hunter2"}}}}
	p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "c", RestartCount: 3, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}}}
	return p
}

func event(name, uid, message string, minute int) *corev1.Event {
	return &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop"}, Type: "Warning", Reason: "BackOff", Message: message, Count: 4,
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: "db-1", UID: types.UID(uid)},
		LastTimestamp:  metav1.NewTime(time.Date(2026, 9, 1, 12, minute, 0, 0, time.UTC)),
	}
}

// logs answers for the logs of containers, by "container" or "container/previous".
func logs(texts map[string]string) func(*fake.Clientset) {
	return func(client *fake.Clientset) {
		client.PrependReactor("get", "pods", func(a kubetesting.Action) (bool, runtime.Object, error) {
			if a.GetSubresource() != "log" {
				return false, nil, nil
			}
			o := a.(kubetesting.GenericAction).GetValue().(*corev1.PodLogOptions)
			key := o.Container
			if o.Previous {
				key += "/previous"
			}
			if text, ok := texts[key]; ok {
				return true, &runtime.Unknown{Raw: []byte(text)}, nil
			}
			return true, nil, errors.New("the node does not answer")
		})
	}
}

// inOrder checks that a text has these parts one after the other.
func inOrder(t *testing.T, text string, parts ...string) {
	t.Helper()
	rest := text
	for _, part := range parts {
		_, after, ok := strings.Cut(rest, part)
		if !ok {
			t.Fatalf("it lacks %q, or has it too early:\n%s", part, text)
		}
		rest = after
	}
}

func TestEvidence(t *testing.T) {
	d := deployment(func(d *appsv1.Deployment) {
		d.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl"}}
		d.Annotations = map[string]string{"kubectl.kubernetes.io/last-applied-configuration": "hunter2", "team": "shop"}
		d.Spec.Template.Spec.Containers = []corev1.Container{{Name: "c", Image: "db:1", Env: []corev1.EnvVar{{Name: "PASSWORD", Value: "hunter2"}}}}
	})
	well := pod("db-0", corev1.ConditionTrue)
	well.UID = "uid-db-0"
	blob, a := evidenceOver(t, db, logs(map[string]string{"c": "starting\n", "c/previous": "panic: no more\n"}),
		d, well, crashed("db-1"), event("e2", "uid-db-1", "Back-off\nrestarting", 2), event("e1", "u1", "scaled", 1), event("e3", "other", "not ours", 3))
	if !a.OK || a.Values[remediate.ValueDigest] != "digest-1" || !strings.HasPrefix(a.Text, "2 pods, 2 events, 2 logs, ") || strings.Contains(a.Text, "could not") {
		t.Errorf("got %+v", a)
	}
	inOrder(t, blob,
		"Evidence about prod/deployment/shop/db, gathered 20",
		"=== deployment db: 2 of 2 available ===", "apiVersion: apps/v1", "kind: Deployment", "team: shop", "image: db:1",
		"=== pod db-1: not ready ===", "CrashLoopBackOff",
		"=== pod db-0: ready ===",
		"=== events", "2026-09-01T12:01:00Z Warning pod/db-1 BackOff (4 times): scaled\n", "2026-09-01T12:02:00Z Warning pod/db-1 BackOff (4 times): Back-off restarting\n",
		"=== log of pod db-1, container c, its previous run ===\npanic: no more\n",
		"=== log of pod db-1, container c ===\nstarting\n")
	for _, never := range []string{"hunter2", "managedFields", "not ours"} {
		if strings.Contains(blob, never) {
			t.Errorf("it has %q:\n%s", never, blob)
		}
	}
}

// The pod itself is the target: it stands there once, and what owns it beside it.
func TestEvidenceOfAPod(t *testing.T) {
	yes := true
	p := crashed("db-1")
	p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "StatefulSet", Name: "db", UID: "set", Controller: &yes}}
	set := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: "db", Namespace: "shop", UID: "set"}}
	target := remediate.Target{Cluster: "prod", Kind: "pod", Namespace: "shop", Name: "db-1"}
	blob, a := evidenceOver(t, target, logs(map[string]string{"c": "x", "c/previous": "y"}), p, set)
	if !a.OK || !strings.HasPrefix(a.Text, "1 pod, 0 events, 2 logs, ") {
		t.Errorf("got %+v", a)
	}
	inOrder(t, blob, "=== pod db-1: the pod is not ready ===", "=== its owner, statefulset db: ", "kind: StatefulSet", "=== events", "its previous run ===\ny\n", "container c ===\nx\n")
	if strings.Count(blob, "kind: Pod") != 1 {
		t.Errorf("the pod stands there more than once:\n%s", blob)
	}
}

// What cannot be had is said, and the rest is kept.
func TestEvidenceInPart(t *testing.T) {
	blob, a := evidenceOver(t, db, func(client *fake.Clientset) {
		logs(map[string]string{"c": "starting\n"})(client)
		forbid(client, "list", "events")
	}, deployment(nil), crashed("db-1"))
	if !a.OK || !strings.Contains(a.Text, "1 pod, 0 events, 1 log, ") || !strings.Contains(a.Text, "2 parts could not be had") {
		t.Errorf("got %+v", a)
	}
	inOrder(t, blob, "=== events", "(could not be had: list events: ", "forbidden", "its previous run ===\n(could not be had: read the log: ", "does not answer", "container c ===\nstarting\n")

	blob, a = evidenceOver(t, db, func(client *fake.Clientset) { forbid(client, "list", "pods") }, deployment(nil))
	if !a.OK || !strings.Contains(a.Text, "0 pods") || !strings.Contains(a.Text, "1 part could not be had") {
		t.Errorf("no pods: %+v", a)
	}
	inOrder(t, blob, "=== its pods ===\n(could not be had: list pods")
}

func TestNoEvidence(t *testing.T) {
	gone := db
	gone.Name = "nothing"
	if blob, a := evidenceOver(t, gone, nil, deployment(nil)); a.OK || !strings.Contains(a.Err, remediate.RefusedGone) || blob != "" {
		t.Errorf("gone: %+v", a)
	}
	if blob, a := evidenceOver(t, db, func(c *fake.Clientset) { forbid(c, "get", "deployments") }, deployment(nil)); a.OK || !strings.Contains(a.Err, "forbidden") || blob != "" {
		t.Errorf("nothing may be read: %+v", a)
	}
	p, client := over(t, deployment(nil))
	if a := p.one(t, "evidence", db, `{}`); a.OK || !strings.Contains(a.Err, "nothing to keep evidence in") || len(client.Actions()) != 0 {
		t.Errorf("without a keeper: %+v, %v", a, client.Actions())
	}
	p.keep = (&keeper{err: errors.New("the disk is full")}).keep
	if a := p.one(t, "evidence", db, `{}`); a.OK || a.Values != nil || !strings.Contains(a.Err, "keep the evidence: the disk is full") {
		t.Errorf("not kept: %+v", a)
	}
}

// Many pods, long logs and large objects: the text keeps its bound, and says
// what it left out.
func TestEvidenceIsBounded(t *testing.T) {
	objects := []runtime.Object{deployment(nil)}
	for i := range 8 {
		p := crashed(fmt.Sprintf("db-%d", i))
		p.Annotations = map[string]string{"note": strings.Repeat("x", 200_000)}
		objects = append(objects, p)
	}
	for i := range 60 {
		objects = append(objects, event(fmt.Sprintf("e%d", i), "uid-db-1", strings.Repeat("é", 2000), i))
	}
	line := strings.Repeat("l", 999) + "\n"
	blob, a := evidenceOver(t, db, logs(map[string]string{"c": strings.Repeat(line, 200), "c/previous": strings.Repeat(line, 200)}), objects...)
	if !a.OK || !strings.HasPrefix(a.Text, "5 pods, 50 events, 10 logs, ") {
		t.Errorf("got %+v", a)
	}
	if len(blob) > maxBlob || len(blob) < maxBlob/2 {
		t.Errorf("%d bytes", len(blob))
	}
	inOrder(t, blob, "(cut here: 15", "=== 3 more pods are left out ===", "10 older ones are left out", "12:10:00Z", "12:59:00Z", "its previous run ===\nlll", "=== no room for ")
	if strings.Contains(blob, "12:09:00Z") {
		t.Error("an older event took the place of a newer one")
	}
}

// hanging is an API server that knows one deployment and its pods. The node
// with their logs hangs.
type hanging struct{ t *testing.T }

func (h hanging) RoundTrip(r *http.Request) (*http.Response, error) {
	var o runtime.Object
	switch {
	case strings.HasSuffix(r.URL.Path, "/log"):
		<-r.Context().Done()
		return nil, r.Context().Err()
	case strings.Contains(r.URL.Path, "/deployments/"):
		d := deployment(nil)
		d.TypeMeta = metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"}
		o = d
	case strings.HasSuffix(r.URL.Path, "/namespaces/shop"):
		n := namespace("")
		n.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}
		o = n
	case strings.HasSuffix(r.URL.Path, "/pods"):
		o = &corev1.PodList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PodList"}, Items: []corev1.Pod{*crashed("db-1"), *crashed("db-2")}}
	default:
		o = &corev1.EventList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "EventList"}}
	}
	b, err := json.Marshal(o)
	if err != nil {
		h.t.Error(err)
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(b)), Request: r}, nil
}

// A node that hangs takes its logs, but neither the rest nor the time to keep
// it; and it has more time than one look.
func TestEvidenceOfANodeThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := new(keeper)
		p, err := New(Options{Clusters: map[string]*rest.Config{"prod": {Host: "http://prod", Transport: hanging{t}}}, Keep: k.keep})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		for range 2 { // it does not count against the API server
			a := p.one(t, "evidence", db, `{}`)
			if !a.OK || !strings.Contains(a.Text, "2 pods, 0 events, 0 logs, ") || !strings.Contains(a.Text, "4 parts could not be had") {
				t.Errorf("got %+v", a)
			}
		}
		if took := time.Since(began); took != 2*gatherWithin {
			t.Errorf("took %s, want %s each", took, gatherWithin)
		}
		inOrder(t, string(k.blob), "kind: Deployment", "=== pod db-1", "(could not be had: read the log: ", "deadline exceeded")
		if a := p.one(t, "workload", db, `{}`); a.Err != "" {
			t.Errorf("the API server is not asked any more: %+v", a)
		}
		p.Wait()
	})
}

func TestEvidenceTakesTheNamedPodFirst(t *testing.T) {
	f := new(found)
	pods := []corev1.Pod{*pod("a", corev1.ConditionTrue), *crashed("b"), *pod("c", corev1.ConditionTrue)}
	f.choose(pods, remediate.Target{Kind: "owner", Name: "c"})
	var names bytes.Buffer
	for _, p := range f.pods {
		names.WriteString(p.Name)
	}
	if names.String() != "cba" {
		t.Errorf("order %s", names.String())
	}
}
