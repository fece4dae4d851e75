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
	Expr   string // PromQL
	// Added are the labels that its alerts may get between the rule and
	// Alertmanager; May are those that they may have there, beside those that the
	// rule itself sets. Any, where it is not known.
	Added, May LabelNames
	// Assuming says what May takes for granted, for people; "" when it is known.
	Assuming string
}

// fixed returns the value that the rule gives a label in every alert, "" for a
// label that it takes away. It returns false when only an alert can tell.
func (r AlertRule) fixed(label string) (string, bool) {
	if label == labelAlertname {
		return r.Name, true
	}
	s, ok := r.Labels[label]
	return s, ok && !strings.Contains(s, "{{") || r.without(label)
}

// without tells whether none of the rule's alerts ever has the label, because its
// expression takes it away and nothing gives it anew. What the rule itself says of
// a label is looked at by fixed.
func (r AlertRule) without(label string) bool {
	_, set := r.Labels[label]
	return !set && label != labelAlertname && !r.May.Has(label)
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
		if d.alert.node != nil && c.named(d.alert) {
			c.raising(d.Alert, d.alert)
		}
	}
	if !c.named(w.when) {
		return
	}
	if raised := c.raising(w.When, w.when); len(raised) > 0 {
		c.needs(w, raised)
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

// raising returns the rules whose alerts the matchers can select by what the
// rules say of their labels. It warns when the rules contradict the matchers,
// which are written at when.
func (c *ruleCheck) raising(texts []string, when value) []AlertRule {
	ms := matchersOf(texts)
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
		message, hint := by.against(ms[against])
		c.warn(when.items()[against], message, hint)
	}
	return out
}

// against says why none of the rule's alerts satisfies a matcher.
func (r AlertRule) against(m *labels.Matcher) (message, hint string) {
	if r.without(m.Name) {
		return fmt.Sprintf("no alert satisfies %s: the expression of the rule %s at %s leaves no label %s", m, r.Name, r.Source, m.Name), r.keep(m.Name)
	}
	return fmt.Sprintf("no alert satisfies %s: the rule %s at %s sets %s to %q", m, r.Name, r.Source, m.Name, r.Labels[m.Name]),
		"let the policy and the rule say the same, or leave the matcher out"
}

// keep says what to do about a label that the rule's expression takes away.
func (r AlertRule) keep(label string) string {
	hint := fmt.Sprintf("have the expression at %s keep %s, for example by (%s), or do without it here", r.Source, label, label)
	if r.Assuming != "" {
		hint += "; " + r.Assuming
	}
	return hint
}

// namesIt tells whether the matchers let an alert of this name pass.
func namesIt(ms []*labels.Matcher, name string) bool {
	return !slices.ContainsFunc(ms, func(m *labels.Matcher) bool { return m.Name == labelAlertname && !m.Matches(name) })
}

// needs looks whether alerts have the labels that the policy needs, by what the
// rules leave of labels and by the alerts that there are now; and whether these
// are the object's own.
func (c *ruleCheck) needs(w *written, rules []AlertRule) {
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

// lacks says what the rule's alerts lack that the policy matches and whose label
// it needs, all of them or one that there is now; "" when nothing.
func (r AlertRule) lacks(label string, w *written) (message, hint string) {
	if r.without(label) {
		return fmt.Sprintf("no alert %s has a label %s: the expression of the rule at %s takes it away", r.Name, label, r.Source), "it is told and never acted on: " + r.keep(label)
	}
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
	return slices.IndexFunc(ms, func(m *labels.Matcher) bool {
		s, fixed := r.fixed(m.Name)
		taken := reference.MatchString(m.Value) && s != "" // the label of another alert: which value that is is not known
		return fixed && !taken && !m.Matches(s)
	})
}
