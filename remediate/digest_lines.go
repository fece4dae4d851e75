package remediate

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// What a digest says.

// digestLines says it, a line for each policy, what is open first. Before them
// stand the policies that were put back to observe: until a human says otherwise.
func (h *handler) digestLines() []string {
	open, opened := map[string]*Gathered{}, map[string]int{}
	for _, n := range h.s.Incidents.Numbers() {
		i := h.s.Incidents.Look(n)
		if i.visible() || i.Status == StatusClosed {
			continue
		}
		if open[i.Policy] == nil {
			open[i.Policy] = &Gathered{}
		}
		open[i.Policy].count(i)
		opened[i.Policy]++
	}
	names := slices.Collect(maps.Keys(open))
	for name := range h.s.Digests.Tally {
		if open[name] == nil {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(opened[b], opened[a]), cmp.Compare(a, b)) })
	lines := h.putBack()
	for _, name := range names[:min(len(names), digestPolicies)] {
		lines = append(lines, digestLine(name, opened[name], open[name], h.s.Digests.Tally[name]))
	}
	if left := len(names) - digestPolicies; left > 0 {
		lines = append(lines, fmt.Sprintf("and %d policies more", left))
	}
	return append(lines, h.journalHead()...)
}

// journalHead says where the journal ends, before this digest, if that is wanted.
func (h *handler) journalHead() []string {
	if d := h.books[h.s.Rulebook].Digests; d == nil || !d.Head {
		return nil
	}
	return []string{fmt.Sprintf("the journal's past can be checked by: remedy journal check --was %d:%d", h.s.Seq, h.s.Head.Mark())}
}

// putBack says which policies the daemon itself put back to observe, and why.
func (h *handler) putBack() (lines []string) {
	for _, scope := range slices.Sorted(maps.Keys(h.s.Modes)) {
		if c := h.s.Modes[scope]; c.By == Itself && len(lines) < digestPolicies {
			lines = append(lines, fmt.Sprintf("%s was put back to %s%s; remedy mode %s act lifts it", scope, c.Value, said(c.Reason), scope))
		}
	}
	return lines
}

// digestLine says it of one policy.
func digestLine(name string, open int, now, over *Gathered) string {
	var said []string
	sum, severity := Gathered{Targets: map[string]int{}}, Severity("")
	for _, t := range []*Gathered{over, now} {
		if t == nil {
			continue
		}
		severity = t.Severity
		sum.Over, sum.Healed, sum.Observed = sum.Over+t.Over, sum.Healed+t.Healed, sum.Observed+t.Observed
		for target, n := range t.Targets {
			sum.Targets[target] += n
		}
	}
	if open > 0 {
		said = append(said, fmt.Sprintf("%d open", open))
	}
	if sum.Over > 0 {
		said = append(said, fmt.Sprintf("%d over, %d of them healed", sum.Over, sum.Healed))
	}
	if sum.Observed > 0 {
		said = append(said, fmt.Sprintf("%d times something would have been done", sum.Observed))
	}
	text := fmt.Sprintf("%s (%s): %s", name, severity, strings.Join(said, "; "))
	targets := slices.SortedFunc(maps.Keys(sum.Targets), func(a, b string) int {
		return cmp.Or(cmp.Compare(sum.Targets[b], sum.Targets[a]), cmp.Compare(a, b))
	})
	for k, target := range targets[:min(len(targets), digestTargets)] {
		text += map[bool]string{true: "; on ", false: ", "}[k == 0] + target
		if n := sum.Targets[target]; n > 1 {
			text += fmt.Sprintf(" (%d times)", n)
		}
	}
	if left := len(targets) - digestTargets; left > 0 {
		text += fmt.Sprintf(" and %d more", left)
	}
	return text
}
