//go:build e2e

package e2e

import (
	"encoding/json"
	"strings"
)

// attack is a write that no policy of the test needs. One whose name begins
// with "role: " is refused by the printed roles alone, too.
type attack struct {
	name     string
	method   string // APPLY is a server-side apply by force
	path     string
	body     string
	manager  string // of the fields of a patch, if it is not ours
	params   map[string]string
	merge    bool // a JSON merge patch, for what has no other
	connect  bool // it connects to a pod that runs nowhere
	unfenced bool // admission is not asked: only the roles refuse
}

const (
	deployments = "/apis/apps/v1/namespaces/NS/deployments/"
	web         = deployments + "web"
	pods        = "/api/v1/namespaces/NS/pods"
	legalMark   = `{"spec":{"template":{"metadata":{"annotations":{"remediated/attempt":"stolen00-i1-a1"}}}}}`
)

// attacks returns all of them.
func (f *fenced) attacks() []attack {
	var out []attack
	for _, c := range changes {
		out = append(out, attack{name: "a restart that changes " + c.name, method: "PATCH", path: web, body: withMark(c.body)})
	}
	for _, kind := range []string{"statefulsets/db", "daemonsets/agent"} {
		out = append(out, attack{name: "a restart with another image of " + kind, method: "PATCH",
			path: "/apis/apps/v1/namespaces/NS/" + kind, body: withMark(changes[0].body)})
	}
	return append(out, writes...)
}

// changes go along with a mark that would be allowed by itself.
var changes = []struct{ name, body string }{
	{"the image", `{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"evil"}]}}}}`},
	{"the command", `{"spec":{"template":{"spec":{"containers":[{"name":"c","command":["sh"]}]}}}}`},
	{"the arguments", `{"spec":{"template":{"spec":{"containers":[{"name":"c","args":["-x"]}]}}}}`},
	{"the environment", `{"spec":{"template":{"spec":{"containers":[{"name":"c","env":[{"name":"LD_PRELOAD","value":"/x"}]}]}}}}`},
	{"privileges", `{"spec":{"template":{"spec":{"containers":[{"name":"c","securityContext":{"privileged":true}}]}}}}`},
	{"the user", `{"spec":{"template":{"spec":{"securityContext":{"runAsUser":0}}}}}`},
	{"the lifecycle", `{"spec":{"template":{"spec":{"containers":[{"name":"c","lifecycle":{"postStart":{"exec":{"command":["sh"]}}}}]}}}}`},
	{"limits", `{"spec":{"template":{"spec":{"containers":[{"name":"c","resources":{"limits":{"cpu":"1m"}}}]}}}}`},
	{"volumes: the host's", `{"spec":{"template":{"spec":{"volumes":[{"name":"h","hostPath":{"path":"/"}}]}}}}`},
	{"volumes: a secret", `{"spec":{"template":{"spec":{"volumes":[{"name":"s","secret":{"secretName":"s"}}]}}}}`},
	{"the PID namespace", `{"spec":{"template":{"spec":{"hostPID":true}}}}`},
	{"the network", `{"spec":{"template":{"spec":{"hostNetwork":true}}}}`},
	{"the ServiceAccount", `{"spec":{"template":{"spec":{"serviceAccountName":"ACCOUNT"}}}}`},
	{"init containers", `{"spec":{"template":{"spec":{"initContainers":[{"name":"i","image":"evil"}]}}}}`},
	{"containers: a sidecar", `{"spec":{"template":{"spec":{"containers":[{"name":"side","image":"evil"}]}}}}`},
	{"nodes", `{"spec":{"template":{"spec":{"nodeName":"x"}}}}`},
	{"tolerations", `{"spec":{"template":{"spec":{"tolerations":[{"operator":"Exists"}]}}}}`},
	{"the priority", `{"spec":{"template":{"spec":{"priorityClassName":"system-node-critical"}}}}`},
	{"the pods' labels", `{"spec":{"template":{"metadata":{"labels":{"role":"admin"}}}}}`},
	{"a foreign annotation of the pods", `{"spec":{"template":{"metadata":{"annotations":{"vault.hashicorp.com/agent-inject":"true"}}}}}`},
	{"replicas to 0", `{"spec":{"replicas":0}}`},
	{"replicas", `{"spec":{"replicas":99}}`},
	{"pausing", `{"spec":{"paused":true}}`},
	{"the strategy", `{"spec":{"strategy":{"type":"Recreate","rollingUpdate":null}}}`},
	{"the deadline", `{"spec":{"progressDeadlineSeconds":900}}`},
	{"the history", `{"spec":{"revisionHistoryLimit":0}}`},
	{"labels", `{"metadata":{"labels":{"owner":"me"}}}`},
	{"annotations", `{"metadata":{"annotations":{"note":"x"}}}`},
	{"what is a daemon set's", `{"metadata":{"annotations":{"deprecated.daemonset.template.generation":"9"}}}`},
	{"finalizers", `{"metadata":{"finalizers":["example.com/x"]}}`},
	{"owners", `{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"x","uid":"1"}]}}`},
	{"what there was: a label", `{"metadata":{"labels":{"keep":null}}}`},
	{"what there was: an annotation", `{"metadata":{"annotations":{"keep":null}}}`},
}

