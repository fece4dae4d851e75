//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/action"
)

// image releases another image over web, as people do.
func (s *shop) image(name string) {
	s.Helper()
	body := fmt.Sprintf(`{"metadata":{"annotations":{"kubernetes.io/change-cause":"release %[1]s"}},"spec":{"template":{"spec":{"containers":[{"name":"c","image":%[1]q}]}}}}`, name)
	_, err := s.admin.AppsV1().Deployments(s.namespace).Patch(context.Background(), "web", types.StrategicMergePatchType, []byte(body), metav1.PatchOptions{FieldManager: "human"})
	s.must(err)
}

// stuck makes web, whose first image serves, and releases each of the others
// over it until its controller has given up on that.
func (s *shop) stuck(change func(*appsv1.Deployment), images ...string) {
	s.Helper()
	s.deployment(func(d *appsv1.Deployment) {
		d.Spec.ProgressDeadlineSeconds = new(int32(1))
		d.Annotations = map[string]string{"team": "shop", "kubernetes.io/change-cause": "release none"}
		if change != nil {
			change(d)
		}
	})
	s.rolledOut()
	for _, name := range images {
		s.image(name)
		s.gaveUp()
	}
}

// gaveUp waits until the controller has given up on a rollout, and that for good:
// a pod that is made after its deadline is progress to it.
func (s *shop) gaveUp() {
	s.Helper()
	eventually(s.T, 20*time.Second, func() string {
		st := s.settled("web").Status
		if st.UpdatedReplicas == 0 {
			return "there is no pod of the new release"
		}
		for _, c := range st.Conditions {
			if c.Type == appsv1.DeploymentProgressing && c.Status == corev1.ConditionFalse {
				return ""
			}
		}
		return "its controller still waits"
	})
}

// has checks which image web wants, and what our annotations say of it.
func (s *shop) has(image, by string) *appsv1.Deployment {
	s.Helper()
	d := s.settled("web")
	if got := d.Spec.Template.Spec.Containers[0].Image; got != image || d.Annotations["remediated/rolled-back-by"] != by {
		s.Errorf("image %s, annotations %v; want %s, by %q", got, d.Annotations, image, by)
	}
	return d
}

// It is rolled back once, however often the attempt is performed, to the
// ReplicaSet that still serves.
func TestKubeRollback(t *testing.T) {
	s := openShop(t)
	s.stuck(nil, "bad", "worse")
	web := s.target("deployment", "web")
	sets, err := s.admin.AppsV1().ReplicaSets(s.namespace).List(t.Context(), metav1.ListOptions{})
	s.must(err)
	var sent []byte
	actor := s.actor(func(r *http.Request) {
		if r.Method == http.MethodPatch {
			sent, _ = io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(sent))
		}
	})
	back := s.plan("rollback", web)
	if want := "from revision 3 with image worse to revision 1 with image none"; back.Act.Change != want {
		t.Errorf("what it comes to: %q, want %q", back.Act.Change, want)
	}
	s.perform(actor, back, remediate.OK, "rolled back from revision 3 ")
	once := s.has("none", back.ID)
	s.rolledOut()

	// The same bytes again change nothing; nor does the same attempt, after a
	// crash or by mistake.
	_, err = s.admin.AppsV1().Deployments(s.namespace).Patch(t.Context(), "web", types.JSONPatchType, sent, metav1.PatchOptions{FieldManager: "remediated"})
	if !apierrors.IsConflict(err) {
		t.Errorf("the same bytes again: %v, want a conflict", err)
	}
	back.Again = true
	s.perform(s.actor(nil), back, remediate.OK, "was there already")
	back.Again = false
	s.perform(s.actor(nil), back, remediate.Failed, "was there before it was sent")
	if now := s.has("none", back.ID); now.Generation != once.Generation || now.Annotations["team"] != "shop" || now.Annotations["kubernetes.io/change-cause"] != "release none" {
		t.Errorf("generation %d after %d, annotations %v", now.Generation, once.Generation, now.Annotations)
	}
	after, err := s.admin.AppsV1().ReplicaSets(s.namespace).List(t.Context(), metav1.ListOptions{})
	s.must(err)
	if len(after.Items) != len(sets.Items) {
		t.Errorf("%d ReplicaSets after %d: the one that served was to serve again", len(after.Items), len(sets.Items))
	}

	// What it was rolled back to fails, too: nobody plays to and fro.
	s.perform(s.actor(nil), s.plan("rollback", web), remediate.Refused, "rolled back to already")
	s.image("worst")
	s.gaveUp()
	next := s.plan("rollback", web)
	s.perform(s.actor(nil), next, remediate.OK, "rolled back from revision 5 ")
	if notes := s.events(string(s.has("none", next.ID).UID)); len(notes) != 2 {
		t.Errorf("events %q", notes)
	}
}

