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
	toAsk  part = "ask"
	toAct  part = "act"
	toLead part = "lease"
)

// grant is a role that is needed: in which namespace, or everywhere, and for
// what.
type grant struct {
	where string
	part  part
}

// Daemon is whom rights are given: a ServiceAccount, by its namespace and name,
// in one of the configured clusters; "" is the one that the daemon is named by.
// Lease is the one in its namespace that the pod must hold which writes, "" where
// it need not hold any.
type Daemon struct{ Cluster, Namespace, Account, Lease string }

// WriteRBAC writes the smallest roles that the rulebook's policies need in the
// daemon's cluster, and their bindings to its ServiceAccount, as YAML. A target
// in a namespace that is named needs Roles there, as does what an act does beside
// its target; one whose namespace comes from
// a label needs ClusterRoles, and so do a node and a look at the cluster itself,
// for no more than that. What is needed to ask is apart from what is needed to
// act; each is enough for its purpose by itself.
func WriteRBAC(w io.Writer, book *remediate.Rulebook, d Daemon) error {
	needs := map[grant][]rbacv1.PolicyRule{}
	for _, p := range book.Policies {
		for _, n := range needsOf(p, book.Cluster) {
			if n.cluster == cmp.Or(d.Cluster, book.Cluster) {
				needs[n.grant] = append(needs[n.grant], n.rules...)
			}
		}
	}
	if d.Lease != "" {
		needs[grant{d.Namespace, toLead}] = action.LeaseRules(d.Lease)
	}
	for _, g := range slices.SortedFunc(maps.Keys(needs), inOrder) {
		if len(needs[g]) == 0 {
			continue
		}
		if err := writeObjects(w, roleAndBinding(g, action.MergeRules(needs[g]...), d)...); err != nil {
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

// need is what is needed somewhere.
type need struct {
	cluster string
	grant
	rules []rbacv1.PolicyRule
}

// needsOf returns all that a policy needs, nothing where it has no remedy.
func needsOf(p remediate.Policy, home string) []need {
	own, err := remediate.ParseTarget(home, p.Target)
	if err != nil || len(p.Steps) == 0 {
		return nil
	}
	out := []need{
		{own.Cluster, grant{whereOf(own), toAsk}, lookingRulesOf(p, own)},
		{own.Cluster, grant{everywhere, toAsk}, clusterRulesOf(p)},
	}
	for _, s := range p.Steps {
		for _, c := range s.Checks() {
			t := targetOf(own, c.Target)
			here, ofTheCluster := apart(asking(c.Kind, kindOf(t), c.Args))
			out = append(out, need{t.Cluster, grant{whereOf(t), toAsk}, here}, need{t.Cluster, grant{everywhere, toAsk}, ofTheCluster})
		}
		for _, d := range slices.Concat(s.Do, s.Undo) {
			t := targetOf(own, d.Target)
			out = append(out, need{t.Cluster, grant{whereOf(t), toAsk}, seeingRulesOf(p, s, t)})
			if d.Kind == "rollback" { // to what is asked before
				out = append(out, need{t.Cluster, grant{whereOf(t), toAsk}, asking("workload", kindOf(t), json.RawMessage(`{"for":"rollback"}`))})
			}
		}
	}
	for _, d := range actsOf(p) {
		t := targetOf(own, d.Target)
		out = append(out, need{t.Cluster, grant{whereOf(t), toAct}, acting(d.Kind, kindOf(t), d.Args)})
		if beside, rules := elsewhere(d.Kind, d.Args); beside != "" {
			out = append(out, need{t.Cluster, grant{beside, toAct}, rules})
		}
	}
	return out
}

// apart takes the rules about what belongs to no namespace, so that no Role can
// give it, from the others.
func apart(rules []rbacv1.PolicyRule) (here, ofTheCluster []rbacv1.PolicyRule) {
	for _, r := range rules {
		if len(r.NonResourceURLs) > 0 || slices.Contains(r.Resources, "nodes") {
			ofTheCluster = append(ofTheCluster, r)
		} else {
			here = append(here, r)
		}
	}
	return here, ofTheCluster
}

// targetOf is the target that an act or a probe names, and own where it names
// none.
func targetOf(own remediate.Target, written string) remediate.Target {
	if t, err := remediate.ParseTarget(own.Cluster, written); err == nil {
		return t
	}
	return own
}

// whereOf is the namespace of a target, everywhere when it may be any or none.
func whereOf(t remediate.Target) string {
	if strings.Contains(t.Namespace, "$") {
		return everywhere
	}
	return t.Namespace
}

// kindOf is the kind of a target, "" when it may turn out to be of any.
func kindOf(t remediate.Target) string {
	if t.Kind == "owner" {
		return ""
	}
	return t.Kind
}

// lookingRulesOf returns what a policy's guards need to look at its target.
func lookingRulesOf(p remediate.Policy, own remediate.Target) []rbacv1.PolicyRule {
	rules := asking("workload", kindOf(own), nil)
	if h := p.Guards.Healthy; h != nil && h.Headroom {
		rules = append(rules, asking("workload", kindOf(own), json.RawMessage(`{"headroom":true}`))...)
	}
	for _, s := range p.Steps {
		rules = append(rules, seeingRulesOf(p, s, own)...)
	}
	return rules
}

// seeingRulesOf returns what a step needs to see an object before it acts on it.
func seeingRulesOf(p remediate.Policy, s remediate.Step, t remediate.Target) []rbacv1.PolicyRule {
	rules := asking("workload", kindOf(t), nil)
	if s.Evidence && p.Mode != remediate.ModeObserve {
		rules = append(rules, asking("evidence", kindOf(t), nil)...)
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

// elsewhere returns in which namespace an act does something beside what it
// does to its target, "" for none, and what it needs there.
func elsewhere(kind string, args json.RawMessage) (namespace string, rules []rbacv1.PolicyRule) {
	for _, k := range action.Kinds() {
		if k.Name == kind {
			return k.Elsewhere(args)
		}
	}
	return "", nil
}

// roleAndBinding returns a role with these rules, bound to the account.
func roleAndBinding(g grant, rules []rbacv1.PolicyRule, d Daemon) []any {
	meta := metav1.ObjectMeta{Name: "remediated-" + string(g.part), Namespace: g.where}
	subjects := []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: d.Account, Namespace: d.Namespace}}
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
