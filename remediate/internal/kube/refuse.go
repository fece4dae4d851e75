package kube

import (
	"context"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// rolloutTime is how long a rollout of a StatefulSet or DaemonSet is held to be
// under way. They have no condition that says so; it is a Deployment's default
// progressDeadlineSeconds.
const rolloutTime = 10 * time.Minute

// refused names why a workload must not be restarted, or what it is read for, a
// pod not deleted, or nothing done to a node; "" when it may.
func (r Reader) refused(ctx context.Context, w *Workload, what Purpose) (string, error) {
	if w.Meta.DeletionTimestamp != nil {
		return "it is being deleted", nil
	}
	if w.node != nil {
		return refusedNode(w.node), nil
	}
	if ref := foreignOwner(w.Meta.OwnerReferences); ref != nil {
		return foreign(ref), nil
	}
	switch {
	case w.pod != nil:
		above, err := r.above(ctx, w)
		w.Above = above.workload
		return above.refused, err
	case w.deployment != nil && (what == ToPause || what == ToResume):
		return w.refusedPurpose(what), nil
	case w.Paused():
		return w.refusedPaused(), nil
	}
	if why := w.refusedStrategy(); why != "" {
		return why, nil
	}
	if why := w.rollingOut(time.Now()); why != "" {
		return why, nil
	}
	if w.deployment != nil {
		return r.refusedVolume(ctx, w.deployment)
	}
	return "", nil
}

// refusedStrategy is for update strategies under which a changed template does
// not replace the pods.
func (w *Workload) refusedStrategy() string {
	const onDelete = "its update strategy is OnDelete: a changed template replaces no pod"
	switch {
	case w.statefulSet != nil && w.statefulSet.Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType:
		return onDelete
	case w.daemonSet != nil && w.daemonSet.Spec.UpdateStrategy.Type == appsv1.OnDeleteDaemonSetStrategyType:
		return onDelete
	case w.statefulSet != nil && w.statefulSet.Spec.UpdateStrategy.RollingUpdate != nil:
		if p := w.statefulSet.Spec.UpdateStrategy.RollingUpdate.Partition; p != nil && *p > 0 {
			return fmt.Sprintf("its rollout is partitioned at %d: somebody is trying a change on some of its pods", *p)
		}
	}
	return ""
}

// rollingOut says that a rollout of somebody else is under way, "" when none is.
// One that is stuck is not: it may be what the alert is about.
func (w *Workload) rollingOut(now time.Time) string {
	switch {
	case w.Observed < w.Meta.Generation:
		return fmt.Sprintf("a rollout is beginning: its controller has not observed generation %d", w.Meta.Generation)
	case w.Updated >= w.Wanted && w.Current <= w.Updated:
		return ""
	case w.ours():
		return ""
	case w.deployment != nil && !progressing(w.deployment):
		return ""
	case w.deployment == nil && now.Sub(w.changedByOthers()) > rolloutTime:
		return ""
	}
	return fmt.Sprintf("a rollout is in progress that we did not begin: %d of %d updated, %d old pods left", w.Updated, w.Wanted, max(0, w.Current-w.Updated))
}

// progressing tells whether the Deployment's controller still sees the rollout
// move on. Not knowing is taken for yes.
func progressing(d *appsv1.Deployment) bool {
	for _, c := range d.Status.Conditions {
		if c.Type == appsv1.DeploymentProgressing {
			return c.Status != corev1.ConditionFalse
		}
	}
	return true
}

// refusedVolume is for a volume that only one node or pod may mount, where the
// new pod is started while the old one still holds it: it would hang.
func (r Reader) refusedVolume(ctx context.Context, d *appsv1.Deployment) (string, error) {
	name, err := r.heldVolume(ctx, d)
	if err != nil || name == "" {
		return "", err
	}
	return fmt.Sprintf("its volume claim %s can be mounted once only and its strategy is %s: the new pod would wait for the old one; make it Recreate", name, d.Spec.Strategy.Type), nil
}

// heldVolume returns the claim of such a volume, "" when there is none.
func (r Reader) heldVolume(ctx context.Context, d *appsv1.Deployment) (string, error) {
	if d.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType {
		return "", nil
	}
	for _, name := range claimsOf(d.Spec.Template.Spec) {
		c, err := r.client.PersistentVolumeClaims(d.Namespace).Get(ctx, name, metav1.GetOptions{})
		if isGone(err) {
			continue
		}
		if err != nil {
			return "", err
		}
		if !shared(c.Spec.AccessModes) {
			return name, nil
		}
	}
	return "", nil
}

// claimsOf are the names of the persistent volume claims that a pod mounts.
func claimsOf(spec corev1.PodSpec) (names []string) {
	for _, v := range spec.Volumes {
		if v.PersistentVolumeClaim != nil {
			names = append(names, v.PersistentVolumeClaim.ClaimName)
		}
	}
	return names
}

func shared(modes []corev1.PersistentVolumeAccessMode) bool {
	return slices.Contains(modes, corev1.ReadWriteMany) || slices.Contains(modes, corev1.ReadOnlyMany)
}
