//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/action"
	"github.com/x0tta6bl4/remediated/remediate/probe"
)

// headroom asks what may be disrupted, as "1 of db", "" for no budget.
func (s *shop) headroom(t remediate.Target) string {
	s.Helper()
	a := s.ask("workload", t, `{"headroom":true}`)
	if a.Err != "" {
		s.Fatalf("%+v", a)
	}
	if a.Values[remediate.ValueBudget] == "" {
		return a.Values[remediate.ValueHeadroom]
	}
	return a.Values[remediate.ValueHeadroom] + " of " + a.Values[remediate.ValueBudget]
}

func TestKubeHeadroom(t *testing.T) {
	s := openShop(t)
	_, p := s.statefulSet()
	s.ready(p)
	for _, target := range []remediate.Target{s.target("statefulset", "db"), s.target("pod", "db-0")} {
		if got := s.headroom(target); got != "" {
			t.Errorf("%s has no budget, and headroom %q", target, got)
		}
	}
	s.budget(policyv1.PodDisruptionBudgetSpec{MaxUnavailable: one()}, 1)
	for _, target := range []remediate.Target{s.target("statefulset", "db"), s.target("pod", "db-0")} {
		if got := s.headroom(target); got != "1 of db" {
			t.Errorf("%s: headroom %q, want 1 of db", target, got)
		}
	}
	s.must(s.admin.PolicyV1().PodDisruptionBudgets(s.namespace).Delete(t.Context(), "db", metav1.DeleteOptions{}))
	s.budget(policyv1.PodDisruptionBudgetSpec{MinAvailable: one()}, 0)
	if got := s.headroom(s.target("statefulset", "db")); got != "0 of db" {
		t.Errorf("headroom %q, want 0 of db", got)
	}
}

// That there is no headroom under two budgets is what the API server says too:
// it would evict under either of them, and not under both.
func TestKubeHeadroomUnderTwoBudgets(t *testing.T) {
	s := openShop(t)
	_, p := s.statefulSet()
	s.ready(p)
	s.budget(policyv1.PodDisruptionBudgetSpec{MaxUnavailable: one()}, 1)
	_, err := s.admin.PolicyV1().PodDisruptionBudgets(s.namespace).Create(t.Context(), &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: "all"}, Spec: policyv1.PodDisruptionBudgetSpec{MaxUnavailable: one(), Selector: &metav1.LabelSelector{}},
	}, metav1.CreateOptions{})
	s.must(err)
	if got := s.headroom(s.target("pod", "db-0")); got != "0 of all, db" {
		t.Errorf("headroom %q, want 0 of all, db", got)
	}
	err = s.admin.PolicyV1().Evictions(s.namespace).Evict(t.Context(), &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: "db-0", Namespace: s.namespace}})
	if err == nil || !strings.Contains(err.Error(), "more than one PodDisruptionBudget") {
		t.Errorf("the API server says: %v", err)
	}
}

func TestKubeModes(t *testing.T) {
	s := openShop(t)
	s.deployment(nil)
	web := s.target("deployment", "web")
	if a := s.ask("workload", web, `{}`); !a.OK || a.Values[remediate.ValueMode] != "" || a.Values[remediate.ValueNamespaceMode] != "" {
		t.Errorf("nobody said anything: %+v", a)
	}
	mark := func(mode string) []byte {
		return fmt.Appendf(nil, `{"metadata":{"annotations":{"remediated/mode":%q}}}`, mode)
	}
	_, err := s.admin.CoreV1().Namespaces().Patch(t.Context(), s.namespace, types.MergePatchType, mark("approve"), metav1.PatchOptions{})
	s.must(err)
	_, err = s.admin.AppsV1().Deployments(s.namespace).Patch(t.Context(), "web", types.MergePatchType, mark("observe"), metav1.PatchOptions{})
	s.must(err)
	s.settled("web")
	a := s.ask("workload", web, `{}`)
	if !a.OK || a.Values[remediate.ValueMode] != "observe" || a.Values[remediate.ValueNamespaceMode] != "approve" {
		t.Errorf("got %+v", a)
	}
	pods, err := s.admin.CoreV1().Pods(s.namespace).List(t.Context(), metav1.ListOptions{})
	s.must(err)
	if a := s.ask("workload", s.target("pod", pods.Items[0].Name), `{}`); a.Values[remediate.ValueMode] != "observe" {
		t.Errorf("its pod: %+v", a)
	}
}

