package kube

import (
	"encoding/json"
	"regexp"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Owners returns the managers of the field at path, by managedFields: who may
// have set it, and when that manager last changed anything of the object.
func Owners(entries []metav1.ManagedFieldsEntry, path ...string) []metav1.ManagedFieldsEntry {
	var out []metav1.ManagedFieldsEntry
	for _, e := range entries {
		if e.FieldsV1 != nil && has(e.FieldsV1.GetRawBytes(), path) {
			out = append(out, e)
		}
	}
	return out
}

func has(fields []byte, path []string) bool {
	if len(path) == 0 {
		return true
	}
	var m map[string]json.RawMessage
	if json.Unmarshal(fields, &m) != nil {
		return false
	}
	next, ok := m["f:"+path[0]]
	return ok && has(next, path[1:])
}

// ours tells whether the last change of the pod template was our restart or our
// rollback, as far as managedFields can tell. They are kept to the second, so a change of
// somebody else within our second counts as theirs.
func (w *Workload) ours() bool {
	if to := w.Meta.Annotations[RolledBackTo]; to != "" && to == w.Fingerprint() {
		return true // a restart of it by hand is another one
	}
	at := w.AppliedAt()
	if at.IsZero() {
		return false
	}
	theirs := w.changedByOthers()
	return theirs.Before(at)
}

// changedByOthers returns when a manager of any part of the pod template, other
// than us, last changed something.
func (w *Workload) changedByOthers() time.Time {
	if last := w.lastChange(); last != nil && last.Time != nil {
		return last.Time.Time
	}
	return time.Time{}
}

// lastChange returns the entry of the manager of any part of the pod template,
// other than us, that last changed something; nil when there is none. One that
// does not say when is the last choice.
func (w *Workload) lastChange() *metav1.ManagedFieldsEntry {
	var last *metav1.ManagedFieldsEntry
	for _, e := range Owners(w.Meta.ManagedFields, "spec", "template") {
		if e.Manager != Manager && (last == nil || last.Time == nil || last.Time.Before(e.Time)) {
			last = &e
		}
	}
	return last
}

// MarkIsLeft tells whether our mark is a field that was set by plain updates
// alone, as by `kubectl rollout undo` or our own rollback, which put back an
// earlier template with the mark of an earlier restart. Such a field belongs to
// whoever wrote it last, and nobody means to set it back. One that somebody
// applies, or that is not the ID of an act, is none of ours.
func (w *Workload) MarkIsLeft() bool {
	if w.Template == nil || !attemptID.MatchString(w.Template.Annotations[AttemptAnnotation]) {
		return false
	}
	left := false
	for _, e := range Owners(w.Meta.ManagedFields, "spec", "template", "metadata", "annotations", AttemptAnnotation) {
		if e.Operation != metav1.ManagedFieldsOperationUpdate && e.Manager != Manager {
			return false
		}
		left = left || e.Operation == metav1.ManagedFieldsOperationUpdate
	}
	return left
}

// AttemptIDs is a regular expression for the IDs of acts: q4m2x7kd-i42-a1, with
// a number behind it in a procedure.
const AttemptIDs = `[a-z0-9]+-i[0-9]+-a[0-9]+(-u?[0-9]+)?`

var attemptID = regexp.MustCompile("^" + AttemptIDs + "$")
