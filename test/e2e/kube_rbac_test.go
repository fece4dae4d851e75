//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/action"
)

// may gives a user of this name a role and returns an Actor that is the user.
func (s *shop) may(name string, rules []rbacv1.PolicyRule) *action.Actor {
	s.Helper()
	a, err := action.New(action.Options{Clusters: map[string]*rest.Config{"prod": s.user(name, rules)}})
	s.must(err)
	return a
}

// user gives a user of this name a Role in the namespace and returns how to
// connect as the user.
func (s *shop) user(name string, rules []rbacv1.PolicyRule) *rest.Config {
	s.Helper()
	user := s.namespace + ":" + name
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules}
	_, err := s.admin.RbacV1().Roles(s.namespace).Create(s.Context(), role, metav1.CreateOptions{})
	s.must(err)
	_, err = s.admin.RbacV1().RoleBindings(s.namespace).Create(s.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: user}},
		RoleRef:    rbacv1.RoleRef{Kind: "Role", APIGroup: rbacv1.GroupName, Name: name},
	}, metav1.CreateOptions{})
	s.must(err)
	for _, r := range rules { // the authorizer hears of a role a moment later
		eventually(s.T, 10*time.Second, func() string { return s.denied(user, r) })
	}
	cfg := rest.CopyConfig(s.config)
	cfg.Impersonate = rest.ImpersonationConfig{UserName: user}
	return cfg
}

// denied says what of a rule a user must not do.
func (s *shop) denied(user string, r rbacv1.PolicyRule) string {
	for _, resource := range r.Resources {
		for _, verb := range r.Verbs {
			main, sub, _ := strings.Cut(resource, "/")
			review, err := s.admin.AuthorizationV1().SubjectAccessReviews().Create(s.Context(), &authorizationv1.SubjectAccessReview{
				Spec: authorizationv1.SubjectAccessReviewSpec{User: user, ResourceAttributes: &authorizationv1.ResourceAttributes{
					Namespace: s.namespace, Verb: verb, Group: r.APIGroups[0], Resource: main, Subresource: sub, Name: strings.Join(r.ResourceNames, ""),
				}},
			}, metav1.CreateOptions{})
			s.must(err)
			if !review.Status.Allowed {
				return "not allowed yet to " + verb + " " + resource
			}
		}
	}
	return ""
}

// eachIsNeeded wants an act to be carried out by rules, and by none that lack one
// of their rights: then what is missing is named, and nothing is done. Each time it
// is tried anew.
func eachIsNeeded(t *testing.T, rules []rbacv1.PolicyRule, try func() (*shop, remediate.Started), done string, undone func(*shop)) {
	t.Helper()
	s, what := try()
	s.perform(s.may("remediated", rules), what, remediate.OK, done)
	for right, fewer := range without(rules) {
		s, what := try()
		r := s.may("remediated", fewer).Perform(t.Context(), what)
		verb, resource, _ := strings.Cut(right, " ")
		if want := fmt.Sprintf("cannot %s resource %q", verb, resource); !strings.Contains(r.Text, want) {
			t.Errorf("without %s: %+v, want %q said", right, r, want)
		}
		if resource == "events" {
			continue // it is done, and says that its Event could not be written
		}
		if r.Outcome != remediate.Failed {
			t.Errorf("without %s: %+v", right, r)
		}
		undone(s)
	}
}

// without returns each way to take one right away from rules.
func without(rules []rbacv1.PolicyRule) map[string][]rbacv1.PolicyRule {
	out := map[string][]rbacv1.PolicyRule{}
	for i, r := range rules {
		for _, resource := range r.Resources {
			for _, verb := range r.Verbs {
				fewer := slices.Delete(slices.Clone(rules), i, i+1)
				for _, other := range r.Resources {
					for _, v := range r.Verbs {
						if other != resource || v != verb {
							fewer = append(fewer, rbacv1.PolicyRule{APIGroups: r.APIGroups, Resources: []string{other}, ResourceNames: r.ResourceNames, Verbs: []string{v}})
						}
					}
				}
				out[verb+" "+resource] = fewer
			}
		}
	}
	return out
}

// The rules that a kind asks for are enough, and none of them is too many.
func TestKubeRules(t *testing.T) {
	for _, tc := range []struct{ kind, args, target, name string }{
		{"restart", `{}`, "deployment", "web"},
		{"restart", `{}`, "statefulset", "db"},
		{"evict_pod", `{}`, "pod", "db-0"},
		{"delete_pod", `{"bypass_pdb":true}`, "pod", "db-0"},
	} {
		t.Run(tc.kind+" "+tc.target, func(t *testing.T) {
			i := slices.IndexFunc(action.Kinds(), func(k action.Kind) bool { return k.Name == tc.kind })
			rules := action.MergeRules(action.Kinds()[i].Rules(tc.target, []byte(tc.args))...)

			// try acts on fresh objects with these rights.
			try := func(t *testing.T, rules []rbacv1.PolicyRule) remediate.Result {
				s := openShop(t)
				if tc.target == "deployment" {
					s.deploymentWithClaim()
				} else {
					_, p := s.statefulSet()
					awaitNextSecond(t, p.CreationTimestamp.Time)
				}
				what := s.plan(tc.kind, s.target(tc.target, tc.name))
				what.Act.Args = []byte(tc.args)
				return s.may("remediated", rules).Perform(t.Context(), what)
			}
			if r := try(t, rules); r.Outcome != remediate.OK || strings.Contains(r.Text, "forbidden") {
				t.Fatalf("with all rules: %+v", r)
			}
			for right, fewer := range without(rules) {
				if strings.HasPrefix(right, "get ") && tc.target == "pod" && !strings.Contains(right, "pods") && !strings.Contains(right, "statefulsets") {
					continue // for pods of other workloads
				}
				if r := try(t, fewer); r.Outcome == remediate.OK && !strings.Contains(r.Text, "could not be written") {
					t.Errorf("it does not need to %s: %+v", right, r)
				}
			}
		})
	}
}

// deploymentWithClaim makes a Deployment with a volume that many may mount.
func (s *shop) deploymentWithClaim() {
	s.Helper()
	_, err := s.admin.CoreV1().PersistentVolumeClaims(s.namespace).Create(s.Context(), &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: "data"},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteMany},
			Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Mi")}},
		},
	}, metav1.CreateOptions{})
	s.must(err)
	s.deployment(func(d *appsv1.Deployment) {
		d.Spec.Template.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"},
		}}}
	})
}
