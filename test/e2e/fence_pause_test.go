//go:build e2e

package e2e

import (
	"strings"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/action"
)

// pausePolicies may hold up the rollouts of what is HERE.
const pausePolicies = `
policies:
- {name: hurts, when: ['alertname="Hurts"', 'deployment=~"web|held|byhand|bare|resumed"'], per: [deployment], severity: P2, mode: act, target: deployment/HERE/$deployment, steps: [{name: hold, do: [{pause: {}}], undo: [{resume: {}}], verify: {all: [{rollout: $target}], for: 1s, within: 1m}}]}
`

// pauseTargets are one that rolls out, some that are paused by us, by a person and
// by nobody who says so, and one that a person has resumed since.
const pauseTargets = `
{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: HERE, labels: {team: shop}, annotations: {team: shop}}, spec: {minReadySeconds: 1, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {nodeSelector: {kube-test: nowhere}, containers: [{name: c, image: none}]}}}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: held, namespace: HERE, labels: {team: shop}, annotations: {team: shop, remediated/paused: q4m2x7kd-i1-a1}}, spec: {paused: true, minReadySeconds: 1, selector: {matchLabels: {app: held}}, template: {metadata: {labels: {app: held}}, spec: {containers: [{name: c, image: none}]}}}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: byhand, namespace: HERE, annotations: {team: shop}}, spec: {paused: true, selector: {matchLabels: {app: byhand}}, template: {metadata: {labels: {app: byhand}}, spec: {containers: [{name: c, image: none}]}}}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: resumed, namespace: HERE, annotations: {remediated/paused: q4m2x7kd-i1-a1}}, spec: {selector: {matchLabels: {app: resumed}}, template: {metadata: {labels: {app: resumed}}, spec: {nodeSelector: {kube-test: nowhere}, containers: [{name: c, image: none}]}}}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: held, namespace: THERE, annotations: {remediated/paused: q4m2x7kd-i1-a1}}, spec: {paused: true, selector: {matchLabels: {app: held}}, template: {metadata: {labels: {app: held}}, spec: {containers: [{name: c, image: none}]}}}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: bare, namespace: HERE}, spec: {paused: true, selector: {matchLabels: {app: bare}}, template: {metadata: {labels: {app: bare}}, spec: {containers: [{name: c, image: none}]}}}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: THERE}, spec: {selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {nodeSelector: {kube-test: nowhere}, containers: [{name: c, image: none}]}}}}
`

const (
	rollouts = "/apis/apps/v1/namespaces/HERE/deployments/"
	aPause   = `"remediated/paused":"q4m2x7kd-i2-a1"`
	pauseIt  = `{"metadata":{"annotations":{` + aPause + `}},"spec":{"paused":true}}`
	resumeIt = `{"metadata":{"annotations":{"remediated/paused":null}},"spec":{"paused":null}}`
)

