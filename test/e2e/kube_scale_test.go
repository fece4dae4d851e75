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

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/action"
)

// scaling is the act scale of a target as it is now.
func (s *shop) scaling(target remediate.Target, args string) remediate.Started {
	s.Helper()
	what := s.plan("scale", target)
	what.Act.Args = json.RawMessage(args)
	return what
}

// scaledByHand sets the replicas of the Deployment web as people do.
func (s *shop) scaledByHand(n int) {
	_, err := s.admin.AppsV1().Deployments(s.namespace).Patch(context.Background(), "web", types.MergePatchType, []byte(fmt.Sprintf(`{"spec":{"replicas":%d}}`, n)), metav1.PatchOptions{FieldManager: "human"}, "scale")
	s.must(err)
}

// hasScaled checks the replicas of web, and what our annotations say.
func (s *shop) hasScaled(replicas int32, from, to, by string) *appsv1.Deployment {
	s.Helper()
	d := s.settled("web")
	got := []string{d.Annotations["remediated/scaled-from"], d.Annotations["remediated/scaled-to"], d.Annotations["remediated/scaled-by"]}
	if *d.Spec.Replicas != replicas || !slices.Equal(got, []string{from, to, by}) {
		s.Errorf("%d replicas, %q; want %d, %q", *d.Spec.Replicas, got, replicas, []string{from, to, by})
	}
	return d
}

// It is scaled once, however often the attempt is performed, and is set back to
// what it was.
func TestKubeScaleAndRestore(t *testing.T) {
	s := openShop(t)
	s.deployment(func(d *appsv1.Deployment) {
		d.Spec.Replicas, d.Annotations = new(int32(3)), map[string]string{"team": "shop"}
	})
	web := s.target("deployment", "web")
	var sent []byte
	actor := s.actor(func(r *http.Request) {
		if r.Method == http.MethodPatch {
			sent, _ = io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(sent))
		}
	})
	down := s.scaling(web, `{"replicas":0,"floor":0}`)
	s.perform(actor, down, remediate.OK, "scaled from 3 to 0 replicas")
	once := s.hasScaled(0, "3", "0", down.ID)

	// The same bytes again change nothing; nor does the same attempt, after a
	// crash or by mistake.
	_, err := s.admin.AppsV1().Deployments(s.namespace).Patch(t.Context(), "web", types.MergePatchType, sent, metav1.PatchOptions{FieldManager: "remediated"})
	if !apierrors.IsConflict(err) {
		t.Errorf("the same bytes again: %v, want a conflict", err)
	}
	down.Again = true
	s.perform(s.actor(nil), down, remediate.OK, "was there already")
	down.Again = false
	s.perform(s.actor(nil), down, remediate.Failed, "was there before it was sent")
	s.perform(s.actor(nil), s.scaling(web, `{"replicas":0,"floor":0}`), remediate.OK, "nothing was sent")
	if now := s.hasScaled(0, "3", "0", down.ID); now.Generation != once.Generation {
		t.Errorf("generation %d after %d", now.Generation, once.Generation)
	}

	back := s.scaling(web, `{"restore":true}`)
	s.perform(s.actor(nil), back, remediate.OK, "set back from 0 to 3 replicas, as they were before "+down.ID)
	if d := s.hasScaled(3, "", "", ""); d.Annotations["team"] != "shop" {
		t.Errorf("annotations %v", d.Annotations)
	}
	back.Again = true
	s.perform(s.actor(nil), back, remediate.OK, "nothing of ours is scaled")
	s.perform(s.actor(nil), s.scaling(web, `{"restore":true}`), remediate.Refused, "nothing of ours is scaled")

	set, _ := s.statefulSet()
	s.perform(s.actor(nil), s.scaling(s.target("statefulset", "db"), `{"replicas":2}`), remediate.OK, "scaled from 1 to 2")
	s.perform(s.actor(nil), s.scaling(s.target("statefulset", "db"), `{"restore":true}`), remediate.OK, "set back from 2 to 1")
	if notes := s.events(string(set.UID)); len(notes) != 2 {
		t.Errorf("events %q", notes)
	}
}

