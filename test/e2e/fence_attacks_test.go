//go:build e2e

package e2e

import (
	"slices"
	"strings"
)

// request is one line of the tables below. HERE and THERE in it stand for the
// two namespaces. PATCH is a strategic merge, MERGE, JSON and APPLY are the
// other sorts of patches.
type request struct{ name, verb, path, body string }

// targets is what the attacks are against. The workloads that may be restarted
// bear our mark.
const targets = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: HERE, labels: {app: web}, annotations: {team: shop}}
spec:
  minReadySeconds: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {name: mine, labels: {app: web}, annotations: {remediated/attempt: q4m2x7kd-i1-a1, team: shop}}
    spec: {nodeSelector: {kube-test: nowhere}, containers: [{name: c, image: none}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: HERE, labels: {app: db}, annotations: {team: shop}}
spec:
  minReadySeconds: 1
  selector: {matchLabels: {app: db}}
  template:
    metadata: {name: mine, labels: {app: db}, annotations: {remediated/attempt: q4m2x7kd-i1-a1, team: shop}}
    spec: {nodeSelector: {kube-test: nowhere}, containers: [{name: c, image: none}]}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: HERE, labels: {app: agent}, annotations: {team: shop}}
spec:
  minReadySeconds: 1
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {name: mine, labels: {app: agent}, annotations: {remediated/attempt: q4m2x7kd-i1-a1, team: shop}}
    spec: {nodeSelector: {kube-test: nowhere}, containers: [{name: c, image: none}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: watched, namespace: HERE, labels: {app: watched}, annotations: {team: shop}}
spec:
  minReadySeconds: 1
  selector: {matchLabels: {app: watched}}
  template:
    metadata: {name: mine, labels: {app: watched}, annotations: {remediated/attempt: q4m2x7kd-i1-a1, team: shop}}
    spec: {nodeSelector: {kube-test: nowhere}, containers: [{name: c, image: none}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: watched, namespace: HERE, labels: {app: watched-set}, annotations: {team: shop}}
spec:
  minReadySeconds: 1
  selector: {matchLabels: {app: watched-set}}
  template:
    metadata: {name: mine, labels: {app: watched-set}, annotations: {remediated/attempt: q4m2x7kd-i1-a1, team: shop}}
    spec: {nodeSelector: {kube-test: nowhere}, containers: [{name: c, image: none}]}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: watched, namespace: HERE, labels: {app: watched-agent}, annotations: {team: shop}}
spec:
  minReadySeconds: 1
  selector: {matchLabels: {app: watched-agent}}
  template:
    metadata: {name: mine, labels: {app: watched-agent}, annotations: {remediated/attempt: q4m2x7kd-i1-a1, team: shop}}
    spec: {nodeSelector: {kube-test: nowhere}, containers: [{name: c, image: none}]}
---
apiVersion: v1
kind: Pod
metadata: {name: waiting, namespace: HERE, labels: {app: waiting}}
spec: {nodeSelector: {kube-test: nowhere}, containers: [{name: c, image: none}]}
---
apiVersion: v1
kind: Pod
metadata: {name: waiting, namespace: THERE, labels: {app: waiting}}
spec: {nodeSelector: {kube-test: nowhere}, containers: [{name: c, image: none}]}
---
apiVersion: v1
kind: Pod
metadata: {name: running, namespace: THERE, labels: {app: running}}
spec: {containers: [{name: c, image: none, command: [sleep, "3600"]}]}
---
apiVersion: v1
kind: Secret
metadata: {name: password, namespace: HERE}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: HERE}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: HERE}
spec: {selector: {app: x}, ports: [{port: 80}]}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: claim, namespace: HERE}
spec: {storageClassName: none, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: HERE-volume}
spec: {storageClassName: none, accessModes: [ReadWriteOnce], capacity: {storage: 1Mi}, hostPath: {path: /nowhere}, claimRef: {namespace: HERE, name: no-claim}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web, namespace: HERE}
spec: {minAvailable: 1, selector: {matchLabels: {app: x}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: remediated-isolates-statefulset-db
  namespace: HERE
  labels: {app.kubernetes.io/managed-by: remediated, remediated/attempt: q4m2x7kd-i1-a1}
  annotations: {remediated/isolates: "1"}
spec: {podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress, Egress]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: remediated-isolates-statefulset-byhand, namespace: HERE}
spec: {podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress, Egress]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: remediated-isolates-daemonset-agent, namespace: HERE, labels: {app.kubernetes.io/managed-by: remediated}}
spec: {podSelector: {matchLabels: {app: agent}}, policyTypes: [Ingress, Egress]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: HERE}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
---
apiVersion: events.k8s.io/v1
kind: Event
metadata: {name: remediated-q4m2x7kd-i1-a1, namespace: HERE}
eventTime: "2026-01-01T00:00:00.000000Z"
reportingController: remediated
reportingInstance: bed
action: restart
reason: Remediation
type: Normal
regarding: {apiVersion: apps/v1, kind: Deployment, namespace: HERE, name: web}
`

const (
	web     = apps + "deployments/web"
	byUs    = "?fieldManager=remediated"
	core    = "/api/v1/namespaces/HERE/"
	apps    = "/apis/apps/v1/namespaces/HERE/"
	there   = "/api/v1/namespaces/THERE/"
	access  = "/apis/rbac.authorization.k8s.io/v1/"
	aMark   = `"remediated/attempt":"q4m2x7kd-i2-a1"`
	remarks = `"metadata":{"annotations":{` + aMark + `}}`
	podSpec = `{"containers":[{"name":"c","image":"evil"}]}`
	asPods  = `{"metadata":{"labels":{"app":"evil"}},"spec":` + podSpec + `}`
)

const restarting = `"spec":{"template":{` + remarks + `}}`

// change is what is done to each of the workloads that may be restarted.
type change struct{ name, verb, body string }

// ofSpec is a change of a pod spec, beside a restart that is allowed by itself.
func ofSpec(name, spec string) change {
	return change{name, "PATCH", `{"spec":{"template":{` + remarks + `,"spec":` + spec + `}}}`}
}

// ofPods is a change of what its pods bear.
func ofPods(name, metadata string) change {
	return change{name, "PATCH", `{"spec":{"template":{"metadata":` + metadata + `}}}`}
}

// ofObject is a change beside the pod template, with a restart.
func ofObject(name, metadata string) change {
	return change{name, "PATCH", `{"metadata":` + metadata + `,` + restarting + `}`}
}

// removed is a field that is taken away, with a restart.
func removed(name, path string) change {
	return change{name, "JSON", `[{"op":"remove","path":"` + path + `"},{"op":"add","path":"/spec/template/metadata/annotations/remediated~1attempt","value":"q4m2x7kd-i2-a1"}]`}
}

var changes = []change{
	{"another image", "PATCH", `{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"evil"}]}}}}`},
	{"another image by JSON patch", "JSON", `[{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"evil"}]`},
	ofSpec("a restart with another image", `{"containers":[{"name":"c","image":"evil"}]}`),
	ofSpec("a volume of the node", `{"volumes":[{"name":"root","hostPath":{"path":"/"}}]}`),
	ofSpec("the node's processes", `{"hostPID":true}`),
	ofSpec("the node's network", `{"hostNetwork":true}`),
	ofSpec("the node's IPC", `{"hostIPC":true}`),
	ofSpec("privileges", `{"containers":[{"name":"c","securityContext":{"privileged":true}}]}`),
	ofSpec("another ServiceAccount", `{"serviceAccountName":"default"}`),
	ofSpec("another command", `{"containers":[{"name":"c","command":["sh"]}]}`),
	ofSpec("another environment", `{"containers":[{"name":"c","env":[{"name":"LD_PRELOAD","value":"evil.so"}]}]}`),
	ofSpec("one more container", `{"containers":[{"name":"evil","image":"evil"}]}`),
	ofSpec("an init container", `{"initContainers":[{"name":"evil","image":"evil"}]}`),
	ofSpec("another node", `{"nodeName":"process-1"}`),
	ofSpec("a toleration", `{"tolerations":[{"operator":"Exists"}]}`),
	removed("no node selector", "/spec/template/spec/nodeSelector"),

	ofPods("a sidecar's annotation", `{"annotations":{`+aMark+`,"vault.hashicorp.com/agent-inject":"true"}}`),
	ofPods("somebody else's annotation changed", `{"annotations":{`+aMark+`,"team":"evil"}}`),
	ofPods("somebody else's annotation removed", `{"annotations":{`+aMark+`,"team":null}}`),
	ofPods("our annotation removed", `{"annotations":{"remediated/attempt":null}}`),
	ofPods("our annotation with any text", `{"annotations":{"remediated/attempt":"evil"}}`),
	ofPods("kubectl's restart", `{"annotations":{"kubectl.kubernetes.io/restartedAt":"2026-01-01T00:00:00Z"}}`),
	ofPods("a label of the pods", `{"annotations":{`+aMark+`},"labels":{"team":"evil"}}`),
	removed("the pods' own name", "/spec/template/metadata/name"),
	removed("somebody else's annotation removed by JSON patch", "/spec/template/metadata/annotations/team"),

	ofObject("an annotation of the object", `{"annotations":{"remediated/mode":"act"}}`),
	ofObject("an annotation of the object changed", `{"annotations":{"team":"evil"}}`),
	ofObject("an annotation of the object removed", `{"annotations":{"team":null}}`),
	ofObject("a label of the object", `{"labels":{"team":"evil"}}`),
	removed("the labels of the object", "/metadata/labels"),
	ofObject("an owner", `{"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"c","uid":"1"}]}`),
	ofObject("a finalizer", `{"finalizers":["evil.example/stay"]}`),
	{"no history", "PATCH", `{"spec":{"revisionHistoryLimit":0,"template":{` + remarks + `}}}`},
	removed("no time to be ready in", "/spec/minReadySeconds"),
	{"a status", "STATUS", `{"status":{"observedGeneration":99}}`},
	{"a restart in another's name", "OTHER", `{` + restarting + `}`},
	{"deleting it", "DELETE", ""},
}

