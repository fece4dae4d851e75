package remediate

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Describe says a fact in one line, for logs and for the story of an incident. What
// comes later is told with its date: it may be weeks off.
func Describe(b Body) string {
	switch b := b.(type) {
	case Founded:
		return "journal " + b.Journal + " is founded"
	case RulebookLoaded:
		return fmt.Sprintf("rulebook %.12s governs: %d policies", b.Digest, len(b.Policies))
	case Upgraded:
		return describeUpgraded(b)
	case Compared:
		return b.String()
	case ClockJumped:
		return "the clock jumped by " + b.By.String()
	case AlertFiring:
		return fmt.Sprintf("alert %s fires since %s%s", b.Alert.Labels, b.Alert.StartsAt.Format(time.RFC3339), firingNote(b))
	case AlertResolved:
		return fmt.Sprintf("alert %.8s resolved, by %s", b.ID, b.Via)
	case AlertSuppressed:
		return fmt.Sprintf("alert %.8s is silenced or inhibited: %s", b.ID, strings.Join(b.By, ", "))
	case AlertReleased:
		return fmt.Sprintf("alert %.8s is no longer silenced or inhibited", b.ID)
	case AlertDoubted:
		if b.Resolved {
			return fmt.Sprintf("alert %.8s is told as resolved, by one replica: what is listed next settles it", b.ID)
		}
		return fmt.Sprintf("alert %.8s is told as firing since %s, but may have resolved: what is listed next settles it", b.ID, b.StartsAt.Format(time.RFC3339))
	case CommandGiven:
		return describeCommand(b)
	case CommandRefused:
		return "refused: " + describeCommand(b.CommandGiven) + ": " + b.Why
	case PauseEnded:
		return fmt.Sprintf("%s is paused by %s no longer: the time that was said is over", b.Scope, b.By)
	case Digested:
		return fmt.Sprintf("digest %d %s: %d lines", b.Number, b.Why, len(b.Lines))
	case Started:
		return describeStarted(b)
	case Delayed:
		return fmt.Sprintf("%s did not get through: %s; next try at %s", b.ID, b.Why, b.Until.Format(time.RFC3339))
	case Finished:
		return describeFinished(b)
	}
	return describeDecided(b)
}

// describeCommand leaves out what a command does not have.
func describeCommand(b CommandGiven) string {
	words := []string{b.Command}
	for _, w := range []string{b.Scope, b.Plan, b.Guard, b.Value} {
		if w != "" {
			words = append(words, w)
		}
	}
	if len(b.Labels) > 0 {
		words = append(words, b.Labels.String())
	}
	return strings.Join(append(words, "by", b.By), " ") + untilWhen(b.Until) + said(b.Reason)
}

func firingNote(b AlertFiring) string {
	note := ", by " + string(b.Via)
	if b.Found {
		note += ", found firing"
	}
	if len(b.Suppressed) > 0 {
		note += ", suppressed: " + strings.Join(b.Suppressed, ", ")
	}
	return note
}

func describeDecided(b Body) string {
	switch b := b.(type) {
	case Opened:
		return describeOpened(b)
	case Joined:
		return fmt.Sprintf("alert %.8s joined", b.Alert)
	case Left:
		return fmt.Sprintf("alert %.8s left, %d still fire", b.Alert, b.Firing)
	case Judged:
		return describeJudged(b)
	case BreakerCounted:
		s := fmt.Sprintf("breaker %q is %s", b.Breaker, b.State)
		if !b.Until.IsZero() {
			s += " until " + b.Until.Format(time.RFC3339)
		}
		return s
	case Rated:
		return fmt.Sprintf("%s, no longer %s: %s", b.To, b.From, b.Why)
	case Healed:
		return describeHealed(b)
	case Reopened:
		return "reopened: " + b.Why
	case Exhausted:
		return fmt.Sprintf("every step was tried, in %s, and none was verified", attempts(b.Attempts))
	case Escalated:
		s := fmt.Sprintf("rung %d: tell %s, because %s", b.Rung+1, b.Tell, b.Why)
		if b.Early > 0 {
			s += fmt.Sprintf(" (%s early)", b.Early)
		}
		if b.Skipped > 0 {
			s += fmt.Sprintf(" (%d rungs were overdue)", b.Skipped)
		}
		return s
	case Rerouted:
		return fmt.Sprintf("rung %d: tell %s by %s as well: %s", b.Rung+1, b.Tell, strings.Join(b.To, ", "), b.Why)
	case Late:
		return fmt.Sprintf("late: %s was due at %s: %s", b.What, b.Due.Format(time.TimeOnly), b.Why)
	case Updated:
		return "update: " + b.Text
	case Warned:
		return fmt.Sprintf("the objective of %s is missed in %s", b.Objective, b.Left)
	case Breached:
		return fmt.Sprintf("the objective of %s is missed", b.Objective)
	case Closed:
		return fmt.Sprintf("closed after %s: %s", b.Took, b.Why)
	case Filed:
		return "filed: all was told"
	}
	return KindOf(b)
}

