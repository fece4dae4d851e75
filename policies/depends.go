package policies

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/alertmanager/pkg/labels"

	"github.com/x0tta6bl4/remediated/remediate"
)

// dependency is one item of a policy's depends and where its parts are written.
type dependency struct {
	remediate.Dependency
	policy, same, alert value
	matchers            []string // Alert, in one way of writing
}

// dependency reads what must be well before the policy acts.
func (r *policyReader) dependency(v value, w *written) {
	var d dependency
	var q floor
	v.object("a dependency", fields{
		"policy": func(v value) { d.policy = v; d.Policy = v.policyName() },
		"same":   func(v value) { d.same = v; d.Same = v.labelNames("labels") },
		"alert": func(v value) {
			d.alert = v
			d.Alert, d.matchers = v.when()
			for _, item := range v.items() {
				w.take(item, item.node.Value)
			}
		},
		"query": q.readQuery(r, w),
		"min":   q.readMin,
	})
	asked := slices.DeleteFunc([]string{"policy", "alert", "query"}, func(key string) bool { return !v.has(key) })
	switch {
	case len(asked) == 0:
		v.fail("it is not said what this depends on", `write {policy: NAME}, {alert: ['alertname="NodeDown"']} or {query: PromQL, min: 1}`)
	case len(asked) > 1:
		v.fail(fmt.Sprintf("one item is one dependency, and this has %s", strings.Join(asked, " and ")), "write an item for each of them")
	case d.same.node != nil && d.policy.node == nil:
		d.same.fail("same goes with policy only", fmt.Sprintf("take the value of a label into %s instead, or leave it out", asked[0]))
	default:
		q.check(v)
	}
	d.Query, d.Min = q.query, q.min
	w.depends = append(w.depends, d)
	w.Guards.Depends = append(w.Guards.Depends, d.Dependency)
}

// checkDepends refuses dependencies that would hold the policy by itself, or by
// what is not the same for all alerts of an incident.
func (r *policyReader) checkDepends(w *written) {
	for _, d := range w.depends {
		if d.Policy != "" && d.Policy == w.Name {
			d.policy.fail("this policy would wait for itself", "name the policy for what it depends on")
		}
		if len(d.matchers) > 0 && !slices.ContainsFunc(d.matchers, func(m string) bool { return !w.implies(m) }) {
			d.alert.fail("these matchers select the alerts of this policy: it would wait for itself", "name the alert of what it depends on")
		}
		for i, label := range d.Same {
			if !w.steady(label) {
				d.same.items()[i].fail(fmt.Sprintf("the label %s may differ between the alerts of one incident", label), addToPer(label))
			}
		}
	}
}

// implies tells whether all alerts of the policy satisfy a matcher.
func (w *written) implies(matcher string) bool {
	m, err := labels.ParseMatcher(matcher)
	own := err == nil && m.Type == labels.MatchEqual && strings.Trim(m.Value, "${}") == m.Name && reference.FindString(m.Value) == m.Value
	return own || slices.Contains(w.matchers, matcher)
}

// checkDepends looks at the dependencies between policies, once all of them are
// known. It returns false when they cannot be followed.
func (l *loading) checkDepends() bool {
	good := true
	for i := range l.policies {
		for _, d := range l.policies[i].depends {
			if d.Policy != "" {
				good = l.checkRoot(&l.policies[i], d) && good
			}
		}
	}
	return good && l.checkCycles()
}

// checkRoot looks at the policy that w depends on.
func (l *loading) checkRoot(w *written, d dependency) bool {
	root := l.policy(d.Policy)
	if root == nil {
		var names []string
		for _, o := range l.policies {
			names = append(names, o.Name)
		}
		d.policy.fail(fmt.Sprintf("there is no policy %q", d.Policy), suggest(d.Policy, names))
		return false
	}
	for i, label := range d.Same {
		at := d.same.items()[i]
		leaf, rooted := w.fixed(label), root.fixed(label)
		switch {
		case !root.steady(label):
			at.warn(fmt.Sprintf("the alerts of one incident of %s may differ in the label %s, or lack it", root.Name, label),
				fmt.Sprintf("add it to per of %s at %s, or take another label", root.Name, root.Source))
		case len(leaf) > 0 && len(rooted) > 0 && !slices.ContainsFunc(leaf, func(s string) bool { return slices.Contains(rooted, s) }):
			at.warn(fmt.Sprintf("the label %s is never the same: here it is %s, for %s it is %s", label, strings.Join(leaf, " or "), root.Name, strings.Join(rooted, " or ")),
				"take it out of same, or the dependency holds nothing")
		}
	}
	return true
}

// policy returns the policy called name, nil when there is none.
func (l *loading) policy(name string) *written {
	i := slices.IndexFunc(l.policies, func(w written) bool { return w.Name == name })
	if i < 0 {
		return nil
	}
	return &l.policies[i]
}

// checkCycles refuses policies that wait for one another: an incident of each
// would hold them all, for ever.
func (l *loading) checkCycles() bool {
	good, done := true, map[string]bool{}
	var visit func(w *written, path []string)
	visit = func(w *written, path []string) {
		path = append(path, w.Name)
		for _, d := range w.depends {
			at := slices.Index(path, d.Policy)
			switch {
			case at >= 0:
				good = false
				d.policy.fail("these policies wait for one another: "+strings.Join(append(path[at:len(path):len(path)], d.Policy), " -> "),
					"let the root of the trouble depend on nothing that depends on it")
			case d.Policy != "" && !done[d.Policy]:
				visit(l.policy(d.Policy), path)
			}
		}
		done[w.Name] = true
	}
	for i := range l.policies {
		if !done[l.policies[i].Name] {
			visit(&l.policies[i], nil)
		}
	}
	return good
}