// onEach are the changes of each of the workloads.
func onEach() []request {
	var out []request
	for _, w := range []string{"deployments/web", "statefulsets/db", "daemonsets/agent"} {
		for _, c := range changes {
			r := request{c.name + ": " + w, c.verb, apps + w + byUs, c.body}
			switch c.verb {
			case "STATUS":
				r.verb, r.path = "MERGE", apps+w+"/status"+byUs
			case "OTHER":
				r.verb, r.path = "PATCH", apps+w+"?fieldManager=kubectl"
			case "DELETE":
				r.path = apps + w
			}
			out = append(out, r)
		}
	}
	return out
}

// attacks are what no loaded policy does. Each is valid, and accepted of one who
// may do everything.
var attacks = slices.Concat(onEach(), likeEvents(), likeJobs(), likeIsolations(), []request{
	// Of a Deployment alone.
	{"another image by server-side apply", "APPLY", web + byUs + "&force=true", `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},"spec":{"template":{` + remarks + `,"spec":{"containers":[{"name":"c","image":"evil"}]}}}}`},
	{"no replicas", "PATCH", web + byUs, `{"spec":{"replicas":0}}`},
	{"more replicas", "PATCH", web + byUs, `{"spec":{"replicas":9,"template":{` + remarks + `}}}`},
	{"a paused rollout", "PATCH", web + byUs, `{"spec":{"paused":true,"template":{` + remarks + `}}}`},
	{"another strategy", "PATCH", web + byUs, `{"spec":{"strategy":{"type":"Recreate","rollingUpdate":null},"template":{` + remarks + `}}}`},
	{"no replicas by the subresource", "MERGE", web + "/scale" + byUs, `{"spec":{"replicas":0}}`},
	{"deleting all deployments", "DELETE", apps + "deployments", ""},
	{"making another", "POST", apps + "deployments", `{"metadata":{"name":"evil"},"spec":{"selector":{"matchLabels":{"app":"evil"}},"template":` + asPods + `}}`},
	{"making another by server-side apply", "APPLY", apps + "deployments/evil" + byUs, `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"evil"},"spec":{"selector":{"matchLabels":{"app":"evil"}},"template":` + asPods + `}}`},

	// Other workloads.
	{"restarting what is only watched", "PATCH", apps + "deployments/watched" + byUs, `{` + restarting + `}`},
	{"restarting a StatefulSet that no policy names", "PATCH", apps + "statefulsets/watched" + byUs, `{` + restarting + `}`},
	{"restarting a DaemonSet that no policy names", "PATCH", apps + "daemonsets/watched" + byUs, `{` + restarting + `}`},
	{"the StatefulSet's replicas", "PATCH", apps + "statefulsets/db" + byUs, `{"spec":{"replicas":0}}`},
	{"a DaemonSet", "POST", apps + "daemonsets", `{"metadata":{"name":"evil"},"spec":{"selector":{"matchLabels":{"app":"evil"}},"template":` + asPods + `}}`},
	{"a ReplicaSet in kube-system", "POST", "/apis/apps/v1/namespaces/kube-system/replicasets", `{"metadata":{"name":"evil"},"spec":{"selector":{"matchLabels":{"app":"evil"}},"template":` + asPods + `}}`},
	{"a deployment in kube-system", "POST", "/apis/apps/v1/namespaces/kube-system/deployments", `{"metadata":{"name":"web"},"spec":{"selector":{"matchLabels":{"app":"evil"}},"template":` + asPods + `}}`},
	{"a job", "POST", "/apis/batch/v1/namespaces/HERE/jobs", `{"metadata":{"name":"evil"},"spec":{"template":{"spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"evil"}]}}}}`},
	{"a cron job", "POST", "/apis/batch/v1/namespaces/HERE/cronjobs", `{"metadata":{"name":"evil"},"spec":{"schedule":"* * * * *","jobTemplate":{"spec":{"template":{"spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"evil"}]}}}}}}`},

	// Pods.
	{"a pod", "POST", core + "pods", `{"metadata":{"name":"evil"},"spec":` + podSpec + `}`},
	{"a pod where pods may be removed", "POST", there + "pods", `{"metadata":{"name":"evil"},"spec":` + podSpec + `}`},
	{"a pod's image", "PATCH", there + "pods/running", `{"spec":{"containers":[{"name":"c","image":"evil"}]}}`},
	{"a pod's label", "PATCH", there + "pods/running", `{"metadata":{"labels":{"app":"evil"}}}`},
	{"a pod's status", "PATCH", there + "pods/running/status", `{"status":{"message":"evil"}}`},
	{"an ephemeral container", "PATCH", there + "pods/running/ephemeralcontainers", `{"spec":{"ephemeralContainers":[{"name":"evil","image":"evil"}]}}`},
	{"exec", "POST", there + "pods/running/exec?command=sh&stdout=true", ""},
	{"exec by GET", "GET", there + "pods/running/exec?command=sh&stdout=true", ""},
	{"attach", "POST", there + "pods/running/attach?stdout=true", ""},
	{"port forwarding", "POST", there + "pods/running/portforward?ports=80", ""},
	{"a proxy to a pod", "GET", there + "pods/running:9/proxy/", ""},
	{"a proxy to a node", "GET", "/api/v1/nodes/process-1/proxy/metrics", ""},
	{"binding a pod to a node", "POST", there + "pods/waiting/binding", `{"metadata":{"name":"waiting"},"target":{"kind":"Node","name":"process-1"}}`},
	{"deleting a pod where none may be", "DELETE", core + "pods/waiting", deleting + `"preconditions":{"uid":"WAITING"}}`},
	{"deleting any pod of that name", "DELETE", there + "pods/running", ""},
	{"killing a pod", "DELETE", there + "pods/running", deleting + `"preconditions":{"uid":"RUNNING"},"gracePeriodSeconds":0}`},
	{"deleting a pod and what it owns first", "DELETE", there + "pods/running", deleting + `"preconditions":{"uid":"RUNNING"},"propagationPolicy":"Foreground"}`},
	{"deleting a pod of any UID", "DELETE", there + "pods/running", deleting + `"preconditions":{}}`},
	{"deleting all pods", "DELETE", there + "pods", ""},
	{"evicting where none may be", "POST", core + "pods/waiting/eviction", evicting("waiting", `{"preconditions":{"uid":"WAITING"}}`)},
	{"evicting any pod of that name", "POST", there + "pods/running/eviction", `{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"running"}}`},
	{"evicting a pod of any UID", "POST", there + "pods/running/eviction", evicting("running", `{"preconditions":{}}`)},
	{"killing a pod by eviction", "POST", there + "pods/running/eviction", evicting("running", `{"preconditions":{"uid":"RUNNING"},"gracePeriodSeconds":0}`)},
	{"evicting a StatefulSet's pod of any UID", "POST", core + "pods/db-0/eviction", evicting("db-0", `{"preconditions":{}}`)},
	{"killing a StatefulSet's pod by eviction", "POST", core + "pods/db-0/eviction", evicting("db-0", `{"preconditions":{"uid":"DB-0"},"gracePeriodSeconds":0}`)},

	// Secrets and rights.
	{"a new secret", "POST", core + "secrets", `{"metadata":{"name":"token","annotations":{"kubernetes.io/service-account.name":"default"}},"type":"kubernetes.io/service-account-token"}`},
	{"a secret's content", "PATCH", core + "secrets/password", `{"stringData":{"key":"evil"}}`},
	{"deleting a secret", "DELETE", core + "secrets/password", ""},
	{"a token", "POST", core + "serviceaccounts/default/token", `{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{}}`},
	{"a ServiceAccount", "POST", core + "serviceaccounts", `{"metadata":{"name":"evil"}}`},
	{"a role's rules", "MERGE", access + "namespaces/HERE/roles/reader", `{"rules":[{"apiGroups":["*"],"resources":["*"],"verbs":["*"]}]}`},
	{"a role binding", "POST", access + "namespaces/HERE/rolebindings", `{"metadata":{"name":"evil"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"cluster-admin"},"subjects":[{"kind":"ServiceAccount","name":"default","namespace":"HERE"}]}`},
	{"a cluster role", "POST", access + "clusterroles", `{"metadata":{"name":"evil"},"rules":[{"apiGroups":["*"],"resources":["*"],"verbs":["*"]}]}`},
	{"a cluster role binding", "POST", access + "clusterrolebindings", `{"metadata":{"name":"evil"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"cluster-admin"},"subjects":[{"kind":"ServiceAccount","name":"default","namespace":"HERE"}]}`},

	// The rest of the cluster.
	{"a configuration", "POST", core + "configmaps", `{"metadata":{"name":"evil"}}`},
	{"a configuration's content", "PATCH", core + "configmaps/settings", `{"data":{"key":"evil"}}`},
	{"deleting a configuration", "DELETE", core + "configmaps/settings", ""},
	{"a service", "POST", core + "services", `{"metadata":{"name":"evil"},"spec":{"ports":[{"port":80}]}}`},
	{"a service's pods", "PATCH", core + "services/web", `{"spec":{"selector":{"app":"evil"}}}`},
	{"an ingress", "POST", "/apis/networking.k8s.io/v1/namespaces/HERE/ingresses", `{"metadata":{"name":"evil"},"spec":{"defaultBackend":{"service":{"name":"evil","port":{"number":80}}}}}`},
	{"a network policy", "POST", "/apis/networking.k8s.io/v1/namespaces/HERE/networkpolicies", `{"metadata":{"name":"evil"},"spec":{"podSelector":{}}}`},
	{"an autoscaler", "POST", "/apis/autoscaling/v2/namespaces/HERE/horizontalpodautoscalers", `{"metadata":{"name":"evil"},"spec":{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"web"},"maxReplicas":100}}`},
	{"a lease", "POST", "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases", `{"metadata":{"name":"evil"},"spec":{"holderIdentity":"evil"}}`},
	{"a disruption budget", "MERGE", "/apis/policy/v1/namespaces/HERE/poddisruptionbudgets/web", `{"spec":{"minAvailable":0}}`},
	{"deleting a disruption budget", "DELETE", "/apis/policy/v1/namespaces/HERE/poddisruptionbudgets/web", ""},
	{"deleting a claim", "DELETE", core + "persistentvolumeclaims/claim", ""},
	{"deleting a volume", "DELETE", "/api/v1/persistentvolumes/HERE-volume", ""},
	{"a node's labels", "PATCH", "/api/v1/nodes/process-1", `{"metadata":{"labels":{"evil":"true"}}}`},
	{"cordoning a node", "PATCH", "/api/v1/nodes/process-1", `{"spec":{"unschedulable":true}}`},
	{"deleting a node", "DELETE", "/api/v1/nodes/process-1", ""},
	{"a namespace", "POST", "/api/v1/namespaces", `{"metadata":{"name":"evil"}}`},
	{"a namespace's labels", "PATCH", "/api/v1/namespaces/HERE", `{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"privileged"}}}`},
	{"deleting a namespace", "DELETE", "/api/v1/namespaces/THERE", ""},
	{"a custom resource definition", "POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", `{"metadata":{"name":"evils.example.com"},"spec":{"group":"example.com","scope":"Namespaced","names":{"plural":"evils","kind":"Evil"},"versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object"}}}]}}`},
	{"a validating webhook", "POST", "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations", `{"metadata":{"name":"evil"},"webhooks":[` + evilHook + `]}`},
	{"a mutating webhook", "POST", "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations", `{"metadata":{"name":"evil"},"webhooks":[` + evilHook + `]}`},
	{"a priority class", "POST", "/apis/scheduling.k8s.io/v1/priorityclasses", `{"metadata":{"name":"evil"},"value":1000}`},

	// Events that are not ours to write.
	{"an event in the core group", "POST", core + "events", `{"metadata":{"name":"remediated-q4m2x7kd-i2-a1"},"involvedObject":{"kind":"Deployment","name":"web","namespace":"HERE"},"reason":"Remediation","type":"Normal"}`},
	{"an event changed", "MERGE", events + "/remediated-q4m2x7kd-i1-a1", `{"metadata":{"labels":{"a":"b"}}}`},
	{"deleting all events", "DELETE", events, ""},
})