// writes are all other attacks.
var writes = []attack{
	{name: "a mark of another shape", method: "PATCH", path: web, body: strings.Replace(legalMark, "stolen00-i1-a1", "now", 1)},
	{name: "a mark under another manager's name", method: "PATCH", path: web, body: legalMark, manager: "kubectl"},
	{name: "taking the mark away", method: "PATCH", path: web, body: strings.Replace(legalMark, `"stolen00-i1-a1"`, "null", 1)},
	{name: "a restart as kubectl does it", method: "PATCH", path: web, body: strings.Replace(legalMark, "remediated/attempt", "kubectl.kubernetes.io/restartedAt", 1)},
	{name: "another image by JSON patch", method: "PATCH", path: web, body: `[{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"evil"}]`},
	{name: "another image by apply", method: "APPLY", path: web, body: `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},"spec":{"template":{"spec":{"containers":[{"name":"c","image":"evil"}]}}}}`},
	{name: "making a deployment by apply", method: "APPLY", path: deployments + "new", body: `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"new"},"spec":{"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"evil"}]}}}}`},
	{name: "restarting a deployment that no policy names", method: "PATCH", path: deployments + "bystander", body: legalMark},
	{name: "role: restarting in another namespace", method: "PATCH", path: "/apis/apps/v1/namespaces/OTHER/deployments/web", body: legalMark},
	{name: "role: scaling to 0", method: "PATCH", path: web + "/scale", body: `{"spec":{"replicas":0}}`, merge: true},
	{name: "role: the status", method: "PATCH", path: web + "/status", body: `{"status":{"observedGeneration":99}}`},
	{name: "role: deleting a deployment", method: "DELETE", path: web},
	{name: "role: deleting all deployments", method: "DELETE", path: strings.TrimSuffix(deployments, "/")},
	{name: "role: a replica set", method: "POST", path: "/apis/apps/v1/namespaces/NS/replicasets", body: `{"metadata":{"name":"x"},"spec":{"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"evil"}]}}}}`},
	{name: "role: deleting all pods", method: "DELETE", path: pods, body: `{"apiVersion":"v1","kind":"DeleteOptions"}`},
	{name: "deleting a pod without its UID", method: "DELETE", path: pods + "/db-0"},
	{name: "evicting a pod without its UID", method: "POST", path: pods + "/db-0/eviction", body: eviction(`{}`)},
	{name: "role: evicting in another namespace", method: "POST", path: "/api/v1/namespaces/OTHER/pods/db-0/eviction", body: eviction(`{}`)},
	{name: "role: deleting a pod in another namespace", method: "DELETE", path: "/api/v1/namespaces/OTHER/pods/db-0"},
	{name: "role: a pod", method: "POST", path: pods, body: `{"metadata":{"name":"evil"},"spec":{"containers":[{"name":"c","image":"evil"}]}}`},
	{name: "role: a pod's image", method: "PATCH", path: pods + "/db-0", body: `{"spec":{"containers":[{"name":"c","image":"evil"}]}}`},
	{name: "role: an ephemeral container", method: "PATCH", path: pods + "/db-0/ephemeralcontainers", body: `{"spec":{"ephemeralContainers":[{"name":"e","image":"evil"}]}}`},
	{name: "role: a pod's status", method: "PATCH", path: pods + "/db-0/status", body: `{"status":{"message":"x"}}`},
	{name: "role: exec", method: "POST", path: pods + "/db-0/exec", params: map[string]string{"command": "sh", "container": "c", "stdout": "true"}, connect: true},
	{name: "role: attach", method: "POST", path: pods + "/db-0/attach", params: map[string]string{"container": "c", "stdout": "true"}, connect: true},
	{name: "role: port-forward", method: "POST", path: pods + "/db-0/portforward", params: map[string]string{"ports": "80"}, connect: true},
	{name: "role: a pod's proxy", method: "GET", path: pods + "/db-0/proxy/", connect: true},
	{name: "role: a secret", method: "POST", path: "/api/v1/namespaces/NS/secrets", body: `{"metadata":{"name":"evil"}}`},
	{name: "role: a token by secret", method: "POST", path: "/api/v1/namespaces/NS/secrets", body: `{"metadata":{"name":"token","annotations":{"kubernetes.io/service-account.name":"default"}},"type":"kubernetes.io/service-account-token"}`},
	{name: "role: changing a secret", method: "PATCH", path: "/api/v1/namespaces/NS/secrets/s", body: `{"data":{"a":"Yg=="}}`},
	{name: "role: deleting a secret", method: "DELETE", path: "/api/v1/namespaces/NS/secrets/s"},
	{name: "role: a config map", method: "PATCH", path: "/api/v1/namespaces/NS/configmaps/kube-root-ca.crt", body: `{"data":{"ca.crt":"x"}}`},
	{name: "role: a token of another account", method: "POST", path: "/api/v1/namespaces/NS/serviceaccounts/default/token", body: `{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{"audiences":[]}}`},
	{name: "role: an account", method: "POST", path: "/api/v1/namespaces/NS/serviceaccounts", body: `{"metadata":{"name":"evil"}}`},
	{name: "role: a job", method: "POST", path: "/apis/batch/v1/namespaces/NS/jobs", body: `{"metadata":{"name":"evil"},"spec":{"template":{"spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"evil"}]}}}}`},
	{name: "role: a role binding", method: "POST", path: rbacPath + "namespaces/NS/rolebindings", body: `{"metadata":{"name":"evil"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"admin"}}`},
	{name: "role: a cluster role binding", method: "POST", path: rbacPath + "clusterrolebindings", body: `{"metadata":{"name":"evil"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"cluster-admin"}}`},
	{name: "role: its own role", method: "PATCH", path: rbacPath + "clusterroles/view", body: `{"metadata":{"labels":{"x":"y"}}}`},
	{name: "role: a node", method: "PATCH", path: "/api/v1/nodes/NODE", body: `{"spec":{"unschedulable":true}}`},
	{name: "role: a node's proxy", method: "GET", path: "/api/v1/nodes/NODE/proxy/pods", connect: true},
	{name: "role: deleting a node", method: "DELETE", path: "/api/v1/nodes/NODE"},
	{name: "role: deleting a claim", method: "DELETE", path: "/api/v1/namespaces/NS/persistentvolumeclaims/c"},
	{name: "role: deleting a volume", method: "DELETE", path: "/api/v1/persistentvolumes/NS"},
	{name: "role: deleting a namespace", method: "DELETE", path: "/api/v1/namespaces/OTHER"},
	{name: "role: a namespace's labels", method: "PATCH", path: "/api/v1/namespaces/NS", body: `{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"privileged"}}}`},
	{name: "role: a disruption budget", method: "PATCH", path: "/apis/policy/v1/namespaces/NS/poddisruptionbudgets/b", body: `{"spec":{"minAvailable":0}}`},
	{name: "role: a service", method: "PATCH", path: "/api/v1/namespaces/NS/services/s", body: `{"spec":{"selector":{"app":"evil"}}}`},
	{name: "role: an autoscaler", method: "PATCH", path: "/apis/autoscaling/v2/namespaces/NS/horizontalpodautoscalers/h", body: `{"spec":{"maxReplicas":99}}`},
	{name: "role: an ingress", method: "POST", path: "/apis/networking.k8s.io/v1/namespaces/NS/ingresses", body: `{"metadata":{"name":"evil"},"spec":{"defaultBackend":{"service":{"name":"s","port":{"number":80}}}}}`},
	{name: "role: a network policy", method: "POST", path: "/apis/networking.k8s.io/v1/namespaces/NS/networkpolicies", body: `{"metadata":{"name":"evil"},"spec":{"podSelector":{}}}`},
	{name: "role: a lease", method: "POST", path: "/apis/coordination.k8s.io/v1/namespaces/NS/leases", body: `{"metadata":{"name":"evil"}}`},
	{name: "role: a custom resource definition", method: "POST", path: "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", body: `{"metadata":{"name":"evils.example.com"},"spec":{"group":"example.com","scope":"Cluster","names":{"plural":"evils","kind":"Evil"},"versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object"}}}]}}`},
	{name: "role: an event of the old kind", method: "POST", path: "/api/v1/namespaces/NS/events", body: `{"metadata":{"name":"evil"},"involvedObject":{"namespace":"NS"}}`},
	{name: "an event in another's name", method: "POST", path: "/apis/events.k8s.io/v1/namespaces/NS/events", body: `{"metadata":{"name":"remediated-stolen00-i1-a1"},"eventTime":"2026-01-01T00:00:00.000000Z","reportingController":"kubelet","reportingInstance":"x","action":"restart","reason":"Remediation","type":"Normal","regarding":{"namespace":"NS"}}`},
	{name: "role: deleting events", method: "DELETE", path: "/apis/events.k8s.io/v1/namespaces/NS/events"},
	{name: "role: a webhook", method: "POST", path: admissionPath + "validatingwebhookconfigurations", body: `{"metadata":{"name":"evil"}}`, unfenced: true},
	{name: "role: removing the fence", method: "DELETE", path: admissionPath + "validatingadmissionpolicies/NS-decoy", unfenced: true},
	{name: "role: removing its binding", method: "DELETE", path: admissionPath + "validatingadmissionpolicybindings/NS-decoy", unfenced: true},
}

const (
	rbacPath      = "/apis/rbac.authorization.k8s.io/v1/"
	admissionPath = "/apis/admissionregistration.k8s.io/v1/"
)

func eviction(options string) string {
	return `{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"db-0"},"deleteOptions":` + options + `}`
}

// withMark is a change and a legal mark in one patch.
func withMark(change string) string {
	var a, b map[string]any
	if json.Unmarshal([]byte(legalMark), &a) != nil || json.Unmarshal([]byte(change), &b) != nil {
		panic("no JSON: " + change)
	}
	out, err := json.Marshal(merge(a, b))
	if err != nil {
		panic(err)
	}
	return string(out)
}

func merge(a, b map[string]any) map[string]any {
	for k, v := range b {
		in, ok := a[k].(map[string]any)
		if more, both := v.(map[string]any); ok && both {
			v = merge(in, more)
		}
		a[k] = v
	}
	return a
}
