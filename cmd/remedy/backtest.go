package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/cmd/internal/flags"
	"github.com/x0tta6bl4/remediated/policies/replay"
)

// backtestJob is one call of backtest.
type backtestJob struct {
	file   string // configuration
	since  *flags.Span
	format string
	all    bool // also show what would have been the same
	alerts alertsJob
}

func (c *cli) backtestCommand(cmd *kingpin.CmdClause) {
	var job backtestJob
	command := cmd.Command("backtest", "Live through the past of a journal under the policies of a configuration, and show what would have been done, refused and told otherwise. "+
		"What was not recorded is said to be unknown.")
	command.Arg("file", "Configuration file.").Default("remediated.yml").StringVar(&job.file)
	job.since = since(command, "30d", "Show incidents that were opened so long ago at most. It is lived through all of the journal. With --prometheus it is what is lived through, and counts from --to.")
	sinceGiven := false
	command.GetFlag("since").IsSetByUser(&sinceGiven)
	job.alerts.flags(command)
	command.Flag("format", "text, json, markdown, or html: one page with timelines that needs nothing beside it.").Default("text").EnumVar(&job.format, "text", "json", "markdown", "html")
	command.Flag("all", "Show also the incidents of which nothing would have been otherwise.").BoolVar(&job.all)
	from := c.source(command)
	c.commands[command.FullCommand()] = func(ctx context.Context) error {
		if err := job.alerts.check(from, sinceGiven); err != nil {
			return err
		}
		if job.alerts.prometheus != "" {
			return c.backtestAlerts(ctx, job)
		}
		return from.read(ctx, func(ctx context.Context, j past) error { return c.backtest(ctx, j, job) })
	}
}

// backtest holds what a configuration's policies would have done against what
// was done.
func (c *cli) backtest(ctx context.Context, j past, job backtestJob) error {
	book, err := c.rulebook(job.file)
	if err != nil {
		return err
	}
	found, err := replay.Backtest(j.Read(ctx), book)
	if err != nil {
		return err
	}
	if back := time.Duration(*job.since); back > 0 {
		found.Since(found.To.Add(-back))
	}
	return c.showBacktest(found, job)
}

// backtestAlerts says what a configuration's policies would have done at a time
// of which only the alerts are known.
func (c *cli) backtestAlerts(ctx context.Context, job backtestJob) error {
	loaded, err := c.loaded(job.file)
	if err != nil {
		return err
	}
	found, err := job.alerts.alertsOnly(ctx, loaded, time.Duration(*job.since))
	if err != nil {
		return err
	}
	return c.showBacktest(found, job)
}

func (c *cli) showBacktest(found *replay.Comparison, job backtestJob) error {
	if !job.all {
		found.Pairs = slices.DeleteFunc(found.Pairs, func(p replay.Pair) bool { return p.Result == replay.Same })
	}
	return c.show(job.format, found, shown{
		text:     func() { c.backtestText(found) },
		markdown: func() { c.backtestMarkdown(found) },
		html:     func() error { return c.backtestHTML(found) },
	})
}

func (c *cli) backtestText(found *replay.Comparison) {
	o := c.out
	o.printf("Incidents from %s to %s\n\n", found.From.Format(time.RFC3339), found.To.Format(time.RFC3339))
	var rows [][]cell
	for _, l := range append([]summed{{"", "was", "would be"}}, sums(found)...) {
		row := []cell{{text: l.what}, {text: l.was}, {text: l.would}}
		if found.AlertsOnly {
			row = slices.Delete(row, 1, 2)
		}
		rows = append(rows, row)
	}
	o.table(rows)
	for _, line := range notes(found) {
		o.printf("%s\n", line)
	}
	for _, p := range found.Pairs {
		o.printf("\n%s: %s\n", p.Result, aboutPair(p))
		if found.AlertsOnly {
			o.printf("  %s\n", tellCourse(p.Would))
			continue
		}
		o.printf("  was       %s\n", tellCourse(p.Was))
		o.printf("  would be  %s\n", tellCourse(p.Would))
	}
	if len(found.Pairs) == 0 {
		o.printf("\n%s\n", nothing(found))
	}
}

// nothing says that there is no incident to show.
func nothing(found *replay.Comparison) string {
	if found.AlertsOnly {
		return "No incident would have been opened."
	}
	return "Nothing would have been otherwise."
}

func (c *cli) backtestMarkdown(found *replay.Comparison) {
	o := c.out
	o.printf("## Backtest, %s to %s\n\n", found.From.Format(time.RFC3339), found.To.Format(time.RFC3339))
	row := func(cells ...string) {
		if found.AlertsOnly {
			cells = slices.Delete(cells, len(cells)-2, len(cells)-1) // what was
		}
		for k := range cells {
			cells[k] = inTable(cells[k])
		}
		o.printf("| %s |\n", strings.Join(cells, " | "))
	}
	row("", "was", "would be")
	row("---", "---", "---")
	for _, l := range sums(found) {
		row(l.what, l.was, l.would)
	}
	for _, line := range notes(found) {
		o.printf("\n%s\n", line)
	}
	if len(found.Pairs) == 0 {
		o.printf("\n%s\n", nothing(found))
		return
	}
	o.printf("\n")
	row("incident", "", "was", "would be")
	row("---", "---", "---", "---")
	for _, p := range found.Pairs {
		row(aboutPair(p), string(p.Result), tellCourse(p.Was), tellCourse(p.Would))
	}
}

