//go:build e2e

package e2e

import "strings"

const (
	isolations = "/apis/networking.k8s.io/v1/namespaces/HERE/networkpolicies"
	// anIsolation is what the policy that isolates sends.
	anIsolation = `{"metadata":{"name":"remediated-isolates-deployment-web","labels":{"app.kubernetes.io/managed-by":"remediated","remediated/attempt":"q4m2x7kd-i2-a1"},"annotations":{"remediated/isolates":"1"}},` +
		`"spec":{"podSelector":{"matchLabels":{"app":"web"}},"policyTypes":["Ingress","Egress"]}}`
)

// likeIsolations are like that, and like lifting one, and never sent.
func likeIsolations() []request {
	lifted := isolations + "/remediated-isolates-statefulset-db"
	out := []request{
		{"an isolation where none may be", "POST", strings.Replace(isolations, "HERE", "THERE", 1), anIsolation},
		{"lifting somebody else's isolation", "DELETE", isolations + "/remediated-isolates-statefulset-byhand", deleting + `"preconditions":{"uid":"BY-HAND"}}`},
		{"lifting what no policy lifts", "DELETE", isolations + "/remediated-isolates-daemonset-agent", deleting + `"preconditions":{"uid":"OF-AGENT"}}`},
		{"lifting any isolation of that name", "DELETE", lifted, ""},
		{"lifting an isolation of any UID", "DELETE", lifted, deleting + `"preconditions":{}}`},
		{"lifting an isolation in the foreground", "DELETE", lifted, deleting + `"preconditions":{"uid":"ISOLATION"},"propagationPolicy":"Foreground"}`},
		{"lifting all isolations", "DELETE", isolations, ""},
		{"opening an isolation", "MERGE", lifted, `{"spec":{"egress":[{}]}}`},
	}
	for _, c := range [][3]string{
		{"of something else", "deployment-web", "deployment-watched"},
		{"of another kind", "deployment-web", "statefulset-web"},
		{"in somebody else's name", `"app.kubernetes.io/managed-by":"remediated"`, `"app.kubernetes.io/managed-by":"helm"`},
		{"of no attempt", `"remediated/attempt":"q4m2x7kd-i2-a1"`, `"remediated/attempt":"evil"`},
		{"with an owner", `"annotations"`, `"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"c","uid":"1"}],"annotations"`},
		{"with a finalizer", `"annotations"`, `"finalizers":["evil.example/stay"],"annotations"`},
		{"one way", `"Ingress","Egress"`, `"Ingress"`},
		{"that lets in", `"policyTypes"`, `"ingress":[{}],"policyTypes"`},
		{"that lets out", `"policyTypes"`, `"egress":[{}],"policyTypes"`},
		{"of all pods", `{"matchLabels":{"app":"web"}}`, `{}`},
	} {
		out = append(out, request{"an isolation " + c[0], "POST", isolations, strings.Replace(anIsolation, c[1], c[2], 1)})
	}
	return out
}
