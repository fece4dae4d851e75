package remediate

import (
	"fmt"
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

func allow(format string, args ...any) Verdict {
	return Verdict{Decision: Allowed, Reason: fmt.Sprintf(format, args...)}
}

func deny(until time.Time, format string, args ...any) Verdict {
	return Verdict{Decision: Denied, Until: until, Reason: fmt.Sprintf(format, args...)}
}

func wait(until time.Time, format string, args ...any) Verdict {
	return Verdict{Decision: Waiting, Until: until, Reason: fmt.Sprintf(format, args...)}
}

func hold(format string, args ...any) Verdict {
	return Verdict{Decision: Held, Reason: fmt.Sprintf(format, args...)}
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
