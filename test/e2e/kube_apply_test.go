//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/action"
)

// applying is an act about the Deployment web with these arguments.
func (s *shop) applying(kind, args string) remediate.Started {
	s.Helper()
	what := s.plan(kind, s.target("deployment", "web"))
	what.Act.Args = json.RawMessage(args)
	return what
}

// service makes the Service shop as kubectl does.
func (s *shop) service() {
	s.Helper()
	_, err := s.admin.CoreV1().Services(s.namespace).Create(context.Background(), &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "shop", Annotations: map[string]string{"team": "shop"}},
		Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": "shop"}, Ports: []corev1.ServicePort{{Port: 80}}},
	}, metav1.CreateOptions{FieldManager: "kubectl-client-side-apply"})
	s.must(err)
}

// leadsTo sets where the Service shop leads to, as a person does.
func (s *shop) leadsTo(app string) {
	_, err := s.admin.CoreV1().Services(s.namespace).Patch(context.Background(), "shop", types.MergePatchType, []byte(`{"spec":{"selector":{"app":"`+app+`"}}}`), metav1.PatchOptions{FieldManager: "kubectl-edit"})
	s.must(err)
}

// isLeading checks where the Service shop leads to, and whose mark it bears.
func (s *shop) isLeading(app, mark string) *corev1.Service {
	s.Helper()
	o, err := s.admin.CoreV1().Services(s.namespace).Get(s.Context(), "shop", metav1.GetOptions{})
	s.must(err)
	if !maps.Equal(o.Spec.Selector, map[string]string{"app": app}) || o.Annotations["remediated/applied"] != mark || o.Annotations["team"] != "shop" {
		s.Errorf("selector %v, annotations %v; want %s, %q", o.Spec.Selector, o.Annotations, app, mark)
	}
	return o
}

// It is applied once, however often the attempt is performed, and is set back to
// what it was.
func TestKubeApply(t *testing.T) {
	s := openShop(t)
	d := s.deployment(nil)
	s.service()
	s.perform(s.actor(nil), s.applying("apply", strings.Replace(theService, "kubectl-client-side-apply", "helm", 1)), remediate.Refused, ": .spec.selector")
	what := s.applying("apply", theService)

	// It is killed when its request has gone out, and before it could write down
	// what came of that: the request names whose field it takes.
	var sent []byte
	killed := s.actor(func(r *http.Request) {
		switch {
		case r.Method == http.MethodPatch:
			sent, _ = io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(sent))
		case strings.Contains(r.URL.Path, "/events"):
			panic(http.ErrAbortHandler)
		}
	})
	func() {
		defer func() { recover() }()
		killed.Perform(t.Context(), what)
	}()
	once := s.isLeading("maintenance", what.ID)
	what.Again = true
	s.perform(s.actor(nil), what, remediate.OK, "the mark of this attempt was there already")
	what.Again = false
	s.perform(s.actor(nil), what, remediate.Failed, "was there before it was sent")
	s.perform(s.actor(nil), s.applying("apply", theService), remediate.OK, "is so already, by our attempt "+what.ID)
	_, err := s.admin.CoreV1().Services(s.namespace).Patch(t.Context(), "shop", types.ApplyPatchType, sent, metav1.PatchOptions{FieldManager: "remediated"})
	if !apierrors.IsConflict(err) {
		t.Errorf("the same bytes again: %v, want a conflict", err)
	}
	if now := s.isLeading("maintenance", what.ID); now.ResourceVersion != once.ResourceVersion {
		t.Error("it was written again")
	}

	undo := s.applying("unapply", theService)
	undo.Act.Undo = true
	s.perform(s.actor(nil), undo, remediate.OK, "was set by "+what.ID+" before, and stays so")
	undo.Act.Attempt = what.ID
	s.perform(s.actor(nil), undo, remediate.OK, "set the selector of the Service shop back to app=shop")
	undo.Again = true
	s.perform(s.actor(nil), undo, remediate.OK, "nothing of ours")
	s.isLeading("shop", "")
	s.perform(s.actor(nil), s.applying("apply", theService), remediate.OK, "set the selector") // and nobody has to be taken from
	if notes := s.events(string(d.UID)); len(notes) < 4 {
		t.Errorf("events %q", notes)
	}
}

// Of a ConfigMap it is the keys, which come and go; the others stay.
func TestKubeApplyKeys(t *testing.T) {
	s := openShop(t)
	s.deployment(nil)
	_, err := s.admin.CoreV1().ConfigMaps(s.namespace).Create(t.Context(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "flags"}, Data: map[string]string{"closed": "no", "color": "blue"},
	}, metav1.CreateOptions{FieldManager: "kubectl-client-side-apply"})
	s.must(err)
	const another = `{"manifest":{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"flags"},"data":{"notice":"sold out"}},"from":{}}`
	has := func(want map[string]string) {
		t.Helper()
		o, err := s.admin.CoreV1().ConfigMaps(s.namespace).Get(t.Context(), "flags", metav1.GetOptions{})
		s.must(err)
		if !maps.Equal(o.Data, want) {
			t.Errorf("got %v, want %v", o.Data, want)
		}
	}
	s.perform(s.actor(nil), s.applying("apply", theConfigMap), remediate.OK, "from closed=no to closed=yes")
	has(map[string]string{"closed": "yes", "why": "back soon", "color": "blue"})
	s.perform(s.actor(nil), s.applying("apply", another), remediate.Refused, "still has what e2etest0-i42-a1 applied")
	s.perform(s.actor(nil), s.applying("unapply", theConfigMap), remediate.OK, "back to closed=no")
	has(map[string]string{"closed": "no", "color": "blue"})
	// What was put back is ours since, and stays when something else is applied.
	s.perform(s.actor(nil), s.applying("apply", another), remediate.OK, `to notice="sold out"`)
	has(map[string]string{"closed": "no", "color": "blue", "notice": "sold out"})
	s.perform(s.actor(nil), s.applying("unapply", another), remediate.OK, "back to nothing")
	has(map[string]string{"closed": "no", "color": "blue"})
}

