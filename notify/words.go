package notify

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/x0tta6bl4/remediated/remediate"
)

// The words are the same wherever an incident is shown, unless a template says
// otherwise. They are cleaned, not escaped: each service escapes for its own
// syntax.

// Limits of single texts in characters.
const (
	maxName   = 120 // policies, alerts, people, rungs
	maxTarget = 300
	maxProse  = 1000 // summaries, reasons, one detail
	maxSeen   = 400  // one attempt's result or verification
	maxWords  = 4000 // what a template makes of them
	maxLine   = 2000 // one attempt or happening, likewise
	maxTitle  = 40   // the name of a detail
)

// How many are shown at most.
const (
	maxDetails  = 10 // a section of Slack has no room for more
	maxCommands = 5
	maxFacts    = 10 // of a list
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

// Words puts one notice into words for one service. It is for one goroutine.
type Words struct {
	templates *Templates
	place     string // "slack", "pagerduty"; "" for the words of no service in particular
	notice    remediate.Notice
	link      string
	data      *Data
	own       *run // nil: there are only the defaults
	standard  *run
}

// Words returns the words for the service, which is the first part of its
// templates' names. The link is the address at which people see the incident,
// "" when there is none.
func (t *Templates) Words(service string, n remediate.Notice, link string) *Words {
	w := &Words{templates: t, place: service, notice: n, link: link, data: dataOf(n, link, Clean)}
	if t != nil && t.set != nil {
		w.own = newRun(t.set)
	}
	return w
}

// name is that of the service's own template.
func (w *Words) name(kind string) string {
	if w.place == "" {
		return kind
	}
	return w.place + "." + kind
}

// Headline returns what is the matter in one short line:
//
//	i42 P2 verifying: postgres-down on prod/deployment/shop/db
func (w *Words) Headline() string { return w.Text("headline") }

// Summary returns the headline and, in the same line, the reason for it: what
// a phone shows.
func (w *Words) Summary() string { return w.Text("summary") }

// Says returns what the alert says of itself, "" when it says nothing.
func (w *Words) Says() string { return w.Text("says") }

// Why returns the reason for the status, "" when there is none.
func (w *Words) Why() string { return w.Text("why") }

// Text returns one line that only this service has, by the rest of its
// template's name, for example "bridge.topic".
func (w *Words) Text(kind string) string {
	return speak(w, w.name(kind), w.data, oneLine(w.name(kind)))
}

// List returns several lines that only this service has.
func (w *Words) List(kind string) []string { return speak(w, w.name(kind), w.data, manyLines) }

// Detail is one named fact about an incident.
type Detail struct{ Name, Text string }

// Details returns the facts about an incident, at most ten, the most important first.
func (w *Words) Details() []Detail { return speak(w, w.name("details"), w.data, details) }

// Story returns what was tried and what was seen, a line per attempt, oldest
// first. Of more than limit attempts the newest are told, and how many were
// left out.
func (w *Words) Story(limit int) []string {
	var lines []string
	first := max(len(w.data.Attempts)-limit, 0)
	if first > 0 {
		lines = append(lines, fmt.Sprintf("(%d earlier: see remedy incident explain %s)", first, w.data.ID))
	}
	for i := first; i < len(w.data.Attempts); i++ {
		if l := w.Attempt("attempt", i); l != "" {
			lines = append(lines, l)
		}
	}
	return lines
}

// Attempt returns one line about the attempt of that index, "" when a template
// passes over it.
func (w *Words) Attempt(kind string, i int) string {
	return Cut(speak(w, w.name(kind), w.data.Attempts[i], oneLine(w.name(kind))), maxLine)
}

// Lines returns what happened since people were last told, a line each. What
// happened at no time in particular is told without one.
func (w *Words) Lines() []string {
	var lines []string
	for _, l := range w.data.Lines {
		lines = append(lines, Cut(speak(w, w.name("line"), l, oneLine(w.name("line"))), maxLine))
	}
	return lines
}

// Next returns what to type next, the most pressing first.
func (w *Words) Next() []string { return speak(w, w.name("next"), w.typed(), commands) }

// typed is the data for what is typed into a shell.
func (w *Words) typed() *Data { return dataOf(w.notice, w.link, typeable) }

// errNothing is of a text that must not be empty and is. It is not told as an
// error: the template has nothing to say about this notice, and the default has.
var errNothing = errors.New("says nothing")

// speak executes a template and reads what it wrote. What cannot be executed or
// read is told to OnError, and then the default speaks.
func speak[T any](w *Words, name string, dot any, read func(string) (T, error)) T {
	if w.own != nil {
		said, err := obtain(w.own, name, dot, read)
		if err == nil {
			return said
		}
		if !errors.Is(err, errNothing) {
			w.templates.failed(name, err)
		}
	}
	if w.standard == nil {
		w.standard = newRun(standard())
	}
	said, err := obtain(w.standard, name, dot, read)
	if err != nil && !errors.Is(err, errNothing) {
		w.templates.failed(name, err)
	}
	return said
}

func obtain[T any](r *run, name string, dot any, read func(string) (T, error)) (said T, err error) {
	text, err := r.execute(name, dot)
	if err != nil {
		return said, err
	}
	return read(text)
}

// oneLine reads one line, which may be empty unless the text is needed.
func oneLine(name string) func(string) (string, error) {
	return func(text string) (string, error) {
		text = Clean(text, maxWords)
		if text == "" && needed[name] {
			return "", errNothing
		}
		return text, nil
	}
}

// manyLines reads lines; empty ones are none.
func manyLines(text string) (all []string, _ error) {
	for l := range strings.Lines(text) {
		if l = Clean(l, maxProse); l != "" && len(all) < maxFacts {
			all = append(all, l)
		}
	}
	return all, nil
}

// commands reads what can be typed, a line each.
func commands(text string) (all []string, _ error) {
	for l := range strings.Lines(text) {
		if strings.ContainsRune(l, foreign) {
			continue
		}
		if l = Clean(l, maxTarget); l != "" && len(all) < maxCommands {
			all = append(all, l)
		}
	}
	return all, nil
}

// details reads lines such as "Policy: postgres-down". Those without a text are
// left out, so that a template need not ask whether there is one.
func details(text string) (all []Detail, _ error) {
	for l := range strings.Lines(text) {
		l = Clean(l, maxProse)
		name, fact, ok := strings.Cut(l, ":")
		name, fact = title(name), strings.TrimSpace(fact)
		switch {
		case l == "":
		case !ok || name == "":
			return nil, fmt.Errorf("the line %.60q has no name: want a line such as Policy: postgres-down", l)
		case fact != "" && len(all) < maxDetails:
			all = append(all, Detail{name, fact})
		}
	}
	return all, nil
}

// title makes the name of a detail fit to be shown in bold: nothing but
// letters, digits, spaces and dashes.
func title(name string) string {
	keep := func(r rune) rune {
		if r == '_' {
			return ' '
		}
		if unicode.IsLetter(r) || unicode.IsDigit(r) || r == ' ' || r == '-' {
			return r
		}
		return -1
	}
	return Clean(strings.Map(keep, name), maxTitle)
}
