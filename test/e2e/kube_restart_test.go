//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/x0tta6bl4/remediated/remediate"
)

const mark = "remediated/attempt"

// The bytes that we send change the object once, however often they arrive.
func TestKubeRestartSentAgainIsANoOp(t *testing.T) {
	s := openShop(t)
	before := s.deployment(nil)
	var sent []byte
	actor := s.actor(func(r *http.Request) {
		if r.Method == http.MethodPatch {
			sent, _ = io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(sent))
		}
	})
	what := s.plan("restart", s.target("deployment", "web"))
	s.perform(actor, what, remediate.OK, "restarted")
	once := s.settled("web")
	if once.Generation != before.Generation+1 || once.Spec.Template.Annotations[mark] != what.ID {
		t.Fatalf("generation %d after %d, annotations %v", once.Generation, before.Generation, once.Spec.Template.Annotations)
	}
	if notes := s.events(string(before.UID)); len(notes) != 1 || !strings.Contains(notes[0], "incident 42, "+what.ID) {
		t.Errorf("events %q", notes)
	}

	replay := func(body []byte) error {
		force := false
		_, err := s.admin.AppsV1().Deployments(s.namespace).Patch(t.Context(), "web", types.ApplyPatchType, body, metav1.PatchOptions{FieldManager: "remediated", Force: &force})
		return err
	}
	if err := replay(sent); !apierrors.IsConflict(err) {
		t.Errorf("the same bytes again: %v, want a conflict: they name the version that was judged", err)
	}
	var m map[string]any
	s.must(json.Unmarshal(sent, &m))
	delete(m["metadata"].(map[string]any), "resourceVersion")
	unversioned, err := json.Marshal(m)
	s.must(err)
	eventually(t, 10*time.Second, func() string { // the status may still move by itself
		now := s.settled("web")
		s.must(replay(unversioned))
		if after := s.settled("web"); after.ResourceVersion != now.ResourceVersion || after.Generation != once.Generation {
			return "version " + after.ResourceVersion + " after " + now.ResourceVersion
		}
		return ""
	})

	// Recovered after a crash, it is recognised; taken for new, it is refused.
	what.Again = true
	s.perform(s.actor(nil), what, remediate.OK, "was there already")
	what.Again = false
	s.perform(s.actor(nil), what, remediate.Failed, "was there before it was sent")
	if now := s.settled("web"); now.Generation != once.Generation || len(s.events(string(before.UID))) != 1 {
		t.Errorf("generation %d, events %q", now.Generation, s.events(string(before.UID)))
	}
}

func TestKubeRestartRefuses(t *testing.T) {
	web := func(s *shop) *appsv1.Deployment {
		d, err := s.admin.AppsV1().Deployments(s.namespace).Get(s.Context(), "web", metav1.GetOptions{})
		s.must(err)
		return d
	}
	update := func(s *shop, change func(*appsv1.Deployment)) {
		eventually(s.T, 5*time.Second, func() string {
			d := web(s)
			change(d)
			_, err := s.admin.AppsV1().Deployments(s.namespace).Update(s.Context(), d, metav1.UpdateOptions{FieldManager: "human"})
			return said(err)
		})
	}
	remake := func(s *shop) {
		s.must(s.admin.AppsV1().Deployments(s.namespace).Delete(s.Context(), "web", metav1.DeleteOptions{}))
		s.deployment(nil)
	}
	image := func(s *shop) {
		update(s, func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Image = "other" })
	}
	for _, tc := range []struct {
		name string
		// then happens after it was judged; during, when the request leaves us.
		then, during  func(*shop)
		outcome, text string
	}{
		{"deleted", func(s *shop) {
			s.must(s.admin.AppsV1().Deployments(s.namespace).Delete(s.Context(), "web", metav1.DeleteOptions{}))
		}, nil, remediate.Refused, remediate.RefusedGone},
		{"made anew", remake, nil, remediate.Refused, "made anew"},
		{"made anew under way", nil, remake, remediate.Refused, "made anew"},
		{"another image", image, nil, remediate.Refused, "somebody else changed its pod template"},
		{"another image under way", nil, image, remediate.Refused, "somebody else changed its pod template"},
		{"paused under way", nil, func(s *shop) { update(s, func(d *appsv1.Deployment) { d.Spec.Paused = true }) }, remediate.Refused, "paused"},
		{"restarted by hand", func(s *shop) {
			body := `{"spec":{"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"2026-01-14T03:12:00Z"}}}}}`
			_, err := s.admin.AppsV1().Deployments(s.namespace).Patch(s.Context(), "web", types.StrategicMergePatchType, []byte(body), metav1.PatchOptions{FieldManager: "kubectl-rollout"})
			s.must(err)
		}, nil, remediate.OK, `somebody (field manager "kubectl-rollout") at 2026-01-14T03:12:00Z restarted it already; nothing was sent`},
		{"our mark is owned by another", func(s *shop) {
			body := `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},"spec":{"template":{"metadata":{"annotations":{"remediated/attempt":"x"}}}}}`
			_, err := s.admin.AppsV1().Deployments(s.namespace).Patch(s.Context(), "web", types.ApplyPatchType, []byte(body), metav1.PatchOptions{FieldManager: "argocd"})
			s.must(err)
			s.rolledOut()
		}, nil, remediate.Refused, "another field manager owns our mark"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := openShop(t)
			s.deployment(nil)
			what := s.plan("restart", s.target("deployment", "web"))
			s.performAmid(what, tc.then, tc.during, tc.outcome, tc.text)
			if tc.text != remediate.RefusedGone && web(s).Spec.Template.Annotations[mark] == what.ID {
				t.Error("it was restarted")
			}
		})
	}
}

