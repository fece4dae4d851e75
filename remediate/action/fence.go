package action

import (
	"fmt"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"

	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

// Scope is what an act may be done to: objects of a kind, in a namespace, of a
// name. Each may be "", which is any.
type Scope struct{ Kind, Namespace, Name string }

// attemptShape is what an act's ID looks like.
const attemptShape = `^[a-z0-9]+-i[0-9]+-a[0-9]+$`

// generationOfDaemonSet is written by the API server itself whenever the
// template of a DaemonSet changes; what a client says of it is overwritten.
const generationOfDaemonSet = "deprecated.daemonset.template.generation"

// FenceVariables are what the expressions of [Kind]'s Fence use. A field that
// may be absent is read by has(), since an expression that fails and another
// that is true are true together.
func FenceVariables() []admissionv1.Variable {
	optional := func(field string) string { return fmt.Sprintf("has(%s) ? %[1]s : ''", field) }
	annotations := func(of string) string {
		return fmt.Sprintf("has(%s.metadata) && has(%[1]s.metadata.annotations) ? %[1]s.metadata.annotations : {}", of)
	}
	return []admissionv1.Variable{
		{Name: "name", Expression: optional("request.name")},
		{Name: "where", Expression: optional("request.namespace")},
		{Name: "write", Expression: `request.operation + ' ' +
(request.resource.group == '' ? '' : request.resource.group + '/') + request.resource.version + '/' + request.resource.resource +
(has(request.subResource) && request.subResource != '' ? '/' + request.subResource : '')`},
		{Name: "ownNotes", Expression: fmt.Sprintf("request.resource.resource == 'daemonsets' ? ['%s'] : []", generationOfDaemonSet)},
		{Name: "newNotes", Expression: annotations("object")},
		{Name: "oldNotes", Expression: annotations("oldObject")},
		{Name: "newMarks", Expression: annotations("object.spec.template")},
		{Name: "oldMarks", Expression: annotations("oldObject.spec.template")},
		{Name: "oldTemplateMeta", Expression: "has(oldObject.spec.template.metadata) ? oldObject.spec.template.metadata : {}"},
		{Name: "marked", Expression: marked()},
	}
}

// marked is true where nothing but our mark differs. What the API server
// writes by itself, and the status that it does not take from here, may differ.
func marked() string {
	const key = kube.AttemptAnnotation
	return strings.Join([]string{
		same("object", "oldObject", "metadata", "spec", "status"),
		same("object.metadata", "oldObject.metadata", "annotations", "generation", "managedFields", "resourceVersion"),
		sameBut("variables.newNotes", "variables.oldNotes", "variables.ownNotes"),
		same("object.spec", "oldObject.spec", "template"),
		same("object.spec.template", "oldObject.spec.template", "metadata"),
		same("object.spec.template.metadata", "variables.oldTemplateMeta", "annotations"),
		same("variables.newMarks", "variables.oldMarks", key),
		fmt.Sprintf("'%s' in variables.newMarks && variables.newMarks['%[1]s'].matches('%s')", key, attemptShape),
	}, " &&\n")
}

// same is true where two maps differ in these keys at most.
func same(a, b string, except ...string) string {
	return sameBut(a, b, "['"+strings.Join(except, "', '")+"']")
}

// sameBut is true where two maps differ at most in the keys of a list.
func sameBut(a, b, list string) string {
	return fmt.Sprintf("%s.all(k, k in %s || (k in %s && %[1]s[k] == %[3]s[k])) && %[3]s.all(k, k in %[2]s || k in %[1]s)", a, list, b)
}

// write is true for an operation on objects of the scope, such as
// "CREATE v1/pods/eviction", where all the other conditions are true as well.
func (s Scope) write(what string, and ...string) string {
	where := fmt.Sprintf("variables.where == '%s'", s.Namespace)
	if s.Namespace == "" { // wherever an alert says, but not in the cluster's own
		where = "!(variables.where in ['kube-node-lease', 'kube-public', 'kube-system'])"
	}
	conditions := []string{fmt.Sprintf("variables.write == '%s'", what), where}
	if s.Name != "" {
		conditions = append(conditions, fmt.Sprintf("variables.name == '%s'", s.Name))
	}
	return "(" + strings.Join(append(conditions, and...), " && ") + ")"
}

// eviction is true for the eviction of a pod of the scope, which says which pod
// it means by its UID and does not cut its end short.
func (s Scope) eviction(and ...string) string {
	return s.write("CREATE v1/pods/eviction", append(and, "variables.name != ''",
		"has(object.deleteOptions) && has(object.deleteOptions.preconditions) && has(object.deleteOptions.preconditions.uid)",
		"!has(object.deleteOptions.gracePeriodSeconds)")...)
}

// event is true for the Event that tells of an act of this kind.
func (s Scope) event(act string) string {
	s.Name = "" // it has a name of its own
	return s.write("CREATE events.k8s.io/v1/events",
		fmt.Sprintf("object.metadata.name.matches('^%s-%s')", kube.Manager, strings.TrimPrefix(attemptShape, "^")),
		fmt.Sprintf("object.reportingController == '%s'", kube.Manager),
		fmt.Sprintf("object.action == '%s'", act),
		fmt.Sprintf("object.reason == '%s'", eventReason),
	)
}
