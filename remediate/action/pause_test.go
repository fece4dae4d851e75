package action

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

// pausedBy says that a manager owns whether the rollout is paused.
func pausedBy(manager string) metav1.ManagedFieldsEntry {
	return metav1.ManagedFieldsEntry{Manager: manager, Operation: metav1.ManagedFieldsOperationUpdate, FieldsType: "FieldsV1",
		FieldsV1: metav1.NewFieldsV1(`{"f:spec":{"f:paused":{}}}`)}
}

// rolling makes web, of which one of two pods is of the release that is rolled
// out.
func (a *api) rolling() *appsv1.Deployment {
	d := a.addDeployment()
	d.Annotations = map[string]string{"team": "shop"}
	d.Status.Replicas, d.Status.UpdatedReplicas = 3, 1
	return d
}

// byHand pauses a rollout, or resumes it, as kubectl does.
func byHand(d *appsv1.Deployment, paused bool) {
	d.Spec.Paused, d.ManagedFields = paused, nil
	if paused {
		d.ManagedFields = []metav1.ManagedFieldsEntry{pausedBy("kubectl-rollout")}
	}
	touch(&d.ObjectMeta)
}

// ours is paused by an act of ours.
func ours(d *appsv1.Deployment, by string) {
	d.Spec.Paused, d.ManagedFields = true, []metav1.ManagedFieldsEntry{pausedBy(kube.Manager)}
	d.Annotations[kube.PausedAnnotation] = by
}

func isPaused(t *testing.T, d *appsv1.Deployment, paused bool, by string) {
	t.Helper()
	if d.Spec.Paused != paused || d.Annotations[kube.PausedAnnotation] != by || d.Annotations["team"] != "shop" {
		t.Errorf("paused %v, annotations %v; want %v, by %q", d.Spec.Paused, d.Annotations, paused, by)
	}
}

func TestPauseAndResume(t *testing.T) {
	a := newAPI(t)
	d := a.rolling()
	actor := a.actor(t)
	s := a.plan(t, actor, "pause", web)
	performed(t, actor, s, remediate.OK, "paused; the pods that there are stay as they are")
	isPaused(t, d, true, s.ID)

	// Killed between the write and its record, it finds its own mark.
	s.Again = true
	performed(t, a.actor(t), s, remediate.OK, "the mark of this attempt was there already")
	s.Again = false
	performed(t, a.actor(t), s, remediate.Failed, "was there before it was sent")
	other := s
	other.ID = "j-i43-a1"
	performed(t, actor, other, remediate.OK, "paused already, by our attempt j-i42-a1; nothing was sent")

	// While it is paused no other act begins.
	performed(t, actor, a.plan(t, actor, "restart", web), remediate.Refused, "paused by our attempt j-i42-a1: resume it first")

	back := a.plan(t, actor, "resume", web)
	back.ID, back.Act.Undo = "j-i42-a1-u1", true
	performed(t, actor, back, remediate.OK, "resumed")
	isPaused(t, d, false, "")
	back.Again = true
	performed(t, actor, back, remediate.OK, "it is not paused; nothing was sent")
	if a.sent(t, 2); len(a.events) != 2 {
		t.Errorf("%d events", len(a.events))
	}
}

