package policies

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/alertmanager/pkg/labels"
)

// AlertRule is one of Prometheus's alerting rules, as far as a policy depends on
// it.
type AlertRule struct {
	Name   string
	Labels map[string]string // that the rule sets; a value may be a template
	// Active are the labels of the alerts that the rule has now, pending or
	// firing, each whole; nil where that is not known.
	Active []map[string]string
	Source string // where it stands, for people
}

// fixed returns the value that the rule gives a label in every alert, "" for a
// label that it takes away. It returns false when only an alert can tell.
func (r AlertRule) fixed(label string) (string, bool) {
	if label == labelAlertname {
		return r.Name, true
	}
	s, ok := r.Labels[label]
	return s, ok && !strings.Contains(s, "{{")
}

// labelAlertname is the label that names the rule.
const labelAlertname = "alertname"

// CheckRules holds the policies against the rules of Prometheus, which are to be
// all of them: an alert that is renamed there disarms a policy without a word.
// It returns warnings only, since alerts may come from elsewhere.
func (l *Loaded) CheckRules(rules []AlertRule) []Problem {
	c := &ruleCheck{rules: rules}
	for i := range l.policies {
		c.policy(&l.policies[i])
	}
	if l.watchdog.node != nil {
		c.named(l.watchdog)
	}
	return c.problems
}

// ruleCheck is one run of CheckRules.
type ruleCheck struct {
	rules    []AlertRule
	problems []Problem
}

func (c *ruleCheck) warn(at value, message, hint string) {
	c.problems = append(c.problems, at.problem(Warning, message, hint))
}

func (c *ruleCheck) policy(w *written) {
	for _, d := range w.depends {
		if d.alert.node != nil {
			c.named(d.alert)
		}
	}
	if !c.named(w.when) {
		return
	}
	if raised := c.raising(w); len(raised) > 0 {
		c.active(w, raised)
	}
}

// named looks for rules that raise the alerts that matchers name. It returns
// false when there is one that none raises.
func (c *ruleCheck) named(when value) bool {
	all := true
	for _, item := range when.items() {
		m, err := labels.ParseMatcher(item.node.Value)
		if err != nil || m.Name != labelAlertname || strings.Contains(m.Value, "$") {
			continue
		}
		values, few := valuesOf(m)
		if !few && !slices.ContainsFunc(c.rules, func(r AlertRule) bool { return m.Matches(r.Name) }) {
			c.warn(item, fmt.Sprintf("no rule raises an alert that %s selects", m), otherRules)
			all = false
		}
		for _, name := range values {
			if !slices.ContainsFunc(c.rules, func(r AlertRule) bool { return r.Name == name }) {
				c.warn(item, fmt.Sprintf("no rule raises the alert %s", name), c.nearest(name))
				all = false
			}
		}
	}
	return all
}

const otherRules = "write the name of an alert that there is, or have all files of rules looked at"

// nearest says which alert may be meant.
func (c *ruleCheck) nearest(name string) string {
	var names []string
	for _, r := range c.rules {
		names = append(names, r.Name)
	}
	near := closest(name, names)
	if near == "" {
		return otherRules
	}
	return fmt.Sprintf("did you mean %q? It is at %s", near, c.rules[slices.Index(names, near)].Source)
}

// raising returns the rules whose alerts the policy can match by what the rules
// say of their labels. It warns when the rules contradict the policy.
func (c *ruleCheck) raising(w *written) []AlertRule {
	ms := matchersOf(w.When)
	if !slices.ContainsFunc(ms, func(m *labels.Matcher) bool { return m.Name == labelAlertname }) {
		return nil
	}
	var out []AlertRule
	against, by := -1, AlertRule{}
	for _, r := range c.rules {
		if !namesIt(ms, r.Name) {
			continue
		}
		i := r.contradicts(ms)
		if i < 0 {
			out = append(out, r)
		} else if against < 0 {
			against, by = i, r
		}
	}
	if len(out) == 0 && against >= 0 {
		m := ms[against]
		c.warn(w.when.items()[against], fmt.Sprintf("no alert satisfies %s: the rule %s at %s sets %s to %q", m, by.Name, by.Source, m.Name, by.Labels[m.Name]),
			"let the policy and the rule say the same, or leave the matcher out")
	}
	return out
}

