//go:build e2e

package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/action"
)

// What is applied, of each kind.
const (
	theService   = `{"manifest":{"apiVersion":"v1","kind":"Service","metadata":{"name":"shop"},"spec":{"selector":{"app":"maintenance"}}},"from":{"app":"shop"},"over":["kubectl-client-side-apply"]}`
	theConfigMap = `{"manifest":{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"flags"},"data":{"closed":"yes","why":"back soon"}},"from":{"closed":"no"},"over":["kubectl-client-side-apply"]}`
	theNetpol    = `{"manifest":{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"shut"},"spec":` + shutSpec + `}}`
	theBudget    = `{"manifest":{"apiVersion":"policy/v1","kind":"PodDisruptionBudget","metadata":{"name":"stay"},"spec":` + staySpec + `}}`

	shutSpec = `{"podSelector":{"matchLabels":{"app":"web"}},"policyTypes":["Ingress"],"ingress":[{"from":[{"podSelector":{"matchLabels":{"app":"admin"}}}],"ports":[{"port":5432,"protocol":"TCP"}]}]}`
	staySpec = `{"maxUnavailable":0,"selector":{"matchLabels":{"app":"web"}}}`
	anApply  = `"remediated/applied":"q4m2x7kd-i2-a1"`
)

// applyPolicies may apply and take back all of that, in any namespace.
const applyPolicies = `
policies:
- name: closed
  when: ['alertname="Closed"', 'namespace=~"HERE|THERE"']
  per: [namespace]
  severity: P2
  mode: act
  target: deployment/$namespace/web
  steps:
  - name: apply
    do: [{apply: ` + theService + `}, {apply: ` + theConfigMap + `}, {apply: ` + theNetpol + `}, {apply: ` + theBudget + `}]
    undo: [{unapply: ` + theService + `}, {unapply: ` + theConfigMap + `}, {unapply: ` + theNetpol + `}, {unapply: ` + theBudget + `}]
    verify: {all: [{rollout: $target}], for: 1s, within: 1m}
`

// applied are what is applied to, in each of these namespaces as another hand left
// it: HERE as it was before, THERE as we leave it, BYHAND as a person who sets the
// same leaves it, and CHANGED as a person who changes what we did.
func applied() string {
	const object = `
---
{apiVersion: v1, kind: Service, metadata: {name: shop, namespace: NS, labels: {team: shop}, annotations: {team: shop, MARK}}, spec: {selector: {app: APP}, ports: [{port: 80}], externalIPs: [192.0.2.1]}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: flags, namespace: NS, labels: {team: shop}, annotations: {team: shop, MARK}}, data: {color: blue, DATA}, binaryData: {logo: AA==}}`
	const made = `
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: shut, namespace: NS, annotations: {MARK}}, spec: ` + shutSpec + `}
---
{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: stay, namespace: NS, annotations: {MARK}}, spec: ` + staySpec + `}`
	as := func(text string, values ...string) string { return strings.NewReplacer(values...).Replace(text) }
	return as(object, "NS", "HERE", ", MARK", "", "APP", "shop", "DATA", `closed: "no"`) +
		as(object+made, "NS", "THERE", "MARK", "remediated/applied: q4m2x7kd-i1-a1", "APP", "maintenance", "DATA", `closed: "yes", why: back soon`) +
		as(object+made, "NS", "BYHAND", ", MARK", "", "MARK", "", "APP", "maintenance", "DATA", `closed: "yes", why: back soon`) +
		as(object+made, "NS", "CHANGED", "MARK", "remediated/applied: q4m2x7kd-i1-a1", "APP", "green", "DATA", `closed: "maybe"`, "5432", "22", `"maxUnavailable":0`, `"maxUnavailable":9`)
}

