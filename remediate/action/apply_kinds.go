package action

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/x0tta6bl4/remediated/remediate/internal/args"
)

func readConfigMap(raw []byte, from map[string]string) (*manifest, error) {
	var o manifestData
	if err := args.Decode(raw, &o); err != nil {
		return nil, err
	}
	m, err := o.Metadata.named()
	if err != nil {
		return nil, err
	}
	m.sets = o.Data
	for _, key := range slices.Sorted(maps.Keys(m.sets)) {
		if why := validation.IsConfigMapKey(key); len(why) > 0 {
			return nil, fmt.Errorf(`"data": %q is no key of a ConfigMap: %s`, key, why[0])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(from)) {
		if _, set := m.sets[key]; !set {
			return nil, fmt.Errorf(`"from": the manifest does not set %q: leave it out, it stays as it is`, key)
		}
	}
	switch {
	case len(m.sets) == 0:
		return nil, errors.New(`"data" is missing: want the keys that are to be set, others stay as they are`)
	case from == nil:
		return nil, errors.New(`"from" is missing: want what these keys hold before, from: {} where they are not there`)
	case maps.Equal(m.sets, from):
		return nil, errors.New(`"from" is what the manifest says: nothing would be changed`)
	}
	return m, nil
}

func readService(raw []byte, from map[string]string) (*manifest, error) {
	var o manifestSpec[serviceSpec]
	if err := args.Decode(raw, &o); err != nil {
		return nil, err
	}
	m, err := o.Metadata.named()
	if err != nil {
		return nil, err
	}
	m.sets = o.Spec.Selector
	switch {
	case len(m.sets) == 0:
		return nil, errors.New(`"selector" is missing: want the whole selector of the Service, as it is to be`)
	case len(from) == 0:
		return nil, errors.New(`"from" is missing: want the whole selector of the Service, as it is before`)
	case maps.Equal(m.sets, from):
		return nil, errors.New(`"from" is what the manifest says: nothing would be changed`)
	}
	if err := picksSome("selector", &metav1.LabelSelector{MatchLabels: m.sets}); err != nil {
		return nil, err
	}
	return m, picksSome("from", &metav1.LabelSelector{MatchLabels: from})
}

func readNetworkPolicy(raw []byte, _ map[string]string) (*manifest, error) {
	var o manifestSpec[networkingv1.NetworkPolicySpec]
	if err := args.Decode(raw, &o); err != nil {
		return nil, err
	}
	m, err := o.Metadata.named()
	if err != nil {
		return nil, err
	}
	if err := picksSome("podSelector", &o.Spec.PodSelector); err != nil {
		return nil, err
	}
	if len(o.Spec.PolicyTypes) == 0 {
		return nil, errors.New(`"policyTypes" is missing: write Ingress, Egress or both; what is left out the API server fills in, and nobody has seen it`)
	}
	var ports []networkingv1.NetworkPolicyPort
	for _, r := range o.Spec.Ingress {
		ports = append(ports, r.Ports...)
	}
	for _, r := range o.Spec.Egress {
		ports = append(ports, r.Ports...)
	}
	if slices.ContainsFunc(ports, func(p networkingv1.NetworkPolicyPort) bool { return p.Protocol == nil }) {
		return nil, errors.New(`"ports": one has no protocol: write protocol: TCP; what is left out the API server fills in, and nobody has seen it`)
	}
	m.spec, err = plain(o.Spec)
	return m, err
}

func readBudget(raw []byte, _ map[string]string) (*manifest, error) {
	var o manifestSpec[policyv1.PodDisruptionBudgetSpec]
	if err := args.Decode(raw, &o); err != nil {
		return nil, err
	}
	m, err := o.Metadata.named()
	if err != nil {
		return nil, err
	}
	if err := picksSome("selector", o.Spec.Selector); err != nil {
		return nil, err
	}
	if (o.Spec.MinAvailable == nil) == (o.Spec.MaxUnavailable == nil) {
		return nil, errors.New(`"spec": give exactly one of minAvailable and maxUnavailable`)
	}
	m.spec, err = plain(o.Spec)
	return m, err
}

// picksSome refuses a selector that means every pod of the namespace.
func picksSome(word string, s *metav1.LabelSelector) error {
	if s == nil || len(s.MatchLabels)+len(s.MatchExpressions) == 0 {
		return fmt.Errorf(`"%s" means every pod of the namespace: say which`, word)
	}
	if _, err := metav1.LabelSelectorAsSelector(s); err != nil {
		return fmt.Errorf(`"%s": %w`, word, err)
	}
	return nil
}
