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
// namespace from a label may act in any, and nodes are in none.
const everywhere = ""

// WriteRBAC writes the smallest roles that the rulebook's policies need, and
// their bindings to a ServiceAccount, as YAML. A policy that names its target's
// namespace needs a Role there; one that takes it from a label, or whose guards
// ask about the cluster, needs a ClusterRole.
func WriteRBAC(w io.Writer, book *remediate.Rulebook, namespace, account string) error {
	k := allRights()
	needed := map[string][]rbacv1.PolicyRule{}
	for _, p := range book.Policies {
		if p.Target != "" && len(p.Steps) > 0 {
			k.add(needed, p)
		}
	}
	for _, where := range slices.Sorted(maps.Keys(needed)) {
		for _, object := range roleAndBinding(where, action.MergeRules(needed[where]...), namespace, account) {
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

// rights are what each kind of act and of question needs with its arguments
// for targets of a kind, "" for any. A kind that is not among them needs none.
type rights struct{ acts, asks map[string]needs }

type needs func(target string, args json.RawMessage) []rbacv1.PolicyRule

func allRights() rights {
	k := rights{map[string]needs{}, map[string]needs{}}
	for _, kind := range action.Kinds() {
		k.acts[kind.Name] = kind.Rules
	}
	for _, kind := range probe.Kinds() {
		k.asks[kind.Name] = kind.Rules
	}
	return k
}

// add adds what a policy needs to what is needed in each namespace.
func (k rights) add(to map[string][]rbacv1.PolicyRule, p remediate.Policy) {
	parts := strings.Split(p.Target, "/")
	kind, where := parts[0], parts[1]
	if strings.Contains(where, "$") {
		where = everywhere
	}
	if kind == "owner" {
		kind = "" // it may turn out to be of any kind
	}
	need := func(where string, all map[string]needs, name string, args json.RawMessage) {
		if rules := all[name]; rules != nil {
			to[where] = append(to[where], rules(kind, args)...)
		}
	}
	var seen json.RawMessage // what is asked of the target beside how it stands
	if h := p.Guards.Healthy; h != nil && h.Headroom {
		seen = json.RawMessage(`{"headroom":true}`)
	}
	need(where, k.asks, "workload", seen)
	if h := p.Guards.Healthy; h != nil && (h.Nodes > 0 || h.ControlPlane) {
		need(everywhere, k.asks, "cluster", nil)
	}
	for _, s := range p.Steps {
		for _, c := range s.Verify.All {
			need(where, k.asks, c.Kind, c.Args)
		}
		if p.Mode == remediate.ModeObserve {
			continue // it never acts
		}
		if s.Evidence {
			need(where, k.asks, "evidence", nil)
		}
		for _, d := range slices.Concat(s.Do, s.Undo) {
			need(where, k.acts, d.Kind, d.Args)
		}
	}
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
