package catalogue

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/action"
	"github.com/x0tta6bl4/remediated/remediate/probe"
)

// everywhere stands for all namespaces: a policy whose target takes its
// namespace from a label may act in any.
const everywhere = ""

// WriteRBAC writes the smallest roles that the rulebook's policies need, and
// their bindings to a ServiceAccount, as YAML. A policy that names its target's
// namespace needs a Role there; one that takes it from a label needs a
// ClusterRole, and so does one that looks at the cluster itself, for no more
// than that.
func WriteRBAC(w io.Writer, book *remediate.Rulebook, namespace, account string) error {
	needs := map[string][]rbacv1.PolicyRule{}
	for _, p := range book.Policies {
		if p.Target == "" || len(p.Steps) == 0 {
			continue
		}
		where, kind := whereOf(p)
		needs[where] = append(needs[where], rulesOf(p, kind)...)
		needs[everywhere] = append(needs[everywhere], clusterRulesOf(p)...)
	}
	for _, where := range slices.Sorted(maps.Keys(needs)) {
		if len(needs[where]) == 0 {
			continue
		}
		for _, object := range roleAndBinding(where, action.MergeRules(needs[where]...), namespace, account) {
			b, err := yaml.Marshal(object)
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(w, "---\n%s", b); err != nil {
				return err
			}
		}
	}
	return nil
}

// whereOf returns the namespace and the kind of a policy's target, "" for any.
func whereOf(p remediate.Policy) (namespace, kind string) {
	parts := strings.Split(p.Target, "/")
	kind, namespace = parts[0], parts[1]
	if strings.Contains(namespace, "$") {
		namespace = everywhere
	}
	if kind == "owner" {
		kind = "" // it may turn out to be of any kind
	}
	return namespace, kind
}

// rulesOf returns what a policy needs where its target is.
func rulesOf(p remediate.Policy, kind string) []rbacv1.PolicyRule {
	rules := asking("workload", kind, nil)
	if h := p.Guards.Healthy; h != nil && h.Headroom {
		rules = append(rules, asking("workload", kind, json.RawMessage(`{"headroom":true}`))...)
	}
	for _, s := range p.Steps {
		for _, c := range s.Verify.All {
			rules = append(rules, asking(c.Kind, kind, c.Args)...)
		}
		if p.Mode == remediate.ModeObserve {
			continue // it never acts
		}
		if s.Evidence {
			rules = append(rules, asking("evidence", kind, nil)...)
		}
		for _, d := range slices.Concat(s.Do, s.Undo) {
			rules = append(rules, acting(d.Kind, kind, d.Args)...)
		}
	}
	return rules
}

// clusterRulesOf returns what a policy needs to look at the cluster itself.
func clusterRulesOf(p remediate.Policy) []rbacv1.PolicyRule {
	h := p.Guards.Healthy
	if h == nil {
		return nil
	}
	var rules []rbacv1.PolicyRule
	if h.Nodes > 0 {
		rules = append(rules, asking("cluster", "", json.RawMessage(`{"nodes":true}`))...)
	}
	if h.ControlPlane {
		rules = append(rules, asking("cluster", "", json.RawMessage(`{"control_plane":true}`))...)
	}
	return rules
}

// asking returns what a question needs; nothing for one that asks no cluster.
func asking(kind, target string, args json.RawMessage) []rbacv1.PolicyRule {
	for _, k := range probe.Kinds() {
		if k.Name == kind {
			return k.Rules(target, args)
		}
	}
	return nil
}

// acting returns what an act needs.
func acting(kind, target string, args json.RawMessage) []rbacv1.PolicyRule {
	for _, k := range action.Kinds() {
		if k.Name == kind {
			return k.Rules(target, args)
		}
	}
	return nil
}

// roleAndBinding returns a role with these rules, bound to the account.
func roleAndBinding(where string, rules []rbacv1.PolicyRule, namespace, account string) []any {
	meta := metav1.ObjectMeta{Name: "remediated", Namespace: where}
	subjects := []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: account, Namespace: namespace}}
	ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: meta.Name}
	if where == everywhere {
		ref.Kind = "ClusterRole"
		return []any{
			rbacv1.ClusterRole{TypeMeta: typeMeta("ClusterRole"), ObjectMeta: meta, Rules: rules},
			rbacv1.ClusterRoleBinding{TypeMeta: typeMeta("ClusterRoleBinding"), ObjectMeta: meta, RoleRef: ref, Subjects: subjects},
		}
	}
	return []any{
		rbacv1.Role{TypeMeta: typeMeta("Role"), ObjectMeta: meta, Rules: rules},
		rbacv1.RoleBinding{TypeMeta: typeMeta("RoleBinding"), ObjectMeta: meta, RoleRef: ref, Subjects: subjects},
	}
}

func typeMeta(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: kind}
}
