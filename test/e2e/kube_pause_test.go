//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/action"
)

// releasing makes web, whose four pods serve, and releases an image over it whose
// pods do not: of the old ones one is gone, and of the new ones two wait.
func (s *shop) releasing(change func(*appsv1.Deployment)) {
	s.Helper()
	s.deployment(func(d *appsv1.Deployment) {
		d.Spec.Replicas, d.Annotations = new(int32(4)), map[string]string{"team": "shop"}
		one := intstr.FromInt32(1)
		d.Spec.Strategy = appsv1.DeploymentStrategy{Type: appsv1.RollingUpdateDeploymentStrategyType, RollingUpdate: &appsv1.RollingUpdateDeployment{MaxSurge: &one, MaxUnavailable: &one}}
		if change != nil {
			change(d)
		}
	})
	s.rolledOut()
	s.image("bad")
	s.stands(5, 2, 3)
}

// stands waits until the pods of web are so many, of which so many are of the
// last release, and so many serve.
func (s *shop) stands(all, updated, available int32) {
	s.Helper()
	eventually(s.T, 20*time.Second, func() string {
		if st := s.settled("web").Status; st.Replicas != all || st.UpdatedReplicas != updated || st.AvailableReplicas != available {
			return fmt.Sprintf("%d pods, %d updated, %d available; want %d, %d, %d", st.Replicas, st.UpdatedReplicas, st.AvailableReplicas, all, updated, available)
		}
		return ""
	})
}

// serve says that all pods that there are are ready.
func (s *shop) serve() {
	s.Helper()
	pods, err := s.admin.CoreV1().Pods(s.namespace).List(s.Context(), metav1.ListOptions{})
	s.must(err)
	for i := range pods.Items {
		s.ready(&pods.Items[i])
	}
}

// rollout pauses or resumes web by kubectl's hand.
func (s *shop) rollout(verb string) {
	s.Helper()
	_, err := connect(s.T).Kubectl(context.Background(), "", "rollout", verb, "deployment/web", "--namespace", s.namespace)
	s.must(err)
}

// isPaused checks whether web is paused, and by which act of ours.
func (s *shop) isPaused(paused bool, by string) *appsv1.Deployment {
	s.Helper()
	d := s.settled("web")
	if d.Spec.Paused != paused || d.Annotations["remediated/paused"] != by || d.Annotations["team"] != "shop" {
		s.Errorf("paused %v, annotations %v; want %v, by %q", d.Spec.Paused, d.Annotations, paused, by)
	}
	return d
}

// A rollout is held where it is, once, even when its new pods serve, and goes on
// when it is resumed. What a restart has set before stays.
func TestKubePauseAndResume(t *testing.T) {
	s := openShop(t)
	s.releasing(nil)
	s.rolledOut()
	web := s.target("deployment", "web")
	restarted := s.plan("restart", web)
	s.perform(s.actor(nil), restarted, remediate.OK, "restarted")
	s.rolledOut()
	s.image("worse")
	s.stands(5, 2, 3)

	if a := s.ask("workload", web, `{"for":"pause"}`); !a.OK {
		t.Errorf("what is under way is not to be paused: %+v", a)
	}
	var sent []byte
	actor := s.actor(func(r *http.Request) {
		if r.Method == http.MethodPatch {
			sent, _ = io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(sent))
		}
	})
	hold := s.plan("pause", web)
	s.perform(actor, hold, remediate.OK, "paused")
	once := s.isPaused(true, hold.ID)
	s.serve()
	s.stands(5, 2, 5)

	// The same bytes again change nothing; nor does the same attempt.
	_, err := s.admin.AppsV1().Deployments(s.namespace).Patch(t.Context(), "web", types.MergePatchType, sent, metav1.PatchOptions{FieldManager: "remediated"})
	if !apierrors.IsConflict(err) {
		t.Errorf("the same bytes again: %v, want a conflict", err)
	}
	hold.Again = true
	s.perform(s.actor(nil), hold, remediate.OK, "was there already")
	hold.Again = false
	s.perform(s.actor(nil), hold, remediate.Failed, "was there before it was sent")
	if now := s.isPaused(true, hold.ID); now.Generation != once.Generation {
		t.Errorf("generation %d after %d", now.Generation, once.Generation)
	}
	for _, kind := range []string{"restart", "rollback"} {
		s.perform(s.actor(nil), s.plan(kind, web), remediate.Refused, "paused by our attempt "+hold.ID)
	}

	if a := s.ask("workload", web, `{"for":"resume"}`); !a.OK {
		t.Errorf("what is paused is not to be resumed: %+v", a)
	}
	s.perform(s.actor(nil), s.plan("resume", web), remediate.OK, "resumed")
	d := s.isPaused(false, "")
	if got := d.Spec.Template.Annotations[mark]; got != restarted.ID {
		t.Errorf("the mark of the restart is %q, want %q", got, restarted.ID)
	}
	s.rolledOut()
	s.stands(4, 4, 4)
	if notes := s.events(string(d.UID)); len(notes) != 3 {
		t.Errorf("events %q", notes)
	}
}

