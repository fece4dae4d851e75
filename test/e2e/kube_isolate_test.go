//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/action"
)

const ofWeb = "remediated-isolates-deployment-web"

// isolation returns the NetworkPolicy of the Deployment web, nil when there is none.
func (s *shop) isolation() *networkingv1.NetworkPolicy {
	s.Helper()
	p, err := s.admin.NetworkingV1().NetworkPolicies(s.namespace).Get(s.Context(), ofWeb, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	s.must(err)
	return p
}

func (s *shop) foreignIsolation() {
	_, err := s.admin.NetworkingV1().NetworkPolicies(s.namespace).Create(context.Background(), &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: ofWeb}}, metav1.CreateOptions{})
	s.must(err)
}

// What nothing enforces here is at least there as it should be. It is made once,
// and taken away once.
func TestKubeIsolate(t *testing.T) {
	s := openShop(t)
	d := s.deployment(nil)
	what, web := s.plan("isolate", s.target("deployment", "web")), s.target("deployment", "web")
	s.perform(s.actor(nil), what, remediate.OK, "denies all traffic of the pods with app=x")
	p := s.isolation()
	if p.Spec.PodSelector.MatchLabels["app"] != "x" || len(p.Spec.PolicyTypes) != 2 || len(p.Spec.Ingress)+len(p.Spec.Egress) > 0 {
		t.Errorf("got %+v", p.Spec)
	}
	what.Again = true
	s.perform(s.actor(nil), what, remediate.OK, "denies all traffic")
	s.perform(s.actor(nil), s.plan("isolate", web), remediate.OK, "isolated already, by "+what.ID)
	if now := s.isolation(); now.UID != p.UID || now.Generation != p.Generation {
		t.Error("it was made anew")
	}

	lift := s.plan("lift_isolation", web)
	lift.Act.Undo = true
	s.perform(s.actor(nil), lift, remediate.OK, "isolated by "+what.ID+" before, and stays so")
	lift.Act.Attempt = what.ID
	s.perform(s.actor(nil), lift, remediate.OK, "was lifted")
	if s.isolation() != nil {
		t.Error("it is there")
	}
	lift.Again = true
	s.perform(s.actor(nil), lift, remediate.OK, "not isolated, or no longer")
	if notes := s.events(string(d.UID)); len(notes) != 3 {
		t.Errorf("events %q", notes)
	}
}

func TestKubeIsolateRefuses(t *testing.T) {
	s := openShop(t)
	s.deployment(nil)
	web := s.target("deployment", "web")
	what := s.plan("isolate", web)
	s.must(s.admin.AppsV1().Deployments(s.namespace).Delete(t.Context(), "web", metav1.DeleteOptions{}))
	s.perform(s.actor(nil), what, remediate.Refused, remediate.RefusedGone)
	s.deployment(nil)
	s.perform(s.actor(nil), what, remediate.Refused, "made anew")

	// Somebody makes one of that name meanwhile, and it is left as it is.
	s.perform(s.actor(once(http.MethodPost, s.foreignIsolation)), s.plan("isolate", web), remediate.Failed, "not ours")
	s.perform(s.actor(nil), s.plan("lift_isolation", web), remediate.Failed, "not ours")
	if s.isolation() == nil {
		t.Error("it was deleted")
	}

	// It is replaced while it is being lifted.
	s.must(s.admin.NetworkingV1().NetworkPolicies(s.namespace).Delete(t.Context(), ofWeb, metav1.DeleteOptions{}))
	s.perform(s.actor(nil), s.plan("isolate", web), remediate.OK, "isolated")
	actor := s.actor(once(http.MethodDelete, func() {
		s.must(s.admin.NetworkingV1().NetworkPolicies(s.namespace).Delete(context.Background(), ofWeb, metav1.DeleteOptions{}))
		s.foreignIsolation()
	}))
	s.perform(actor, s.plan("lift_isolation", web), remediate.Failed, "not ours")

	_, p := s.statefulSet()
	s.perform(s.actor(nil), s.plan("isolate", s.target("pod", p.Name)), remediate.OK, "statefulset.kubernetes.io/pod-name=db-0")
}

func TestKubeIsolateRules(t *testing.T) {
	for _, name := range []string{"isolate", "lift_isolation"} {
		t.Run(name, func(t *testing.T) {
			i := slices.IndexFunc(action.Kinds(), func(k action.Kind) bool { return k.Name == name })
			rules := action.MergeRules(action.Kinds()[i].Rules("deployment", nil)...)
			try := func() (*shop, remediate.Started) {
				s := openShop(t)
				s.deployment(nil)
				if name == "lift_isolation" {
					s.perform(s.actor(nil), s.plan("isolate", s.target("deployment", "web")), remediate.OK, "isolated")
				}
				return s, s.plan(name, s.target("deployment", "web"))
			}
			s, what := try()
			s.perform(s.may("remediated", rules), what, remediate.OK, "")
			for right, fewer := range without(rules) {
				s, what := try()
				r := s.may("remediated", fewer).Perform(t.Context(), what)
				verb, resource, _ := strings.Cut(right, " ")
				if resource == "deployments" && name == "lift_isolation" {
					continue // it says to whom it was done by an Event, and does it without
				}
				if want := fmt.Sprintf("cannot %s resource %q", verb, resource); !strings.Contains(r.Text, want) {
					t.Errorf("without %s: %+v, want %q said", right, r, want)
				}
			}
		})
	}
}
