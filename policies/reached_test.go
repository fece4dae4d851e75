package policies

import (
	"slices"
	"testing"

	"github.com/prometheus/alertmanager/pkg/labels"
	"pgregory.net/rapid"

	"github.com/x0tta6bl4/remediated/remediate"
)

// takenBy is [takers.taking] with each policy held against each before it.
func takenBy(policies []written, i int) int {
	ms := matchersOf(policies[i].When)
	return slices.IndexFunc(policies[:i], func(o written) bool {
		narrower := func(m *labels.Matcher) bool { return !implied(ms, m) }
		return !o.Continue && !slices.ContainsFunc(matchersOf(o.When), narrower)
	})
}

// Whatever policies there are, the one that is found to take all alerts of
// another is the one that is found by looking at all of them.
func TestTakersAreThoseOfAScan(t *testing.T) {
	matcher := rapid.Custom(func(rt *rapid.T) string {
		return rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "label") +
			rapid.SampledFrom([]string{`="x"`, `="y"`, `=""`, `=~"x|y"`, `=~"x"`, `=~"x|y|z"`, `=~"x.*"`, `!="x"`, `!=""`, `!~"x|y"`}).Draw(rt, "rest")
	})
	rapid.Check(t, func(rt *rapid.T) {
		var policies []written
		for range rapid.IntRange(1, 12).Draw(rt, "policies") {
			policies = append(policies, written{Policy: remediate.Policy{
				When: rapid.SliceOfN(matcher, 1, 3).Draw(rt, "when"), Continue: rapid.IntRange(0, 3).Draw(rt, "continue") == 0,
			}})
		}
		first := newTakers(policies)
		for i, w := range policies {
			if got, want := first.taking(first.whens[i]), takenBy(policies, i); got != want {
				rt.Fatalf("policy %d with %q is taken by %d, want %d", i, w.When, got, want)
			}
			if !w.Continue {
				first.put(i)
			}
		}
	})
}
