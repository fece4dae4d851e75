package replay

import (
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/remediate"
)

// Difference shows what was expected beside what followed: what did not follow
// with a minus, what was not expected with a plus, each as a test says it. Then
// it explains where the two part for the first time. It is "" for a test that
// passed.
func (o *Outcome) Difference() string {
	if o.Passed() {
		return ""
	}
	if o.Err != nil {
		return o.Err.Error() + "\n"
	}
	want, got := o.Case.Expect, o.Followed
	same := common(want, got)
	var b strings.Builder
	parted := time.Duration(-1) // when they part first
	differs := func(sign string, h policies.Happening) {
		fmt.Fprintf(&b, "  %s %s\n", sign, Line(h))
		if parted < 0 {
			parted = h.At
		}
	}
	for i, j := 0, 0; i < len(want) || j < len(got); {
		switch {
		case i < len(want) && j < len(got) && meets(want[i], got[j]):
			fmt.Fprintf(&b, "    %s\n", Line(got[j]))
			i, j = i+1, j+1
		case i < len(want) && (j == len(got) || same[i+1][j] >= same[i][j+1]):
			differs("-", want[i])
			i++
		default:
			differs("+", got[j])
			j++
		}
	}
	return b.String() + o.explained(parted)
}

// common is how much the rest of one list from i on and the rest of the other
// from j on have in common, at most.
func common(want, got []policies.Happening) [][]int {
	n := make([][]int, len(want)+1)
	for i := range n {
		n[i] = make([]int, len(got)+1)
	}
	for i := len(want) - 1; i >= 0; i-- {
		for j := len(got) - 1; j >= 0; j-- {
			n[i][j] = max(n[i+1][j], n[i][j+1])
			if meets(want[i], got[j]) {
				n[i][j] = n[i+1][j+1] + 1
			}
		}
	}
	return n
}

// explained says how the last judgement until two stories parted came about.
func (o *Outcome) explained(parted time.Duration) string {
	var last *remediate.Fact
	for k, f := range o.Facts {
		if _, ok := f.Body.(remediate.Judged); ok && f.At.Sub(o.Case.Start) <= parted {
			last = &o.Facts[k]
		}
	}
	if last == nil {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "  the last judgement until then, at %s, of i%d:\n", model.Duration(last.At.Sub(o.Case.Start)), remediate.IncidentOf(last.Body))
	for _, line := range remediate.Explain(last.Body) {
		fmt.Fprintf(&b, "      %s\n", line)
	}
	return b.String()
}
