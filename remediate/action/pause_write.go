package action

import (
	"encoding/json"
	"strconv"

	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

// pauseWrites hold when a rollout that is not paused is, with our mark, and
// nothing else is changed.
func pauseWrites(string, json.RawMessage) []Write {
	return append(eventWrites("pause", kube.Deployment), pausing("to pause its rollout, with the annotation "+kube.PausedAnnotation,
		`has(object.spec.paused) && object.spec.paused`,
		`(!has(oldObject.spec.paused) || !oldObject.spec.paused)`,
		marked("object"+annotations, kube.PausedAnnotation),
	))
}

// resumeWrites hold when a pause with our mark is lifted, and the mark with it.
func resumeWrites(string, json.RawMessage) []Write {
	mark := strconv.Quote(kube.PausedAnnotation)
	return append(eventWrites("resume", kube.Deployment), pausing("to resume its rollout where it has the annotation "+kube.PausedAnnotation+", which goes with it",
		`(!has(object.spec.paused) || !object.spec.paused)`,
		`has(oldObject.spec.paused) && oldObject.spec.paused`,
		`has(oldObject.metadata.annotations) && `+mark+` in oldObject.metadata.annotations`,
		`(!has(object.metadata.annotations) || !(`+mark+` in object.metadata.annotations))`,
	))
}

// pausing is an update of a Deployment, by us, that changes nothing but whether
// its rollout is paused, and our mark.
func pausing(doc string, as ...string) Write {
	return Write{
		Doc:       doc,
		Operation: "UPDATE", Group: "apps", Resource: "deployments",
		Named: "variables.name",
		As: every(append([]string{
			byUs,
			unchanged(".metadata", "annotations", "generation", "managedFields", "resourceVersion"),
			unchanged(".spec", "paused"),
			othersKept(annotations, kube.PausedAnnotation),
		}, as...)...),
	}
}
