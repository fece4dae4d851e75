package probe

import (
	"context"
	"encoding/json"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

const (
	controlPlaneDoc     = "the API server of the target's cluster answers and calls itself ready, its etcd with it"
	controlPlaneExample = "control_plane: {}"
)

// controlPlane asks the API server about itself. One that does not answer is
// not known to be down: it may be the way there.
type controlPlane struct{}

func controlPlaneRules(string, json.RawMessage) []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{kube.ControlPlaneRule}
}

func (*controlPlane) validate() error { return nil }

func (*controlPlane) dependency(q remediate.Question) string { return kubernetesName(q) }

func (*controlPlane) put(ctx context.Context, p *clients, q remediate.Question) (remediate.Answer, error) {
	var is string
	err := p.read(q.Target, func(r kube.Reader) (err error) {
		is, err = r.ControlPlane(ctx)
		return err
	})
	if err != nil {
		return remediate.Answer{}, err
	}
	return remediate.Answer{OK: is == kube.ControlPlaneReady, Text: "the control plane is " + is}, nil
}
