package probe

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/args"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

const (
	clusterDoc     = "how the cluster itself stands: its nodes and its control plane; the guards judge by it"
	clusterExample = "cluster: {nodes: true, control_plane: true}"
)

// cluster looks at what all targets of a cluster stand on. The answer is OK
// when all that was asked for was answered, whatever that is: a part that could
// not be had is absent from the values, and an error when none could.
type cluster struct {
	// What is asked for; nothing said is both.
	Nodes        bool `json:"nodes,omitempty"`
	ControlPlane bool `json:"control_plane,omitempty"`
}

func clusterRules(_ string, raw json.RawMessage) []rbacv1.PolicyRule {
	var a cluster
	_ = args.Decode(raw, &a) // what cannot be read asks for both
	var rules []rbacv1.PolicyRule
	if a.nodes() {
		rules = append(rules, kube.NodesRule)
	}
	if a.controlPlane() {
		rules = append(rules, kube.ControlPlaneRule)
	}
	return rules
}

func (a *cluster) nodes() bool        { return a.Nodes || !a.ControlPlane }
func (a *cluster) controlPlane() bool { return a.ControlPlane || !a.Nodes }

func (*cluster) validate() error { return nil }

func (*cluster) dependency(q remediate.Question) string { return kubernetesName(q) }

func (a *cluster) put(ctx context.Context, p *clients, q remediate.Question) (remediate.Answer, error) {
	out := remediate.Answer{Values: map[string]string{}}
	var texts []string
	var errs []error
	add := func(text string, err error) {
		if err != nil {
			text = err.Error()
			errs = append(errs, err)
		}
		texts = append(texts, text)
	}
	if a.nodes() {
		add(p.addNodes(ctx, q.Target, out.Values))
	}
	if a.controlPlane() {
		add(p.addControlPlane(ctx, q.Target, out.Values))
	}
	switch {
	case len(errs) < len(texts):
	case len(errs) == 1:
		return remediate.Answer{}, errs[0]
	default:
		return remediate.Answer{}, fmt.Errorf("%w; %w", errs[0], errs[1])
	}
	out.OK, out.Text = len(errs) == 0, strings.Join(texts, "; ")
	return out, nil
}

func (p *clients) addNodes(ctx context.Context, t remediate.Target, values map[string]string) (text string, err error) {
	var n kube.Nodes
	err = p.read(t, func(r kube.Reader) (err error) {
		n, err = r.Nodes(ctx)
		return err
	})
	if err != nil {
		return "", err
	}
	values[remediate.ValueNodes] = strconv.Itoa(n.All)
	values[remediate.ValueNodesReady] = strconv.Itoa(n.Ready)
	text = fmt.Sprintf("%d of %d nodes ready", n.Ready, n.All)
	const named = 3
	if more := len(n.Amiss) - named; more > 0 {
		n.Amiss = append(n.Amiss[:named], fmt.Sprintf("%d more", more))
	}
	if len(n.Amiss) > 0 {
		text += " (" + strings.Join(n.Amiss, ", ") + ")"
	}
	return text, nil
}

func (p *clients) addControlPlane(ctx context.Context, t remediate.Target, values map[string]string) (text string, err error) {
	err = p.read(t, func(r kube.Reader) (err error) {
		text, err = r.ControlPlane(ctx)
		return err
	})
	if err != nil {
		return "", err
	}
	values[remediate.ValueControlPlane] = text
	return "the control plane is " + text, nil
}