// written are the Events that are written.
var written = []string{
	anEvent("HERE", "restart", "Deployment", "web"), anEvent("HERE", "restart", "StatefulSet", "db"), anEvent("HERE", "restart", "DaemonSet", "agent"), anEvent("HERE", "job", "Deployment", "web"),
	anEvent("HERE", "isolate", "Deployment", "web"), anEvent("HERE", "lift_isolation", "StatefulSet", "db"),
	anEvent("THERE", "evict_pod", "Pod", "running"), anEvent("THERE", "delete_pod", "Pod", "running"),
}

// likeEvents are like those, and never written.
func likeEvents() []request {
	var out []request
	for _, e := range written {
		path := events
		if strings.Contains(e, "THERE") {
			path = strings.Replace(events, "HERE", "THERE", 1)
		}
		for _, c := range [][3]string{
			{"about something else", `HERE","name":"`, `HERE","name":"Another-`},
			{"by somebody else", `"reportingController":"remediated"`, `"reportingController":"kubelet"`},
			{"under another name", "remediated-q4m2x7kd-i2-a1", "evil"},
			{"with a label", `{"metadata":{`, `{"metadata":{"labels":{"a":"b"},`},
			{"of another act", `"action":"`, `"action":"un`},
			{"for another reason", "Remediation", "Killing"},
			{"about another kind", `"kind":"`, `"kind":"X`},
			{"with another object", `"note"`, `"related":{"kind":"Pod","name":"x","namespace":"HERE"},"note"`},
		} {
			out = append(out, request{"an event " + c[0] + ": " + e, "POST", path, strings.Replace(e, c[1], c[2], 1)})
		}
	}
	return out
}

