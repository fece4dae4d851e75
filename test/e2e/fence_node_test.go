//go:build e2e

package e2e

import (
	"context"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/action"
)

// nodePolicies may cordon one node and take that back.
const nodePolicies = `
policies:
- {name: node, when: ['alertname="Node"'], severity: P2, mode: act, target: node/HERE-node, steps: [{name: cordon, do: [{cordon: {}}], undo: [{uncordon: {}}], verify: {all: [{http: {url: 'http://127.0.0.1:9/', allow_loopback: true}}], for: 1s, within: 1m}}]}
`

// drainPolicies may drain it as well.
const drainPolicies = nodePolicies + `
- {name: drained, when: ['alertname="Drained"'], severity: P2, mode: act, target: node/HERE-node, steps: [{name: drain, do: [{drain: {}}], verify: {all: [{http: {url: 'http://127.0.0.1:9/', allow_loopback: true}}], for: 1s, within: 1m}}]}
`

const (
	aNode    = "/api/v1/nodes/HERE-node"
	aCordon  = `"remediated/cordoned":"q4m2x7kd-i2-a1"`
	cordonIt = `{"metadata":{"annotations":{` + aCordon + `}},"spec":{"unschedulable":true}}`
)

// nodeAttacks are of a node that is not cordoned.
var nodeAttacks = []request{
	{"a cordon without a mark", "MERGE", aNode + byUs, `{"spec":{"unschedulable":true}}`},
	{"a mark without a cordon", "MERGE", aNode + byUs, `{"metadata":{"annotations":{` + aCordon + `}}}`},
	{"a mark that is no attempt's", "MERGE", aNode + byUs, `{"metadata":{"annotations":{"remediated/cordoned":"evil"}},"spec":{"unschedulable":true}}`},
	{"a cordon in another's name", "MERGE", aNode + "?fieldManager=kubectl", cordonIt},
	{"a cordon of another node", "MERGE", "/api/v1/nodes/process-1" + byUs, cordonIt},
	{"a cordon and a taint", "MERGE", aNode + byUs, `{"metadata":{"annotations":{` + aCordon + `}},"spec":{"unschedulable":true,"taints":[{"key":"evil","effect":"NoExecute"}]}}`},
	{"a cordon and a range of pods", "MERGE", aNode + byUs, `{"metadata":{"annotations":{` + aCordon + `}},"spec":{"unschedulable":true,"podCIDR":"10.9.0.0/24","podCIDRs":["10.9.0.0/24"]}}`},
	{"a cordon and a label", "MERGE", aNode + byUs, `{"metadata":{"labels":{"evil":"x"},"annotations":{` + aCordon + `}},"spec":{"unschedulable":true}}`},
	{"a cordon and an annotation", "MERGE", aNode + byUs, `{"metadata":{"annotations":{"evil":"x",` + aCordon + `}},"spec":{"unschedulable":true}}`},
	{"a cordon that takes an annotation away", "MERGE", aNode + byUs, `{"metadata":{"annotations":{"team":null,` + aCordon + `}},"spec":{"unschedulable":true}}`},
	{"a cordon and a finalizer", "MERGE", aNode + byUs, `{"metadata":{"finalizers":["evil/x"],"annotations":{` + aCordon + `}},"spec":{"unschedulable":true}}`},
	{"a node's status", "MERGE", aNode + "/status" + byUs, `{"status":{"conditions":[]}}`},
	{"another node", "POST", "/api/v1/nodes", `{"metadata":{"name":"HERE-evil"}}`},
	{"no node", "DELETE", aNode, ""},
	{"an Event about a node elsewhere", "POST", "/apis/events.k8s.io/v1/namespaces/kube-system/events", nodeEvent("HERE-node", "cordon", "kube-system")},
	{"an Event about another node", "POST", "/apis/events.k8s.io/v1/namespaces/default/events", nodeEvent("process-1", "cordon", "default")},
	{"an Event that it was drained", "POST", "/apis/events.k8s.io/v1/namespaces/default/events", nodeEvent("HERE-node", "drain", "default")},
	{"an eviction", "POST", core + "pods/bare/eviction", evicting("bare", `{"preconditions":{"uid":"BARE"},"dryRun":["All"]}`)},
}

// cordonedAttacks are of one that a person has cordoned.
var cordonedAttacks = []request{
	{"a person's cordon taken over", "MERGE", aNode + byUs, `{"metadata":{"annotations":{` + aCordon + `}}}`},
	{"a person's cordon lifted", "MERGE", aNode + byUs, `{"spec":{"unschedulable":null}}`},
}