// inTable keeps text in its cell of a Markdown table.
func inTable(text string) string { return strings.ReplaceAll(text, "|", "\\|") }

// summed is one line of the sums.
type summed struct{ what, was, would string }

// sums are the lines of the sums, each only where there is something to say.
func sums(found *replay.Comparison) []summed {
	var out []summed
	line := func(what string, was, would int, always bool) {
		if always || was+would > 0 {
			out = append(out, summed{what, fmt.Sprint(was), fmt.Sprint(would)})
		}
	}
	each := func(what string, was, would map[string]int) {
		for _, name := range namesOf(was, would) {
			line(fmt.Sprintf(what, name), was[name], would[name], false)
		}
	}
	a, b := found.Was, found.Would
	line("incidents", a.Incidents, b.Incidents, true)
	line("acts", a.Acts, b.Acts, true)
	line("healed", a.Healed, b.Healed, true)
	line("of which not all is known", a.Unknown, b.Unknown, false)
	each("stood in the way: %s", a.Refusals, b.Refusals)
	each("calls of %s", a.Calls, b.Calls)
	each("alerts of no policy: %s", a.Unmatched, b.Unmatched)
	return out
}

// namesOf are the keys of both, in order.
func namesOf(a, b map[string]int) []string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return slices.Sorted(maps.Keys(all))
}

// notes say what the comparison had to leave open.
func notes(found *replay.Comparison) []string {
	out := slices.Clone(found.Caveats)
	if found.After > 0 {
		out = append(out, fmt.Sprintf("The records begin after %d: what was open before is unknown from here (incidents of which nothing is said: %d), and so is what had counted for cooldowns, budgets and breakers.", found.After, found.Earlier))
	}
	if len(found.Unasked) > 0 {
		var kinds []string
		for _, kind := range slices.Sorted(maps.Keys(found.Unasked)) {
			kinds = append(kinds, fmt.Sprintf("%s %d", kind, found.Unasked[kind]))
		}
		out = append(out, "Questions to which no answer was recorded: "+strings.Join(kinds, ", ")+".")
	}
	if found.Unfit > 0 {
		out = append(out, fmt.Sprintf("Words of humans that would not have fitted: %d.", found.Unfit))
	}
	return out
}

// aboutPair says what an incident is about.
func aboutPair(p replay.Pair) string {
	i := p.Was
	if i == nil {
		i = p.Would
	}
	s := fmt.Sprintf("%s, %s", i.Opened.Format(time.RFC3339), i.Alert)
	if i.Target != "" {
		s += " at " + i.Target
	}
	return s
}

// tellCourse says in one line what became of an incident. Times are since its
// opening.
func tellCourse(i *replay.Course) string {
	if i == nil {
		return "not opened"
	}
	after := func(t time.Time) string { return model.Duration(t.Sub(i.Opened).Truncate(time.Millisecond)).String() }
	parts := []string{fmt.Sprintf("%s %s", i.Severity, i.Policy)}
	if i.Found {
		parts = append(parts, "found firing")
	}
	if i.ToldOnly != "" {
		parts = append(parts, "told only ("+i.ToldOnly+")")
	}
	if !i.Gone.IsZero() {
		parts = append(parts, "its alerts gone after "+after(i.Gone))
	}
	for _, e := range eventsOf(i) {
		parts = append(parts, after(e.at)+" "+e.text)
	}
	return strings.Join(parts, "; ")
}

// event is one thing of an incident's course.
type event struct {
	at   time.Time
	kind string // act, refusal, call, healed, closed or unknown
	text string
}

// eventsOf is the course of an incident in order.
func eventsOf(i *replay.Course) []event {
	var events []event
	for _, r := range i.Refusals {
		events = append(events, event{r.At, "refusal", fmt.Sprintf("%s by %s", r.Decision, r.Guard)})
	}
	for _, a := range i.Acts {
		text := a.Kind + " (" + a.Step + ")"
		if a.Undo {
			text = "undo by " + text
		}
		events = append(events, event{a.At, "act", text})
	}
	for _, call := range i.Calls {
		events = append(events, event{call.At, "call", call.Who + " called"})
	}
	for _, e := range []event{{i.Healed, "healed", "healed"}, {i.Closed, "closed", "closed"}} {
		if !e.at.IsZero() {
			events = append(events, e)
		}
	}
	if i.Unknown != nil {
		events = append(events, event{i.Unknown.At, "unknown", "unknown from here: " + i.Unknown.Why})
	}
	slices.SortStableFunc(events, func(a, b event) int { return a.at.Compare(b.at) })
	return events
}
