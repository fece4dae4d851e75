//go:build e2e

package e2e

// request is one line of the tables below. HERE and THERE in it stand for the
// two namespaces. PATCH is a strategic merge, MERGE, JSON and APPLY are the
// other sorts of patches.
type request struct{ name, verb, path, body string }

// targets is what the attacks are against, beside the Deployment web, which
// bears our mark, and the StatefulSet db.
const targets = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: watched, namespace: HERE}
spec:
  selector: {matchLabels: {app: watched}}
  template:
    metadata: {labels: {app: watched}}
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
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: HERE}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
`

const (
	web     = "/apis/apps/v1/namespaces/HERE/deployments/web"
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

// ofTemplate is a change of the pod template of web, beside a restart that is
// allowed by itself.
func ofTemplate(name, spec string) request {
	return request{name, "PATCH", web + byUs, `{"spec":{"template":{` + remarks + `,"spec":` + spec + `}}}`}
}

// ofPods is a template with other annotations or labels.
func ofPods(name, metadata string) request {
	return request{name, "PATCH", web + byUs, `{"spec":{"template":{"metadata":` + metadata + `}}}`}
}

// ofObject is a change beside the template, with a restart.
func ofObject(name, fields string) request {
	return request{name, "PATCH", web + byUs, `{` + fields + `}`}
}

const restarting = `"spec":{"template":{` + remarks + `}}`

// attacks are what no loaded policy does. Each is valid, and accepted of one who
// may do everything.
var attacks = []request{
	// What runs.
	{"another image", "PATCH", web + byUs, `{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"evil"}]}}}}`},
	ofTemplate("a restart with another image", `{"containers":[{"name":"c","image":"evil"}]}`),
	ofTemplate("a volume of the node", `{"volumes":[{"name":"root","hostPath":{"path":"/"}}]}`),
	ofTemplate("the node's processes", `{"hostPID":true}`),
	ofTemplate("the node's network", `{"hostNetwork":true}`),
	ofTemplate("the node's IPC", `{"hostIPC":true}`),
	ofTemplate("privileges", `{"containers":[{"name":"c","securityContext":{"privileged":true}}]}`),
	ofTemplate("another ServiceAccount", `{"serviceAccountName":"default"}`),
	ofTemplate("another command", `{"containers":[{"name":"c","command":["sh"]}]}`),
	ofTemplate("another environment", `{"containers":[{"name":"c","env":[{"name":"LD_PRELOAD","value":"evil.so"}]}]}`),
	ofTemplate("one more container", `{"containers":[{"name":"evil","image":"evil"}]}`),
	ofTemplate("an init container", `{"initContainers":[{"name":"evil","image":"evil"}]}`),
	ofTemplate("another node", `{"nodeName":"process-1"}`),
	ofTemplate("a toleration", `{"tolerations":[{"operator":"Exists"}]}`),
	{"another image by server-side apply", "APPLY", web + byUs + "&force=true", `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},"spec":{"template":{` + remarks + `,"spec":{"containers":[{"name":"c","image":"evil"}]}}}}`},
	{"another image by JSON patch", "JSON", web + byUs, `[{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"evil"}]`},
	{"a sidecar's annotation", "PATCH", web + byUs, `{"spec":{"template":{"metadata":{"annotations":{` + aMark + `,"vault.hashicorp.com/agent-inject":"true"}}}}}`},
	ofPods("somebody else's annotation changed", `{"annotations":{`+aMark+`,"team":"evil"}}`),
	ofPods("somebody else's annotation removed", `{"annotations":{`+aMark+`,"team":null}}`),
	ofPods("our annotation removed", `{"annotations":{"remediated/attempt":null}}`),
	ofPods("our annotation with any text", `{"annotations":{"remediated/attempt":"evil"}}`),
	ofPods("kubectl's restart", `{"annotations":{"kubectl.kubernetes.io/restartedAt":"2026-01-01T00:00:00Z"}}`),
	ofPods("a label of the pods", `{"annotations":{`+aMark+`},"labels":{"team":"evil"}}`),
	{"a restart in another's name", "PATCH", web + "?fieldManager=kubectl", `{` + restarting + `}`},

	// What is around it.
	ofObject("an annotation of the object", `"metadata":{"annotations":{"remediated/mode":"act"}},`+restarting),
	ofObject("a label of the object", `"metadata":{"labels":{"team":"evil"}},`+restarting),
	ofObject("an owner", `"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"c","uid":"1"}]},`+restarting),
	ofObject("a finalizer", `"metadata":{"finalizers":["evil.example/stay"]},`+restarting),
	{"no replicas", "PATCH", web + byUs, `{"spec":{"replicas":0}}`},
	ofObject("more replicas", `"spec":{"replicas":9,"template":{`+remarks+`}}`),
	ofObject("a paused rollout", `"spec":{"paused":true,"template":{`+remarks+`}}`),
	ofObject("another strategy", `"spec":{"strategy":{"type":"Recreate","rollingUpdate":null},"template":{`+remarks+`}}`),
	ofObject("no history", `"spec":{"revisionHistoryLimit":0,"template":{`+remarks+`}}`),
	{"no replicas by the subresource", "MERGE", web + "/scale" + byUs, `{"spec":{"replicas":0}}`},
	{"a status", "MERGE", web + "/status" + byUs, `{"status":{"observedGeneration":99}}`},
	{"deleting it", "DELETE", web, ""},
	{"deleting all of them", "DELETE", apps + "deployments", ""},
	{"making another", "POST", apps + "deployments", `{"metadata":{"name":"evil"},"spec":{"selector":{"matchLabels":{"app":"evil"}},"template":` + asPods + `}}`},
	{"making another by server-side apply", "APPLY", apps + "deployments/evil" + byUs, `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"evil"},"spec":{"selector":{"matchLabels":{"app":"evil"}},"template":` + asPods + `}}`},

	// Other workloads.
	{"restarting what is only watched", "PATCH", apps + "deployments/watched" + byUs, `{` + restarting + `}`},
	{"the StatefulSet's replicas", "PATCH", apps + "statefulsets/db" + byUs, `{"spec":{"replicas":0}}`},
	{"the StatefulSet's image", "PATCH", apps + "statefulsets/db" + byUs, `{"spec":{"template":{` + remarks + `,"spec":{"containers":[{"name":"c","image":"evil"}]}}}}`},
	{"a DaemonSet", "POST", apps + "daemonsets", `{"metadata":{"name":"agent"},"spec":{"selector":{"matchLabels":{"app":"evil"}},"template":` + asPods + `}}`},
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
	{"deleting a pod where none may be", "DELETE", core + "pods/waiting", ""},
	{"deleting any pod of that name", "DELETE", there + "pods/running", ""},
	{"deleting all pods", "DELETE", there + "pods", ""},
	{"evicting where none may be", "POST", core + "pods/waiting/eviction", `{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"waiting"},"deleteOptions":{}}`},
	{"evicting any pod of that name", "POST", there + "pods/running/eviction", `{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"running"}}`},
	{"killing a pod by eviction", "POST", there + "pods/waiting/eviction", `{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"waiting"},"deleteOptions":{"gracePeriodSeconds":0}}`},

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
	{"an event about something else", "POST", events, anEvent("remediated-q4m2x7kd-i2-a1", "watched", "remediated")},
	{"an event in another's name", "POST", events, anEvent("remediated-q4m2x7kd-i2-a1", "web", "kubelet")},
	{"an event of another name", "POST", events, anEvent("evil", "web", "remediated")},
	{"deleting all events", "DELETE", events, ""},
}