func TestKubeScaleRefuses(t *testing.T) {
	remake := func(s *shop) {
		s.must(s.admin.AppsV1().Deployments(s.namespace).Delete(context.Background(), "web", metav1.DeleteOptions{}))
		s.deployment(nil)
	}
	const up = `{"replicas":3}`
	for _, tc := range []struct {
		name, args    string
		before        func(*shop)
		then, during  func(*shop) // after it was judged; when the request leaves us
		outcome, text string
	}{
		{"deleted", up, nil, func(s *shop) {
			s.must(s.admin.AppsV1().Deployments(s.namespace).Delete(s.Context(), "web", metav1.DeleteOptions{}))
		}, nil, remediate.Refused, remediate.RefusedGone},
		{"made anew", up, nil, remake, nil, remediate.Refused, "made anew"},
		{"made anew under way", up, nil, nil, remake, remediate.Refused, "made anew"},
		{"as many under way", up, nil, nil, func(s *shop) { s.scaledByHand(3) }, remediate.OK, "3 replicas are wanted already"},
		{"an autoscaler", up, func(s *shop) {
			_, err := s.admin.AutoscalingV2().HorizontalPodAutoscalers(s.namespace).Create(s.Context(), &autoscalingv2.HorizontalPodAutoscaler{
				ObjectMeta: metav1.ObjectMeta{Name: "keda-hpa-web"},
				Spec:       autoscalingv2.HorizontalPodAutoscalerSpec{MaxReplicas: 9, ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"}},
			}, metav1.CreateOptions{})
			s.must(err)
		}, nil, nil, remediate.Refused, "the HorizontalPodAutoscaler keda-hpa-web sets its replicas"},
		{"Helm", up, func(s *shop) {
			_, err := s.admin.AppsV1().Deployments(s.namespace).Patch(s.Context(), "web", types.MergePatchType, []byte(`{"metadata":{"labels":{"app.kubernetes.io/managed-by":"Helm"}}}`), metav1.PatchOptions{})
			s.must(err)
		}, nil, nil, remediate.Refused, "managed by Helm"},
		{"paused", up, func(s *shop) {
			_, err := s.admin.AppsV1().Deployments(s.namespace).Patch(s.Context(), "web", types.MergePatchType, []byte(`{"spec":{"paused":true}}`), metav1.PatchOptions{})
			s.must(err)
		}, nil, nil, remediate.Refused, "paused"},
		{"restore after a human", `{"restore":true}`, func(s *shop) {
			s.perform(s.actor(nil), s.scaling(s.target("deployment", "web"), up), remediate.OK, "scaled")
			s.scaledByHand(5)
		}, nil, nil, remediate.Refused, "somebody else changed its replicas since e2etest0-i42-a1 set 3: there are 5 wanted, +2"},
		{"restore after a human under way", `{"restore":true}`, func(s *shop) {
			s.perform(s.actor(nil), s.scaling(s.target("deployment", "web"), up), remediate.OK, "scaled")
		}, nil, func(s *shop) { s.scaledByHand(2) }, remediate.Refused, "there are 2 wanted, -1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := openShop(t)
			s.deployment(nil)
			if tc.before != nil {
				tc.before(s)
			}
			what := s.scaling(s.target("deployment", "web"), tc.args)
			s.performAmid(what, tc.then, tc.during, tc.outcome, tc.text)
			if tc.text == remediate.RefusedGone {
				return
			}
			if d := s.settled("web"); d.Annotations["remediated/scaled-by"] == what.ID {
				t.Errorf("it was scaled: %v", d.Annotations)
			}
		})
	}
}

// A scale whose pods do not come up is set back while its rollout is under way.
func TestKubeRestoreDuringTheRollout(t *testing.T) {
	s := openShop(t)
	s.deployment(nil)
	up := s.scaling(s.target("deployment", "web"), `{"replicas":2}`)
	s.perform(s.actor(nil), up, remediate.OK, "scaled from 1 to 2")
	back := s.scaling(s.target("deployment", "web"), `{"restore":true}`)
	back.Act.Undo = true
	s.perform(s.actor(nil), back, remediate.OK, "scaled by "+up.ID+" before, and stays so")
	back.Act.Attempt = up.ID
	s.perform(s.actor(nil), back, remediate.OK, "set back from 2 to 1")
	s.hasScaled(1, "", "", "")
}

func TestKubeScaleRules(t *testing.T) {
	i := slices.IndexFunc(action.Kinds(), func(k action.Kind) bool { return k.Name == "scale" })
	args := json.RawMessage(`{"replicas":2}`)
	rules := action.MergeRules(action.Kinds()[i].Rules("deployment", args)...)
	try := func() (*shop, remediate.Started) {
		s := openShop(t)
		s.deploymentWithClaim()
		return s, s.scaling(s.target("deployment", "web"), string(args))
	}
	eachIsNeeded(t, rules, try, "scaled from 1 to 2", func(s *shop) { s.hasScaled(1, "", "", "") })
}