// markedAttacks are of one that we have.
var markedAttacks = []request{
	{"our cordon lifted and its mark left", "MERGE", aNode + byUs, `{"spec":{"unschedulable":null}}`},
	{"our mark taken away and the cordon left", "MERGE", aNode + byUs, `{"metadata":{"annotations":{"remediated/cordoned":null}}}`},
	{"our cordon lifted, and a taint", "MERGE", aNode + byUs, `{"metadata":{"annotations":{"remediated/cordoned":null}},"spec":{"unschedulable":null,"taints":[{"key":"evil","effect":"NoExecute"}]}}`},
	{"another mark", "MERGE", aNode + byUs, cordonIt},
}

func nodeEvent(node, did, namespace string) string {
	return `{"metadata":{"name":"remediated-q4m2x7kd-i1-a1","namespace":"` + namespace + `"},"eventTime":"2026-01-01T00:00:00.000000Z","reportingController":"remediated","reportingInstance":"x","action":"` + did +
		`","reason":"Remediation","type":"Normal","regarding":{"apiVersion":"v1","kind":"Node","name":"` + node + `"}}`
}

// annotated gives the node a team, which no attack may take away.
func (f *fenced) annotated(name string) {
	f.Helper()
	_, err := f.admin.CoreV1().Nodes().Patch(f.Context(), name, types.MergePatchType, []byte(`{"metadata":{"annotations":{"team":"shop"}}}`), metav1.PatchOptions{})
	f.must(err)
}

func TestFenceOfANode(t *testing.T) {
	f := openFencedBy(t, nodePolicies)
	node := f.node()
	f.annotated(node.Name)
	f.bare()
	f.fence()
	f.widen()
	actor, err := action.New(action.Options{Clusters: map[string]*rest.Config{"prod": f.whom}})
	f.must(err)

	f.refusesAll(nodeAttacks)
	f.byPerson(node.Name, "true")
	f.refusesAll(cordonedAttacks)
	f.byPerson(node.Name, "null")

	what := f.as(f.shop).plan("cordon", node)
	f.as(f.shop).perform(actor, what, remediate.OK, "cordoned")
	f.refusesAll(markedAttacks)
	f.as(f.shop).perform(actor, f.as(f.shop).plan("uncordon", node), remediate.OK, "uncordoned")
	f.isCordoned(node, false, "")

	// Without the fence each of them passes.
	f.kubectl("", "delete", "validatingadmissionpolicybinding/remediated", "validatingadmissionpolicy/remediated")
	eventually(t, 20*time.Second, func() string {
		if isFence(f.send(nodeAttacks[0], "dryRun=All")) {
			return "the fence still stands"
		}
		return ""
	})
	f.passAll(nodeAttacks)
	f.byPerson(node.Name, "true")
	f.passAll(cordonedAttacks)
	f.byPerson(node.Name, "null")
	f.as(f.shop).perform(actor, f.as(f.shop).plan("cordon", node), remediate.OK, "cordoned")
	f.passAll(markedAttacks)
}

func (f *fenced) refusesAll(attacks []request) {
	f.Helper()
	for _, r := range attacks {
		if err := f.send(r, "dryRun=All"); !isFence(err) {
			f.Errorf("%s: got %v, want the fence's refusal", r.name, err)
		}
	}
}

func (f *fenced) passAll(attacks []request) {
	f.Helper()
	for _, r := range attacks {
		if err := f.send(r, "dryRun=All"); err != nil {
			f.Errorf("%s, without the fence: %v", r.name, err)
		}
	}
}

// bare puts a pod on the node that nobody owns.
func (f *fenced) bare() {
	f.Helper()
	apply(f.T, f.bed, f.values.Replace(`{apiVersion: v1, kind: Pod, metadata: {name: bare, namespace: HERE}, spec: {nodeName: HERE-node, containers: [{name: c, image: none}]}}`))
	pod, err := f.admin.CoreV1().Pods(f.namespace).Get(context.Background(), "bare", metav1.GetOptions{})
	f.must(err)
	f.stands("BARE", string(pod.UID))
}

// A drain passes, with the printed roles and nothing more.
func TestFenceLetsADrainPass(t *testing.T) {
	f := openFencedBy(t, drainPolicies)
	node := f.node()
	f.putOn(node, 1, nil)
	f.applied("rbac")
	f.fence()
	actor, err := action.New(action.Options{Clusters: map[string]*rest.Config{"prod": f.whom}})
	f.must(err)
	var what remediate.Started
	eventually(t, 20*time.Second, func() string { // the authorizer hears of a role a moment later
		a := f.as(f.shop).ask("workload", node, `{}`)
		return a.Err
	})
	what = f.as(f.shop).plan("drain", node)
	f.as(f.shop).perform(actor, what, remediate.Later, "which is ending")
	f.as(f.shop).perform(actor, what, remediate.OK, "drained")
	f.isCordoned(node, true, what.ID)
}
