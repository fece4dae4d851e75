package probe

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/args"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

const (
	workloadDoc     = "what the target is and how it stands; the guards judge by it"
	workloadExample = "workload: {}"
)

// workload reads the target for the guards. The answer is OK when it is there
// and nothing about it is refused by name.
type workload struct {
	// Headroom asks what the disruption budgets of its pods allow.
	Headroom bool `json:"headroom,omitempty"`
	// For asks what is refused where nothing else is to be done to it, and for a
	// rollback also what that would come to.
	For kube.Purpose `json:"for,omitempty"`
}

func workloadRules(target string, raw json.RawMessage) []rbacv1.PolicyRule {
	rules := kube.ReadRules(target)
	if target != kube.Node {
		rules = append(rules, kube.NamespaceRule)
	}
	var a workload
	if args.Decode(raw, &a) == nil && a.Headroom {
		rules = append(rules, kube.HeadroomRules(target)...)
	}
	if a.For == kube.ToRollBack {
		rules = append(rules, kube.RevisionsRule)
	}
	return rules
}

func (a *workload) validate() error {
	switch a.For {
	case "", kube.ToPause, kube.ToResume, kube.ToRollBack:
		return nil
	}
	return fmt.Errorf(`"for" is %q: want %s, %s or %s, or leave it out`, a.For, kube.ToPause, kube.ToResume, kube.ToRollBack)
}

func (*workload) dependency(q remediate.Question) string { return kubernetesName(q) }

func kubernetesName(q remediate.Question) string { return "kubernetes " + q.Target.Cluster }

func (a *workload) put(ctx context.Context, p *clients, q remediate.Question) (remediate.Answer, error) {
	w, mode, err := p.workloadAndMode(ctx, q.Target, a.For)
	if kube.IsGone(err) {
		return remediate.Answer{
			Text:   q.Target.String() + " is not there",
			Values: map[string]string{remediate.ValueTarget: q.Target.String(), remediate.ValueRefused: remediate.RefusedGone},
		}, nil
	}
	if err != nil {
		return remediate.Answer{}, err
	}
	out := seenOf(w)
	addModes(w, mode, &out)
	if a.Headroom {
		if err := p.addHeadroom(ctx, w, &out); err != nil {
			return remediate.Answer{}, err
		}
	}
	if a.For == kube.ToRollBack && w.Refused == "" {
		if err := p.addRollback(ctx, w, &out); err != nil {
			return remediate.Answer{}, err
		}
	}
	if why := out.Values[remediate.ValueRefused]; why != "" {
		out.Text += "; refused: " + why
	}
	return out, nil
}

// seenOf is what the object itself says.
func seenOf(w *kube.Workload) remediate.Answer {
	a := remediate.Answer{OK: w.Refused == "", Text: w.Text(), Values: map[string]string{
		remediate.ValueTarget:    w.Target.String(),
		remediate.ValueUID:       string(w.Meta.UID),
		remediate.ValueReplicas:  strconv.Itoa(int(w.Wanted)),
		remediate.ValueAvailable: strconv.Itoa(int(w.Available)),
		remediate.ValueChangedBy: w.ChangedBy(),
	}}
	if w.Template != nil {
		a.Values[remediate.ValueTemplate] = w.Fingerprint()
		a.Values[remediate.ValueAttempt] = w.Attempt()
	}
	if w.Refused != "" {
		a.Values[remediate.ValueRefused] = w.Refused
	}
	return a
}

// maxMode bounds what is handed on of an annotation. It is longer than any
// mode, so that no other word becomes one by being cut.
const maxMode = 40

// addModes adds what the object and its namespace, if it has one, allow to be
// done.
func addModes(w *kube.Workload, namespace string, a *remediate.Answer) {
	a.Values[remediate.ValueMode] = fmt.Sprintf("%.*s", maxMode, w.Mode())
	if !w.IsNode() {
		a.Values[remediate.ValueNamespaceMode] = fmt.Sprintf("%.*s", maxMode, namespace)
	}
}

// addHeadroom adds what the tightest disruption budget allows, if there is one.
func (p *clients) addHeadroom(ctx context.Context, w *kube.Workload, a *remediate.Answer) error {
	return p.read(w.Target, func(r kube.Reader) error {
		h, err := r.Headroom(ctx, w)
		if err != nil || h == nil {
			return err
		}
		a.Values[remediate.ValueHeadroom] = strconv.Itoa(int(h.Allowed))
		a.Values[remediate.ValueBudget] = h.Budgets
		a.Text += fmt.Sprintf("; %d disruptions allowed by %s", h.Allowed, h.Budgets)
		return nil
	})
}

// addRollback adds from which revision to which it would be rolled back. That
// there is none to go back to is a reason not to begin.
func (p *clients) addRollback(ctx context.Context, w *kube.Workload, a *remediate.Answer) error {
	var all []kube.Revision
	if w.Target.Kind == kube.Deployment {
		err := p.read(w.Target, func(r kube.Reader) (err error) {
			all, err = r.Revisions(ctx, w)
			return err
		})
		if err != nil {
			return err
		}
	}
	back, err := kube.RollbackOf(w, all)
	if err != nil {
		a.OK, a.Values[remediate.ValueRefused] = false, err.Error()
		return nil //nolint:nilerr // it is the answer
	}
	a.Values[remediate.ValueRevision], a.Values[remediate.ValueChange] = back.To.Fingerprint(), back.String()
	return nil
}

// workload reads a target.
func (p *clients) workload(ctx context.Context, t remediate.Target) (w *kube.Workload, err error) {
	err = p.read(t, func(r kube.Reader) error {
		w, err = r.Workload(ctx, t)
		return err
	})
	return w, err
}

// workloadAndMode reads a target and, at the same time, what its namespace allows to
// be done: an act waits for both. Not being allowed to read the latter is an error: it
// may say no.
func (p *clients) workloadAndMode(ctx context.Context, t remediate.Target, what kube.Purpose) (w *kube.Workload, mode string, err error) {
	err = p.read(t, func(r kube.Reader) (err error) { // as one: a breaker that half opens lets one through
		var unread error
		var beside sync.WaitGroup
		if t.Kind != kube.Node {
			beside.Go(func() { mode, unread = r.NamespaceMode(ctx, t.Namespace) })
		}
		w, err = r.WorkloadFor(ctx, t, what)
		beside.Wait()
		return cmp.Or(err, unread)
	})
	return w, mode, err
}

// read reads from a target's cluster, behind its breaker.
func (p *clients) read(t remediate.Target, f func(kube.Reader) error) error {
	r, err := p.cluster(t)
	if err != nil {
		return err
	}
	return p.guarded("kubernetes "+t.Cluster, kube.IsFault, func() error { return f(r) })
}