// likeSettings are like what sets a Service's selector and a ConfigMap's data, and
// never sent.
func likeSettings() (sent, attacks []request) {
	for _, k := range []struct{ path, to, other, from, beside, without string }{
		{"/api/v1/namespaces/NS/services/shop", `"spec":{"selector":{"app":"maintenance"}}`, `"spec":{"selector":{"app":"evil"}}`, `"spec":{"selector":{"app":"shop"}}`, `"spec":{"publishNotReadyAddresses":true,`, `"spec":{"externalIPs":null,`},
		{"/api/v1/namespaces/NS/configmaps/flags", `"data":{"closed":"yes","why":"back soon"}`, `"data":{"closed":"yes","why":"evil"}`, `"data":{"closed":"no","why":null}`, `"data":{"evil":"x",`, `"data":{"color":null,`},
	} {
		at := func(namespace, by string) string { return strings.Replace(k.path, "NS", namespace, 1) + by }
		apply := `{"metadata":{"annotations":{` + anApply + `}},` + k.to + `}`
		back := `{"metadata":{"annotations":{"remediated/applied":null}},` + k.from + `}`
		sent = append(sent, request{"applying to " + k.path, "MERGE", at("HERE", byUs), apply}, request{"taking back from " + k.path, "MERGE", at("THERE", byUs), back})
		attacks = append(attacks,
			request{"something else", "MERGE", at("HERE", byUs), strings.Replace(apply, k.to, k.other, 1)},
			request{"back to something else", "MERGE", at("THERE", byUs), strings.Replace(back, k.from, k.other, 1)},
			request{"without a mark", "MERGE", at("HERE", byUs), `{` + k.to + `}`},
			request{"with another mark", "MERGE", at("HERE", byUs), strings.Replace(apply, "q4m2x7kd-i2-a1", "evil", 1)},
			request{"a mark alone", "MERGE", at("HERE", byUs), `{"metadata":{"annotations":{` + anApply + `}}}`},
			request{"back with the mark left", "MERGE", at("THERE", byUs), `{` + k.from + `}`},
			request{"the mark taken away alone", "MERGE", at("THERE", byUs), `{"metadata":{"annotations":{"remediated/applied":null}}}`},
			request{"what a person changed", "MERGE", at("CHANGED", byUs), apply},
			request{"back what a person changed", "MERGE", at("CHANGED", byUs), back},
			request{"back what a person set", "MERGE", at("BYHAND", byUs), back},
			request{"deleted", "DELETE", at("HERE", ""), ""},
			request{"by server-side apply, something else", "APPLY", at("HERE", byUs+"&force=true"), `{"apiVersion":"v1","kind":"KIND","metadata":{"name":"NAME","annotations":{` + anApply + `}},` + k.other + `}`},
		)
		for _, c := range []struct{ name, namespace, body string }{{"", "HERE", apply}, {"back, ", "THERE", back}} {
			attacks = append(attacks,
				request{c.name + "in another's name", "MERGE", at(c.namespace, "?fieldManager=kubectl"), c.body},
				request{c.name + "of another name", "MERGE", strings.NewReplacer("shop", "other", "flags", "other").Replace(at(c.namespace, byUs)), c.body},
				request{c.name + "and a label", "MERGE", at(c.namespace, byUs), beside(c.body, `"metadata":{"labels":{"evil":"x"},`)},
				request{c.name + "and a finalizer", "MERGE", at(c.namespace, byUs), beside(c.body, `"metadata":{"finalizers":["evil/x"],`)},
				request{c.name + "and an owner", "MERGE", at(c.namespace, byUs), beside(c.body, `"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"c","uid":"1"}],`)},
				request{c.name + "without its labels", "MERGE", at(c.namespace, byUs), beside(c.body, `"metadata":{"labels":null,`)},
				request{c.name + "and an annotation", "MERGE", at(c.namespace, byUs), beside(c.body, `"annotations":{"evil":"x",`)},
				request{c.name + "without an annotation", "MERGE", at(c.namespace, byUs), beside(c.body, `"annotations":{"team":null,`)},
				request{c.name + "and more", "MERGE", at(c.namespace, byUs), beside(c.body, k.beside)},
				request{c.name + "and less", "MERGE", at(c.namespace, byUs), beside(c.body, k.without)},
			)
			if !strings.Contains(k.path, "configmaps") {
				attacks = append(attacks, request{c.name + "of the status", "MERGE", at(c.namespace, "/status"+byUs), c.body})
			} else {
				attacks = append(attacks,
					request{c.name + "and for ever", "MERGE", at(c.namespace, byUs), beside(c.body, `{"immutable":true,`)},
					request{c.name + "without what is binary", "MERGE", at(c.namespace, byUs), beside(c.body, `{"binaryData":null,`)},
				)
			}
		}
	}
	for i := range attacks {
		kind, name := "Service", "shop"
		if strings.Contains(attacks[i].path, "configmaps") {
			kind, name = "ConfigMap", "flags"
		}
		attacks[i].body = strings.NewReplacer("KIND", kind, `"NAME"`, `"`+name+`"`).Replace(attacks[i].body)
		attacks[i].name += " (" + kind + ")"
	}
	return sent, attacks
}

