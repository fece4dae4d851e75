package remediate

import (
	"fmt"
	"strings"
)

// What is told of an incident in its thread, line by line, as facts are folded.

func said(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

// line is how a fact reads in the story that is told in the incident's thread,
// "" for those that are of no interest there.
func (i *Incident) line(b Body) string {
	switch b := b.(type) {
	case Joined:
		return fmt.Sprintf("another alert joined; %d fire", len(i.Firing))
	case Judged:
		if b.Decision == Allowed {
			return ""
		}
		return string(b.Decision) + ": " + because(b.Verdicts) + i.wouldDo()
	case Started:
		if b.Act == nil {
			return ""
		}
		return fmt.Sprintf("%s: %s", b.ID, b.Act)
	case Finished:
		return i.finishedLine(b)
	case Healed:
		return fmt.Sprintf("healed: first good sample after %s", b.Took)
	case Reopened:
		return "reopened: " + b.Why
	case Exhausted, Late, Updated, Warned, Breached, Rerouted:
		return Describe(b)
	case Escalated:
		if i.Drill != "" {
			return fmt.Sprintf("%s would have been called: %s", b.Tell, b.Why)
		}
		return fmt.Sprintf("told %s: %s", b.Tell, b.Why)
	case CommandGiven:
		return fmt.Sprintf("%s by %s%s", b.Command, b.By, said(b.Reason))
	case CommandRefused:
		return fmt.Sprintf("%s wanted to %s: %s", b.By, b.Command, b.Why)
	case Closed:
		return "closed after " + b.Took.String() + ": " + b.Why
	}
	return ""
}

// stands says which guards stand in the way and how, without their numbers.
func stands(b Judged) string {
	s := string(b.Decision)
	for _, v := range b.Verdicts {
		if v.Decision == b.Decision {
			s += " " + v.Guard
		}
	}
	if b.Decision == Approval {
		s += " " + b.Hash
	}
	return s
}

func (i *Incident) finishedLine(b Finished) string {
	n := len(i.Attempts)
	switch {
	case n == 0 || b.Text == "":
		return ""
	case b.ID == i.Attempts[n-1].ID:
		return b.ID + ": " + i.Attempts[n-1].Result
	case strings.HasPrefix(b.ID, i.Attempts[n-1].ID+"-"): // a further act of it, or one that takes back
		return b.ID + ": " + b.Outcome + said(b.Text)
	case i.Attempts[n-1].Verify == b.Outcome+said(b.Text):
		return "verification: " + i.Attempts[n-1].Verify
	}
	return ""
}
