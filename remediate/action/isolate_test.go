package action

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/x0tta6bl4/remediated/remediate"
)

const (
	ofWeb       = "remediated-isolates-deployment-web"
	isolateWeb  = "POST /apis/networking.k8s.io/v1/namespaces/shop/networkpolicies"
	liftWeb     = "DELETE /apis/networking.k8s.io/v1/namespaces/shop/networkpolicies/" + ofWeb
	isolatedWeb = "isolated: the NetworkPolicy " + ofWeb + " denies all traffic of the pods with app=web,tier in (front)"
)

// addWeb makes the Deployment web with a selector of both sorts.
func (a *api) addWeb() *appsv1.Deployment {
	d := a.addDeployment()
	d.Spec.Selector = &metav1.LabelSelector{
		MatchLabels:      map[string]string{"app": "web"},
		MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "tier", Operator: metav1.LabelSelectorOpIn, Values: []string{"front"}}},
	}
	return d
}

func TestIsolate(t *testing.T) {
	a := newAPI(t)
	d := a.addWeb()
	actor := a.actor(t)
	s := a.plan(t, actor, "isolate", web)
	performed(t, actor, s, remediate.OK, isolatedWeb)
	p := a.isolations[ofWeb]
	if len(p.Spec.PolicyTypes) != 2 || p.Spec.Ingress != nil || p.Spec.Egress != nil || p.Labels["remediated/attempt"] != s.ID || p.Annotations["remediated/isolates"] != string(d.UID) {
		t.Errorf("got %+v", p)
	}
	if len(a.events) != 1 || a.events[0].Action != "isolate" {
		t.Errorf("events %+v", a.events)
	}

	// Once more: after a crash, in another's name, and by another attempt.
	s.Again = true
	performed(t, a.actor(t), s, remediate.OK, isolatedWeb)
	s.Again = false
	performed(t, a.actor(t), s, remediate.Failed, "was there before it was sent")
	other := s
	other.ID = "j-i43-a1"
	performed(t, a.actor(t), other, remediate.OK, "isolated already, by j-i42-a1; nothing was sent")
	if got := a.acts(); !slices.Equal(got, []string{isolateWeb}) {
		t.Errorf("wrote %v", got)
	}
}

func TestIsolateRefuses(t *testing.T) {
	theirs := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: ofWeb}}
	theirs.TypeMeta = metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"}
	for name, tc := range map[string]struct {
		change        func(*api, *appsv1.Deployment)
		outcome, text string
	}{
		"gone":              {func(a *api, _ *appsv1.Deployment) { clear(a.deployments) }, remediate.Refused, remediate.RefusedGone},
		"made anew":         {func(_ *api, d *appsv1.Deployment) { d.UID = "another" }, remediate.Refused, "made anew"},
		"all pods":          {func(_ *api, d *appsv1.Deployment) { d.Spec.Selector = &metav1.LabelSelector{} }, remediate.Refused, "every pod of the namespace"},
		"not ours":          {func(a *api, _ *appsv1.Deployment) { a.isolations[ofWeb] = theirs }, remediate.Failed, "that is not ours"},
		"without our label": {func(a *api, _ *appsv1.Deployment) { a.isolated(t).Labels["app.kubernetes.io/managed-by"] = "helm" }, remediate.Failed, "that is not ours"},
		"an older one":      {func(a *api, _ *appsv1.Deployment) { a.isolated(t).Annotations["remediated/isolates"] = "u0" }, remediate.Failed, "about an object of this name that is no more"},
		"opened": {func(a *api, _ *appsv1.Deployment) {
			a.isolated(t).Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{}}
		}, remediate.Failed, "somebody changed"},
		"going": {func(a *api, _ *appsv1.Deployment) { a.isolated(t).DeletionTimestamp = &metav1.Time{Time: time.Now()} }, remediate.Later, "being deleted"},
		"not allowed": {func(a *api, _ *appsv1.Deployment) {
			a.fault = answer(says(403, metav1.StatusReasonForbidden, `cannot create resource "networkpolicies"`))
		}, remediate.Failed, `cannot create resource "networkpolicies"`},
		"cut before": {func(a *api, _ *appsv1.Deployment) { a.fault = cut(1, false) }, remediate.Unknown, "no answer came"},
		"cut after":  {func(a *api, _ *appsv1.Deployment) { a.fault = cut(1, true) }, remediate.OK, "denies all traffic"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAPI(t)
			d := a.addWeb()
			actor := a.actor(t)
			s := a.plan(t, actor, "isolate", web)
			tc.change(a, d)
			before := len(a.acts())
			performed(t, actor, s, tc.outcome, tc.text)
			if wrote := len(a.acts()) - before; wrote > 0 && a.fault == nil {
				t.Errorf("wrote %v", a.writes)
			}
		})
	}
}