// likeMaking are like what makes a NetworkPolicy and a PodDisruptionBudget, and
// deletes them, and never sent.
func likeMaking() (sent, attacks []request) {
	for _, k := range []struct{ path, name, uid, spec, was, other string }{
		{"/apis/networking.k8s.io/v1/namespaces/NS/networkpolicies", "shut", "NETPOL", shutSpec, `"ports":[{"port":5432,"protocol":"TCP"}]`, `"ports":[]`},
		{"/apis/policy/v1/namespaces/NS/poddisruptionbudgets", "stay", "BUDGET", staySpec, `"maxUnavailable":0`, `"maxUnavailable":1`},
	} {
		at := func(namespace string) string { return strings.Replace(k.path, "NS", namespace, 1) }
		make := `{"metadata":{"name":"` + k.name + `","annotations":{` + anApply + `}},"spec":` + k.spec + `}`
		remove := func(namespace string) string {
			return deleting + `"preconditions":{"uid":"` + k.uid + "-" + namespace + `"}}`
		}
		one := func(namespace string) string { return at(namespace) + "/" + k.name }
		sent = append(sent, request{"making " + k.name, "POST", at("HERE") + byUs, make}, request{"deleting " + k.name, "DELETE", one("THERE"), remove("THERE")})
		attacks = append(attacks,
			request{"changing " + k.name, "MERGE", one("THERE") + byUs, `{"metadata":{"annotations":{` + anApply + `}}}`},
			request{"deleting a person's " + k.name, "DELETE", one("BYHAND"), remove("BYHAND")},
			request{"deleting a changed " + k.name, "DELETE", one("CHANGED"), remove("CHANGED")},
			request{"deleting another than " + k.name, "DELETE", at("THERE") + "/other", deleting + `"preconditions":{"uid":"` + k.uid + `-OTHER"}}`},
			request{"deleting any " + k.name, "DELETE", one("THERE"), deleting + `"preconditions":{}}`},
			request{"deleting in the foreground " + k.name, "DELETE", one("THERE"), strings.TrimSuffix(remove("THERE"), "}") + `,"propagationPolicy":"Foreground"}`},
			request{"deleting all like " + k.name, "DELETE", at("THERE"), ""},
			request{"making in another's name " + k.name, "POST", at("HERE") + "?fieldManager=kubectl", make},
		)
		for _, c := range [][3]string{
			{"of another name", `"name":"` + k.name + `"`, `"name":"evil"`},
			{"otherwise", k.was, k.other},
			{"with a label", `"annotations"`, `"labels":{"evil":"x"},"annotations"`},
			{"with an owner", `"annotations"`, `"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"c","uid":"1"}],"annotations"`},
			{"with a finalizer", `"annotations"`, `"finalizers":["evil.example/stay"],"annotations"`},
			{"with an annotation", anApply, anApply + `,"evil":"x"`},
			{"of no attempt", "q4m2x7kd-i2-a1", "evil"},
		} {
			attacks = append(attacks, request{"making " + k.name + " " + c[0], "POST", at("HERE") + byUs, strings.Replace(make, c[1], c[2], 1)})
		}
	}
	return sent, attacks
}

