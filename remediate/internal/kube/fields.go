package kube

import (
	"encoding/json"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// owners returns the managers of the field at path, by managedFields: who may
// have set it, and when that manager last changed anything of the object.
func owners(entries []metav1.ManagedFieldsEntry, path ...string) []metav1.ManagedFieldsEntry {
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

// ours tells whether the last change of the pod template was our restart, as
// far as managedFields can tell. They are kept to the second, so a change of
// somebody else within our second counts as theirs.
func (w *Workload) ours() bool {
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
	for _, e := range owners(w.Meta.ManagedFields, "spec", "template") {
		if e.Manager != Manager && (last == nil || last.Time == nil || last.Time.Before(e.Time)) {
			last = &e
		}
	}
	return last
}
