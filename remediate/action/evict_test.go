package action

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/x0tta6bl4/remediated/remediate"
)

var db0 = remediate.Target{Cluster: "prod", Kind: "pod", Namespace: "shop", Name: "db-0"}

func TestRemovePod(t *testing.T) {
	for _, tc := range []struct{ kind, args, write, text string }{
		{"evict_pod", `{}`, "POST /api/v1/namespaces/shop/pods/db-0/eviction", "evicted"},
		{"delete_pod", `{}`, "POST /api/v1/namespaces/shop/pods/db-0/eviction", "evicted"},
		{"delete_pod", `{"bypass_pdb":true}`, "DELETE /api/v1/namespaces/shop/pods/db-0", "disregarding its disruption budget"},
	} {
		a := newAPI(t)
		a.addStatefulSet()
		a.addPod("db-0", corev1.ConditionFalse, time.Hour)
		actor := a.actor(t)
		s := a.plan(t, actor, tc.kind, db0)
		s.Act.Args = []byte(tc.args)
		performed(t, actor, s, remediate.OK, tc.text)
		if got := a.acts(); !slices.Equal(got, []string{tc.write}) {
			t.Errorf("wrote %v, want %s", got, tc.write)
		}
		if len(a.events) != 1 || a.events[0].Regarding.Kind != "Pod" {
			t.Errorf("events %v", a.events)
		}
		// It is gone: performed again, it is done.
		performed(t, actor, s, remediate.OK, "gone or going already")
		// Another one of its name is not the one that was meant.
		a.addPod("db-0", corev1.ConditionFalse, time.Minute).UID = "another"
		performed(t, actor, s, remediate.OK, "gone or going already")
		if len(a.acts()) != 1 || a.pods["db-0"] == nil {
			t.Errorf("%s: the replacement was touched: %v", tc.kind, a.writes)
		}
	}
}

func TestRemovePodRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		change        func(*corev1.Pod, *remediate.Started)
		outcome, text string
	}{
		"bare": {func(p *corev1.Pod, _ *remediate.Started) { p.OwnerReferences = nil }, remediate.Refused, "bare pod"},
		"static": {func(p *corev1.Pod, _ *remediate.Started) {
			p.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "x"}
		}, remediate.Refused, "static pod"},
		"of a job": {func(p *corev1.Pod, _ *remediate.Started) {
			p.OwnerReferences[0].APIVersion, p.OwnerReferences[0].Kind = "batch/v1", "Job"
		}, remediate.Refused, "of a Job"},
		"an operator": {func(p *corev1.Pod, _ *remediate.Started) { p.OwnerReferences[0].APIVersion = "cnpg.io/v1" }, remediate.Refused, "custom resource"},
		"no UID":      {func(_ *corev1.Pod, s *remediate.Started) { s.Act.UID = "" }, remediate.Refused, "no UID"},
		"no pod":      {func(_ *corev1.Pod, s *remediate.Started) { s.Act.Target.Kind = "deployment" }, remediate.Refused, "it is for pod"},
		"going": {func(p *corev1.Pod, _ *remediate.Started) {
			now := metav1.Now()
			p.DeletionTimestamp = &now
		}, remediate.OK, "going already"},
	} {
		for _, kind := range []string{"evict_pod", "delete_pod"} {
			a := newAPI(t)
			a.addStatefulSet()
			p := a.addPod("db-0", corev1.ConditionFalse, time.Hour)
			actor := a.actor(t)
			s := a.plan(t, actor, kind, db0)
			s.Act.Args = map[string][]byte{"delete_pod": []byte(`{"bypass_pdb":true}`)}[kind]
			tc.change(p, &s)
			performed(t, actor, s, tc.outcome, tc.text)
			if len(a.writes) != 0 {
				t.Errorf("%s, %s: wrote %v", name, kind, a.writes)
			}
		}
	}
}

func TestEvictionHonoursTheBudget(t *testing.T) {
	a := newAPI(t)
	a.addStatefulSet()
	a.addPod("db-0", corev1.ConditionFalse, time.Hour)
	actor := a.actor(t)
	s := a.plan(t, actor, "evict_pod", db0)
	a.budget = true
	r := performed(t, actor, s, remediate.Later, "disruption budget db")
	if wait := time.Until(r.Until).Round(time.Second); wait != 7*time.Second {
		t.Errorf("try again in %s", wait)
	}
	s.Deadline = time.Now().Add(5 * time.Second)
	performed(t, actor, s, remediate.Failed, "gave up at its deadline: Cannot evict pod")
	if len(a.pods) != 1 || len(a.acts()) != 2 {
		t.Errorf("pods %v, writes %v", a.pods, a.writes)
	}
}

func TestEvictionWhoseAnswerIsLost(t *testing.T) {
	for name, tc := range map[string]struct {
		fault   func(http.ResponseWriter, *http.Request, bool) bool
		outcome string
	}{
		"after it was done":  {cut(1, true), remediate.OK},
		"before it was done": {cut(1, false), remediate.Unknown},
		"500":                {answer(says(500, metav1.StatusReasonInternalError, "etcd")), remediate.Unknown},
		"conflict":           {answer(says(409, metav1.StatusReasonConflict, "modified")), remediate.Later},
		"a proxy's 404": {func(w http.ResponseWriter, r *http.Request, _ bool) bool {
			if isWrite(r) {
				http.Error(w, "404 page not found", http.StatusNotFound)
			}
			return isWrite(r)
		}, remediate.Failed},
	} {
		a := newAPI(t)
		a.addStatefulSet()
		a.addPod("db-0", corev1.ConditionFalse, time.Hour)
		actor := a.actor(t)
		s := a.plan(t, actor, "evict_pod", db0)
		a.fault = tc.fault
		if r := actor.Perform(t.Context(), s); r.Outcome != tc.outcome {
			t.Errorf("%s: got %+v, want %s", name, r, tc.outcome)
		}
		if len(a.acts()) != 1 {
			t.Errorf("%s: sent %d times", name, len(a.acts()))
		}
	}
}

// The pod is replaced between the look and the eviction.
func TestEvictionOfAPodThatWasReplaced(t *testing.T) {
	a := newAPI(t)
	a.addStatefulSet()
	p := a.addPod("db-0", corev1.ConditionFalse, time.Hour)
	actor := a.actor(t)
	s := a.plan(t, actor, "evict_pod", db0)
	a.fault = func(_ http.ResponseWriter, r *http.Request, after bool) bool {
		if isWrite(r) && !after {
			p.UID = "another"
		}
		return false
	}
	r := performed(t, actor, s, remediate.OK, "gone or going")
	if a.pods["db-0"] == nil || strings.Contains(r.Text, "evicted") {
		t.Errorf("the replacement was evicted: %q", r.Text)
	}
}