var pauseAttacks = []request{
	{"a pause without a mark", "MERGE", rollouts + "web" + byUs, `{"spec":{"paused":true}}`},
	{"a pause lifted that has no annotation", "MERGE", rollouts + "bare" + byUs, `{"spec":{"paused":null}}`},
	{"a mark without a pause", "MERGE", rollouts + "web" + byUs, `{"metadata":{"annotations":{` + aPause + `}}}`},
	{"a mark that is no attempt's", "MERGE", rollouts + "web" + byUs, `{"metadata":{"annotations":{"remediated/paused":"evil"}},"spec":{"paused":true}}`},
	{"a pause in another's name", "MERGE", rollouts + "web?fieldManager=kubectl", pauseIt},
	{"a pause in nobody's name", "MERGE", rollouts + "web", pauseIt},
	{"a pause elsewhere", "MERGE", "/apis/apps/v1/namespaces/THERE/deployments/web" + byUs, pauseIt},
	{"a pause and more pods", "MERGE", rollouts + "web" + byUs, beside(pauseIt, `"spec":{"replicas":9,`)},
	{"a pause and another image", "MERGE", rollouts + "web" + byUs, beside(pauseIt, `"spec":{"template":{"spec":{"containers":[{"name":"c","image":"evil"}]}},`)},
	{"a pause that takes a field away", "MERGE", rollouts + "web" + byUs, beside(pauseIt, `"spec":{"minReadySeconds":null,`)},
	{"a pause and a label", "MERGE", rollouts + "web" + byUs, beside(pauseIt, `"metadata":{"labels":{"evil":"x"},`)},
	{"a pause and a finalizer", "MERGE", rollouts + "web" + byUs, beside(pauseIt, `"metadata":{"finalizers":["evil/x"],`)},
	{"a pause that takes the labels away", "MERGE", rollouts + "web" + byUs, beside(pauseIt, `"metadata":{"labels":null,`)},
	{"a pause and an annotation", "MERGE", rollouts + "web" + byUs, beside(pauseIt, `"annotations":{"evil":"x",`)},
	{"a pause and another annotation", "MERGE", rollouts + "web" + byUs, beside(pauseIt, `"annotations":{"team":"evil",`)},
	{"a pause that takes an annotation away", "MERGE", rollouts + "web" + byUs, beside(pauseIt, `"annotations":{"team":null,`)},
	{"a person's pause taken over", "MERGE", rollouts + "byhand" + byUs, `{"metadata":{"annotations":{` + aPause + `}}}`},
	{"a person's pause lifted", "MERGE", rollouts + "byhand" + byUs, `{"spec":{"paused":null}}`},
	{"our pause lifted and its mark left", "MERGE", rollouts + "held" + byUs, `{"spec":{"paused":null}}`},
	{"our mark taken away and the pause left", "MERGE", rollouts + "held" + byUs, `{"metadata":{"annotations":{"remediated/paused":null}}}`},
	{"the mark of what was resumed taken away", "MERGE", rollouts + "resumed" + byUs, `{"metadata":{"annotations":{"remediated/paused":null}}}`},
	{"a resumption elsewhere", "MERGE", "/apis/apps/v1/namespaces/THERE/deployments/held" + byUs, resumeIt},
	{"a resumption in another's name", "MERGE", rollouts + "held?fieldManager=kubectl", resumeIt},
	{"a resumption and no pods", "MERGE", rollouts + "held" + byUs, beside(resumeIt, `"spec":{"replicas":0,`)},
	{"a resumption that takes a field away", "MERGE", rollouts + "held" + byUs, beside(resumeIt, `"spec":{"minReadySeconds":null,`)},
	{"a resumption and a label", "MERGE", rollouts + "held" + byUs, beside(resumeIt, `"metadata":{"labels":{"evil":"x"},`)},
	{"a resumption that takes the labels away", "MERGE", rollouts + "held" + byUs, beside(resumeIt, `"metadata":{"labels":null,`)},
	{"a resumption and an annotation", "MERGE", rollouts + "held" + byUs, beside(resumeIt, `"annotations":{"evil":"x",`)},
	{"a resumption that takes an annotation away", "MERGE", rollouts + "held" + byUs, beside(resumeIt, `"annotations":{"team":null,`)},
	{"another mark", "MERGE", rollouts + "held" + byUs, pauseIt},
	{"the subresource", "MERGE", rollouts + "web/status" + byUs, `{"status":{"observedGeneration":9}}`},
}

// beside writes more into a body, at the place that more begins with.
func beside(body, more string) string {
	at, _, _ := strings.Cut(more, "{")
	return strings.Replace(body, at+"{", more, 1)
}

// The fence lets pass what pauses and resumes, and nothing beside it; and each
// part of it is there for a reason.
func TestFenceOfPause(t *testing.T) {
	f := openFencedBy(t, pausePolicies)
	apply(t, f.bed, f.values.Replace(pauseTargets))
	for _, name := range []string{"web", "held", "byhand", "bare", "resumed"} {
		f.settled(name)
	}
	f.fence()
	f.widen()
	f.refusesAll(pauseAttacks)
	for _, r := range []request{{"a pause", "MERGE", rollouts + "web" + byUs, pauseIt}, {"a resumption", "MERGE", rollouts + "held" + byUs, resumeIt}} {
		if err := f.send(r, "dryRun=All"); err != nil {
			t.Errorf("%s as we send it: %v", r.name, err)
		}
	}
	a, err := action.New(action.Options{Clusters: map[string]*rest.Config{"prod": f.whom}})
	f.must(err)
	f.image("bad")
	f.settled("web")
	what := f.plan("pause", f.target("deployment", "web"))
	f.perform(a, what, remediate.OK, "paused")
	f.perform(a, f.plan("resume", f.target("deployment", "web")), remediate.OK, "resumed")
	f.needsEachPart(pauseAttacks, func(what string) bool { return what == "UPDATE deployments.apps" })
}
