package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/args"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

const (
	pvcDoc     = "a persistent volume claim in the target's namespace is bound to its volume"
	pvcExample = "pvc: {name: data-db-0}"
)

type pvc struct {
	Name string `json:"name"`
}

func pvcRules(_ string, raw json.RawMessage) []rbacv1.PolicyRule {
	var a pvc
	_ = args.Decode(raw, &a) // what cannot be read names none
	return []rbacv1.PolicyRule{kube.Named(kube.Rule("", []string{"persistentvolumeclaims"}, "get"), a.Name)}
}

func (a *pvc) validate() error { return named("name", a.Name) }

// named says what is wrong with an object's name in an argument.
func named(argument, name string) error {
	if name == "" {
		return fmt.Errorf(`"%s" is missing`, argument)
	}
	if err := remediate.CheckName(args.Sample(name)); err != nil {
		return fmt.Errorf(`"%s": %w`, argument, err)
	}
	return nil
}

func (*pvc) dependency(q remediate.Question) string { return kubernetesName(q) }

func (a *pvc) put(ctx context.Context, p *clients, q remediate.Question) (remediate.Answer, error) {
	if q.Target.Namespace == "" {
		return remediate.Answer{}, errors.New("the target is in no namespace: it is not known where the claim is")
	}
	var claim *corev1.PersistentVolumeClaim
	err := p.read(q.Target, func(r kube.Reader) (err error) {
		claim, err = r.Claim(ctx, q.Target.Namespace, a.Name)
		return err
	})
	if kube.IsGone(err) {
		return remediate.Answer{Text: a.Name + " is not there"}, nil
	}
	if err != nil {
		return remediate.Answer{}, err
	}
	ok, text := bound(claim)
	return remediate.Answer{OK: ok, Text: text}, nil
}

// bound judges a claim. One that is being deleted is bound until its last pod
// is gone.
func bound(c *corev1.PersistentVolumeClaim) (bool, string) {
	switch {
	case c.DeletionTimestamp != nil:
		return false, c.Name + " is being deleted"
	case c.Status.Phase == corev1.ClaimLost:
		return false, fmt.Sprintf("%s is Lost: its volume %s is gone", c.Name, c.Spec.VolumeName)
	case c.Status.Phase != corev1.ClaimBound:
		return false, fmt.Sprintf("%s is %q, want Bound", c.Name, c.Status.Phase)
	}
	return true, fmt.Sprintf("%s is Bound to %s", c.Name, c.Spec.VolumeName)
}
