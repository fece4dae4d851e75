package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

const (
	evidenceDoc     = "keeps what there is to be seen of the target before something is destroyed"
	evidenceExample = "evidence: {}"

	// evidenceWithin bounds gathering and keeping together.
	evidenceWithin = 10 * time.Second
	// gatherWithin leaves time to keep what was had by then.
	gatherWithin = 8 * time.Second
)

// evidence gathers the target, its pods, their events and logs, and has that
// kept as one text. Of a node's pods it keeps the list: their logs would be read
// from the node, and their objects say little of it. What could not be had is said in it. The answer is an error
// when nothing could be had or it could not be kept.
type evidence struct{}

func evidenceRules(target string, _ json.RawMessage) []rbacv1.PolicyRule {
	rules := append(kube.ObjectRules(target), kube.Rule("", []string{"events"}, "list"))
	if target != kube.Node {
		rules = append(rules, kube.Rule("", []string{"pods/log"}, "get"))
	}
	if target == kube.Pod {
		return rules
	}
	return append(rules, kube.Rule("", []string{"pods"}, "list"))
}

func (*evidence) validate() error { return nil }

// dependency is a queue of its own: gathering takes long, and the guards' looks
// at the same cluster do not wait for it.
func (*evidence) dependency(q remediate.Question) string { return "evidence " + q.Target.Cluster }

func (*evidence) within() time.Duration { return evidenceWithin }

func (*evidence) put(ctx context.Context, p *clients, q remediate.Question) (remediate.Answer, error) {
	if p.keep == nil {
		return remediate.Answer{}, errors.New("there is nothing to keep evidence in")
	}
	gathering, cancel := context.WithTimeout(ctx, gatherWithin)
	defer cancel()
	found, err := p.gather(gathering, q.Target)
	if err != nil {
		return remediate.Answer{}, err
	}
	blob := found.write(time.Now())
	digest, err := p.keep(ctx, blob)
	if err != nil {
		return remediate.Answer{}, fmt.Errorf("keep the evidence: %w", err)
	}
	return remediate.Answer{OK: true, Text: found.text(len(blob)), Values: map[string]string{remediate.ValueDigest: digest}}, nil
}
