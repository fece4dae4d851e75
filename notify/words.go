package notify

import (
	"fmt"
	"strings"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// The words are the same wherever an incident is shown. They are cleaned, not
// escaped: each service escapes for its own syntax.

// Limits of single texts in characters.
const (
	maxName   = 120 // policies, alerts, people, rungs
	maxTarget = 300
	maxProse  = 1000 // summaries, reasons
	maxSeen   = 400  // one attempt's result or verification
)

// Tone is how an incident stands, at one glance.
type Tone string

const (
	ToneGood  Tone = "good"  // it is over, or healed
	ToneBusy  Tone = "busy"  // automation is at it
	ToneWait  Tone = "wait"  // it waits for a time, a guard or a human
	ToneBad   Tone = "bad"   // automation will not help, or people are being called
	ToneQuiet Tone = "quiet" // only written down
)

// ToneOf returns the tone of a notice.
func ToneOf(n remediate.Notice) Tone {
	switch n.Status {
	case remediate.StatusHealed, remediate.StatusClosed:
		return ToneGood
	case remediate.StatusDenied, remediate.StatusUnconfirmed:
		return ToneBad
	}
	if n.Rung != "" {
		return ToneBad
	}
	switch n.Status {
	case remediate.StatusWaiting, remediate.StatusHeld, remediate.StatusApproval:
		return ToneWait
	case remediate.StatusListed, remediate.StatusObserved:
		return ToneQuiet
	}
	return ToneBusy
}

// ID returns the short name of the notice's incident, for example i42.
func ID(n remediate.Notice) string { return fmt.Sprintf("i%d", n.Incident) }

// Headline returns what is the matter in one short line:
//
//	i42 P2 verifying: postgres-down on prod/deployment/shop/db
func Headline(n remediate.Notice) string {
	about := Clean(n.Policy, maxName)
	if about == "" {
		about = Clean(n.Alert, maxName)
	}
	if !n.Target.IsZero() {
		about += " on " + Clean(n.Target.String(), maxTarget)
	}
	head := ID(n)
	if severity := Clean(string(n.Severity), maxName); severity != "" {
		head += " " + severity
	}
	head += " " + statusWord(n)
	if about == "" {
		return head
	}
	return head + ": " + about
}

// Summary returns the headline and, in the same line, the reason for it: what
// a phone shows.
func Summary(n remediate.Notice) string {
	result := ""
	if ToneOf(n) == ToneGood { // a healed incident that was reopened has healed once, which is not the news
		result = healed(n)
	}
	for _, more := range []string{result, Why(n), Says(n)} {
		if more != "" {
			return Headline(n) + ": " + more
		}
	}
	return Headline(n)
}

// Detail is one named fact about an incident.
type Detail struct{ Name, Text string }

// Details returns the facts about an incident, at most ten, the most important first.
func Details(n remediate.Notice) []Detail {
	var ds []Detail
	add := func(name, text string) {
		if text != "" {
			ds = append(ds, Detail{name, text})
		}
	}
	add("Status", statusWord(n))
	add("Policy", Clean(n.Policy, maxName))
	add("Target", Clean(n.Target.String(), maxTarget))
	add("Alert", alert(n))
	add("Since", at(n.Opened))
	add("Healed", healed(n))
	add("Closed", closed(n))
	add("Paged", paged(n))
	add("Plan", Clean(n.Plan, maxName))
	add("Impact", Clean(n.Impact, maxTarget))
	return ds
}

// Why returns the reason for the status, "" when there is none.
func Why(n remediate.Notice) string { return Clean(n.Why, maxProse) }

// Says returns what the alert says of itself, "" when it says nothing.
func Says(n remediate.Notice) string { return Clean(n.Summary, maxProse) }

// Story returns what was tried and what was seen, a line per attempt, oldest
// first. Of more than limit attempts the newest are told, and how many were
// left out.
func Story(n remediate.Notice, limit int) []string {
	var lines []string
	attempts := n.Attempts
	if left := len(attempts) - limit; left > 0 {
		attempts = attempts[left:]
		lines = append(lines, fmt.Sprintf("(%d earlier: see remedy incident explain %s)", left, ID(n)))
	}
	for _, a := range attempts {
		lines = append(lines, attempt(a))
	}
	return lines
}

// Lines returns what happened since people were last told, a line each. What
// happened at no time in particular is told without one.
func Lines(n remediate.Notice) []string {
	var lines []string
	for _, l := range n.Lines {
		line := Clean(l.Text, maxProse)
		if !l.At.IsZero() {
			line = clock(l.At) + " " + line
		}
		lines = append(lines, line)
	}
	return lines
}

// Next returns what to type next, the most pressing first.
func Next(n remediate.Notice) []string {
	id := ID(n)
	explain := "remedy incident explain " + id
	switch {
	case n.Status == remediate.StatusClosed:
		return []string{explain}
	case n.Status == remediate.StatusApproval && plain(n.Plan):
		return []string{"remedy incident approve " + id + " --plan " + n.Plan, "remedy incident deny " + id, explain}
	case n.Status == remediate.StatusListed:
		return []string{"remedy incident run " + id, explain}
	case n.Rung != "" && n.Acked == "":
		return []string{"remedy incident ack " + id, explain}
	}
	return []string{explain}
}

// plain tells whether s can be typed into a shell as it is. The hash of a plan
// can; what cannot is not offered for copying.
func plain(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "0123456789abcdefghijklmnopqrstuvwxyz") == ""
}

