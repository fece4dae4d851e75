package action

import (
	"strconv"

	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

// cordonWrite holds when a node that is not cordoned is, with our mark, and
// nothing else is changed. Taints are set by the cluster's own controllers.
func cordonWrite() Write {
	return nodeWrite("to cordon a node that is not, with the annotation "+kube.CordonedAnnotation,
		`has(object.spec.unschedulable) && object.spec.unschedulable`,
		`(!has(oldObject.spec.unschedulable) || !oldObject.spec.unschedulable)`,
		marked("object"+annotations, kube.CordonedAnnotation),
	)
}

// uncordonWrite holds when a cordon with our mark is lifted, and the mark with
// it.
func uncordonWrite() Write {
	mark := strconv.Quote(kube.CordonedAnnotation)
	return nodeWrite("to uncordon a node that has the annotation "+kube.CordonedAnnotation+", which goes with it",
		`(!has(object.spec.unschedulable) || !object.spec.unschedulable)`,
		`has(oldObject.spec.unschedulable) && oldObject.spec.unschedulable`,
		`has(oldObject.metadata.annotations) && `+mark+` in oldObject.metadata.annotations`,
		`(!has(object.metadata.annotations) || !(`+mark+` in object.metadata.annotations))`,
	)
}

// nodeWrite is an update of a node, by us, that changes nothing but whether it
// is cordoned, and our mark.
func nodeWrite(doc string, as ...string) Write {
	return Write{
		Doc:       doc,
		Operation: "UPDATE", Resource: "nodes",
		Where: within(""), Named: "variables.name",
		As: every(append([]string{
			byUs,
			unchanged(".metadata", "annotations", "generation", "managedFields", "resourceVersion"),
			unchanged(".spec", "unschedulable"),
			othersKept(annotations, kube.CordonedAnnotation),
		}, as...)...),
	}
}