func TestKubeChangedBy(t *testing.T) {
	s := openShop(t)
	s.deployment(nil)
	web := s.target("deployment", "web")
	image := []byte(`{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"other"}]}}}}`)
	_, err := s.admin.AppsV1().Deployments(s.namespace).Patch(t.Context(), "web", types.StrategicMergePatchType, image, metav1.PatchOptions{FieldManager: "anna"})
	s.must(err)
	s.settled("web")
	if got := s.ask("workload", web, `{}`).Values[remediate.ValueChangedBy]; !strings.HasPrefix(got, "anna at 20") {
		t.Errorf("changed by %q, want anna", got)
	}
	s.rolledOut()
	s.perform(s.actor(nil), s.plan("restart", web), remediate.OK, "restarted")
	if got := s.ask("workload", web, `{}`).Values[remediate.ValueChangedBy]; !strings.HasPrefix(got, "anna at 20") {
		t.Errorf("after our restart: changed by %q, want anna", got)
	}
}

func TestKubeCluster(t *testing.T) {
	s := openShop(t)
	cluster := remediate.Target{Cluster: "prod"}
	before := s.ask("cluster", cluster, ``)
	if !before.OK || before.Values[remediate.ValueNodes] == "0" || before.Values[remediate.ValueControlPlane] != "ready" {
		t.Fatalf("got %+v", before)
	}
	if before.Values[remediate.ValueNodes] != before.Values[remediate.ValueNodesReady] {
		t.Errorf("the bed's own node: %+v", before)
	}
	// A node that nobody has heard of, cordoned lest something is put there.
	name := s.namespace
	_, err := s.admin.CoreV1().Nodes().Create(t.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.NodeSpec{Unschedulable: true}}, metav1.CreateOptions{})
	s.must(err)
	t.Cleanup(func() { s.must(s.admin.CoreV1().Nodes().Delete(context.Background(), name, metav1.DeleteOptions{})) })
	after := s.ask("cluster", cluster, ``)
	nodes, _ := strconv.Atoi(before.Values[remediate.ValueNodes])
	if after.Values[remediate.ValueNodes] != strconv.Itoa(nodes+1) || after.Values[remediate.ValueNodesReady] != strconv.Itoa(nodes) || !strings.Contains(after.Text, name+" is not heard of") {
		t.Errorf("got %+v after %+v", after, before)
	}
}

func TestKubeEvidence(t *testing.T) {
	s := openShop(t)
	p := s.crashing()
	eventually(t, 10*time.Second, func() string { // its events are written beside
		a := s.ask("evidence", s.target("deployment", "web"), `{}`)
		if !a.OK || a.Values[remediate.ValueDigest] != "kept" || !strings.HasPrefix(a.Text, "1 pod, ") || strings.Contains(a.Text, "could not be had") {
			return fmt.Sprintf("got %+v\n%s", a, s.kept)
		}
		if !strings.Contains(string(s.kept), "BackOff") || !strings.Contains(string(s.kept), "ScalingReplicaSet") {
			return "events are missing"
		}
		return ""
	})
	kept := string(s.kept)
	previous := "=== log of pod " + p.Name + ", container c, its previous run ==="
	for _, want := range []string{
		"=== deployment web: 1 of 1 unavailable ===", "=== pod " + p.Name + ": not ready ===", "kind: ReplicaSet", // who owns the pod
		"CrashLoopBackOff", "exitCode: 3", previous + "\nbegun\npanic: no more\n", ", container c ===\nbegun\n", "PASSWORD",
	} {
		if !strings.Contains(kept, want) {
			t.Errorf("it lacks %q:\n%s", want, kept)
		}
	}
	for _, never := range []string{"hunter2", "managedFields"} {
		if strings.Contains(kept, never) {
			t.Errorf("it has %q:\n%s", never, kept)
		}
	}
	if a := s.ask("evidence", s.target("pod", p.Name), `{}`); !a.OK || !strings.Contains(string(s.kept), "=== its owner, deployment web: ") || !strings.Contains(string(s.kept), previous) {
		t.Errorf("of the pod: %+v\n%s", a, s.kept)
	}
	if a := s.ask("evidence", s.target("pod", "nothing"), `{}`); a.OK || !strings.Contains(a.Err, remediate.RefusedGone) {
		t.Errorf("of nothing: %+v", a)
	}
}