func describeOpened(b Opened) string {
	s := fmt.Sprintf("opened by policy %s, %s, for alert %.8s", b.Policy, b.Severity, b.Alert)
	if !b.Target.IsZero() {
		s += ", about " + b.Target.String()
	}
	if b.ToldOnly != "" {
		s += "; nothing will be done: " + b.ToldOnly
	}
	if b.Found {
		s += "; found firing: listed only"
	}
	if b.Drill != "" {
		s += "; it is a drill, " + b.Drill
	}
	if b.Live != "" {
		s += "; it was broken on purpose, by the live drill " + b.Live
	}
	return s
}

func describeJudged(b Judged) string {
	s := fmt.Sprintf("step %d: %s", b.Step+1, b.Decision)
	if why := because(b.Verdicts); why != "" {
		s += ", " + why
	}
	if b.Hash != "" {
		s += "; plan " + b.Hash
	}
	if !b.Until.IsZero() {
		s += "; again at " + b.Until.Format(time.RFC3339)
	}
	return s
}

func describeHealed(b Healed) string {
	s := "healed: first good sample after " + b.Took.String()
	switch {
	case b.Objective == 0:
		return s
	case b.Met:
		return s + " of " + b.Objective.String()
	}
	return s + ", more than the objective of " + b.Objective.String()
}

func describeStarted(b Started) string {
	switch {
	case b.Act != nil:
		return fmt.Sprintf("%s: %s", b.ID, b.Act)
	case b.Tell != nil:
		s := fmt.Sprintf("%s: tell %s: %s, %s", b.ID, b.Tell.Destination, b.Tell.Notice.Action, b.Tell.Notice.Status)
		if n := len(b.Tell.Notice.Lines); n > 0 {
			s += fmt.Sprintf(", %d lines", n)
		}
		if b.Tell.Notice.Replaces != "" {
			s += fmt.Sprintf(", as %s in place of %s", b.Tell.Notice.Key, b.Tell.Notice.Replaces)
		}
		return s
	}
	var kinds []string
	for _, q := range b.Ask.Questions {
		kinds = append(kinds, q.Kind)
	}
	slices.Sort(kinds)
	return fmt.Sprintf("%s: ask for %s: %s", b.ID, b.Ask.Purpose, strings.Join(slices.Compact(kinds), ", "))
}

func describeFinished(b Finished) string {
	s := b.ID + ": " + b.Outcome + said(b.Text)
	if b.Text != "" {
		return s
	}
	for k, a := range b.Answers {
		sep := "; "
		if k == 0 {
			sep = ": "
		}
		s += sep + a.Kind + " " + a.saw()
	}
	return s
}

// saw is what the probe saw, or why nobody knows.
func (a Answer) saw() string {
	switch {
	case a.Err != "":
		return "not known: " + a.Err
	case a.OK:
		return "ok: " + a.Text
	}
	return "not ok: " + a.Text
}

// Explain tells a fact at length: the line of [Describe], and below it what
// was judged, each guard with its numbers.
func Explain(b Body) []string {
	lines := []string{Describe(b)}
	switch b := b.(type) {
	case Judged:
		for _, v := range b.Verdicts {
			lines = append(lines, "  "+v.String())
		}
	case Digested:
		for _, line := range b.Lines {
			lines = append(lines, "  "+line)
		}
	case Finished:
		if b.Text != "" {
			for _, a := range b.Answers {
				lines = append(lines, "  "+a.Kind+" "+a.saw())
			}
		}
	}
	return lines
}

// attempts counts them in words.
func attempts(n int) string {
	if n == 1 {
		return "one attempt"
	}
	return fmt.Sprintf("%d attempts", n)
}