// What is refused, and what is left as it is: nothing is sent.
func TestPauseAndResumeLeaveAlone(t *testing.T) {
	type change func(*api, *appsv1.Deployment, *remediate.Started)
	annotated := func(key, value string) change {
		return func(_ *api, d *appsv1.Deployment, _ *remediate.Started) { d.Annotations[key] = value }
	}
	owner := metav1.OwnerReference{APIVersion: "example.com/v1", Kind: "Shop", Name: "shop", UID: "u8", Controller: new(true)}
	for name, tc := range map[string]struct {
		kind, args    string
		then          change
		outcome, text string
	}{
		"gone":      {"pause", "", func(a *api, _ *appsv1.Deployment, _ *remediate.Started) { delete(a.deployments, "web") }, remediate.Refused, remediate.RefusedGone},
		"made anew": {"pause", "", func(_ *api, d *appsv1.Deployment, _ *remediate.Started) { d.UID = "u9" }, remediate.Refused, "made anew"},
		"no rollout": {"pause", "", func(_ *api, d *appsv1.Deployment, _ *remediate.Started) {
			d.Status.Replicas, d.Status.UpdatedReplicas = 2, 2
		}, remediate.Refused, "no rollout is under way"},
		"a custom resource's": {"pause", "", func(_ *api, d *appsv1.Deployment, _ *remediate.Started) {
			d.OwnerReferences = []metav1.OwnerReference{owner}
		}, remediate.Refused, "custom resource Shop shop"},
		"Argo CD":              {"pause", "", annotated("argocd.argoproj.io/tracking-id", "web"), remediate.Refused, "managed by Argo CD, which would resume it or lose that it is paused: pause it there, or write drift: accept"},
		"a human's pause":      {"pause", "", func(_ *api, d *appsv1.Deployment, _ *remediate.Started) { byHand(d, true) }, remediate.OK, "by somebody else; it stays theirs"},
		"a mark, never sent":   {"pause", "", annotated(kube.PausedAnnotation, "j-i42-a1"), remediate.Failed, "somebody else uses our IDs"},
		"a statefulset":        {"pause", "", func(_ *api, _ *appsv1.Deployment, s *remediate.Started) { s.Act.Target = db }, remediate.Refused, "cannot be done to a statefulset"},
		"bad args":             {"pause", `{"drift":"yes"}`, func(*api, *appsv1.Deployment, *remediate.Started) {}, remediate.Refused, "want accept"},
		"args of none":         {"resume", `{"drift":"accept"}`, func(*api, *appsv1.Deployment, *remediate.Started) {}, remediate.Refused, "drift"},
		"resume of another":    {"resume", "", func(_ *api, d *appsv1.Deployment, _ *remediate.Started) { d.UID = "u9" }, remediate.Refused, "made anew"},
		"resume of nothing":    {"resume", "", func(*api, *appsv1.Deployment, *remediate.Started) {}, remediate.OK, "it is not paused; nothing was sent"},
		"resume of a human's":  {"resume", "", func(_ *api, d *appsv1.Deployment, _ *remediate.Started) { byHand(d, true) }, remediate.Refused, "not by us"},
		"resume of a resource": {"resume", "", resourceOwned(owner), remediate.Refused, "custom resource"},
		"a human resumed it": {"pause", "", func(_ *api, d *appsv1.Deployment, s *remediate.Started) {
			ours(d, s.ID)
			byHand(d, false)
			s.Again = true
		}, remediate.Refused, "somebody resumed it since this attempt paused it"},
		"a human paused it anew": {"resume", "", func(_ *api, d *appsv1.Deployment, _ *remediate.Started) {
			ours(d, "j-i41-a1")
			byHand(d, true)
		}, remediate.Refused, "somebody else paused it since our attempt j-i41-a1 did"},
		"a human wants it, too": {"resume", "", func(_ *api, d *appsv1.Deployment, _ *remediate.Started) {
			ours(d, "j-i41-a1")
			d.ManagedFields = append(d.ManagedFields, pausedBy("argocd-controller"))
		}, remediate.Refused, "somebody else paused it since"},
		"undo of another's": {"resume", "", func(_ *api, d *appsv1.Deployment, s *remediate.Started) {
			ours(d, "j-i42-a11")
			s.Act.Undo = true
		}, remediate.OK, "not paused by this attempt, and stays so"},
		"undo of a human's": {"resume", "", func(_ *api, d *appsv1.Deployment, s *remediate.Started) {
			byHand(d, true)
			s.Act.Undo = true
		}, remediate.OK, "not paused by this attempt, and stays so"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAPI(t)
			d := a.rolling()
			a.addStatefulSet()
			actor := a.actor(t)
			s := a.plan(t, actor, tc.kind, web)
			s.Act.Args = json.RawMessage(tc.args)
			tc.then(a, d, &s)
			before := d.ResourceVersion
			performed(t, actor, s, tc.outcome, tc.text)
			if a.sent(t, 0); d.ResourceVersion != before {
				t.Error("it was changed")
			}
		})
	}
}

func resourceOwned(owner metav1.OwnerReference) func(*api, *appsv1.Deployment, *remediate.Started) {
	return func(_ *api, d *appsv1.Deployment, _ *remediate.Started) {
		ours(d, "j-i41-a1")
		d.OwnerReferences = []metav1.OwnerReference{owner}
	}
}

// What is managed from a repository is paused where a policy says that it may be,
// and what we paused is resumed wherever it is.
func TestPauseOfWhatIsManaged(t *testing.T) {
	a := newAPI(t)
	d := a.rolling()
	d.Labels = map[string]string{"app.kubernetes.io/managed-by": "Helm"}
	actor := a.actor(t)
	s := a.plan(t, actor, "pause", web)
	s.Act.Args = json.RawMessage(`{"drift":"accept"}`)
	performed(t, actor, s, remediate.OK, "paused")
	performed(t, actor, a.plan(t, actor, "resume", web), remediate.OK, "resumed")
	isPaused(t, d, false, "")
}

func TestPauseWhoseAnswerIsLost(t *testing.T) {
	for _, kind := range []string{"pause", "resume"} {
		for name, tc := range lost() {
			t.Run(kind+" "+name, func(t *testing.T) {
				a := newAPI(t)
				if d := a.rolling(); kind == "resume" {
					ours(d, "j-i41-a1")
				}
				actor := a.actor(t)
				s := a.plan(t, actor, kind, web)
				a.fault = tc.fault
				performed(t, actor, s, tc.outcome, "")
				a.sent(t, 1)
			})
		}
	}
}

// What changes between the look and the write is judged anew.
func TestPauseJudgesAnewOnConflict(t *testing.T) {
	for name, tc := range map[string]struct {
		then          func(*appsv1.Deployment)
		outcome, text string
		sent          int
	}{
		"another one":         {func(d *appsv1.Deployment) { d.UID = "u9" }, remediate.Refused, "made anew", 1},
		"the rollout is over": {func(d *appsv1.Deployment) { d.Status.Replicas, d.Status.UpdatedReplicas = 2, 2; touch(&d.ObjectMeta) }, remediate.Refused, "no rollout is under way", 1},
		"a human was quicker": {func(d *appsv1.Deployment) { byHand(d, true) }, remediate.OK, "it stays theirs", 1},
		"it changes on":       {func(d *appsv1.Deployment) { touch(&d.ObjectMeta) }, remediate.Later, "faster than it can be judged", judgings},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAPI(t)
			d := a.rolling()
			actor := a.actor(t)
			s := a.plan(t, actor, "pause", web)
			a.fault = func(_ http.ResponseWriter, r *http.Request, after bool) bool {
				if isWrite(r) && !after {
					tc.then(d)
				}
				return false
			}
			performed(t, actor, s, tc.outcome, tc.text)
			if acts := a.acts(); len(acts) != tc.sent || slices.ContainsFunc(acts, func(w string) bool { return w != scaleWeb }) {
				t.Errorf("sent %v", acts)
			}
		})
	}
}