// The rules that a question asks for are enough, in a Role of the namespace
// alone, and none of them is too many.
func TestKubeQuestionRules(t *testing.T) {
	for _, tc := range []struct {
		kind, args, target string
		others             []string // rights that other targets of the kind need
		open               func(*shop) (name string)
	}{
		{"workload", `{"headroom":true}`, "deployment", nil, func(s *shop) string {
			s.deploymentWithClaim()
			s.budget(policyv1.PodDisruptionBudgetSpec{MinAvailable: one()}, 0)
			return "web"
		}},
		{"evidence", `{}`, "deployment", nil, func(s *shop) string { s.crashing(); return "web" }},
		{"evidence", `{}`, "pod", []string{"get statefulsets", "get daemonsets"}, func(s *shop) string { return s.crashing().Name }},
	} {
		t.Run(tc.kind+" "+tc.target, func(t *testing.T) {
			s := openShop(t)
			target := s.target(tc.target, tc.open(s))
			rules := rulesOf(tc.kind, tc.target, tc.args)
			if a := s.askAs(s.user("all", rules), tc.kind, target, tc.args); !a.OK || strings.Contains(a.Text, "could not be had") {
				t.Fatalf("with all rules: %+v\n%s", a, s.kept)
			}
			n := 0
			for right, fewer := range without(rules) {
				if slices.Contains(tc.others, right) {
					continue
				}
				n++
				a := s.askAs(s.user(fmt.Sprintf("fewer%d", n), fewer), tc.kind, target, tc.args)
				if a.Err == "" && !strings.Contains(a.Text, "could not be had") {
					t.Errorf("it does not need to %s: %+v", right, a)
				}
			}
		})
	}
}

// rulesOf are the rules that a kind of question asks for.
func rulesOf(kind, target, args string) []rbacv1.PolicyRule {
	i := slices.IndexFunc(probe.Kinds(), func(k probe.Kind) bool { return k.Name == kind })
	return action.MergeRules(probe.Kinds()[i].Rules(target, []byte(args))...)
}

// Nodes belong to no namespace: a Role does not give them, a ClusterRole does.
// The API server tells everybody who is known to it whether it is ready.
func TestKubeClusterRules(t *testing.T) {
	s := openShop(t)
	cluster, name := remediate.Target{Cluster: "prod"}, s.namespace+":nodes"
	cfg := rest.CopyConfig(s.config)
	cfg.Impersonate = rest.ImpersonationConfig{UserName: name}
	a := s.askAs(cfg, "cluster", cluster, ``)
	if _, known := a.Values[remediate.ValueNodes]; a.OK || known || a.Values[remediate.ValueControlPlane] != "ready" || !strings.Contains(a.Text, "forbidden") {
		t.Errorf("without a role: %+v", a)
	}
	if a := s.askAs(cfg, "cluster", cluster, `{"nodes":true}`); a.OK || !strings.Contains(a.Err, "forbidden") {
		t.Errorf("nodes without a role: %+v", a)
	}
	roles := s.admin.RbacV1()
	_, err := roles.ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rulesOf("cluster", "", `{}`)}, metav1.CreateOptions{})
	s.must(err)
	t.Cleanup(func() { s.must(roles.ClusterRoles().Delete(context.Background(), name, metav1.DeleteOptions{})) })
	_, err = roles.ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: name}},
		RoleRef:    rbacv1.RoleRef{Kind: "ClusterRole", APIGroup: rbacv1.GroupName, Name: name},
	}, metav1.CreateOptions{})
	s.must(err)
	t.Cleanup(func() { s.must(roles.ClusterRoleBindings().Delete(context.Background(), name, metav1.DeleteOptions{})) })
	eventually(t, 10*time.Second, func() string {
		if a := s.askAs(cfg, "cluster", cluster, ``); !a.OK {
			return fmt.Sprintf("with the role: %+v", a)
		}
		return ""
	})
}
