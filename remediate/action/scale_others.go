package action

import (
	"context"
	"strings"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

// autoscaled is the refusal where an autoscaler sets the target's replicas: it
// would set ours back, or take them for where to begin.
func (t *attempt) autoscaled(ctx context.Context, w *kube.Workload) *remediate.Result {
	var list *autoscalingv2.HorizontalPodAutoscalerList
	err := t.read(ctx, func(ctx context.Context) (err error) {
		list, err = t.client.HorizontalPodAutoscalers(w.Target.Namespace).List(ctx, metav1.ListOptions{})
		return err
	})
	if err != nil {
		return new(t.unread(err))
	}
	for i := range list.Items {
		if isOf(list.Items[i].Spec.ScaleTargetRef, w) {
			return new(refused("the HorizontalPodAutoscaler %s sets its replicas: change its minReplicas or maxReplicas", list.Items[i].Name))
		}
	}
	return nil
}

// isOf tells whether an autoscaler is about a workload. One that names no group
// may be.
func isOf(ref autoscalingv2.CrossVersionObjectReference, w *kube.Workload) bool {
	apiVersion, kind := object(w.Target.Kind)
	group, _, _ := strings.Cut(apiVersion, "/")
	named, _, hasGroup := strings.Cut(ref.APIVersion, "/")
	return ref.Kind == kind && ref.Name == w.Target.Name && (!hasGroup || named == group)
}

const byHelm = "Helm"

// managedBy names what sets an object's fields from a repository or a release,
// "" where nothing is known to.
func managedBy(m *metav1.ObjectMeta) string {
	has := func(in map[string]string, key string) bool { return in[key] != "" }
	switch {
	case has(m.Annotations, "argocd.argoproj.io/tracking-id"), has(m.Labels, "argocd.argoproj.io/instance"),
		has(m.Labels, "app.kubernetes.io/instance") && isWrittenBy(m, "argocd"):
		return "Argo CD"
	case has(m.Labels, "kustomize.toolkit.fluxcd.io/name"), has(m.Labels, "helm.toolkit.fluxcd.io/name"):
		return "Flux"
	case m.Labels[managedByLabel] == "Helm", has(m.Annotations, "meta.helm.sh/release-name"):
		return byHelm
	}
	return ""
}

// isWrittenBy tells whether a field manager whose name begins so owns any field.
func isWrittenBy(m *metav1.ObjectMeta, manager string) bool {
	for _, f := range m.ManagedFields {
		if strings.HasPrefix(f.Manager, manager) {
			return true
		}
	}
	return false
}
