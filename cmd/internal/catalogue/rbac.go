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
// ClusterRole.
func WriteRBAC(w io.Writer, book *remediate.Rulebook, namespace, account string) error {
	needs := map[string][]rbacv1.PolicyRule{}
	for _, p := range book.Policies {
		if p.Target == "" || len(p.Steps) == 0 {
			continue
		}
		where, rules := rulesOf(p)
		needs[where] = append(needs[where], rules...)
	}
	for _, where := range slices.Sorted(maps.Keys(needs)) {
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

// rulesOf returns what a policy needs, and in which namespace.
func rulesOf(p remediate.Policy) (string, []rbacv1.PolicyRule) {
	parts := strings.Split(p.Target, "/")
	kind, where := parts[0], parts[1]
	if strings.Contains(where, "$") {
		where = everywhere
	}
	if kind == "owner" {
		kind = "" // it may turn out to be of any kind
	}
	type needs func(target string, args json.RawMessage) []rbacv1.PolicyRule
	acts, asks := map[string]needs{}, map[string]needs{}
	for _, k := range action.Kinds() {
		acts[k.Name] = k.Rules
	}
	for _, k := range probe.Kinds() {
		asks[k.Name] = k.Rules
	}
	rules := asks["workload"](kind, nil)
	for _, s := range p.Steps {
		for _, c := range s.Verify.All {
			rules = append(rules, asks[c.Kind](kind, c.Args)...)
		}
		if p.Mode == remediate.ModeObserve {
			continue // it never acts
		}
		for _, d := range slices.Concat(s.Do, s.Undo) {
			rules = append(rules, acts[d.Kind](kind, d.Args)...)
		}
	}
	return where, rules
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
