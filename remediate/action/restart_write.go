package action

import (
	"encoding/json"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

func restartWrites(target string, _ json.RawMessage) []Write {
	out := eventWrites("restart", restartable(target)...)
	for _, k := range restartable(target) {
		out = append(out, Write{
			Doc:       "to restart it, by the annotation " + kube.AttemptAnnotation + " of its pod template",
			Operation: "UPDATE", Group: "apps", Resource: k + "s",
			Named: "variables.name",
			As:    marks(k),
		})
		if k == kube.StatefulSet {
			out = append(out, evictionWrite("-[0-9]+"))
		}
	}
	return out
}

// marks holds when nothing but our mark is set on the pod template, by us. What
// the API server itself counts up is left out; beside metadata and spec there is
// only the status, which it keeps from this request.
func marks(kind string) string {
	const template = ".spec.template.metadata.annotations"
	counted := []string{"generation", "managedFields", "resourceVersion"}
	expressions := []string{byUs}
	if kind == kube.DaemonSet { // it has one more, among the annotations, and so always has some
		counted = append(counted, "annotations")
		expressions = append(expressions, unchanged(".metadata.annotations", appsv1.DeprecatedTemplateGeneration))
	}
	return every(append(expressions,
		unchanged(".metadata", counted...),
		unchanged(".spec", "template"),
		`object.spec.template.spec == oldObject.spec.template.spec`,
		unchanged(".spec.template.metadata", "annotations"),
		marked("object"+template, kube.AttemptAnnotation),
		othersKept(template, kube.AttemptAnnotation),
	)...)
}
