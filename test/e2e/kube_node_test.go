//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/action"
)

const cordoned = "remediated/cordoned"

// node makes a node of its own, which says that it is ready and runs nothing: no
// agent is behind it. What asks for it by its label is put on it.
func (s *shop) node() remediate.Target {
	s.Helper()
	name := s.namespace + "-node"
	_, err := s.admin.CoreV1().Nodes().Create(s.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"kube-test": name}}}, metav1.CreateOptions{})
	s.must(err)
	s.Cleanup(func() { s.admin.CoreV1().Nodes().Delete(context.Background(), name, metav1.DeleteOptions{}) })
	now := metav1.Now()
	lots := corev1.ResourceList{corev1.ResourcePods: resource.MustParse("50"), corev1.ResourceCPU: resource.MustParse("9"), corev1.ResourceMemory: resource.MustParse("9Gi")}
	status := corev1.NodeStatus{Capacity: lots, Allocatable: lots, Conditions: []corev1.NodeCondition{{
		Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "Test", LastHeartbeatTime: now, LastTransitionTime: now,
	}}}
	eventually(s.T, 10*time.Second, func() string {
		n := s.nodeNow(name) // controllers are at it
		n.Status = status
		_, err := s.admin.CoreV1().Nodes().UpdateStatus(s.Context(), n, metav1.UpdateOptions{})
		return said(err)
	})
	eventually(s.T, 20*time.Second, func() string {
		if taints := s.nodeNow(name).Spec.Taints; len(taints) > 0 {
			return fmt.Sprintf("tainted: %v", taints)
		}
		return ""
	})
	return remediate.Target{Cluster: "prod", Kind: "node", Name: name}
}

func (s *shop) nodeNow(name string) *corev1.Node {
	s.Helper()
	n, err := s.admin.CoreV1().Nodes().Get(s.Context(), name, metav1.GetOptions{})
	s.must(err)
	return n
}

// byPerson cordons a node, or uncordons it, as kubectl does.
func (s *shop) byPerson(name, unschedulable string) {
	s.Helper()
	_, err := s.admin.CoreV1().Nodes().Patch(context.Background(), name, types.StrategicMergePatchType,
		[]byte(`{"spec":{"unschedulable":`+unschedulable+`}}`), metav1.PatchOptions{FieldManager: "kubectl-cordon"})
	s.must(err)
}

// putOn makes a Deployment of so many pods on a node, each gone as soon as it is
// evicted: there is no agent that would end it.
func (s *shop) putOn(node remediate.Target, n int32, change func(*corev1.PodSpec)) {
	s.Helper()
	s.deployment(func(d *appsv1.Deployment) {
		spec := &d.Spec.Template.Spec
		d.Spec.Replicas, spec.NodeSelector, spec.TerminationGracePeriodSeconds = &n, map[string]string{"kube-test": node.Name}, new(int64)
		if change != nil {
			change(spec)
		}
	})
	eventually(s.T, 30*time.Second, func() string {
		if on := s.on(node); len(on) != int(n) {
			return fmt.Sprintf("on it are %v", on)
		}
		return ""
	})
}

// on lists the pods of a node.
func (s *shop) on(node remediate.Target) (uids []string) {
	s.Helper()
	list, err := s.admin.CoreV1().Pods(s.namespace).List(s.Context(), metav1.ListOptions{FieldSelector: "spec.nodeName=" + node.Name})
	s.must(err)
	for _, p := range list.Items {
		uids = append(uids, string(p.UID))
	}
	return uids
}

// isCordoned checks whether a node is cordoned, and by which attempt's mark.
func (s *shop) isCordoned(node remediate.Target, want bool, mark string) {
	s.Helper()
	if n := s.nodeNow(node.Name); n.Spec.Unschedulable != want || n.Annotations[cordoned] != mark {
		s.Errorf("cordoned %v, mark %q; want %v, %q", n.Spec.Unschedulable, n.Annotations[cordoned], want, mark)
	}
}

func TestKubeCordonAndUncordon(t *testing.T) {
	s := openShop(t)
	node := s.node()
	actor := s.actor(nil)
	what := s.plan("cordon", node)
	s.perform(actor, what, remediate.OK, "cordoned")
	s.isCordoned(node, true, what.ID)
	before := s.nodeNow(node.Name)
	what.Again = true
	s.perform(s.actor(nil), what, remediate.OK, "the mark of this attempt was there already")
	if now := s.nodeNow(node.Name); !slices.Equal(now.Spec.Taints, before.Spec.Taints) && len(now.Spec.Taints) > 1 {
		t.Errorf("taints %v", now.Spec.Taints)
	}
	back := s.plan("uncordon", node)
	s.perform(actor, back, remediate.OK, "uncordoned")
	s.isCordoned(node, false, "")
	s.perform(actor, back, remediate.OK, "it is not cordoned")

	// A person's stays a person's.
	s.byPerson(node.Name, "true")
	s.perform(actor, s.plan("cordon", node), remediate.OK, "cordoned already, by somebody else")
	s.perform(actor, s.plan("uncordon", node), remediate.Refused, "not by us")
	s.isCordoned(node, true, "")

	// And so does what a person has cordoned anew after us.
	s.byPerson(node.Name, "null")
	what = s.plan("cordon", node)
	s.perform(actor, what, remediate.OK, "cordoned")
	s.byPerson(node.Name, "null")
	what.Again = true
	s.perform(actor, what, remediate.Refused, "somebody uncordoned it")
	s.byPerson(node.Name, "true")
	s.perform(actor, s.plan("uncordon", node), remediate.Refused, "somebody else cordoned it since")
	s.isCordoned(node, true, what.ID)
}