const (
	events   = "/apis/events.k8s.io/v1/namespaces/HERE/events"
	evilHook = `{"name":"evil.example.com","clientConfig":{"url":"https://evil.example.com"},"admissionReviewVersions":["v1"],"sideEffects":"None","failurePolicy":"Ignore","rules":[{"apiGroups":["example.com"],"apiVersions":["v1"],"operations":["CREATE"],"resources":["evils"]}]}`
)

// anEvent says that web or another Deployment was restarted.
func anEvent(name, regarding, reporter string) string {
	return `{"metadata":{"name":"` + name + `"},"eventTime":"2026-01-01T00:00:00.000000Z","reportingController":"` + reporter + `","reportingInstance":"bed",` +
		`"action":"restart","reason":"Remediation","type":"Normal","note":"done","regarding":{"apiVersion":"apps/v1","kind":"Deployment","namespace":"HERE","name":"` + regarding + `"}}`
}

// neighbours are like attacks, and what policies do.
var neighbours = []request{
	{"a restart by server-side apply", "APPLY", web + byUs + "&force=true", `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},` + restarting + `}`},
	{"a restart by another patch", "PATCH", web + byUs, `{` + restarting + `}`},
	{"a restart of the StatefulSet", "PATCH", apps + "statefulsets/db" + byUs, `{` + restarting + `}`},
	{"an event", "POST", events, anEvent("remediated-q4m2x7kd-i2-a1", "web", "remediated")},
	{"an event of the second act of an undo", "POST", events, anEvent("remediated-q4m2x7kd-i2-a1-u2", "web", "remediated")},
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
