package kube

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// RevisionAnnotation is the number that a Deployment's controller gives to it
// and to its ReplicaSets. The highest one is what was wanted last.
const RevisionAnnotation = "deployment.kubernetes.io/revision"

// Annotations of a Deployment that we rolled back. They are written with the pod
// template, in one request.
const (
	RolledBackBy   = "remediated/rolled-back-by"   // which act did it last
	RolledBackFrom = "remediated/rolled-back-from" // pod-template-hash of what was bad
	RolledBackTo   = "remediated/rolled-back-to"   // fingerprint of the template that was put back
)

// Revision is one that a Deployment has, or had.
type Revision struct {
	Number    int64  // as its controller counts, from 1
	Hash      string // its pod-template-hash
	Available int32  // pods of it
	Cause     string // its annotation kubernetes.io/change-cause, "" for none
	// Template is as the Deployment has it: without the hash that its
	// controller adds to the labels.
	Template *corev1.PodTemplateSpec
}

// String names it for people.
func (r *Revision) String() string {
	return fmt.Sprintf("revision %d (pod-template-hash %s)", r.Number, r.Hash)
}

// Fingerprint is [Workload.Fingerprint] of its template.
func (r *Revision) Fingerprint() string { return fingerprint(r.Template) }

// ChangeCause is the annotation that says why a revision was made.
const ChangeCause = "kubernetes.io/change-cause"

// Revisions lists the revisions of a Deployment that are kept, the newest
// first. Those whose number cannot be read are left out: nobody knows when they
// were.
func (r Reader) Revisions(ctx context.Context, w *Workload) ([]Revision, error) {
	selector, err := w.LabelSelector()
	if err != nil {
		return nil, err
	}
	list, err := r.client.ReplicaSets(w.Target.Namespace).List(ctx, metav1.ListOptions{LabelSelector: selector.String()})
	if err != nil {
		return nil, fmt.Errorf("list the ReplicaSets of %s: %w", w.Target, err)
	}
	var out []Revision
	for i := range list.Items {
		rs := &list.Items[i]
		n, err := strconv.ParseInt(rs.Annotations[RevisionAnnotation], 10, 64)
		if ref := metav1.GetControllerOf(rs); err != nil || ref == nil || ref.UID != w.Meta.UID {
			continue
		}
		template := rs.Spec.Template.DeepCopy()
		delete(template.Labels, appsv1.DefaultDeploymentUniqueLabelKey)
		out = append(out, Revision{n, rs.Labels[appsv1.DefaultDeploymentUniqueLabelKey], rs.Status.AvailableReplicas, rs.Annotations[ChangeCause], template})
	}
	slices.SortFunc(out, func(a, b Revision) int { return cmp.Compare(b.Number, a.Number) })
	return out, nil
}

// Is tells whether it is what the Deployment wants now, to the last annotation.
func (r *Revision) Is(w *Workload) bool { return canonical(r.Template) == canonical(w.Template) }

// canonical is a template as bytes, which an empty map does not change.
func canonical(t *corev1.PodTemplateSpec) string {
	b, err := json.Marshal(t)
	if err != nil {
		panic("kube: a pod template is plain data: " + err.Error())
	}
	return string(b)
}

// RolledBack tells whether what it wants now is what we rolled back to.
func (w *Workload) RolledBack() bool {
	to := w.Meta.Annotations[RolledBackTo]
	return to != "" && w.Template != nil && SameButRestarts(to, w.Fingerprint())
}

// KeepsNone tells whether no earlier revision is kept, once it is replaced.
func (w *Workload) KeepsNone() bool {
	return w.deployment != nil && w.deployment.Spec.RevisionHistoryLimit != nil && *w.deployment.Spec.RevisionHistoryLimit == 0
}
