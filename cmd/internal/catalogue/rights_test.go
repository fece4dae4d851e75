package catalogue

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/x0tta6bl4/remediated/remediate"
)

// What is asked because of a guard needs rights as well: that of a target in
// its namespace, that of nodes in all of the cluster.
func TestRightsOfGuards(t *testing.T) {
	said := func(what string) needs {
		return func(target string, args json.RawMessage) []rbacv1.PolicyRule {
			return []rbacv1.PolicyRule{{Verbs: []string{strings.TrimSpace(fmt.Sprintf("%s %s %s", what, target, args))}}}
		}
	}
	k := rights{
		acts: map[string]needs{"restart": said("restart")},
		asks: map[string]needs{"workload": said("workload"), "cluster": said("cluster"), "evidence": said("evidence")},
	}
	policy := func(mode remediate.Mode, evidence bool, h *remediate.Healthy) remediate.Policy {
		return remediate.Policy{
			Target: "deployment/shop/db", Mode: mode, Guards: remediate.Guards{Healthy: h},
			Steps: []remediate.Step{{Evidence: evidence, Do: []remediate.Do{{Kind: "restart"}}, Verify: remediate.Verify{All: []remediate.Check{{Kind: "http"}}}}},
		}
	}
	for name, tc := range map[string]struct {
		policy            remediate.Policy
		inShop, inCluster []string
	}{
		"none": {policy(remediate.ModeAct, false, nil),
			[]string{"workload deployment", "restart deployment"}, nil},
		"headroom": {policy(remediate.ModeAct, false, &remediate.Healthy{Headroom: true}),
			[]string{`workload deployment {"headroom":true}`, "restart deployment"}, nil},
		"nodes": {policy(remediate.ModeAct, false, &remediate.Healthy{Nodes: 0.7}),
			[]string{"workload deployment", "restart deployment"}, []string{"cluster deployment"}},
		"control plane": {policy(remediate.ModeObserve, false, &remediate.Healthy{ControlPlane: true}),
			[]string{"workload deployment"}, []string{"cluster deployment"}},
		"evidence": {policy(remediate.ModeAct, true, nil),
			[]string{"workload deployment", "evidence deployment", "restart deployment"}, nil},
		"evidence of what is never destroyed": {policy(remediate.ModeObserve, true, nil),
			[]string{"workload deployment"}, nil},
	} {
		got := map[string][]rbacv1.PolicyRule{}
		k.add(got, tc.policy)
		for where, want := range map[string][]string{"shop": tc.inShop, everywhere: tc.inCluster} {
			var verbs []string
			for _, r := range got[where] {
				verbs = append(verbs, r.Verbs...)
			}
			if !slices.Equal(verbs, want) {
				t.Errorf("%s: in %q it needs %q, want %q", name, where, verbs, want)
			}
		}
	}
}
