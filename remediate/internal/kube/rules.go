package kube

import (
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
)

// Rule is the permission to do verbs to resources of one API group.
func Rule(group string, resources []string, verbs ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: resources, Verbs: verbs}
}

// ReadRules are the permissions that [Reader.Workload] needs for targets of a
// kind; all of them for an owner or when the kind is not known.
func ReadRules(kind string) []rbacv1.PolicyRule {
	pod := []rbacv1.PolicyRule{Rule("", []string{"pods"}, "get")}
	switch kind {
	case Deployment:
		return []rbacv1.PolicyRule{
			Rule("apps", []string{"deployments"}, "get"),
			Rule("", []string{"persistentvolumeclaims"}, "get"),
		}
	case StatefulSet, DaemonSet:
		return []rbacv1.PolicyRule{Rule("apps", []string{kind + "s"}, "get")}
	case Pod:
		return append(pod, Rule("apps", []string{"replicasets", "deployments", "statefulsets", "daemonsets"}, "get"))
	}
	return append(ReadRules(Deployment), ReadRules(Pod)...)
}

// MergeRules returns the smallest set of rules that allows what all of the
// given ones allow together and nothing else, in a fixed order.
func MergeRules(rules ...rbacv1.PolicyRule) []rbacv1.PolicyRule {
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
