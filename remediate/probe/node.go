package probe

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/args"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

const (
	nodeDoc     = "a node of the target's cluster is ready and short of neither memory, disk nor processes"
	nodeExample = "node: {name: worker-1}"
)

type nodeConditions struct {
	Name string `json:"name"`
}

func nodeRules(_ string, raw json.RawMessage) []rbacv1.PolicyRule {
	var a nodeConditions
	_ = args.Decode(raw, &a) // what cannot be read names none
	return []rbacv1.PolicyRule{kube.Named(kube.NodeRule, a.Name)}
}

func (a *nodeConditions) validate() error { return named("name", a.Name) }

func (*nodeConditions) dependency(q remediate.Question) string { return kubernetesName(q) }

func (a *nodeConditions) put(ctx context.Context, p *clients, q remediate.Question) (remediate.Answer, error) {
	var n *corev1.Node
	err := p.read(q.Target, func(r kube.Reader) (err error) {
		n, err = r.Node(ctx, a.Name)
		return err
	})
	if kube.IsGone(err) {
		return remediate.Answer{Text: "node " + a.Name + " is not there"}, nil
	}
	if err != nil {
		return remediate.Answer{}, err
	}
	return judgeNode(n)
}

// wanted is what each condition of a node must be.
var wanted = []struct {
	condition corev1.NodeConditionType
	status    corev1.ConditionStatus
}{
	{corev1.NodeReady, corev1.ConditionTrue},
	{corev1.NodeMemoryPressure, corev1.ConditionFalse},
	{corev1.NodeDiskPressure, corev1.ConditionFalse},
	{corev1.NodePIDPressure, corev1.ConditionFalse},
}

// judgeNode judges a node. A condition that it does not have is not known; one
// that is Unknown is a no: the node is not heard of.
func judgeNode(n *corev1.Node) (remediate.Answer, error) {
	has := map[corev1.NodeConditionType]corev1.ConditionStatus{}
	for _, c := range n.Status.Conditions {
		has[c.Type] = c.Status
	}
	var f findings
	for _, w := range wanted {
		is, ok := has[w.condition]
		switch {
		case !ok:
			f.add(false, "", fmt.Errorf("node %s says nothing of %s", n.Name, w.condition))
		case is != w.status:
			f.add(false, fmt.Sprintf("%s is %s", w.condition, is), nil)
		}
	}
	text := "ready, under no pressure"
	if n.Spec.Unschedulable {
		text += " (cordoned)"
	}
	if !f.no {
		f.add(true, text, nil)
	}
	a, err := f.answer()
	a.Text = fmt.Sprintf("node %s: %s", n.Name, a.Text)
	return a, err
}
