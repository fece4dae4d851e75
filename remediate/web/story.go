package web

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Event is one happening of an incident's story, for people. What belongs
// together is one event: an act and what came back, a question to the guards
// and their verdicts. What repeats itself is told once and counted.
type Event struct {
	At      time.Time `json:"at"`
	Tone    Tone      `json:"tone"`
	Text    string    `json:"text"`
	Times   int       `json:"times,omitempty"` // how often in a row; absent is once
	Last    time.Time `json:"last,omitzero"`   // the last of these times
	Details []Detail  `json:"details,omitempty"`

	group string // events of one group that follow each other are one
}

// Detail is a line below an event.
type Detail struct {
	Tone Tone   `json:"tone"`
	Word string `json:"word"`           // of a guard its decision; of a probe saw, not ok or unknown; of a dealing its outcome or later; else plan or note
	Name string `json:"name,omitempty"` // the guard or the probe
	Text string `json:"text,omitempty"`
	// At is when it came back, where that is not the event's own time.
	At time.Time `json:"at,omitzero"`
}

// Tone is how something is to be read at a glance.
type Tone string

const (
	Good  Tone = "good"
	Busy  Tone = "busy"
	Wait  Tone = "wait" // a time, a guard or a human is waited for
	Bad   Tone = "bad"
	Quiet Tone = "quiet"
)

// ToneOf returns the tone of a status.
func ToneOf(s remediate.Status) Tone {
	switch s {
	case remediate.StatusHealed, remediate.StatusClosed:
		return Good
	case remediate.StatusDenied, remediate.StatusUnconfirmed:
		return Bad
	case remediate.StatusWaiting, remediate.StatusHeld, remediate.StatusApproval:
		return Wait
	case remediate.StatusListed, remediate.StatusObserved:
		return Quiet
	}
	return Busy
}

// Story tells the facts of one incident.
func Story(facts []remediate.Fact) []Event {
	t := &teller{events: []Event{}, at: map[string]int{}, began: map[string]remediate.Started{}, tries: map[string]tries{}, told: map[string]bool{}}
	for _, f := range facts {
		t.tell(f)
	}
	return t.events
}

// teller makes events of facts.
type teller struct {
	events []Event
	at     map[string]int               // Started.ID -> its event
	began  map[string]remediate.Started // not ended yet
	seen   []Detail                     // what the guards' questions were answered, until they are judged
	tries  map[string]tries             // Started.ID -> of what did not get through
	told   map[string]bool              // destinations that were told once
	drill  bool                         // nothing is broken
	word   remediate.Fact               // the last human's word
	wordAt int                          // its event
}

// add appends an event, or counts it when it is more of the same.
func (t *teller) add(e Event) int {
	n := len(t.events) - 1
	if n >= 0 && e.group != "" && t.events[n].group == e.group {
		e.Times, e.Last, e.At = max(t.events[n].Times, 1)+1, e.At, t.events[n].At
		t.events[n] = e
		return n
	}
	t.events = append(t.events, e)
	return n + 1
}

func (t *teller) tell(f remediate.Fact) {
	switch b := f.Body.(type) {
	case remediate.AlertFiring:
		t.add(Event{At: f.At, Tone: Quiet, Text: fmt.Sprintf("Alert %s fires since %s", b.Alert.Name(), stamp(b.Alert.StartsAt))})
	case remediate.Opened:
		t.opened(f.At, b)
	case remediate.Joined:
		t.add(Event{At: f.At, Tone: Quiet, Text: "Another alert joined", group: "joined"})
	case remediate.Left:
		t.add(Event{At: f.At, Tone: Quiet, Text: fmt.Sprintf("An alert resolved; still firing: %d", b.Firing), group: "left"})
	case remediate.AlertDoubted:
		t.add(Event{At: f.At, Tone: Quiet, Text: "A webhook tells of an alert that may have resolved already: what is listed next settles it", group: "doubted"})
	case remediate.CommandGiven:
		t.word = f
		t.commanded(f.At, b)
	case remediate.Rated:
		t.rated(f.At, b)
	case remediate.Judged:
		t.judged(f.At, b)
	case remediate.Started:
		t.started(f.At, b)
	case remediate.Delayed:
		t.delayed(f.At, b)
	case remediate.Finished:
		t.finished(f.At, b)
	default:
		t.concluded(f.At, b)
	}
}

func (t *teller) opened(at time.Time, b remediate.Opened) {
	e := Event{At: at, Tone: Busy, Text: fmt.Sprintf("Opened as %s by policy %s", b.Severity, b.Policy)}
	if !b.Target.IsZero() {
		e.Text += ", about " + b.Target.String()
	}
	if t.drill = b.Drill != ""; t.drill {
		e.Details = append(e.Details, Detail{Tone: Wait, Word: "note", Text: "it is a drill, " + b.Drill + ": nothing is broken, nothing is done, and nobody is called"})
	}
	if b.Live != "" {
		e.Details = append(e.Details, Detail{Tone: Wait, Word: "note", Text: "it is of the live drill " + b.Live + ": it was broken on purpose, and is mended in earnest"})
	}
	if b.ToldOnly != "" {
		e.Details = append(e.Details, Detail{Tone: Bad, Word: "note", Text: "nothing can be done by itself: " + b.ToldOnly})
	}
	if b.Found {
		e.Tone = Quiet
		e.Details = append(e.Details, Detail{Tone: Quiet, Word: "note", Text: "it fired already when its policy was loaded: only listed"})
	}
	t.add(e)
}