// What a person paused stays paused, and what a person resumed goes on.
func TestKubePauseIsAHumans(t *testing.T) {
	s := openShop(t)
	s.releasing(nil)
	web := s.target("deployment", "web")
	s.rollout("pause")
	s.perform(s.actor(nil), s.plan("pause", web), remediate.OK, "by somebody else; it stays theirs")
	s.perform(s.actor(nil), s.plan("resume", web), remediate.Refused, "not by us")
	s.isPaused(true, "")
	s.rollout("resume")

	hold := s.plan("pause", web)
	s.perform(s.actor(nil), hold, remediate.OK, "paused")
	s.rollout("resume")
	hold.Again = true
	s.perform(s.actor(nil), hold, remediate.Refused, "somebody resumed it since")
	s.isPaused(false, hold.ID)
	s.perform(s.actor(nil), s.plan("resume", web), remediate.OK, "it is not paused")
	s.rollout("pause")
	s.perform(s.actor(nil), s.plan("resume", web), remediate.Refused, "somebody else paused it since our attempt "+hold.ID)
	undo := s.plan("resume", web)
	undo.Act.Undo, undo.Act.Attempt = true, hold.ID
	s.perform(s.actor(nil), undo, remediate.OK, "stays so")
	s.isPaused(true, hold.ID)
}

func TestKubePauseRefuses(t *testing.T) {
	patched := func(body string) func(*shop) {
		return func(s *shop) {
			_, err := s.admin.AppsV1().Deployments(s.namespace).Patch(context.Background(), "web", types.MergePatchType, []byte(body), metav1.PatchOptions{FieldManager: "human"})
			s.must(err)
		}
	}
	remake := func(s *shop) {
		s.must(s.admin.AppsV1().Deployments(s.namespace).Delete(context.Background(), "web", metav1.DeleteOptions{}))
		s.deployment(func(d *appsv1.Deployment) { d.Annotations = map[string]string{"team": "shop"} })
	}
	for name, tc := range map[string]struct {
		then, during func(*shop) // after it was judged; when the request leaves us
		text         string
	}{
		"made anew":           {remake, nil, "made anew"},
		"made anew under way": {nil, remake, "made anew"},
		"rolled out":          {(*shop).rolledOut, nil, "no rollout is under way"},
		"Helm":                {patched(`{"metadata":{"labels":{"app.kubernetes.io/managed-by":"Helm"}}}`), nil, "managed by Helm"},
		"Helm, under way":     {nil, patched(`{"metadata":{"labels":{"app.kubernetes.io/managed-by":"Helm"}}}`), "managed by Helm"},
		"a custom resource's": {patched(`{"metadata":{"ownerReferences":[{"apiVersion":"example.com/v1","kind":"Shop","name":"s","uid":"1"}]}}`), nil, "custom resource Shop s"},
		"Recreate":            {patched(`{"spec":{"strategy":{"type":"Recreate","rollingUpdate":null}}}`), nil, "its strategy is Recreate"},
	} {
		t.Run(name, func(t *testing.T) {
			s := openShop(t)
			s.releasing(nil)
			what := s.plan("pause", s.target("deployment", "web"))
			s.performAmid(what, tc.then, tc.during, remediate.Refused, tc.text)
			s.isPaused(false, "")
		})
	}
}

func TestKubePauseRules(t *testing.T) {
	i := slices.IndexFunc(action.Kinds(), func(k action.Kind) bool { return k.Name == "pause" })
	rules := action.MergeRules(action.Kinds()[i].Rules("deployment", nil)...)
	try := func() (*shop, remediate.Started) {
		s := openShop(t)
		s.releasing(nil)
		return s, s.plan("pause", s.target("deployment", "web"))
	}
	eachIsNeeded(t, rules, try, "paused", func(s *shop) { s.isPaused(false, "") })
}
