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

// Names of the roles: one for looking, one for acting.
const (
	askName = "remediated-ask"
	actName = "remediated-act"
)

// WriteRBAC writes the smallest roles that the rulebook's policies need in the
// cluster that they act on, and their bindings to a ServiceAccount, as YAML.
// What is needed to look is apart from what is needed to act: a policy that
// only observes needs no more than the former. A policy that names its target's
// namespace needs a Role there; one that takes it from a label needs a
// ClusterRole, and so does one that looks at the cluster itself, for no more
// than that.
func WriteRBAC(w io.Writer, book *remediate.Rulebook, namespace, account string) error {
	ask, act := map[string][]rbacv1.PolicyRule{}, map[string][]rbacv1.PolicyRule{}
	for _, p := range book.Policies {
		if p.Target == "" || len(p.Steps) == 0 {
			continue
		}
		where, kind := whereOf(p)
		ask[where] = append(ask[where], askRulesOf(p, kind)...)
		ask[everywhere] = append(ask[everywhere], clusterRulesOf(p)...)
		act[where] = append(act[where], actRulesOf(p, kind)...)
	}
	var objects []any
	for _, role := range []struct {
		name  string
		needs map[string][]rbacv1.PolicyRule
	}{{askName, ask}, {actName, act}} {
		for _, where := range slices.Sorted(maps.Keys(role.needs)) {
			if rules := action.MergeRules(role.needs[where]...); len(rules) > 0 {
				objects = append(objects, roleAndBinding(role.name, where, rules, namespace, account)...)
			}
		}
	}
	return writeObjects(w, book.Cluster, objects)
}

// writeObjects writes objects of one cluster as YAML for kubectl apply.
func writeObjects(w io.Writer, cluster string, objects []any) error {
	if _, err := fmt.Fprintf(w, "# For the cluster %q.\n", cluster); err != nil {
		return err
	}
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

// askRulesOf returns what a policy needs where its target is to look at it.
func askRulesOf(p remediate.Policy, kind string) []rbacv1.PolicyRule {
	rules := asking("workload", kind, nil)
	if h := p.Guards.Healthy; h != nil && h.Headroom {
		rules = append(rules, asking("workload", kind, json.RawMessage(`{"headroom":true}`))...)
	}
	for _, s := range p.Steps {
		for _, c := range s.Verify.All {
			rules = append(rules, asking(c.Kind, kind, c.Args)...)
		}
		if s.Evidence && p.Mode != remediate.ModeObserve { // kept before something is done
			rules = append(rules, asking("evidence", kind, nil)...)
		}
	}
	return rules
}

// actRulesOf returns what a policy needs where its target is to act.
func actRulesOf(p remediate.Policy, kind string) []rbacv1.PolicyRule {
	var rules []rbacv1.PolicyRule
	for _, d := range actsOf(p) {
		rules = append(rules, acting(d.Kind, kind, d.Args)...)
	}
	return rules
}

// actsOf returns all that a policy may do; nothing for one that observes.
func actsOf(p remediate.Policy) []remediate.Do {
	if p.Mode == remediate.ModeObserve {
		return nil
	}
	var out []remediate.Do
	for _, s := range p.Steps {
		out = slices.Concat(out, s.Do, s.Undo)
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
func roleAndBinding(name, where string, rules []rbacv1.PolicyRule, namespace, account string) []any {
	meta := metav1.ObjectMeta{Name: name, Namespace: where}
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
