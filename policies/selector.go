package policies

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/alertmanager/pkg/labels"
)

// when reads the matchers that say which alerts a policy is for.
// It returns them as written, and in the one way that equal ones share.
func (v value) when() (asWritten, same []string) {
	var ms []*labels.Matcher
	v.list("matchers", func(item value) {
		if m := item.matcher(); m != nil {
			ms = append(ms, m)
			asWritten = append(asWritten, item.node.Value)
			same = append(same, m.String())
		}
	})
	if len(ms) == 0 || len(ms) != len(v.items()) {
		return nil, nil // what is wrong is said
	}
	if !slices.ContainsFunc(ms, selects) {
		v.fail("these matchers select nearly every alert: none of them names a value that must be there", `add one that does, for example 'alertname="PostgresDown"'`)
	}
	v.contradictions(ms)
	return asWritten, same
}

// matcher reads one matcher in Alertmanager's syntax. Quotes are required:
// without them alertname=A,job=b is one matcher for the value "A,job=b".
func (v value) matcher() *labels.Matcher {
	const example = `write it as 'alertname="PostgresDown"', with =, !=, =~ or !~`
	s, ok := v.text("a matcher")
	if !ok {
		return nil
	}
	m, err := labels.ParseMatcher(s)
	switch {
	case err != nil:
		v.fail(fmt.Sprintf("%q is not a matcher: %v", s, err), example)
	case !strings.HasPrefix(strings.TrimLeft(s[strings.IndexAny(s, "=!~"):], "=!~ \t\n"), `"`):
		v.fail(fmt.Sprintf("the value in %q is not in double quotes", s), example)
	case matchesAll(m):
		v.fail(fmt.Sprintf("%s matches everything", m), "leave it out, or name the values that are meant")
	case m.Type == labels.MatchNotRegexp && matchesAll(opposite(m)):
		v.fail(fmt.Sprintf("%s matches nothing", m), "leave it out, or name the values that are not meant")
	default:
		return m
	}
	return nil
}

// unlikely are values that no selector means: what matches all of them was not
// written to choose.
var unlikely = []string{"", "0", "a", "Zz", "x7_:/-q9 #", "\u00e4"}

// matchesAll tells whether a regular expression lets every value pass.
func matchesAll(m *labels.Matcher) bool {
	if m.Type != labels.MatchRegexp {
		return false
	}
	return !slices.ContainsFunc(unlikely, func(s string) bool { return !m.Matches(s) })
}

func opposite(m *labels.Matcher) *labels.Matcher {
	o, err := labels.NewMatcher(labels.MatchRegexp, m.Name, m.Value)
	if err != nil {
		panic("policies: an expression that compiled does not compile: " + err.Error())
	}
	return o
}

// selects tells whether a matcher names values that must be there. A negative
// one does not, nor does =~".+", which only says that there is some value.
func selects(m *labels.Matcher) bool {
	switch m.Type {
	case labels.MatchEqual:
		return m.Value != ""
	case labels.MatchRegexp:
		return !m.Matches("") && slices.ContainsFunc(unlikely[1:], func(s string) bool { return !m.Matches(s) })
	}
	return false
}

// contradictions refuses matchers of one label that no value can satisfy.
func (v value) contradictions(ms []*labels.Matcher) {
	for i, m := range ms {
		if m.Type != labels.MatchEqual {
			continue
		}
		for j, o := range ms {
			if o.Name == m.Name && !o.Matches(m.Value) && (o.Type != labels.MatchEqual || j < i) {
				v.items()[max(i, j)].fail(fmt.Sprintf("%s and %s cannot both hold", ms[min(i, j)], ms[max(i, j)]),
					"all matchers must match; write two policies for two kinds of alerts")
				return
			}
		}
	}
}

// alternatives is a regular expression that is only a choice of plain names.
var alternatives = regexp.MustCompile(`^[A-Za-z0-9_-]+(\|[A-Za-z0-9_-]+)*$`)

// fixed returns the values that the policy's matchers leave for a label, none
// when they do not narrow it to a few plain ones.
func (w *written) fixed(label string) []string {
	for _, m := range matchersOf(w.When) {
		if m.Name != label {
			continue
		}
		if values, few := valuesOf(m); few && values[0] != "" {
			return values
		}
	}
	return nil
}
