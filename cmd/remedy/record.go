package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
	"github.com/x0tta6bl4/remediated/remediate/record"
	"github.com/x0tta6bl4/remediated/remediate/web"
)

func (c *cli) recordCommand(cmd *kingpin.CmdClause) {
	command := cmd.Command("record", "The recovery record of one incident: what was tried, RTO and RPO achieved, issues met, lessons learned. Of the daemon, or of a journal or an export.")
	id := c.incidentArg(command)
	format := command.Flag("format", "text, json or markdown.").Default("text").Enum("text", "json", "markdown")
	from := c.source(command)
	c.commands[command.FullCommand()] = func(ctx context.Context) error {
		n, err := number(*id)
		if err != nil {
			return err
		}
		r, err := c.recordOf(ctx, n, from)
		if err != nil {
			return err
		}
		return c.showRecord(r, *format)
	}
}

// recordOf asks the daemon, unless a journal is named.
func (c *cli) recordOf(ctx context.Context, n uint64, from *source) (r record.Record, err error) {
	if from.storage == "" && from.export == "" {
		ctx, cancel := context.WithTimeout(ctx, within)
		defer cancel()
		_, err := c.get(ctx, fmt.Sprintf("/api/v1/incidents/%d/record", n), nil, &r)
		return r, err
	}
	err = from.read(ctx, func(ctx context.Context, j past) error {
		all, err := recordsOf(ctx, j, record.Only(n))
		if err == nil && len(all) == 0 {
			err = fmt.Errorf("the journal does not tell how incident i%d was opened: it never was, or that is older than what is kept", n)
		}
		if err == nil {
			r = all[0]
		}
		return err
	})
	return r, err
}

// recordsOf reads the records of a journal, as they stand at its last fact.
func recordsOf(ctx context.Context, j past, of func(remediate.Fact) bool) ([]record.Record, error) {
	log := record.New(of, booksOf(ctx, j))
	for f, err := range journal.Facts(j.Read(ctx)) {
		if err == nil {
			err = log.Hear(f)
		}
		if err != nil {
			return nil, err
		}
	}
	return log.Records(), nil
}

func (c *cli) showRecord(r record.Record, format string) error {
	return c.show(format, r, shown{text: func() { c.recordText(r) }, markdown: func() { c.recordMarkdown(r) }})
}

func (c *cli) recordText(r record.Record) { c.fieldsText(fieldsOf(r)) }

func (c *cli) fieldsText(fields []field) {
	for _, f := range fields {
		for k, line := range f.lines {
			name := f.name
			if k > 0 {
				name = ""
			}
			c.out.printf("%s%s\n", c.out.tone(web.Quiet, pad(name, 20)), line)
		}
	}
}

func (c *cli) recordMarkdown(r record.Record) {
	c.out.printf("## Incident i%d\n\n", r.Incident)
	c.fieldsMarkdown(fieldsOf(r))
}

func (c *cli) fieldsMarkdown(fields []field) {
	c.out.printf("| | |\n|---|---|\n")
	for _, f := range fields {
		c.out.printf("| %s | %s |\n", f.name, strings.Join(inMarkdown(f.lines), "<br>"))
	}
}

// field is one field of the recovery log.
type field struct {
	name  string
	lines []string
}

// fieldsOf are the fields of the recovery log, in its order.
func fieldsOf(r record.Record) []field {
	return []field{
		{"Incident ID", []string{fmt.Sprintf("i%d", r.Incident)}},
		{"Date/Time", []string{stamp(r.Times.Opened)}},
		{"Scenario", []string{scenario(r)}},
		{"Phases", phases(r)},
		{"Recovery Steps", orSay(steps(r), "nothing was done")},
		{"RTO Achieved", []string{rto(r)}},
		{"RPO Achieved", []string{rpo(r)}},
		{"Outcome", []string{outcome(r)}},
		{"People", orSay(people(r), "nobody was called, and nobody said a word")},
		{"Issues Encountered", orSay(issues(r), "none")},
		{"Lessons Learned", orSay(lessons(r), "none yet")},
	}
}

// orSay says something where there is nothing to list.
func orSay(lines []string, none string) []string {
	if len(lines) == 0 {
		return []string{none}
	}
	return lines
}

func scenario(r record.Record) string {
	s := fmt.Sprintf("%s, %s", r.Policy, r.Severity)
	if r.Target != "" {
		s += ", " + r.Target
	}
	if r.Alert != "" {
		s += ", alert " + r.Alert + " " + r.Labels.Without([]string{"alertname"}).String()
	}
	if r.Drill != "" {
		s += "; a drill, " + r.Drill
	}
	if r.Live != "" {
		s += "; broken on purpose, by the live drill " + r.Live
	}
	if r.ToldOnly != "" {
		s += "; told only: " + r.ToldOnly
	}
	return s
}

// phase is something that happened, and when.
type phase struct {
	name string
	at   time.Time
}

