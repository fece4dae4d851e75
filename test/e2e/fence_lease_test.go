//go:build e2e

package e2e

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	authv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/action"
)

// replica is a pod in which a daemon might run, with the token that the kubelet
// would give it. It need not run for that.
type replica struct {
	uid  string
	whom *rest.Config
}

// openLeased is openFenced with a fence that asks for a Lease, and two replicas.
func openLeased(t *testing.T) (f *fenced, one, two replica) {
	t.Helper()
	f = openFenced(t)
	keepLeasesHeardOf(t, f.admin)
	f.deployment(nil)
	one, two = f.replica("one"), f.replica("two")
	f.applied("rbac", "--lease=leader")
	f.fence("--lease=leader")
	f.granted()
	f.leaseGranted()
	eventually(t, 20*time.Second, func() string {
		if err := f.restarts(one); !isUnheld(err) {
			return "nobody is asked for the Lease yet: " + said(err)
		}
		return ""
	})
	return f, one, two
}

// keepLeasesHeardOf leaves a policy behind that asks for a Lease, about nothing. An
// API server stops listening to what its bindings ask for once there is none for a
// second, and never begins again: kubernetes/kubernetes#130887.
func keepLeasesHeardOf(t *testing.T, admin kubernetes.Interface) {
	t.Helper()
	if err := askForALease(t, admin, "leases-are-heard-of", admissionv1.AllowAction); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
}

// askForALease makes a policy that concerns nobody: it asks for a Lease that is not
// there, of who makes ConfigMaps in the namespace of its name.
func askForALease(t *testing.T, admin kubernetes.Interface, name string, missing admissionv1.ParameterNotFoundActionType) error {
	t.Helper()
	all, meta := admin.AdmissionregistrationV1(), metav1.ObjectMeta{Name: name}
	_, err := all.ValidatingAdmissionPolicies().Create(t.Context(), &admissionv1.ValidatingAdmissionPolicy{ObjectMeta: meta, Spec: admissionv1.ValidatingAdmissionPolicySpec{
		ParamKind: &admissionv1.ParamKind{APIVersion: "coordination.k8s.io/v1", Kind: "Lease"}, MatchConstraints: newConfigMaps(name),
		MatchConditions: []admissionv1.MatchCondition{{Name: "nobody", Expression: "false"}},
		Validations:     []admissionv1.Validation{{Expression: "true"}},
	}}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	_, err = all.ValidatingAdmissionPolicyBindings().Create(t.Context(), &admissionv1.ValidatingAdmissionPolicyBinding{ObjectMeta: meta, Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
		PolicyName: name, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
		ParamRef: &admissionv1.ParamRef{Name: "none", Namespace: name, ParameterNotFoundAction: &missing},
	}}, metav1.CreateOptions{})
	return err
}

// newConfigMaps matches those that are made in a namespace.
func newConfigMaps(namespace string) *admissionv1.MatchResources {
	return &admissionv1.MatchResources{
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": namespace}},
		ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: admissionv1.RuleWithOperations{
			Operations: []admissionv1.OperationType{admissionv1.Create},
			Rule:       admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"configmaps"}},
		}}},
	}
}

func (f *fenced) replica(name string) replica {
	f.Helper()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: podTemplate().Spec}
	pod.Spec.ServiceAccountName = account
	pod, err := f.admin.CoreV1().Pods(f.namespace).Create(f.Context(), pod, metav1.CreateOptions{})
	f.must(err)
	granted, err := f.admin.CoreV1().ServiceAccounts(f.namespace).CreateToken(f.Context(), account, &authv1.TokenRequest{
		Spec: authv1.TokenRequestSpec{BoundObjectRef: &authv1.BoundObjectReference{Kind: "Pod", APIVersion: "v1", Name: name, UID: pod.UID}},
	}, metav1.CreateOptions{})
	f.must(err)
	whom := rest.CopyConfig(f.whom)
	whom.BearerToken = granted.Status.Token
	return replica{string(pod.UID), whom}
}

func (f *fenced) leaseGranted() {
	f.Helper()
	user := "system:serviceaccount:" + f.namespace + ":" + account
	rule := action.LeaseRules("leader")[0]
	eventually(f.T, 20*time.Second, func() string { return f.denied(user, rule) })
	rule.ResourceNames = []string{"another"}
	for _, other := range []rbacv1.PolicyRule{rule, {APIGroups: rule.APIGroups, Resources: rule.Resources, ResourceNames: []string{"leader"}, Verbs: []string{"create", "delete", "patch"}}} {
		for _, verb := range other.Verbs {
			other.Verbs = []string{verb}
			if f.denied(user, other) == "" {
				f.Errorf("it may %s the Lease %s", verb, other.ResourceNames)
			}
		}
	}
}

// from returns f with a replica's token.
func (f *fenced) from(r replica) *fenced {
	same := *f
	same.connects(r.whom)
	return &same
}