// said are the words for commands.
var said = map[string]string{
	remediate.Ack: "acknowledged it", remediate.Unack: "took the acknowledgement back: people are called anew", remediate.TakeOver: "took it over: no further acts", remediate.Approve: "approved the plan",
	remediate.Deny: "denied the plan", remediate.Run: "said run", remediate.Close: "said close",
	remediate.Note: "noted",
}

func (t *teller) commanded(at time.Time, b remediate.CommandGiven) {
	e := Event{At: at, Tone: Busy, Text: b.By + " " + wordOf(b)}
	if b.Reason != "" {
		e.Text += ": " + b.Reason
	}
	t.wordAt = t.add(e)
}

// wordOf says a command without who gave it and why.
func wordOf(b remediate.CommandGiven) string {
	switch b.Command {
	case remediate.Override:
		return "let the guard " + b.Guard + " pass for the next attempt"
	case remediate.Rate:
		return "rated it " + b.Value
	case remediate.Approve, remediate.Deny:
		return strings.TrimSpace(said[b.Command] + " " + b.Plan)
	}
	return cmp.Or(said[b.Command], b.Command)
}

// rated tells that an incident is worse than it was held to be, or not as bad.
// What a human just said is told with their word.
func (t *teller) rated(at time.Time, b remediate.Rated) {
	if raterOf(t.word, at, b) != "" {
		e := &t.events[t.wordAt]
		e.Details = append(e.Details, Detail{Tone: Quiet, Word: "note", Text: "it was " + string(b.From)})
		return
	}
	e := Event{At: at, Tone: Quiet, Text: fmt.Sprintf("It is %s, no longer %s: %s", b.To, b.From, b.Why)}
	if b.To < b.From { // P1 is the worst
		e.Tone = Bad
	}
	t.add(e)
}

// concluded tells what follows from an outcome.
func (t *teller) concluded(at time.Time, b remediate.Body) {
	e := Event{At: at}
	switch b := b.(type) {
	case remediate.BreakerCounted:
		e.Tone, e.Text = Quiet, "The breaker counted it: "+b.State
		if b.State == "open" {
			e.Tone, e.Text = Bad, "The breaker opened: it is not tried again before "+b.Until.UTC().Format("15:04:05 UTC")
		}
	case remediate.Healed:
		e.Tone, e.Text = Good, "Healed: good again after "+b.Took.String()
		switch {
		case b.Objective > 0 && b.Met:
			e.Text += ", within the objective of " + b.Objective.String()
		case b.Objective > 0:
			e.Text += ", later than the objective of " + b.Objective.String()
		}
	case remediate.Reopened:
		e.Tone, e.Text = Bad, "Reopened: "+b.Why
	case remediate.Exhausted:
		e.Tone, e.Text = Bad, fmt.Sprintf("Every step was tried, %s in all, and none helped", count(b.Attempts, "attempt"))
	case remediate.Escalated:
		e.Tone, e.Text = Wait, fmt.Sprintf("Calling %s: %s", b.Tell, b.Why)
		if t.drill {
			e.Text = fmt.Sprintf("%s would have been called: %s", b.Tell, b.Why)
		}
	case remediate.Rerouted:
		e.Tone, e.Text = Bad, fmt.Sprintf("Calling %s by %s as well: %s", b.Tell, strings.Join(b.To, ", "), b.Why)
	case remediate.Late:
		e.Tone, e.Text = Bad, fmt.Sprintf("Late: %s was due at %s: %s", b.What, b.Due.UTC().Format("15:04:05"), b.Why)
	case remediate.Updated:
		e.Tone, e.Text = Quiet, "Update: "+b.Text
	case remediate.Warned:
		e.Tone, e.Text = Wait, fmt.Sprintf("The objective of %s is missed in %s", b.Objective, b.Left)
	case remediate.Breached:
		e.Tone, e.Text = Bad, fmt.Sprintf("The objective of %s is missed", b.Objective)
	case remediate.CommandRefused:
		e.Tone, e.Text = Bad, fmt.Sprintf("Refused: %s wanted to %s: %s", b.By, b.Command, b.Why)
	case remediate.Closed:
		e.Tone, e.Text = Good, fmt.Sprintf("Closed after %s: %s", b.Took, b.Why)
		if !b.Verified {
			e.Tone = Quiet
		}
	default: // of no interest to people
		return
	}
	t.add(e)
}

func count(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return fmt.Sprintf("%d %ss", n, of)
}
