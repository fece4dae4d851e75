package probe

import (
	"context"
	"encoding/json"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

const (
	rolloutDoc     = "the target's last change has reached every pod and all are available"
	rolloutExample = "rollout: $target"
)

type rollout struct{}

func rolloutRules(target string, _ json.RawMessage) []rbacv1.PolicyRule {
	return kube.ReadRules(target)
}

func (*rollout) validate() error { return nil }

func (*rollout) dependency(q remediate.Question) string { return kubernetesName(q) }

func (*rollout) put(ctx context.Context, p *clients, q remediate.Question) (remediate.Answer, error) {
	w, err := p.workload(ctx, q.Target)
	if kube.IsGone(err) {
		return remediate.Answer{Text: q.Target.String() + " is not there"}, nil
	}
	if err != nil {
		return remediate.Answer{}, err
	}
	ok, text := w.Complete()
	return remediate.Answer{OK: ok, Text: text}, nil
}