// phasesOf are what happened of an incident's phases, its opening first.
func phasesOf(r record.Record) []phase {
	t := r.Times
	all := []phase{{"heard", t.Opened}, {"told", t.Told}, {"decided", t.Decided}, {"acted", t.Acted}, {"called", t.Called}, {"good again", t.Good}, {"closed", t.Closed}}
	return slices.DeleteFunc(all, func(p phase) bool { return p.at.IsZero() })
}

// phases are when it came how far, since the opening.
func phases(r record.Record) []string {
	t := r.Times
	var parts []string
	if !t.Fires.IsZero() {
		parts = append(parts, "firing for "+web.Span(t.Opened.Sub(t.Fires))+" when it was opened")
	}
	for _, p := range phasesOf(r)[1:] {
		parts = append(parts, p.name+" +"+web.Span(p.at.Sub(t.Opened)))
	}
	if len(parts) == 0 {
		return []string{"only opened"}
	}
	return []string{strings.Join(parts, ", ")}
}

func steps(r record.Record) []string {
	var lines []string
	for _, a := range r.Attempts {
		for _, act := range a.Acts {
			what := act.Kind
			if act.Undo {
				what = "undo by " + what
			}
			lines = append(lines, fmt.Sprintf("%s %s: %s %s: %s%s", clock(act.At), a.Step, what, act.Target, cmp.Or(act.Outcome, "under way"), because(act.Text)))
		}
		if a.Verified == "" {
			continue
		}
		helped := map[string]string{remediate.OK: "it helped", remediate.Failed: "it did not help"}[a.Verified]
		lines = append(lines, "verified: "+cmp.Or(helped, "nobody knows whether it helped")+because(a.Saw))
	}
	return lines
}

func because(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

func rto(r record.Record) string {
	of := ", no objective"
	if r.RTO.Objective > 0 {
		of = ", objective " + r.RTO.Objective.String()
		if r.RTO.Met != nil {
			of += map[bool]string{true: ": met", false: ": missed"}[*r.RTO.Met]
		}
	}
	switch {
	case r.RTO.Measured:
		return r.RTO.Took.String() + of
	case r.RTO.Met != nil:
		return "not good yet" + of
	}
	return "not measured" + of
}

func rpo(r record.Record) string {
	if r.RPO == nil {
		return r.NoRPO
	}
	return fmt.Sprintf("the newest good backup was %s old, at most %s are allowed: %s", r.RPO.Age, r.RPO.Allowed, map[bool]string{true: "met", false: "missed"}[r.RPO.Met])
}

// endings are the words for what an incident ended by.
var endings = map[record.Ending]string{
	record.Open: "it is open", record.ByAutomation: "healed without a person", record.WithAPerson: "ended with a person",
	record.ByItself: "ended without a remedy of ours", record.Listed: "only listed: it fired before we were there",
	record.Practised: "a drill: nothing was broken",
}

func outcome(r record.Record) string {
	s := endings[r.Ending]
	if r.PageSaved {
		s += ", and nobody was called"
	}
	return s + because(r.Why)
}

func people(r record.Record) []string {
	var lines []string
	for _, call := range r.Called {
		reached := "was called, not reached by a page"
		switch {
		case r.Drill != "":
			reached = "would have been called"
		case !call.Reached.IsZero():
			reached = "was called, accepted at " + clock(call.Reached)
		}
		lines = append(lines, fmt.Sprintf("%s %s %s: %s", clock(call.At), call.Who, reached, call.Why))
	}
	for _, w := range r.Words {
		lines = append(lines, fmt.Sprintf("%s %s by %s%s", clock(w.At), w.Command, w.By, because(w.Reason)))
	}
	return lines
}

func issues(r record.Record) []string {
	var lines []string
	for _, i := range r.Issues {
		lines = append(lines, fmt.Sprintf("%s %s: %s", clock(i.At), i.Kind, i.Text))
	}
	return lines
}

func lessons(r record.Record) []string {
	var lines []string
	for _, l := range r.Lessons {
		lines = append(lines, fmt.Sprintf("%s (%s, %s)", l.Text, l.By, l.At.UTC().Format(time.DateOnly)))
	}
	return lines
}

// inMarkdown are lines that Markdown shows as they are, whatever is in them.
func inMarkdown(lines []string) []string {
	out := make([]string, len(lines))
	for k, line := range lines {
		out[k] = markdown(line)
	}
	return out
}

var markup = strings.NewReplacer(
	"&", "&amp;", "<", "&lt;", ">", "&gt;", "|", "\\|", "\\", "\\\\", "`", "\\`", "*", "\\*", "_", "\\_", "[", "\\[", "]", "\\]", "~", "\\~",
	"://", ":&#47;&#47;", "@", "&#64;", // what would become a link, or call somebody, by itself
)

// markdown keeps text from outside from becoming markup.
func markdown(text string) string { return markup.Replace(clean(text)) }