const (
	events = "/apis/events.k8s.io/v1/namespaces/HERE/events"
	// deleting begins the options of a deletion. What they say of a dry run holds,
	// and not what the query says.
	deleting = `{"apiVersion":"v1","kind":"DeleteOptions","dryRun":["All"],`
	evilHook = `{"name":"evil.example.com","clientConfig":{"url":"https://evil.example.com"},"admissionReviewVersions":["v1"],"sideEffects":"None","failurePolicy":"Ignore","rules":[{"apiGroups":["example.com"],"apiVersions":["v1"],"operations":["CREATE"],"resources":["evils"]}]}`
)

// evicting is the eviction of a pod.
func evicting(pod, options string) string {
	return `{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"` + pod + `"},"deleteOptions":` + options + `}`
}

// anEvent says what was done.
func anEvent(namespace, action, kind, name string) string {
	return `{"metadata":{"name":"remediated-q4m2x7kd-i2-a1"},"eventTime":"2026-01-01T00:00:00.000000Z","reportingController":"remediated","reportingInstance":"bed",` +
		`"action":"` + action + `","reason":"Remediation","type":"Normal","note":"done","regarding":{"kind":"` + kind + `","namespace":"` + namespace + `","name":"` + name + `"}}`
}

// neighbours are like attacks, and what policies do.
var neighbours = []request{
	{"a restart by server-side apply", "APPLY", web + byUs + "&force=true", `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},` + restarting + `}`},
	{"a restart by another patch", "PATCH", web + byUs, `{` + restarting + `}`},
	{"a restart of the StatefulSet", "PATCH", apps + "statefulsets/db" + byUs, `{` + restarting + `}`},
	{"a restart of the DaemonSet", "PATCH", apps + "daemonsets/agent" + byUs, `{` + restarting + `}`},
	{"deleting that very pod", "DELETE", there + "pods/running", deleting + `"preconditions":{"uid":"RUNNING"}}`},
	{"evicting that very pod", "POST", there + "pods/running/eviction", evicting("running", `{"preconditions":{"uid":"RUNNING"}}`)},
	{"evicting the StatefulSet's pod", "POST", core + "pods/db-0/eviction", evicting("db-0", `{"preconditions":{"uid":"DB-0"}}`)},
	{"the Job that a policy runs", "POST", jobs, aJob},
	{"an isolation", "POST", isolations, anIsolation},
	{"lifting the isolation", "DELETE", isolations + "/remediated-isolates-statefulset-db", deleting + `"preconditions":{"uid":"ISOLATION"}}`},
	{"an event", "POST", events, written[0]},
	{"an event of the second act of an undo", "POST", events, strings.Replace(written[0], "-a1", "-a1-u2", 1)},
}

