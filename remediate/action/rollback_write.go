package action

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

// rollBack sends the pod template, the mark, and why the revision was made once,
// which its history is to say of it again. The patch names the UID and the
// resourceVersion that were judged, so that it changes nothing else than that.
func (t *attempt) rollBack(ctx context.Context, w *kube.Workload, next *kube.Rollback) *writeError {
	notes := maps.Clone(w.Meta.Annotations)
	if notes == nil {
		notes = map[string]string{}
	}
	notes[kube.RolledBackBy], notes[kube.RolledBackFrom], notes[kube.RolledBackTo] = t.ID, next.From.Hash, next.To.Fingerprint()
	if notes[kube.ChangeCause] = next.To.Cause; next.To.Cause == "" {
		delete(notes, kube.ChangeCause)
	}
	type op struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value any    `json:"value"`
	}
	body, err := json.Marshal([]op{
		{"replace", "/metadata/uid", w.Meta.UID},
		{"replace", "/metadata/resourceVersion", w.Meta.ResourceVersion},
		{"add", "/metadata/annotations", notes},
		{"replace", "/spec/template", next.To.Template},
	})
	if err != nil {
		return &writeError{err: fmt.Errorf("encode the rollback: %w", err)}
	}
	return t.send(ctx, t.client.AppsV1.Patch(types.JSONPatchType).
		Namespace(w.Target.Namespace).Resource("deployments").Name(w.Target.Name).
		VersionedParams(&metav1.PatchOptions{FieldManager: kube.Manager}, kube.Parameters).
		Body(body))
}

// isRolledBack tells whether a request whose answer was lost was carried out.
func (t *attempt) isRolledBack(ctx context.Context) bool {
	w, stop := t.same(ctx)
	return stop == nil && w.RolledBackBy() == t.ID
}

func rollbackWrites(string, json.RawMessage) []Write {
	return append(eventWrites("rollback", kube.Deployment), Write{
		Doc:       "to put back an earlier pod template that allows its pods no more, and note which",
		Operation: "UPDATE", Group: "apps", Resource: "deployments",
		Named: "variables.name",
		As:    rollsBack(),
	})
}

// rollsBack holds when the pod template, our annotations and the reason of the
// revision change, and nothing else. Which templates there were before CEL
// cannot know; that the pods may do no more than before, it can.
func rollsBack() string {
	const spec = ".spec.template.spec"
	mark := func(key, form string) string {
		return fmt.Sprintf("%[2]q in object%[1]s && object%[1]s[%[2]q].matches(%[3]q)", annotations, key, form)
	}
	absent := func(field string) string {
		return fmt.Sprintf("(!has(object%[1]s.%[2]s) || !object%[1]s.%[2]s || has(oldObject%[1]s.%[2]s) && oldObject%[1]s.%[2]s)", spec, field)
	}
	return every(
		byUs,
		unchanged(".metadata", "generation", "managedFields", "resourceVersion", "annotations"),
		unchanged(".spec", "template"),
		othersKept(annotations, kube.RolledBackBy, kube.RolledBackFrom, kube.RolledBackTo, kube.ChangeCause),
		marked("object"+annotations, kube.RolledBackBy),
		// once for each attempt
		fmt.Sprintf("(!has(oldObject%[1]s) || !(%[2]q in oldObject%[1]s) || oldObject%[1]s[%[2]q] != object%[1]s[%[2]q])", annotations, kube.RolledBackBy),
		mark(kube.RolledBackFrom, `^[a-z0-9]+$`), mark(kube.RolledBackTo, `^[0-9a-f]{24}([.][0-9a-f]{8})?$`),
		`object.spec.template != oldObject.spec.template`,
		same(spec, "serviceAccountName"), same(spec, "serviceAccount"),
		absent("hostNetwork"), absent("hostPID"), absent("hostIPC"),
		fmt.Sprintf("(!has(object%[1]s.volumes) || object%[1]s.volumes.all(v, !has(v.hostPath) ||\n"+
			"  has(oldObject%[1]s.volumes) && oldObject%[1]s.volumes.exists(o, has(o.hostPath) && o.hostPath.path == v.hostPath.path)))", spec),
		fmt.Sprintf("(!%s || %s)", someContainer("object"+spec, "c", privilegedIn("c")), someContainer("oldObject"+spec, "c", privilegedIn("c"))),
		"!"+someContainer("object"+spec, "c", addsIn("c")+" && !c.securityContext.capabilities.add.all(x, "+
			someContainer("oldObject"+spec, "o", addsIn("o")+" && x in o.securityContext.capabilities.add")+")"),
	)
}

// same holds when the field of the map at path is in object as in oldObject.
func same(path, field string) string {
	return fmt.Sprintf("has(object%[1]s.%[2]s) == has(oldObject%[1]s.%[2]s) && (!has(object%[1]s.%[2]s) || object%[1]s.%[2]s == oldObject%[1]s.%[2]s)", path, field)
}

// someContainer holds when the condition does for a container of a pod's spec,
// which is called name there.
func someContainer(spec, name, condition string) string {
	return fmt.Sprintf("(has(%[1]s.containers) && %[1]s.containers.exists(%[2]s, %[3]s) ||\n  has(%[1]s.initContainers) && %[1]s.initContainers.exists(%[2]s, %[3]s))", spec, name, condition)
}

func privilegedIn(c string) string {
	return fmt.Sprintf("has(%[1]s.securityContext) && has(%[1]s.securityContext.privileged) && %[1]s.securityContext.privileged", c)
}

func addsIn(c string) string {
	return fmt.Sprintf("has(%[1]s.securityContext) && has(%[1]s.securityContext.capabilities) && has(%[1]s.securityContext.capabilities.add)", c)
}