// A restart whose mark an earlier rollback put back is carried out, and so is one
// after kubectl's.
func TestKubeRollbackThenRestart(t *testing.T) {
	for _, who := range []string{"we", "kubectl-rollout"} {
		t.Run(who, func(t *testing.T) {
			s := openShop(t)
			s.stuck(nil)
			web := s.target("deployment", "web")
			s.perform(s.actor(nil), s.plan("restart", web), remediate.OK, "restarted")
			s.rolledOut()
			marked := s.settled("web").Spec.Template
			s.image("bad")
			s.gaveUp()
			s.perform(s.actor(nil), s.plan("restart", web), remediate.OK, "restarted")
			s.gaveUp()
			if who == "we" {
				s.perform(s.actor(nil), s.plan("rollback", web), remediate.OK, "rolled back")
			} else {
				body, err := json.Marshal([]map[string]any{{"op": "replace", "path": "/spec/template", "value": marked}})
				s.must(err)
				_, err = s.admin.AppsV1().Deployments(s.namespace).Patch(t.Context(), "web", types.JSONPatchType, body, metav1.PatchOptions{FieldManager: who})
				s.must(err)
			}
			if got := s.settled("web").Spec.Template.Annotations["remediated/attempt"]; got != "e2etest0-i42-a1" {
				t.Fatalf("the mark is %q: this shows nothing", got)
			}
			s.rolledOut()
			again := s.plan("restart", web)
			s.perform(s.actor(nil), again, remediate.OK, "restarted")
			if d := s.settled("web"); d.Spec.Template.Annotations["remediated/attempt"] != again.ID || d.Spec.Template.Spec.Containers[0].Image != "none" {
				t.Errorf("annotations %v", d.Spec.Template.Annotations)
			}
		})
	}
}

func TestKubeRollbackRefuses(t *testing.T) {
	patched := func(body string) func(*shop) {
		return func(s *shop) {
			_, err := s.admin.AppsV1().Deployments(s.namespace).Patch(context.Background(), "web", types.MergePatchType, []byte(body), metav1.PatchOptions{FieldManager: "human"})
			s.must(err)
		}
	}
	remake := func(s *shop) {
		s.must(s.admin.AppsV1().Deployments(s.namespace).Delete(context.Background(), "web", metav1.DeleteOptions{}))
		s.deployment(nil)
	}
	for _, tc := range []struct {
		name         string
		released     []string
		change       func(*appsv1.Deployment)
		before       func(*shop) // it is judged
		then, during func(*shop) // after it was judged; when the request leaves us
		image        string      // that it wants in the end
		text         string
	}{
		{"deleted", nil, nil, nil, func(s *shop) {
			s.must(s.admin.AppsV1().Deployments(s.namespace).Delete(s.Context(), "web", metav1.DeleteOptions{}))
		}, nil, "", remediate.RefusedGone},
		{"made anew", []string{"bad"}, nil, nil, remake, nil, "none", "made anew"},
		{"made anew under way", []string{"bad"}, nil, nil, nil, remake, "none", "made anew"},
		{"released over", []string{"bad"}, nil, nil, func(s *shop) { s.image("fix") }, nil, "fix", "somebody else changed its pod template"},
		{"released over under way", []string{"bad"}, nil, nil, nil, func(s *shop) { s.image("fix") }, "fix", "somebody else changed its pod template"},
		{"paused", []string{"bad"}, nil, nil, patched(`{"spec":{"paused":true}}`), nil, "bad", "paused"},
		{"paused under way", []string{"bad"}, nil, nil, nil, patched(`{"spec":{"paused":true}}`), "bad", "paused"},
		{"Helm", []string{"bad"}, nil, nil, patched(`{"metadata":{"labels":{"app.kubernetes.io/managed-by":"Helm"}}}`), nil, "bad", "managed by Helm"},
		{"the first", nil, nil, nil, nil, nil, "none", "there is no earlier revision than revision 1 "},
		{"no history", nil, func(d *appsv1.Deployment) { d.Spec.RevisionHistoryLimit = new(int32(0)) }, nil, nil, nil, "none", "its revisionHistoryLimit is 0"},
		{"more rights", []string{"bad"}, func(d *appsv1.Deployment) {
			d.Spec.Template.Spec.HostPID = true
		}, func(s *shop) {
			patched(`{"spec":{"template":{"spec":{"hostPID":null}}}}`)(s)
			s.gaveUp()
		}, nil, nil, "bad", "would share the network, the processes"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := openShop(t)
			s.stuck(tc.change, tc.released...)
			if tc.before != nil {
				tc.before(s)
			}
			what := s.plan("rollback", s.target("deployment", "web"))
			s.performAmid(what, tc.then, tc.during, remediate.Refused, tc.text)
			if tc.image != "" {
				s.has(tc.image, "")
			}
		})
	}
}

func TestKubeRollbackRules(t *testing.T) {
	i := slices.IndexFunc(action.Kinds(), func(k action.Kind) bool { return k.Name == "rollback" })
	rules := action.MergeRules(action.Kinds()[i].Rules("deployment", nil)...)
	try := func() (*shop, remediate.Started) {
		s := openShop(t)
		s.stuck(func(d *appsv1.Deployment) {
			d.Spec.Template.Spec.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "none"}}}}
		}, "bad")
		return s, s.plan("rollback", s.target("deployment", "web"))
	}
	eachIsNeeded(t, rules, try, "rolled back from revision 2 ", func(s *shop) { s.has("bad", "") })
}