// restarts sends a restart that passes the fence, and changes nothing.
func (f *fenced) restarts(r replica) error {
	f.Helper()
	return f.from(r).send(neighbours[1], "dryRun=All")
}

func isUnheld(err error) bool {
	return apierrors.IsForbidden(err) && strings.Contains(err.Error(), "ValidatingAdmissionPolicy 'remediated-lease'") &&
		strings.Contains(err.Error(), "denied request: fence of remediated: the Lease ") && strings.Contains(err.Error(), "/leader is not held by the pod that sends this")
}

// daemon is the Actor of a daemon that runs in the pod; without a UID, that knows
// of no Lease.
func (f *fenced) daemon(whom *rest.Config, uid string) *action.Actor {
	f.Helper()
	o := action.Options{Clusters: map[string]*rest.Config{"prod": whom}}
	if uid != "" {
		o.Leases = map[string]*action.Lease{"prod": {Namespace: f.namespace, Name: "leader", Pod: uid}}
	}
	actor, err := action.New(o)
	f.must(err)
	return actor
}

// restart performs the next restart.
func (f *fenced) restart(actor *action.Actor, outcome, text string) {
	f.Helper()
	f.settled("web")
	f.perform(actor, f.plan("restart", f.target("deployment", "web")), outcome, text)
}

// Only the pod writes that took the Lease last. Who had it before is refused and
// is told who has it; so is a token of no pod, which cannot take it either.
func TestOnlyTheLeasesHolderWrites(t *testing.T) {
	f, one, two := openLeased(t)
	first, second := f.daemon(one.whom, one.uid), f.daemon(two.whom, two.uid)

	f.restart(first, remediate.OK, "restarted")
	if err := f.restarts(two); !isUnheld(err) {
		t.Errorf("while the first holds it the second is answered: %v", err)
	}
	f.restart(f.daemon(two.whom, ""), remediate.Failed, "say in --cluster.lease which Lease this daemon takes")

	f.restart(second, remediate.OK, "restarted")
	if err := f.restarts(one); !isUnheld(err) {
		t.Errorf("after the second took it the first is answered: %v", err)
	}
	f.restart(first, remediate.Failed, `/leader, and the pod "`+two.uid+`" holds it now`)
	f.restart(second, remediate.OK, "restarted")
	lease, err := f.admin.CoordinationV1().Leases(f.namespace).Get(t.Context(), "leader", metav1.GetOptions{})
	f.must(err)
	if *lease.Spec.HolderIdentity != two.uid || *lease.Spec.LeaseTransitions != 2 {
		t.Errorf("the Lease is %+v", lease.Spec)
	}

	if err := f.restarts(replica{whom: f.whom}); !isUnheld(err) {
		t.Errorf("a token of no pod is answered: %v", err)
	}
	f.restart(f.daemon(f.whom, one.uid), remediate.Failed, "fence of remediated: UPDATE leases.coordination.k8s.io is for")
}

// Without the Lease a daemon begins no act, and nobody else is stopped: the fence
// is left as it is.
func TestWithoutTheLease(t *testing.T) {
	f, one, _ := openLeased(t)
	f.restart(f.daemon(one.whom, one.uid), remediate.OK, "restarted")
	f.must(f.admin.CoordinationV1().Leases(f.namespace).Delete(t.Context(), "leader", metav1.DeleteOptions{}))
	eventually(t, 20*time.Second, func() string { return said(f.restarts(one)) })
	f.restart(f.daemon(one.whom, one.uid), remediate.Later, "/leader, and nothing is done without it: apply what remedy policy fence --lease prints")
	if _, err := f.admin.CoreV1().ConfigMaps(f.namespace).Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "theirs"}}, metav1.CreateOptions{}); err != nil {
		t.Errorf("somebody else is answered: %v", err)
	}
	if err := f.from(one).send(request{"no replicas", "MERGE", web + byUs, `{"spec":{"replicas":0}}`}, "dryRun=All"); !isFence(err) && !strings.Contains(said(err), "cannot ") {
		t.Errorf("what no policy does is answered: %v", err)
	}
}

const aLease = "/apis/coordination.k8s.io/v1/namespaces/HERE/leases/leader"

// leaseAttacks are of a Lease that has a label and that the pod SELF holds.
var leaseAttacks = []request{
	{"the Lease for another pod", "MERGE", aLease + byUs, `{"spec":{"holderIdentity":"another"}}`},
	{"the Lease for nobody", "MERGE", aLease + byUs, `{"spec":{"holderIdentity":null}}`},
	{"the Lease in another's name", "MERGE", aLease + "?fieldManager=kubectl", taking},
	{"another Lease", "MERGE", strings.Replace(aLease, "leader", "another", 1) + byUs, taking},
	{"the Lease of another namespace", "MERGE", strings.Replace(aLease, "HERE", "THERE", 1) + byUs, taking},
	{"the Lease for a time", "MERGE", aLease + byUs, `{"spec":{"holderIdentity":"SELF","leaseDurationSeconds":1}}`},
	{"the Lease and a label", "MERGE", aLease + byUs, `{"metadata":{"labels":{"evil":"x"}},"spec":{"holderIdentity":"SELF"}}`},
	{"the Lease without its labels", "MERGE", aLease + byUs, `{"metadata":{"labels":null},"spec":{"holderIdentity":"SELF"}}`},
	{"no Lease", "DELETE", aLease, ""},
	{"a new Lease", "POST", "/apis/coordination.k8s.io/v1/namespaces/HERE/leases", `{"metadata":{"name":"evil"}}`},
}

