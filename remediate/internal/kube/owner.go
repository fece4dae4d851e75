package kube

import (
	"context"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/x0tta6bl4/remediated/remediate"
)

// lineage is who stands above a pod.
type lineage struct {
	workload *Workload // nil when there is none that we know
	refused  string    // why neither the pod nor its workload may be touched
}

// owner reads the workload that owns the pod called t.Name. When there is none
// that we know, it returns the pod with the reason why it is refused.
func (r Reader) owner(ctx context.Context, t remediate.Target) (*Workload, error) {
	t.Kind = Pod
	w, err := r.read(ctx, t)
	if err != nil {
		return nil, err
	}
	above, err := r.above(ctx, w)
	switch {
	case err != nil:
		return nil, err
	case above.workload != nil:
		return above.workload, nil
	}
	if w.Refused = above.refused; w.Refused == "" {
		w.Refused = "its ReplicaSet belongs to no Deployment: there is nothing to restart"
	}
	return w, nil
}

// above walks the controller references of a pod up to its workload. A
// ReplicaSet by itself is no workload, but brings its pods back.
func (r Reader) above(ctx context.Context, w *Workload) (lineage, error) {
	p := w.pod
	if _, mirror := p.Annotations[corev1.MirrorPodAnnotationKey]; mirror {
		return lineage{refused: static}, nil
	}
	ref := metav1.GetControllerOf(p)
	if ref == nil {
		return lineage{refused: "a bare pod: nothing would bring it back"}, nil
	}
	if groupOf(ref) == appsv1.GroupName && ref.Kind == "ReplicaSet" {
		rs, err := r.client.ReplicaSets(p.Namespace).Get(ctx, ref.Name, metav1.GetOptions{})
		if err != nil || rs.UID != ref.UID {
			return lineage{refused: orphan(ref)}, ignoreGone(err)
		}
		if ref = metav1.GetControllerOf(rs); ref == nil {
			return lineage{}, nil
		}
	}
	kind, why := ownerKind(ref)
	if why != "" {
		return lineage{refused: why}, nil
	}
	found, err := r.read(ctx, remediate.Target{Cluster: w.Target.Cluster, Kind: kind, Namespace: p.Namespace, Name: ref.Name})
	if err != nil || found.Meta.UID != ref.UID {
		return lineage{refused: orphan(ref)}, ignoreGone(err)
	}
	if custom := foreignOwner(found.Meta.OwnerReferences); custom != nil {
		return lineage{workload: found, refused: foreign(custom)}, nil
	}
	return lineage{workload: found}, nil
}

const static = "a static pod: change its manifest on the node"

func ownerKind(ref *metav1.OwnerReference) (kind, refused string) {
	switch group := groupOf(ref); {
	case group == appsv1.GroupName && ref.Kind == "Deployment":
		return Deployment, ""
	case group == appsv1.GroupName && ref.Kind == "StatefulSet":
		return StatefulSet, ""
	case group == appsv1.GroupName && ref.Kind == "DaemonSet":
		return DaemonSet, ""
	case group == batchv1.GroupName:
		return "", "a pod of a Job: it is not meant to be restarted from outside"
	case group == corev1.GroupName && ref.Kind == "Node":
		return "", static
	case isBuiltIn(group):
		return "", fmt.Sprintf("owned by %s %s, which is no workload that we act on", ref.Kind, ref.Name)
	}
	return "", foreign(ref)
}

func foreign(ref *metav1.OwnerReference) string {
	return fmt.Sprintf("owned by the custom resource %s %s: use its operator's way", ref.Kind, ref.Name)
}

func orphan(ref *metav1.OwnerReference) string {
	return fmt.Sprintf("its owner %s %s is not there any more", ref.Kind, ref.Name)
}

// foreignOwner returns the first owner of an object that is a custom resource,
// nil when there is none. One that does not call itself the controller counts.
func foreignOwner(refs []metav1.OwnerReference) *metav1.OwnerReference {
	for i := range refs {
		if !isBuiltIn(groupOf(&refs[i])) {
			return &refs[i]
		}
	}
	return nil
}

func isBuiltIn(group string) bool {
	return slices.Contains([]string{corev1.GroupName, appsv1.GroupName, batchv1.GroupName}, group)
}

func groupOf(ref *metav1.OwnerReference) string {
	gv, err := schema.ParseGroupVersion(ref.APIVersion)
	if err != nil {
		return ref.APIVersion // no built-in group has such a name
	}
	return gv.Group
}

func ignoreGone(err error) error {
	if isGone(err) {
		return nil
	}
	return err
}
