package catalogue

import (
	"cmp"
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

// part is what one of the daemon's roles is for. They are apart, so that acting
// can be taken away and given back while asking goes on.
type part string

const (
	toAsk part = "ask"
	toAct part = "act"
)

// grant is a role that is needed: in which namespace, or everywhere, and for
// what.
type grant struct {
	where string
	part  part
}

// WriteRBAC writes the smallest roles that the rulebook's policies need, and
// their bindings to a ServiceAccount, as YAML. A policy that names its target's
// namespace needs Roles there; one that takes it from a label needs
// ClusterRoles, and so does one that looks at the cluster itself, for no more
// than that. What is needed to ask is apart from what is needed to act; each is
// enough for its purpose by itself.
func WriteRBAC(w io.Writer, book *remediate.Rulebook, namespace, account string) error {
	needs := map[grant][]rbacv1.PolicyRule{}
	need := func(where string, p part, rules []rbacv1.PolicyRule) {
		g := grant{where, p}
		needs[g] = append(needs[g], rules...)
	}
	for _, p := range book.Policies {
		if p.Target == "" || len(p.Steps) == 0 {
			continue
		}
		where, kind := whereOf(p)
		need(where, toAsk, askingRulesOf(p, kind))
		need(where, toAct, actingRulesOf(p, kind))
		need(everywhere, toAsk, clusterRulesOf(p))
	}
	for _, g := range slices.SortedFunc(maps.Keys(needs), inOrder) {
		if len(needs[g]) == 0 {
			continue
		}
		if err := writeObjects(w, roleAndBinding(g, action.MergeRules(needs[g]...), namespace, account)...); err != nil {
			return err
		}
	}
	return nil
}

// writeObjects writes Kubernetes objects as YAML, each a document.
func writeObjects(w io.Writer, objects ...any) error {
	for _, object := range objects {
		b, err := yaml.Marshal(object)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "---\n%s", b); err != nil {
			return err
		}
	}
	return nil
}

// inOrder puts what is for all namespaces first, and asking before acting.
func inOrder(a, b grant) int {
	return cmp.Or(strings.Compare(a.where, b.where), -strings.Compare(string(a.part), string(b.part)))
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

// askingRulesOf returns what a policy needs where its target is, to look at it.
func askingRulesOf(p remediate.Policy, kind string) []rbacv1.PolicyRule {
	rules := asking("workload", kind, nil)
	if h := p.Guards.Healthy; h != nil && h.Headroom {
		rules = append(rules, asking("workload", kind, json.RawMessage(`{"headroom":true}`))...)
	}
	for _, s := range p.Steps {
		for _, c := range s.Verify.All {
			rules = append(rules, asking(c.Kind, kind, c.Args)...)
		}
		if s.Evidence && p.Mode != remediate.ModeObserve {
			rules = append(rules, asking("evidence", kind, nil)...)
		}
	}
	return rules
}

// actingRulesOf returns what a policy needs where its target is, to act on it:
// nothing where it never acts.
func actingRulesOf(p remediate.Policy, kind string) []rbacv1.PolicyRule {
	var rules []rbacv1.PolicyRule
	for _, d := range actsOf(p) {
		rules = append(rules, acting(d.Kind, kind, d.Args)...)
	}
	return rules
}

// actsOf returns everything that a policy may do or take back.
func actsOf(p remediate.Policy) []remediate.Do {
	if p.Mode == remediate.ModeObserve {
		return nil
	}
	var out []remediate.Do
	for _, s := range p.Steps {
		out = append(out, slices.Concat(s.Do, s.Undo)...)
	}
	return out
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
func roleAndBinding(g grant, rules []rbacv1.PolicyRule, namespace, account string) []any {
	meta := metav1.ObjectMeta{Name: "remediated-" + string(g.part), Namespace: g.where}
	subjects := []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: account, Namespace: namespace}}
	ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: meta.Name}
	if g.where == everywhere {
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