// The node is replaced by one of the same name while the request is under way.
func TestKubeCordonOfANodeThatWasReplaced(t *testing.T) {
	s := openShop(t)
	node := s.node()
	what := s.plan("cordon", node)
	actor := s.actor(once(http.MethodPatch, func() {
		s.must(s.admin.CoreV1().Nodes().Delete(context.Background(), node.Name, metav1.DeleteOptions{}))
		_, err := s.admin.CoreV1().Nodes().Create(context.Background(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: node.Name}}, metav1.CreateOptions{})
		s.must(err)
	}))
	s.perform(actor, what, remediate.Refused, "made anew since it was judged")
	s.isCordoned(node, false, "")
}

func TestKubeDrain(t *testing.T) {
	s := openShop(t)
	node := s.node()
	s.putOn(node, 3, nil)
	what := s.plan("drain", node)
	what.Act.Args = []byte(`{"max_parallel":1}`)
	// The first process is killed between its cordon and what follows.
	sent := 0
	killed := s.actor(func(r *http.Request) {
		if r.Method != http.MethodGet {
			if sent++; sent > 1 {
				panic(http.ErrAbortHandler)
			}
		}
	})
	func() {
		defer func() { recover() }()
		killed.Perform(t.Context(), what)
	}()
	s.isCordoned(node, true, what.ID)
	if on := s.on(node); len(on) != 3 {
		t.Fatalf("on it are %v", on)
	}
	what.Again = true
	actor := s.actor(nil)
	s.perform(actor, what, remediate.Later, "wait for their turn")
	s.perform(actor, what, remediate.Later, "wait for their turn")
	s.perform(actor, what, remediate.Later, "which is ending")
	s.perform(actor, what, remediate.OK, "drained")
	s.perform(s.actor(nil), what, remediate.OK, "drained")
	s.isCordoned(node, true, what.ID)
	if on := s.on(node); len(on) != 0 {
		t.Errorf("on it are %v", on)
	}
}

func TestKubeDrainRefuses(t *testing.T) {
	s := openShop(t)
	node := s.node()
	s.putOn(node, 1, func(p *corev1.PodSpec) {
		p.Volumes = []corev1.Volume{{Name: "scratch", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
	})
	spec := podTemplate().Spec
	spec.NodeSelector, spec.NodeName = nil, node.Name
	_, err := s.admin.CoreV1().Pods(s.namespace).Create(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "bare"}, Spec: spec}, metav1.CreateOptions{})
	s.must(err)
	for args, want := range map[string]string{`{}`: "bare is a bare pod", `{"force":true}`: "would lose its emptyDir scratch", `{"delete_empty_dir":true}`: "bare is a bare pod"} {
		what := s.plan("drain", node)
		what.Act.Args = []byte(args)
		s.perform(s.actor(nil), what, remediate.Refused, want)
	}
	s.isCordoned(node, false, "")
	if on := s.on(node); len(on) != 2 {
		t.Errorf("on it are %v", on)
	}
}

// A disruption budget keeps its pods to the deadline: then the cordon is taken
// back, and it is said what was left.
func TestKubeDrainGivesUp(t *testing.T) {
	s := openShop(t)
	node := s.node()
	s.putOn(node, 1, nil)
	list, err := s.admin.CoreV1().Pods(s.namespace).List(t.Context(), metav1.ListOptions{})
	s.must(err)
	s.ready(&list.Items[0])
	s.budget(policyv1.PodDisruptionBudgetSpec{MinAvailable: one()}, 0)
	what, actor := s.plan("drain", node), s.actor(nil)
	s.perform(actor, what, remediate.Later, "disruption budget")
	s.isCordoned(node, true, what.ID)
	what.Again, what.Deadline = true, time.Now().Add(8*time.Second)
	s.perform(actor, what, remediate.Failed, "gave up at its deadline; left are "+s.namespace+"/"+list.Items[0].Name)
	s.isCordoned(node, false, "")
	if on := s.on(node); !slices.Equal(on, []string{string(list.Items[0].UID)}) {
		t.Errorf("on it are %v", on)
	}

	// A person who uncordons it in the middle ends it.
	what = s.plan("drain", node)
	s.perform(actor, what, remediate.Later, "disruption budget")
	s.byPerson(node.Name, "null")
	what.Again = true
	s.perform(actor, what, remediate.Failed, "somebody uncordoned it")
	s.isCordoned(node, false, what.ID)
}

