package policies

import (
	"slices"
	"strings"

	"github.com/prometheus/alertmanager/pkg/labels"
)

// matchersOf returns the matchers that were read from these texts.
func matchersOf(texts []string) []*labels.Matcher {
	var out []*labels.Matcher
	for _, s := range texts {
		if m, err := labels.ParseMatcher(s); err == nil { // what is no matcher was refused when it was read
			out = append(out, m)
		}
	}
	return out
}

// implied tells whether every alert that satisfies all of the matchers ms
// satisfies m too. It says so only where that is sure: what two regular
// expressions have in common is not looked for.
func implied(ms []*labels.Matcher, m *labels.Matcher) bool {
	return slices.ContainsFunc(ms, func(o *labels.Matcher) bool {
		if o.Name != m.Name {
			return false
		}
		if values, few := valuesOf(o); few {
			return !slices.ContainsFunc(values, func(s string) bool { return !m.Matches(s) })
		}
		present := m.Type == labels.MatchNotEqual && m.Value == "" && !o.Matches("")
		return present || o.Type == m.Type && o.Value == m.Value
	})
}

// valuesOf returns the only values that a matcher lets pass, when they are few
// and can be told from how it is written.
func valuesOf(m *labels.Matcher) ([]string, bool) {
	switch {
	case m.Type == labels.MatchEqual:
		return []string{m.Value}, true
	case m.Type == labels.MatchRegexp && alternatives.MatchString(m.Value):
		return strings.Split(m.Value, "|"), true
	}
	return nil, false
}
