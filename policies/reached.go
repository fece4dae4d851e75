package policies

import (
	"fmt"
	"slices"

	"github.com/prometheus/alertmanager/pkg/labels"
)

// checkReached warns of a policy that no alert ever reaches, because one before
// it matches all that it does and does not continue. Those before it are known
// to first, and then it is.
func (l *loading) checkReached(i int, first *takers) {
	w := l.policies[i]
	if k := first.taking(first.whens[i]); k >= 0 {
		before := l.policies[k]
		w.when.warn(fmt.Sprintf("the policy %s is never reached", w.Name), fmt.Sprintf(
			"%s at %s comes first and matches all that it does: put this one before it, or let that one say continue: true",
			before.Name, before.Source))
	}
	if !w.Continue {
		first.put(i)
	}
}

// takers are policies that keep their alerts to themselves. With thousands of
// them not each can be held against each, so they stand under the values of one
// of their labels: that which the fewest others want the same of.
type takers struct {
	whens [][]*labels.Matcher // of all policies
	crowd map[labelValue]int  // how many policies want it
	under map[labelValue][]int
	any   []int // those that want no value that can be told
}

type labelValue struct{ label, value string }

// newTakers returns none of the policies yet.
func newTakers(policies []written) *takers {
	t := &takers{crowd: map[labelValue]int{}, under: map[labelValue][]int{}}
	for _, w := range policies {
		t.whens = append(t.whens, matchersOf(w.When))
		for _, m := range t.whens[len(t.whens)-1] {
			for _, v := range wantedBy(m) {
				t.crowd[v]++
			}
		}
	}
	return t
}

// wantedBy are the only values that a matcher lets pass, none when they cannot
// be told.
func wantedBy(m *labels.Matcher) []labelValue {
	values, _ := valuesOf(m)
	out := make([]labelValue, len(values))
	for i, v := range values {
		out[i] = labelValue{m.Name, v}
	}
	return out
}

// put adds policy i.
func (t *takers) put(i int) {
	var best []labelValue
	least := 0
	for _, m := range t.whens[i] {
		vs, fullest := wantedBy(m), 0
		for _, v := range vs {
			fullest = max(fullest, t.crowd[v])
		}
		if len(vs) > 0 && (best == nil || fullest < least) {
			best, least = vs, fullest
		}
	}
	if best == nil {
		t.any = append(t.any, i)
	}
	for _, v := range best {
		t.under[v] = append(t.under[v], i)
	}
}

// taking returns the first of them that matches every alert that satisfies these
// matchers, -1 for none. Such a one wants of its label no other values than one
// of these matchers lets pass, so it stands under the first of those too.
func (t *takers) taking(ms []*labels.Matcher) int {
	may := slices.Clone(t.any)
	for _, m := range ms {
		if vs := wantedBy(m); len(vs) > 0 {
			may = append(may, t.under[vs[0]]...)
		}
	}
	slices.Sort(may)
	for _, i := range may {
		if !slices.ContainsFunc(t.whens[i], func(m *labels.Matcher) bool { return !implied(ms, m) }) {
			return i
		}
	}
	return -1
}
