// Package kube reads the objects of a cluster that something may be done to,
// and says by name what must not be done to them. It reads only. The probes
// show what it found to the guards; the actions look once more with the same
// eyes before they write.
package kube

import (
	"context"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Kinds of a target, as they stand in [remediate.Target].
const (
	Deployment  = "deployment"
	StatefulSet = "statefulset"
	DaemonSet   = "daemonset"
	Pod         = "pod"
	Owner       = "owner"
	Node        = "node"
)

// Manager is our name in managedFields.
const Manager = "remediated"

// ErrGone is returned for a target that is not there.
var ErrGone = errors.New(remediate.RefusedGone)

// Reader reads one cluster.
type Reader struct{ client Cluster }

// NewReader returns the reader of a cluster.
func NewReader(client Cluster) Reader { return Reader{client} }

// Workload reads the target and what is refused about it. An owner is replaced
// by the workload that owns the pod of that name. The error is [ErrGone] when
// the target is not there.
func (r Reader) Workload(ctx context.Context, t remediate.Target) (*Workload, error) {
	return r.WorkloadFor(ctx, t, "")
}

// WorkloadFor is [Reader.Workload] with what is refused for a purpose.
func (r Reader) WorkloadFor(ctx context.Context, t remediate.Target, what Purpose) (*Workload, error) {
	w, err := r.Object(ctx, t)
	if err != nil {
		return nil, err
	}
	if w.Refused == "" {
		if w.Refused, err = r.refused(ctx, w, what); err != nil {
			return nil, fmt.Errorf("read %s: %w", t, err)
		}
	}
	return w, nil
}

// Object reads the target alone, and judges nothing about it. An owner is
// replaced by the workload that owns the pod of that name. The error is
// [ErrGone] when it is not there.
func (r Reader) Object(ctx context.Context, t remediate.Target) (*Workload, error) {
	w, err := r.read(ctx, t)
	if isGone(err) {
		return nil, fmt.Errorf("%s: %w", t, ErrGone)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", t, err)
	}
	return w, nil
}

func (r Reader) read(ctx context.Context, t remediate.Target) (*Workload, error) {
	switch t.Kind {
	case Deployment:
		d, err := r.client.Deployments(t.Namespace).Get(ctx, t.Name, metav1.GetOptions{})
		if err != nil {
			return nil, err
		}
		return fromDeployment(t, d), nil
	case StatefulSet:
		s, err := r.client.StatefulSets(t.Namespace).Get(ctx, t.Name, metav1.GetOptions{})
		if err != nil {
			return nil, err
		}
		return fromStatefulSet(t, s), nil
	case DaemonSet:
		d, err := r.client.DaemonSets(t.Namespace).Get(ctx, t.Name, metav1.GetOptions{})
		if err != nil {
			return nil, err
		}
		return fromDaemonSet(t, d), nil
	case Pod:
		p, err := r.client.Pods(t.Namespace).Get(ctx, t.Name, metav1.GetOptions{})
		if err != nil {
			return nil, err
		}
		return fromPod(t, p), nil
	case Node:
		n, err := r.client.Nodes().Get(ctx, t.Name, metav1.GetOptions{})
		if err != nil {
			return nil, err
		}
		return fromNode(t, n), nil
	case Owner:
		return r.owner(ctx, t)
	}
	return nil, judgement{fmt.Errorf("there is no target of kind %q; there is %s", t.Kind, strings.Join(remediate.TargetKinds, ", "))}
}

// PodsOf lists the pods of a workload, by its selector; for a pod it is the pod
// itself, and for a node all that are on it.
func (r Reader) PodsOf(ctx context.Context, w *Workload) ([]corev1.Pod, error) {
	if w.pod != nil {
		return []corev1.Pod{*w.pod}, nil
	}
	if w.node != nil {
		return r.PodsOn(ctx, w.Meta.Name)
	}
	selector, err := w.LabelSelector()
	if err != nil {
		return nil, err
	}
	return r.Pods(ctx, w.Target.Namespace, selector)
}

// NamespaceMode returns the remediated/mode annotation of a namespace as it was
// written, "" when there is none.
func (r Reader) NamespaceMode(ctx context.Context, namespace string) (string, error) {
	n, err := r.client.Namespaces().Get(ctx, namespace, metav1.GetOptions{})
	if err != nil {
		return "", fmt.Errorf("read whether the namespace %s says %s: %w", namespace, ModeAnnotation, err)
	}
	return n.Annotations[ModeAnnotation], nil
}

// Pods lists the pods of a namespace that a selector means. An empty selector
// would mean all of them and is an error.
func (r Reader) Pods(ctx context.Context, namespace string, selector labels.Selector) ([]corev1.Pod, error) {
	if namespace == "" || selector == nil || selector.Empty() {
		return nil, judgement{errors.New("list pods: an empty namespace or selector means every pod: name which")}
	}
	list, err := r.client.Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: selector.String()})
	if err != nil {
		return nil, fmt.Errorf("list pods of %s with %s: %w", namespace, selector, err)
	}
	return list.Items, nil
}

// isGone tells whether the API server itself said that the object is not there.
// A proxy's "404 page not found" has the same code and says nothing.
func isGone(err error) bool {
	return apierrors.IsNotFound(err) && !apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse)
}

// IsGone tells whether err says that the object is not there.
func IsGone(err error) bool { return errors.Is(err, ErrGone) || isGone(err) }

// IsFault tells whether err counts against the API server: it could not be
// reached, did not answer in time, or could not do its work. That it answered
// no is none.
func IsFault(err error) bool {
	if err == nil || errors.Is(err, ErrGone) {
		return false
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		var j judgement
		return !errors.As(err, &j)
	}
	return status.Status().Code >= 500
}

// judgement is an error about what was read, not about reading it.
type judgement struct{ error }
