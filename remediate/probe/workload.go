package probe

import (
	"context"
	"encoding/json"
	"strconv"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

const (
	workloadDoc     = "what the target is and how it stands; the guards judge by it"
	workloadExample = "workload: {}"
)

// workload reads the target for the guards. The answer is OK when it is there
// and nothing about it is refused by name.
type workload struct{}

func workloadRules(target string, _ json.RawMessage) []rbacv1.PolicyRule {
	return kube.ReadRules(target)
}

func (*workload) validate() error { return nil }

func (*workload) dependency(q remediate.Question) string { return kubernetesName(q) }

func kubernetesName(q remediate.Question) string { return "kubernetes " + q.Target.Cluster }

func (*workload) put(ctx context.Context, p *Prober, q remediate.Question) (remediate.Answer, error) {
	w, err := p.workload(ctx, q.Target)
	if kube.IsGone(err) {
		return remediate.Answer{
			Text:   q.Target.String() + " is not there",
			Values: map[string]string{remediate.ValueTarget: q.Target.String(), remediate.ValueRefused: remediate.RefusedGone},
		}, nil
	}
	if err != nil {
		return remediate.Answer{}, err
	}
	a := remediate.Answer{OK: w.Refused == "", Text: w.Text(), Values: map[string]string{
		remediate.ValueTarget:    w.Target.String(),
		remediate.ValueUID:       string(w.Meta.UID),
		remediate.ValueReplicas:  strconv.Itoa(int(w.Wanted)),
		remediate.ValueAvailable: strconv.Itoa(int(w.Available)),
	}}
	if w.Template != nil {
		a.Values[remediate.ValueTemplate] = w.Fingerprint()
		a.Values[remediate.ValueAttempt] = w.Attempt()
	}
	if w.Refused != "" {
		a.Values[remediate.ValueRefused] = w.Refused
		a.Text += "; refused: " + w.Refused
	}
	return a, nil
}

// workload reads a target behind its cluster's breaker.
func (p *Prober) workload(ctx context.Context, t remediate.Target) (w *kube.Workload, err error) {
	r, err := p.cluster(t)
	if err != nil {
		return nil, err
	}
	err = p.guarded("kubernetes "+t.Cluster, kube.IsFault, func() error {
		w, err = r.Workload(ctx, t)
		return err
	})
	return w, err
}