// namesIt tells whether the matchers let an alert of this name pass.
func namesIt(ms []*labels.Matcher, name string) bool {
	return !slices.ContainsFunc(ms, func(m *labels.Matcher) bool { return m.Name == labelAlertname && !m.Matches(name) })
}

// active looks at the alerts that there are now: whether they have the labels
// that the policy needs, and whether these are the object's own.
func (c *ruleCheck) active(w *written, rules []AlertRule) {
	needed := map[string]value{}
	for _, t := range w.takes {
		needed[t.label] = t.at
	}
	if len(w.Per) > 0 {
		for _, item := range w.per.items() {
			needed[item.node.Value] = item
		}
	}
	for _, label := range sortedKeys(needed) {
		for _, r := range rules {
			if message, hint := r.lacks(label, w); message != "" {
				c.warn(needed[label], message, hint)
				break
			}
		}
	}
}

// lacks says what one of the rule's alerts lacks that the policy matches and
// whose label it needs, "" when nothing.
func (r AlertRule) lacks(label string, w *written) (message, hint string) {
	ms := matchersOf(w.When)
	for _, ls := range r.Active {
		other := func(m *labels.Matcher) bool { return !m.Matches(ls[m.Name]) }
		switch {
		case slices.ContainsFunc(ms, other):
		case ls[label] == "":
			return fmt.Sprintf("an active alert %s has no label %s", r.Name, label),
				fmt.Sprintf("it is told and never acted on: have the rule at %s keep the label, or do without it here", r.Source)
		case ls[exported+label] != "":
			return fmt.Sprintf("an active alert %s has %s%s=%q beside %s=%q, which is the exporter's", r.Name, exported, label, ls[exported+label], label, ls[label]),
				"scrape with honor_labels: true: then the label is the object's own"
		}
	}
	return "", ""
}

// KnownLabels returns what is known of the labels of the alerts that matchers
// select: one set for each rule that raises such an alert, or for each name
// where the rules are not known. There is more in an alert than in its set.
func KnownLabels(when []string, rules []AlertRule) []map[string]string {
	ms := matchersOf(when)
	fixed := map[string]string{}
	var names []string
	for _, m := range ms {
		if values, few := valuesOf(m); few && m.Name == labelAlertname {
			names = values
		} else if m.Type == labels.MatchEqual {
			fixed[m.Name] = m.Value
		}
	}
	var out []map[string]string
	for _, r := range rules {
		if namesIt(ms, r.Name) && r.contradicts(ms) < 0 {
			out = append(out, r.known(fixed))
		}
	}
	if len(out) > 0 {
		return out
	}
	for _, name := range names {
		out = append(out, AlertRule{Name: name}.known(fixed))
	}
	if len(out) == 0 {
		out = append(out, fixed)
	}
	return out
}

// known returns the labels that all alerts of the rule have, with others that
// are known of some.
func (r AlertRule) known(others map[string]string) map[string]string {
	out := maps.Clone(others)
	for name := range r.Labels {
		if s, fixed := r.fixed(name); fixed {
			out[name] = s
		}
	}
	out[labelAlertname] = r.Name
	return out
}

// contradicts returns the first of the matchers that the rule's own labels never
// satisfy, -1 when there is none.
func (r AlertRule) contradicts(ms []*labels.Matcher) int {
	return slices.IndexFunc(ms, func(m *labels.Matcher) bool { s, fixed := r.fixed(m.Name); return fixed && !m.Matches(s) })
}
