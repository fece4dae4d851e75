package action

import (
	"encoding/json"
	"strconv"

	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

func isolateWrites(target string, _ json.RawMessage) []Write {
	out := eventWrites("isolate", kindsOf(target)...)
	for _, k := range kindsOf(target) {
		out = append(out, Write{
			Doc:       "to isolate pods, by denying them all traffic",
			Operation: "CREATE", Group: "networking.k8s.io", Resource: "networkpolicies",
			Named: "object.metadata.name", Prefix: isolationPrefix + k + "-",
			As: every(
				keyed("object.metadata.labels", managedByLabel, strconv.Quote(kube.Manager)),
				marked("object.metadata.labels", attemptLabel),
				`!has(object.metadata.ownerReferences) && !has(object.metadata.finalizers)`,
				`has(object.spec.policyTypes) && object.spec.policyTypes == ["Ingress", "Egress"]`,
				`!has(object.spec.ingress)`,
				`!has(object.spec.egress)`,
				`(has(object.spec.podSelector.matchLabels) && size(object.spec.podSelector.matchLabels) > 0 ||
  has(object.spec.podSelector.matchExpressions) && size(object.spec.podSelector.matchExpressions) > 0)`,
			),
		})
	}
	return out
}

func liftIsolationWrites(target string, _ json.RawMessage) []Write {
	out := eventWrites("lift_isolation", kindsOf(target)...)
	for _, k := range kindsOf(target) {
		out = append(out, Write{
			Doc:       "to lift the isolation of pods, that very one",
			Operation: "DELETE", Group: "networking.k8s.io", Resource: "networkpolicies",
			Named: "variables.name", Prefix: isolationPrefix + k + "-",
			As: every(
				keyed("oldObject.metadata.labels", managedByLabel, strconv.Quote(kube.Manager)),
				`has(request.options.preconditions) && has(request.options.preconditions.uid)`,
				only("request.options", "apiVersion", "kind", "preconditions", "dryRun"),
			),
		})
	}
	return out
}
