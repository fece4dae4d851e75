//go:build e2e

package e2e

import (
	"context"
	"net/http"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/x0tta6bl4/remediated/remediate"
)

// budget makes a disruption budget and waits until its controller allows so
// many disruptions.
func (s *shop) budget(spec policyv1.PodDisruptionBudgetSpec, allowed int32) {
	s.Helper()
	spec.Selector = selector
	_, err := s.admin.PolicyV1().PodDisruptionBudgets(s.namespace).Create(s.Context(), &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Name: "db"}, Spec: spec}, metav1.CreateOptions{})
	s.must(err)
	eventually(s.T, 20*time.Second, func() string {
		if b := s.pdb(); b.Status.ObservedGeneration < b.Generation || b.Status.ExpectedPods == 0 || b.Status.DisruptionsAllowed != allowed {
			return "the budget's controller has not counted yet"
		}
		return ""
	})
}

func (s *shop) pdb() *policyv1.PodDisruptionBudget {
	s.Helper()
	b, err := s.admin.PolicyV1().PodDisruptionBudgets(s.namespace).Get(s.Context(), "db", metav1.GetOptions{})
	s.must(err)
	return b
}

func TestKubeEvict(t *testing.T) {
	for name, args := range map[string]string{"evict_pod": `{}`, "delete_pod": `{"bypass_pdb":true}`} {
		t.Run(name, func(t *testing.T) {
			s := openShop(t)
			_, p := s.statefulSet()
			what := s.plan(name, s.target("pod", "db-0"))
			what.Act.Args = []byte(args)
			s.perform(s.actor(nil), what, remediate.OK, "")
			next := s.pod("db-0", string(p.UID))
			if len(s.events(string(p.UID))) != 1 {
				t.Errorf("events %q", s.events(string(p.UID)))
			}
			what.Again = true
			s.perform(s.actor(nil), what, remediate.OK, "gone or going already")
			if now := s.pod("db-0", ""); now.UID != next.UID {
				t.Error("the replacement was removed")
			}
		})
	}
}

func TestKubeEvictionHonoursTheBudget(t *testing.T) {
	s := openShop(t)
	_, p := s.statefulSet()
	s.ready(p)
	s.budget(policyv1.PodDisruptionBudgetSpec{MinAvailable: one()}, 0)
	what, actor := s.plan("evict_pod", s.target("pod", "db-0")), s.actor(nil)
	s.perform(actor, what, remediate.Later, "disruption budget db needs 1 healthy pods and has 1 currently")
	if now := s.pod("db-0", ""); now.UID != p.UID || now.DeletionTimestamp != nil {
		t.Error("the pod was evicted")
	}
	s.must(s.admin.PolicyV1().PodDisruptionBudgets(s.namespace).Delete(t.Context(), "db", metav1.DeleteOptions{}))
	eventually(t, 10*time.Second, func() string {
		if r := actor.Perform(t.Context(), what); r.Outcome != remediate.OK {
			return r.Text
		}
		return ""
	})

	// A plain delete does not ask the budget, and only when it was said so.
	p = s.pod("db-0", string(p.UID))
	s.ready(p)
	s.budget(policyv1.PodDisruptionBudgetSpec{MinAvailable: one()}, 0)
	what = s.plan("delete_pod", s.target("pod", "db-0"))
	s.perform(actor, what, remediate.Later, "disruption budget")
	what.Act.Args = []byte(`{"bypass_pdb":true}`)
	s.perform(actor, what, remediate.OK, "disregarding its disruption budget")
	s.pod("db-0", string(p.UID))
}

// A rejected eviction may spend the budget all the same, so the identity is
// compared before anything is sent.
func TestKubeEvictionOfAnotherPodSpendsNoBudget(t *testing.T) {
	s := openShop(t)
	_, p := s.statefulSet()
	s.ready(p)
	s.budget(policyv1.PodDisruptionBudgetSpec{MaxUnavailable: one()}, 1)
	what := s.plan("evict_pod", s.target("pod", "db-0"))
	what.Act.UID = "00000000-0000-0000-0000-000000000000"
	actor := s.actor(func(r *http.Request) {
		if r.Method != http.MethodGet {
			t.Errorf("%s %s was sent", r.Method, r.URL)
		}
	})
	s.perform(actor, what, remediate.OK, "gone or going already")
	if b := s.pdb(); b.Status.DisruptionsAllowed != 1 || len(b.Status.DisruptedPods) != 0 {
		t.Errorf("the budget was spent: %+v", b.Status)
	}
}

// The pod is replaced by one of the same name while the request is under way.
func TestKubeRemovalOfAPodThatWasReplaced(t *testing.T) {
	for name, method := range map[string]string{"evict_pod": http.MethodPost, "delete_pod": http.MethodDelete} {
		t.Run(name, func(t *testing.T) {
			s := openShop(t)
			_, old := s.statefulSet()
			what := s.plan(name, s.target("pod", "db-0"))
			if name == "delete_pod" {
				what.Act.Args = []byte(`{"bypass_pdb":true}`)
			}
			var next *corev1.Pod
			actor := s.actor(once(method, func() {
				s.must(s.admin.CoreV1().Pods(s.namespace).Delete(context.Background(), "db-0", metav1.DeleteOptions{}))
				next = s.pod("db-0", string(old.UID))
			}))
			s.perform(actor, what, remediate.OK, "the pod is gone or going")
			if now := s.pod("db-0", ""); now.UID != next.UID || now.DeletionTimestamp != nil {
				t.Error("the replacement was removed")
			}
		})
	}
}

func TestKubeEvictionRefusesABarePod(t *testing.T) {
	s := openShop(t)
	tpl := podTemplate()
	p, err := s.admin.CoreV1().Pods(s.namespace).Create(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "bare"}, Spec: tpl.Spec}, metav1.CreateOptions{})
	s.must(err)
	for _, k := range []string{"evict_pod", "delete_pod"} {
		s.perform(s.actor(nil), s.plan(k, s.target("pod", "bare")), remediate.Refused, "bare pod")
	}
	if now := s.pod("bare", ""); now.UID != p.UID || now.DeletionTimestamp != nil {
		t.Error("it was removed")
	}
}
