package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/args"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

const (
	podsDoc     = "enough pods are ready: those of the target, or those in its namespace that a selector means"
	podsExample = `pods: {selector: "app=shop", min: 2}`
)

// pods counts ready pods in the target's namespace.
type pods struct {
	// Selector is a label selector; absent: the pods of the target.
	Selector *string `json:"selector,omitempty"`
	// Min is how many must be ready; absent: all that the target wants.
	Min *int `json:"min,omitempty"`
}

func podsRules(target string, raw json.RawMessage) []rbacv1.PolicyRule {
	list := kube.Rule("", []string{"pods"}, "list")
	var a pods
	if args.Decode(raw, &a) == nil && a.Selector != nil {
		return []rbacv1.PolicyRule{list}
	}
	return append(kube.ReadRules(target), list)
}

func (a *pods) validate() error {
	if a.Min != nil && *a.Min < 1 {
		return fmt.Errorf(`"min" is %d: want at least 1, since none always holds`, *a.Min)
	}
	if a.Selector == nil {
		return nil
	}
	if a.Min == nil {
		return errors.New(`"min" is missing: with a selector of its own nobody says how many pods are wanted`)
	}
	_, err := selector(args.Sample(*a.Selector))
	return err
}

// selector reads a selector and refuses one that means every pod.
func selector(s string) (labels.Selector, error) {
	sel, err := labels.Parse(s)
	if err != nil {
		return nil, fmt.Errorf(`"selector": %w`, err)
	}
	if sel.Empty() {
		return nil, errors.New(`"selector" is empty and would mean every pod: leave it out for the pods of the target`)
	}
	return sel, nil
}

func (*pods) dependency(q remediate.Question) string { return kubernetesName(q) }

func (a *pods) put(ctx context.Context, p *clients, q remediate.Question) (remediate.Answer, error) {
	if a.Selector != nil {
		sel, err := selector(*a.Selector)
		if err != nil {
			return remediate.Answer{}, err
		}
		return p.ready(ctx, q.Target, sel, *a.Min)
	}
	w, err := p.workload(ctx, q.Target)
	if kube.IsGone(err) {
		return remediate.Answer{Text: q.Target.String() + " is not there"}, nil
	}
	if err != nil {
		return remediate.Answer{}, err
	}
	if w.IsNode() {
		return remediate.Answer{}, errors.New("a node wants no number of pods: ask for those of a workload, by a target of its own")
	}
	if w.Template == nil {
		return remediate.Answer{OK: w.Available == 1, Text: w.Text()}, nil
	}
	want := int(w.Wanted)
	if a.Min != nil {
		want = *a.Min
	}
	if want == 0 {
		return remediate.Answer{Text: "0 replicas wanted: nothing runs"}, nil
	}
	sel, err := w.LabelSelector()
	if err != nil {
		return remediate.Answer{}, err
	}
	return p.ready(ctx, w.Target, sel, want)
}

// ready counts the ready pods that a selector means.
func (p *clients) ready(ctx context.Context, t remediate.Target, sel labels.Selector, want int) (remediate.Answer, error) {
	var found []corev1.Pod
	err := p.read(t, func(r kube.Reader) (err error) {
		found, err = r.Pods(ctx, t.Namespace, sel)
		return err
	})
	if err != nil {
		return remediate.Answer{}, err
	}
	ready := 0
	for i := range found {
		if kube.Ready(&found[i]) {
			ready++
		}
	}
	return remediate.Answer{OK: ready >= want, Text: fmt.Sprintf("%d of %d pods ready, want %d", ready, len(found), want)}, nil
}