const taking = `{"spec":{"holderIdentity":"SELF"}}`

// Whoever has all rights may still do nothing to a Lease but take that one for
// the pod whose token it is; and each part of what says so is there for a reason.
func TestFenceOfTheLease(t *testing.T) {
	f, one, _ := openLeased(t)
	f.stands("SELF", one.uid)
	f.widen()
	for _, l := range []string{"HERE, name: leader", "HERE, name: another", "THERE, name: leader"} {
		apply(t, f.bed, f.values.Replace(`{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {namespace: `+l+`, labels: {team: ops}}, spec: {holderIdentity: SELF}}`))
	}
	replica := f.from(one)
	eventually(t, 20*time.Second, func() string { return said(f.restarts(one)) })
	if err := replica.send(request{"taking it", "MERGE", aLease + byUs, taking}, "dryRun=All"); err != nil {
		t.Errorf("taking it: %v", err)
	}
	replica.refusesAll(leaseAttacks)
	if err := f.send(request{"taking it for a pod", "MERGE", aLease + byUs, taking}, "dryRun=All"); !isFence(err) {
		t.Errorf("a token of no pod takes it: %v", err)
	}
	replica.needsEachPart(leaseAttacks, func(what string) bool { return strings.Contains(what, "leases") })
}

// An ex-leader that sends one write after the other is refused as soon as the API
// server has heard of the next one: none of them passes once that one has written.
func TestHowSoonAnExLeaderIsRefused(t *testing.T) {
	f, one, two := openLeased(t)
	f.widen()
	var passed, refused []time.Duration // since the Lease's write was answered
	for range 20 {
		f.take(one)
		eventually(t, 20*time.Second, func() string { return said(f.restarts(one)) })
		last := make(chan time.Time, 2) // when was sent what passed, and answered what did not
		go func() {
			sent, next := time.Time{}, time.Now() // one has passed
			var err error
			for ; err == nil; err = f.restarts(one) {
				sent, next = next, time.Now()
			}
			if !isUnheld(err) {
				t.Errorf("the ex-leader is answered: %v", err)
			}
			last <- sent
			last <- time.Now()
		}()
		f.take(two)
		taken := time.Now()
		eventually(t, 20*time.Second, func() string { return said(f.restarts(two)) })
		if err := f.restarts(one); !isUnheld(err) {
			t.Errorf("after the next leader's first write the ex-leader is answered: %v", err)
		}
		passed, refused = append(passed, (<-last).Sub(taken)), append(refused, (<-last).Sub(taken))
		one, two = two, one
	}
	slices.Sort(passed)
	slices.Sort(refused)
	t.Logf("%d takeovers, counted from the answer to the Lease's write: the ex-leader's last write that passed was sent %s later in the median and %s at most, its first refusal came %s and %s later",
		len(passed), passed[10].Round(time.Millisecond), passed[19].Round(time.Millisecond), refused[10].Round(time.Millisecond), refused[19].Round(time.Millisecond))
}

// take has a replica take the Lease.
func (f *fenced) take(r replica) {
	f.Helper()
	f.must(f.from(r).send(request{"taking it", "MERGE", aLease + byUs, strings.Replace(taking, "SELF", r.uid, 1)}))
}

// That is why a Lease that is not there stops nobody: an API server that is told to
// refuse what has no parameter refuses everybody, whoever the policy is about.
func TestAParameterThatIsMissingStopsEverybody(t *testing.T) {
	f, b := openShop(t), connect(t)
	keepLeasesHeardOf(t, f.admin)
	name := f.namespace
	t.Cleanup(func() {
		for _, what := range []string{"validatingadmissionpolicybinding/", "validatingadmissionpolicy/"} {
			if _, err := b.Kubectl(context.Background(), "", "delete", "--ignore-not-found", what+name); err != nil {
				t.Error(err)
			}
		}
	})
	f.must(askForALease(t, f.admin, name, admissionv1.DenyAction))
	eventually(t, 20*time.Second, func() string {
		_, err := f.admin.CoreV1().ConfigMaps(name).Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "a"}}, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if strings.Contains(said(err), "no params found for policy binding with `Deny` parameterNotFoundAction") {
			return ""
		}
		return "an administrator, whom it is not about, is answered: " + said(err)
	})
}