// nodeRights gives a user these rights in the whole cluster.
func (s *shop) nodeRights(name string, rules []rbacv1.PolicyRule) *action.Actor {
	s.Helper()
	user := s.namespace + ":" + name
	meta := metav1.ObjectMeta{Name: s.namespace + "-" + name}
	_, err := s.admin.RbacV1().ClusterRoles().Create(s.Context(), &rbacv1.ClusterRole{ObjectMeta: meta, Rules: rules}, metav1.CreateOptions{})
	s.must(err)
	_, err = s.admin.RbacV1().ClusterRoleBindings().Create(s.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: meta,
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: user}},
		RoleRef:    rbacv1.RoleRef{Kind: "ClusterRole", APIGroup: rbacv1.GroupName, Name: meta.Name},
	}, metav1.CreateOptions{})
	s.must(err)
	s.Cleanup(func() {
		s.admin.RbacV1().ClusterRoleBindings().Delete(context.Background(), meta.Name, metav1.DeleteOptions{})
		s.admin.RbacV1().ClusterRoles().Delete(context.Background(), meta.Name, metav1.DeleteOptions{})
	})
	for _, r := range rules {
		eventually(s.T, 10*time.Second, func() string { return s.denied(user, r) })
	}
	cfg := rest.CopyConfig(s.config)
	cfg.Impersonate = rest.ImpersonationConfig{UserName: user}
	a, err := action.New(action.Options{Clusters: map[string]*rest.Config{"prod": cfg}})
	s.must(err)
	return a
}

// The rules that the kinds ask for are enough, none of them is too many, and
// what is missing is named.
func TestKubeNodeRules(t *testing.T) {
	s := openShop(t)
	node := s.node()
	for _, kind := range []string{"cordon", "drain"} {
		i := slices.IndexFunc(action.Kinds(), func(k action.Kind) bool { return k.Name == kind })
		rules := action.MergeRules(action.Kinds()[i].Rules("node", nil)...)
		n := 0
		try := func(rules []rbacv1.PolicyRule) remediate.Result {
			n++
			if kind == "drain" {
				s.putOn(node, 1, nil)
				defer func() {
					s.must(s.admin.AppsV1().Deployments(s.namespace).Delete(t.Context(), "web", metav1.DeleteOptions{PropagationPolicy: new(metav1.DeletePropagationForeground)}))
					eventually(t, 20*time.Second, func() string {
						if _, err := s.admin.AppsV1().Deployments(s.namespace).Get(t.Context(), "web", metav1.GetOptions{}); err == nil {
							return "the deployment is there"
						}
						return ""
					})
				}()
			}
			actor := s.nodeRights(fmt.Sprintf("%s-%d", kind, n), rules)
			what := s.plan(kind, node)
			r := actor.Perform(t.Context(), what)
			if r.Outcome == remediate.Later {
				what.Again = true
				r = actor.Perform(t.Context(), what)
			}
			s.byPerson(node.Name, "null")
			return r
		}
		if r := try(rules); r.Outcome != remediate.OK || strings.Contains(r.Text, "forbidden") {
			t.Fatalf("%s with all rules: %+v", kind, r)
		}
		for right, fewer := range without(rules) {
			r := try(fewer)
			verb, resource, _ := strings.Cut(right, " ")
			if !strings.Contains(r.Text, fmt.Sprintf("cannot %s resource %q", verb, resource)) {
				t.Errorf("%s without the right to %s: %+v", kind, right, r)
			}
		}
	}
}

// What there is to be seen of a node is kept.
func TestKubeEvidenceOfANode(t *testing.T) {
	s := openShop(t)
	node := s.node()
	s.putOn(node, 1, nil)
	what := s.plan("cordon", node)
	what.ID = strings.TrimPrefix(s.namespace, "kube-test-") + "-i42-a1" // Events of nodes are all in one namespace
	s.perform(s.actor(nil), what, remediate.OK, "cordoned")
	if a := s.ask("evidence", node, `{}`); !a.OK || !strings.HasPrefix(a.Text, "1 pod, ") {
		t.Fatalf("got %+v", a)
	}
	kept := string(s.kept)
	for _, want := range []string{
		"Evidence about prod/node/" + node.Name, "kind: Node", "the node is ready and is cordoned",
		"\n" + s.namespace + "/web-", "not ready, pending, of replicaset web-", "Remediation", what.ID + ": cordon: cordoned",
	} {
		if !strings.Contains(kept, want) {
			t.Errorf("%q is missing in\n%s", want, kept)
		}
	}
}
