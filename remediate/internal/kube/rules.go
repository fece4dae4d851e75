package kube

import (
	"maps"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
)

// Rule is the permission to do verbs to resources of one API group.
func Rule(group string, resources []string, verbs ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: resources, Verbs: verbs}
}

// ObjectRules are the permissions to read a target of a kind, and for a pod what
// stands above it; all of them for an owner or when the kind is not known.
func ObjectRules(kind string) []rbacv1.PolicyRule {
	switch kind {
	case Deployment, StatefulSet, DaemonSet:
		return []rbacv1.PolicyRule{Rule("apps", []string{kind + "s"}, "get")}
	case Node:
		return []rbacv1.PolicyRule{Rule("", []string{"nodes"}, "get")}
	}
	return []rbacv1.PolicyRule{
		Rule("", []string{"pods"}, "get"),
		Rule("apps", []string{"replicasets", "deployments", "statefulsets", "daemonsets"}, "get"),
	}
}

// ReadRules are the permissions that [Reader.Workload] needs for targets of a
// kind; all of them for an owner or when the kind is not known.
func ReadRules(kind string) []rbacv1.PolicyRule {
	switch kind {
	case StatefulSet, DaemonSet, Pod, Node:
		return ObjectRules(kind)
	}
	return append(ObjectRules(kind), Rule("", []string{"persistentvolumeclaims"}, "get"))
}

// HeadroomRules are the permissions that [Reader.Headroom] needs for targets of
// a kind.
func HeadroomRules(kind string) []rbacv1.PolicyRule {
	rules := []rbacv1.PolicyRule{Rule("policy", []string{"poddisruptionbudgets"}, "list")}
	if kind == Pod {
		return rules
	}
	return append(rules, Rule("", []string{"pods"}, "list"))
}

// NamespaceRule is the permission that [Reader.NamespaceMode] needs. A Role of
// the namespace itself can give it.
var NamespaceRule = Rule("", []string{"namespaces"}, "get")

// RevisionsRule is the permission that [Reader.Revisions] needs.
var RevisionsRule = Rule("apps", []string{"replicasets"}, "list")

// Permissions that no Role of a namespace can give.
var (
	NodesRule        = Rule("", []string{"nodes"}, "list")                                             // [Reader.Nodes]
	NodeRule         = Rule("", []string{"nodes"}, "get")                                              // [Reader.Node]
	ControlPlaneRule = rbacv1.PolicyRule{NonResourceURLs: []string{"/readyz"}, Verbs: []string{"get"}} // [Reader.ControlPlane]
)

// MergeRules returns the smallest set of rules that allows what all of the
// given ones allow together and nothing else, in a fixed order.
func MergeRules(rules ...rbacv1.PolicyRule) []rbacv1.PolicyRule {
	return append(mergeResources(rules), mergeURLs(rules)...)
}

// mergeURLs merges the rules for what is no resource: each verb of each path.
func mergeURLs(rules []rbacv1.PolicyRule) []rbacv1.PolicyRule {
	verbs := map[string][]string{}
	for _, r := range rules {
		for _, url := range r.NonResourceURLs {
			verbs[url] = sorted(append(verbs[url], r.Verbs...))
		}
	}
	var out []rbacv1.PolicyRule
	for _, url := range slices.Sorted(maps.Keys(verbs)) {
		out = append(out, rbacv1.PolicyRule{NonResourceURLs: []string{url}, Verbs: verbs[url]})
	}
	return out
}

func mergeResources(rules []rbacv1.PolicyRule) []rbacv1.PolicyRule {
	type object struct{ group, resource, names string }
	verbs := map[object][]string{}
	for _, r := range rules {
		for _, group := range r.APIGroups {
			for _, resource := range r.Resources {
				o := object{group, resource, strings.Join(sorted(r.ResourceNames), " ")}
				verbs[o] = sorted(append(verbs[o], r.Verbs...))
			}
		}
	}
	type same struct{ group, names, verbs string }
	resources := map[same][]string{}
	for o, v := range verbs {
		k := same{o.group, o.names, strings.Join(v, " ")}
		resources[k] = sorted(append(resources[k], o.resource))
	}
	out := []rbacv1.PolicyRule{}
	for k, rs := range resources {
		r := Rule(k.group, rs, strings.Fields(k.verbs)...)
		if k.names != "" {
			r.ResourceNames = strings.Fields(k.names)
		}
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b rbacv1.PolicyRule) int { return strings.Compare(key(a), key(b)) })
	return out
}

func sorted(ss []string) []string {
	ss = slices.Clone(ss)
	slices.Sort(ss)
	return slices.Compact(ss)
}

func key(r rbacv1.PolicyRule) string {
	return strings.Join([]string{r.APIGroups[0], strings.Join(r.Resources, " "), strings.Join(r.ResourceNames, " "), strings.Join(r.Verbs, " ")}, "\n")
}