func statusWord(n remediate.Notice) string {
	switch {
	case n.Status == remediate.StatusApproval:
		return "needs approval"
	case n.Status == remediate.StatusClosed && n.Healed.IsZero():
		return "closed, not verified"
	case n.Status == "":
		return "open"
	}
	return Clean(string(n.Status), maxName)
}

func alert(n remediate.Notice) string {
	name := Clean(n.Alert, maxName)
	switch {
	case n.Firing > 0 && name != "":
		return fmt.Sprintf("%s (%d firing)", name, n.Firing)
	case n.Firing > 0:
		return fmt.Sprintf("%d firing", n.Firing)
	case name != "":
		return name + " (none firing)"
	}
	return ""
}

// healed says how long it took, held against the objective.
func healed(n remediate.Notice) string {
	if n.Healed.IsZero() {
		return ""
	}
	text := "after " + n.Took.String()
	switch {
	case n.Objective == 0:
		return text
	case n.Took <= n.Objective:
		return text + ", within the objective of " + n.Objective.String()
	}
	return text + ", the objective of " + n.Objective.String() + " was missed"
}

func closed(n remediate.Notice) string {
	text := at(n.Closed)
	if text != "" && n.Healed.IsZero() {
		text += ", nothing was verified"
	}
	return text
}

func paged(n remediate.Notice) string {
	rung, acked := Clean(n.Rung, maxName), Clean(n.Acked, maxName)
	switch {
	case rung == "" && acked == "":
		return ""
	case rung == "":
		return "nobody; acknowledged by " + acked
	case acked == "":
		return rung + ", not yet acknowledged"
	}
	return rung + ", acknowledged by " + acked
}

// attempt returns one line: ✓ a1 14:02:11 UTC restart it: restart prod/...; ok; seen: SELECT 1 answers
func attempt(a remediate.Attempt) string {
	mark := "…"
	switch {
	case a.OK:
		mark = "✓"
	case a.Verify != "" || (a.Result != "" && a.Result != remediate.OK):
		mark = "✗"
	}
	id := a.ID[strings.LastIndexByte(a.ID, '-')+1:]
	text := fmt.Sprintf("%s %s %s %s: %s", mark, Clean(id, maxName), clock(a.At), Clean(a.Step, maxName), Clean(a.Act, maxTarget))
	if r := Clean(a.Result, maxSeen); r != "" {
		text += "; " + r
	}
	if v := Clean(a.Verify, maxSeen); v != "" {
		text += "; seen: " + v
	}
	return text
}

// at and clock show times in UTC, because the readers of one message sit in
// several zones and their logs do not.
func at(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05 UTC") }