// A scale between judging and acting, by whatever autoscaler, is no change of
// what is restarted.
func TestKubeRestartOfWhatIsScaled(t *testing.T) {
	s := openShop(t)
	s.deployment(nil)
	what := s.plan("restart", s.target("deployment", "web"))
	actor := s.actor(once(http.MethodPatch, func() {
		sc, err := s.admin.AppsV1().Deployments(s.namespace).GetScale(t.Context(), "web", metav1.GetOptions{})
		s.must(err)
		sc.Spec.Replicas = 3
		_, err = s.admin.AppsV1().Deployments(s.namespace).UpdateScale(t.Context(), "web", sc, metav1.UpdateOptions{})
		s.must(err)
		eventually(t, 20*time.Second, func() string { // until all pods are there it looks like a rollout, which is waited for
			if d := s.settled("web"); d.Status.UpdatedReplicas < 3 {
				return fmt.Sprintf("not scaled: %+v", d.Status)
			}
			return ""
		})
	}))
	s.perform(actor, what, remediate.OK, "restarted")
	if d := s.settled("web"); *d.Spec.Replicas != 3 {
		t.Errorf("%d replicas: the restart undid the scale", *d.Spec.Replicas)
	}
}

// A second restart is not held up by the first, whose pods do not come up.
func TestKubeRestartAfterOurOwn(t *testing.T) {
	s := openShop(t)
	d := s.deployment(func(d *appsv1.Deployment) { d.Spec.Replicas = new(int32(2)) })
	awaitNextSecond(t, d.CreationTimestamp.Time)
	s.perform(s.actor(nil), s.plan("restart", s.target("deployment", "web")), remediate.OK, "restarted")
	s.settled("web")
	s.perform(s.actor(nil), s.plan("restart", s.target("deployment", "web")), remediate.OK, "restarted")
	if d = s.settled("web"); d.Spec.Template.Annotations[mark] != "e2etest0-i42-a2" {
		t.Errorf("annotations %v", d.Spec.Template.Annotations)
	}
}

// The controller waits for a pod that is not ready to become so before it
// replaces it, so a template alone would change nothing.
func TestKubeRestartOfAStuckStatefulSet(t *testing.T) {
	s := openShop(t)
	_, old := s.statefulSet()
	awaitNextSecond(t, old.CreationTimestamp.Time)
	what := s.plan("restart", s.target("statefulset", "db"))
	s.perform(s.actor(nil), what, remediate.OK, "restarted; evicted db-0")
	p := s.pod("db-0", string(old.UID))
	if p.Annotations[mark] != what.ID {
		t.Errorf("the new pod is of the old template: %v", p.Annotations)
	}
	// Performed again, it leaves the pod alone that it made room for.
	what.Again = true
	s.perform(s.actor(nil), what, remediate.OK, "was there already")
	if again := s.pod("db-0", ""); again.UID != p.UID {
		t.Error("the new pod was evicted too")
	}
}

func TestKubeRestartOfADaemonSet(t *testing.T) {
	s := openShop(t)
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: s.namespace, Labels: map[string]string{"kube-test": s.namespace}}}
	_, err := s.admin.CoreV1().Nodes().Create(t.Context(), node, metav1.CreateOptions{})
	s.must(err)
	defer func() { s.must(s.admin.CoreV1().Nodes().Delete(t.Context(), node.Name, metav1.DeleteOptions{})) }()
	d := &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Name: "log"}, Spec: appsv1.DaemonSetSpec{Selector: selector, Template: podTemplate()}}
	d.Spec.Template.Spec.NodeSelector["kube-test"] = s.namespace
	_, err = s.admin.AppsV1().DaemonSets(s.namespace).Create(t.Context(), d, metav1.CreateOptions{})
	s.must(err)
	eventually(t, 20*time.Second, func() string {
		if a := s.ask("workload", s.target("daemonset", "log"), `{}`); a.Values[remediate.ValueReplicas] != "1" || !a.OK {
			return a.Text + a.Err
		}
		return ""
	})
	what := s.plan("restart", s.target("daemonset", "log"))
	s.perform(s.actor(nil), what, remediate.OK, "restarted")
	d, err = s.admin.AppsV1().DaemonSets(s.namespace).Get(t.Context(), "log", metav1.GetOptions{})
	s.must(err)
	if d.Spec.Template.Annotations[mark] != what.ID {
		t.Errorf("annotations %v", d.Spec.Template.Annotations)
	}
}

// awaitNextSecond waits until the API server's timestamps, which are whole
// seconds, tell now from then.
func awaitNextSecond(t *testing.T, then time.Time) {
	t.Helper()
	eventually(t, 5*time.Second, func() string {
		if time.Now().Truncate(time.Second).After(then) {
			return ""
		}
		return "the second is not over"
	})
}