// The fence lets pass what applies a manifest and takes it back, with the printed
// roles and by the daemon's own token, and nothing beside it; and each part of it is
// there for a reason.
func TestFenceOfApply(t *testing.T) {
	f := openFencedBy(t, applyPolicies)
	byHand, changed := openShop(t), openShop(t)
	f.stands("BYHAND", byHand.namespace, "CHANGED", changed.namespace)
	const others = `
---
{apiVersion: v1, kind: Service, metadata: {name: other, namespace: NS, annotations: {remediated/applied: q4m2x7kd-i1-a1}}, spec: {selector: {app: APP}, ports: [{port: 80}]}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: other, namespace: NS, annotations: {remediated/applied: q4m2x7kd-i1-a1}}, data: {DATA}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: other, namespace: NS, annotations: {remediated/applied: q4m2x7kd-i1-a1}}, spec: ` + shutSpec + `}
---
{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: other, namespace: NS, annotations: {remediated/applied: q4m2x7kd-i1-a1}}, spec: ` + staySpec + `}`
	apply(t, f.bed, f.values.Replace(applied()+
		strings.NewReplacer("NS", "HERE", "APP", "shop", "DATA", `closed: "no"`).Replace(others)+
		strings.NewReplacer("NS", "THERE", "APP", "maintenance", "DATA", `closed: "yes", why: back soon`).Replace(others)))
	for of, s := range map[string]*shop{"THERE": f.there, "BYHAND": byHand, "CHANGED": changed} {
		p, err := s.admin.NetworkingV1().NetworkPolicies(s.namespace).Get(t.Context(), "shut", metav1.GetOptions{})
		f.must(err)
		b, err := s.admin.PolicyV1().PodDisruptionBudgets(s.namespace).Get(t.Context(), "stay", metav1.GetOptions{})
		f.must(err)
		f.names = append([]string{"NETPOL-" + of, string(p.UID), "BUDGET-" + of, string(b.UID)}, f.names...)
	}
	p, err := f.admin.NetworkingV1().NetworkPolicies(f.there.namespace).Get(t.Context(), "other", metav1.GetOptions{})
	f.must(err)
	b, err := f.admin.PolicyV1().PodDisruptionBudgets(f.there.namespace).Get(t.Context(), "other", metav1.GetOptions{})
	f.must(err)
	f.stands("NETPOL-OTHER", string(p.UID), "BUDGET-OTHER", string(b.UID))

	f.applied("rbac")
	f.fence()
	f.isGranted()
	f.deployment(nil)
	a, err := action.New(action.Options{Clusters: map[string]*rest.Config{"prod": f.whom}})
	f.must(err)
	for _, kind := range []string{"apply", "unapply"} {
		for _, args := range []string{theService, theConfigMap, theNetpol, theBudget} {
			what := f.as(f.shop).plan(kind, f.target("deployment", "web"))
			what.ID, what.Act.Args = "e2etest0-i42-a9"+map[string]string{"unapply": "-u1"}[kind], []byte(args)
			r := a.Perform(t.Context(), what)
			if r.Outcome != remediate.OK || strings.Contains(r.Text, "nothing") {
				t.Errorf("%s %s: %+v", kind, args, r)
			}
		}
	}

	settings, likeSettings := likeSettings()
	making, likeMaking := likeMaking()
	attacks := slices.Concat(likeSettings, likeMaking)
	f.widen()
	f.refusesAll(attacks)
	for _, r := range slices.Concat(settings, making) {
		if err := f.send(r, "dryRun=All"); err != nil {
			t.Errorf("%s as we send it: %v", r.name, err)
		}
	}
	f.needsEachPart(attacks, func(what string) bool { return !strings.Contains(what, "events") })
}

// isGranted waits until the printed roles for apply are in force.
func (f *fenced) isGranted() {
	f.Helper()
	user := "system:serviceaccount:" + f.namespace + ":" + account
	for _, r := range []rbacv1.PolicyRule{
		{APIGroups: []string{"apps"}, Resources: []string{"deployments"}, Verbs: []string{"get"}},
		{APIGroups: []string{""}, Resources: []string{"namespaces", "persistentvolumeclaims"}, Verbs: []string{"get"}},
		{APIGroups: []string{"events.k8s.io"}, Resources: []string{"events"}, Verbs: []string{"create"}},
		{APIGroups: []string{""}, Resources: []string{"services"}, ResourceNames: []string{"shop"}, Verbs: []string{"get", "patch"}},
		{APIGroups: []string{"policy"}, Resources: []string{"poddisruptionbudgets"}, Verbs: []string{"create"}},
		{APIGroups: []string{"policy"}, Resources: []string{"poddisruptionbudgets"}, ResourceNames: []string{"stay"}, Verbs: []string{"get", "delete"}},
	} {
		eventually(f.T, 20*time.Second, func() string { return f.denied(user, r) })
	}
}