// isolated isolates web in the name of another incident.
func (a *api) isolated(t *testing.T) *networkingv1.NetworkPolicy {
	t.Helper()
	actor := a.actor(t)
	s := a.plan(t, actor, "isolate", web)
	s.ID, s.Act.Attempt = "j-i7-a1", "j-i7-a1"
	performed(t, actor, s, remediate.OK, "isolated")
	return a.isolations[ofWeb]
}

// Of a pod nothing but a StatefulSet's label picks it alone.
func TestIsolatePod(t *testing.T) {
	a := newAPI(t)
	a.addStatefulSet()
	p := a.addPod("db-0", corev1.ConditionTrue, time.Hour)
	actor := a.actor(t)
	s := a.plan(t, actor, "isolate", db0)
	performed(t, actor, s, remediate.Refused, "siblings, which would be cut off as well")
	p.Labels[appsv1.StatefulSetPodNameLabel] = "db-0"
	performed(t, actor, s, remediate.OK, "NetworkPolicy remediated-isolates-pod-db-0 denies all traffic of the pods with statefulset.kubernetes.io/pod-name=db-0,")
}

func TestLiftIsolation(t *testing.T) {
	lift := func(t *testing.T, a *api) remediate.Started {
		s := a.plan(t, a.actor(t), "lift_isolation", web)
		s.ID = "j-i42-a1-u1"
		return s
	}
	for name, tc := range map[string]struct {
		change        func(*api, *remediate.Started)
		outcome, text string
		left          bool
	}{
		"of another incident": {func(*api, *remediate.Started) {}, remediate.OK, "the isolation by j-i7-a1 was lifted", false},
		"of another, by undo": {func(_ *api, s *remediate.Started) { s.Act.Undo = true }, remediate.OK, "isolated by j-i7-a1 before, and stays so", true},
		"its own, by undo":    {func(_ *api, s *remediate.Started) { s.Act.Undo, s.Act.Attempt = true, "j-i7-a1" }, remediate.OK, "was lifted", false},
		"its second act, by undo": {func(a *api, s *remediate.Started) {
			s.Act.Undo, s.Act.Attempt = true, "j-i7-a1"
			a.isolations[ofWeb].Labels["remediated/attempt"] = "j-i7-a1-2"
		}, remediate.OK, "was lifted", false},
		"the tenth, by undo": {func(a *api, s *remediate.Started) {
			s.Act.Undo, s.Act.Attempt = true, "j-i7-a1"
			a.isolations[ofWeb].Labels["remediated/attempt"] = "j-i7-a10"
		}, remediate.OK, "stays so", true},
		"the target made anew": {func(a *api, _ *remediate.Started) { a.deployments["web"].UID = "another" }, remediate.OK, "was lifted", false},
		"none":                 {func(a *api, _ *remediate.Started) { clear(a.isolations) }, remediate.OK, "it is not isolated", false},
		"not ours":             {func(a *api, _ *remediate.Started) { a.isolations[ofWeb].Labels = nil }, remediate.Failed, "not ours: it is left as it is", true},
		"going": {func(a *api, _ *remediate.Started) {
			a.isolations[ofWeb].DeletionTimestamp = &metav1.Time{Time: time.Now()}
		}, remediate.OK, "already", true},
		"not allowed": {func(a *api, _ *remediate.Started) {
			a.fault = answer(says(403, metav1.StatusReasonForbidden, `cannot delete resource "networkpolicies"`))
		}, remediate.Failed, `cannot delete resource "networkpolicies"`, true},
		"cut after": {func(a *api, _ *remediate.Started) { a.fault = cut(1, true) }, remediate.OK, "the answer was lost", false},
		"replaced": {func(a *api, _ *remediate.Started) {
			a.fault = func(_ http.ResponseWriter, r *http.Request, after bool) bool {
				if r.Method == http.MethodDelete && !after {
					a.isolations[ofWeb] = a.isolations[ofWeb].DeepCopy()
					a.isolations[ofWeb].UID, a.isolations[ofWeb].Labels = "another", nil
				}
				return false
			}
		}, remediate.Failed, "not ours", true},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAPI(t)
			a.addWeb()
			a.isolated(t)
			s := lift(t, a)
			tc.change(a, &s)
			performed(t, a.actor(t), s, tc.outcome, tc.text)
			if left := a.isolations[ofWeb] != nil; left != tc.left {
				t.Errorf("it is there: %v", left)
			}
			if tc.left && tc.text != "not ours" && a.fault == nil && slices.Contains(a.acts(), liftWeb) {
				t.Errorf("wrote %v", a.writes)
			}
			if strings.Contains(tc.text, "was lifted") && tc.outcome == remediate.OK {
				performed(t, a.actor(t), s, remediate.OK, "it is not isolated, or no longer")
			}
		})
	}
}