func TestKubeApplyMakes(t *testing.T) {
	for name, args := range map[string]string{"NetworkPolicy shut": theNetpol, "PodDisruptionBudget stay": theBudget} {
		t.Run(name, func(t *testing.T) {
			s := openShop(t)
			s.deployment(nil)
			what := s.applying("apply", args)
			s.perform(s.actor(nil), what, remediate.OK, "made the "+name)
			what.Again = true
			s.perform(s.actor(nil), what, remediate.OK, "made the "+name)
			what.Again = false
			s.perform(s.actor(nil), what, remediate.Failed, "was there before it was sent")
			s.perform(s.actor(nil), s.applying("apply", args), remediate.OK, "is there already, by "+what.ID)
			back := s.applying("unapply", args)
			back.Act.Undo = true
			s.perform(s.actor(nil), back, remediate.OK, "made by "+what.ID+" before, and stays")
			back.Act.Attempt = what.ID
			s.perform(s.actor(nil), back, remediate.OK, "deleted the "+name)
			s.perform(s.actor(nil), back, remediate.OK, "there is no "+name)
		})
	}
}

func TestKubeApplyRefuses(t *testing.T) {
	remake := func(s *shop) {
		s.must(s.admin.CoreV1().Services(s.namespace).Delete(context.Background(), "shop", metav1.DeleteOptions{}))
		s.service()
		s.leadsTo("green")
	}
	gone := func(s *shop) {
		s.must(s.admin.CoreV1().Services(s.namespace).Delete(context.Background(), "shop", metav1.DeleteOptions{}))
	}
	for name, tc := range map[string]struct {
		args         string
		then, during func(*shop) // after it was judged; when the request leaves us
		text         string
	}{
		"another manager's field": {strings.Replace(theService, "kubectl-client-side-apply", "helm", 1), nil, nil, `conflict with "kubectl-client-side-apply" using v1`},
		"changed":                 {theService, func(s *shop) { s.leadsTo("green") }, nil, "is app=green, and the policy is for app=shop"},
		"changed under way":       {theService, nil, func(s *shop) { s.leadsTo("green") }, "is app=green, and the policy is for app=shop"},
		"made anew under way":     {theService, nil, remake, "is app=green, and the policy is for app=shop"},
		"gone":                    {theService, gone, nil, "there is no Service shop"},
		"gone under way":          {theService, nil, gone, "there is no Service shop"},
		"the target gone": {theService, func(s *shop) {
			s.must(s.admin.AppsV1().Deployments(s.namespace).Delete(context.Background(), "web", metav1.DeleteOptions{}))
		}, nil, remediate.RefusedGone},
		"Helm": {theService, func(s *shop) {
			_, err := s.admin.CoreV1().Services(s.namespace).Patch(s.Context(), "shop", types.MergePatchType, []byte(`{"metadata":{"labels":{"app.kubernetes.io/managed-by":"Helm"}}}`), metav1.PatchOptions{})
			s.must(err)
		}, nil, "managed by Helm"},
	} {
		t.Run(name, func(t *testing.T) {
			s := openShop(t)
			s.deployment(nil)
			s.service()
			s.performAmid(s.applying("apply", tc.args), tc.then, tc.during, remediate.Refused, tc.text)
			if o, err := s.admin.CoreV1().Services(s.namespace).Get(t.Context(), "shop", metav1.GetOptions{}); err == nil && o.Annotations["remediated/applied"] != "" {
				t.Errorf("it was applied: %v", o)
			}
		})
	}
}

// What a person changes after us is not set back.
func TestKubeUnapplyRefuses(t *testing.T) {
	s := openShop(t)
	s.deployment(nil)
	s.service()
	what := s.applying("apply", theService)
	s.perform(s.actor(nil), what, remediate.OK, "set")
	s.performAmid(s.applying("unapply", theService), nil, func(s *shop) { s.leadsTo("green") }, remediate.Refused, "somebody else changed the selector of the Service shop since "+what.ID)
	s.isLeading("green", what.ID)
	s.leadsTo("shop") // a person sets it back, and the mark goes
	s.perform(s.actor(nil), s.applying("unapply", theService), remediate.OK, "back to app=shop")
	s.isLeading("shop", "")
}

func TestKubeApplyRules(t *testing.T) {
	for _, tc := range []struct{ kind, args, done string }{
		{"apply", theService, "set"}, {"unapply", theService, "back to"},
		{"apply", theBudget, "made"}, {"unapply", theBudget, "deleted"},
	} {
		t.Run(tc.kind+" "+tc.done, func(t *testing.T) {
			i := slices.IndexFunc(action.Kinds(), func(k action.Kind) bool { return k.Name == tc.kind })
			rules := action.MergeRules(action.Kinds()[i].Rules("deployment", json.RawMessage(tc.args))...)
			try := func() (*shop, remediate.Started) {
				s := openShop(t)
				s.deployment(nil)
				s.service()
				if tc.kind == "unapply" {
					s.perform(s.actor(nil), s.applying("apply", tc.args), remediate.OK, "")
				}
				return s, s.applying(tc.kind, tc.args)
			}
			if tc.kind == "unapply" { // it does not need the target, and says of it what it can
				rules = slices.DeleteFunc(rules, func(r rbacv1.PolicyRule) bool {
					return slices.Contains(r.Resources, "deployments") || slices.Contains(r.Resources, "events")
				})
			}
			eachIsNeeded(t, rules, try, tc.done, func(*shop) {})
		})
	}
}