// beyondRoles are refused by the printed roles alone.
var beyondRoles = []request{
	{"a pod", "POST", core + "pods", `{"metadata":{"name":"evil"},"spec":` + podSpec + `}`},
	{"exec", "POST", there + "pods/running/exec?command=sh&stdout=true", ""},
	{"reading a secret", "GET", core + "secrets/password", ""},
	{"deleting a pod where none may be", "DELETE", core + "pods/waiting", ""},
	{"no replicas by the subresource", "MERGE", web + "/scale", `{"spec":{"replicas":0}}`},
	{"deleting the deployment", "DELETE", web, ""},
	{"a deployment elsewhere", "PATCH", "/apis/apps/v1/namespaces/THERE/deployments/web", `{}`},
	{"a token", "POST", core + "serviceaccounts/default/token", `{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{}}`},
	{"a cluster role binding", "POST", access + "clusterrolebindings", `{"metadata":{"name":"evil"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"cluster-admin"}}`},
	{"a node's labels", "PATCH", "/api/v1/nodes/process-1", `{"metadata":{"labels":{"evil":"true"}}}`},
}

// fenceRemovals take the fence away, or make a hole in it.
var fenceRemovals = []request{
	{"deleting the fence", "DELETE", "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/remediated", ""},
	{"deleting its binding", "DELETE", "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/remediated", ""},
	{"letting it only warn", "MERGE", "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/remediated", `{"spec":{"validationActions":["Warn"]}}`},
	{"letting it fail open", "MERGE", "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/remediated", `{"spec":{"failurePolicy":"Ignore"}}`},
}
