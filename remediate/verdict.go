package remediate

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Decision is what comes of a judgement. The strictest verdict wins: deny
// beats wait beats allow.
type Decision string

const (
	Allowed  Decision = "allow"
	Waiting  Decision = "wait"    // not now; nobody needs to hear of it yet
	Denied   Decision = "deny"    // not by us; people must hear of it
	Held     Decision = "hold"    // a human said not to: nobody needs to hear of it
	Approval Decision = "approve" // a human must approve the plan first
	Observed Decision = "observe" // it would have been done
)

// Verdict is one guard's answer, with its reason and its numbers.
type Verdict struct {
	Guard    string    `json:"guard"`
	Decision Decision  `json:"decision"`
	Reason   string    `json:"reason"`
	Until    time.Time `json:"until,omitzero"` // when the guard will have changed its mind, if it knows
	// For names what the guard waits for ("target/..."): a release wakes it.
	For string `json:"for,omitempty"`
}

// String returns "guard: decision, reason".
func (v Verdict) String() string {
	return fmt.Sprintf("%s: %s, %s", v.Guard, v.Decision, v.Reason)
}

// words are what all verdicts say in common, by themselves.
var words = func() map[string]string {
	m := map[string]string{}
	for _, g := range slices.Concat(cheapGuards, askingGuards) {
		m[g.name] = g.name
	}
	for d := range strictness {
		m[string(d)] = string(d)
	}
	return m
}()

// word is s, kept once for all who say it.
func word(s string) string { return cmp.Or(words[s], s) }

// compact is b in as little memory as it needs: an incident keeps its last
// judgement for as long as it is open, and reading leaves room behind what it read.
func (b Judged) compact() Judged {
	b.Verdicts = exactly(b.Verdicts)
	for k, v := range b.Verdicts {
		b.Verdicts[k].Guard, b.Verdicts[k].Decision = word(v.Guard), Decision(word(string(v.Decision)))
	}
	if b.Plan != nil {
		b.Plan.Acts, b.Plan.Undo = exactly(b.Plan.Acts), exactly(b.Plan.Undo)
	}
	return b
}

// exactly is list without room for more.
func exactly[T any](list []T) []T {
	if len(list) == cap(list) {
		return list
	}
	return append(make([]T, 0, len(list)), list...)
}

func allow(format string, args ...any) Verdict {
	return Verdict{Decision: Allowed, Reason: reason(format, args)}
}

func deny(until time.Time, format string, args ...any) Verdict {
	return Verdict{Decision: Denied, Until: until, Reason: reason(format, args)}
}

func wait(until time.Time, format string, args ...any) Verdict {
	return Verdict{Decision: Waiting, Until: until, Reason: reason(format, args)}
}

func hold(format string, args ...any) Verdict {
	return Verdict{Decision: Held, Reason: reason(format, args)}
}

// reason is what a verdict says: most say the same of all incidents.
func reason(format string, args []any) string {
	if len(args) == 0 {
		return format
	}
	return fmt.Sprintf(format, args...)
}

// strictness orders decisions: the higher one wins.
var strictness = map[Decision]int{Allowed: 0, Observed: 1, Approval: 2, Waiting: 3, Held: 4, Denied: 5}

// stricter returns the one of two verdicts of one guard that stands in the way
// more, or for longer.
func stricter(a, b Verdict) Verdict {
	switch c := strictness[b.Decision] - strictness[a.Decision]; {
	case c > 0:
		return b
	case c < 0 || a.Until.IsZero():
		return a
	case b.Until.IsZero() || b.Until.After(a.Until):
		return b
	}
	return a
}

// strictest returns the decision of the verdicts taken together, and when the
// last of those that stand in the way will have changed its mind (zero when
// one of them does not know).
func strictest(vs []Verdict) (Decision, time.Time) {
	d := Allowed
	for _, v := range vs {
		if strictness[v.Decision] > strictness[d] {
			d = v.Decision
		}
	}
	inTheWay := min(strictness[d], strictness[Waiting])
	var until time.Time
	for _, v := range vs {
		if strictness[v.Decision] < inTheWay || v.Decision == Allowed {
			continue
		}
		if v.Until.IsZero() {
			return d, time.Time{}
		}
		if v.Until.After(until) {
			until = v.Until
		}
	}
	return d, until
}
