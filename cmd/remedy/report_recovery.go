package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/cmd/internal/flags"
	"github.com/x0tta6bl4/remediated/remediate/journal"
	"github.com/x0tta6bl4/remediated/remediate/record"
)

// recoveryJob is one call of report recovery.
type recoveryJob struct {
	since  *flags.Span
	month  string
	format string
	log    bool // also each incident's record
}

func (c *cli) recoveryCommand(cmd *kingpin.CmdClause) {
	var job recoveryJob
	command := cmd.Command("recovery", "Say by policy and month how long it took until it was good again against what was promised, how old backups were, what healed without a person, who was not called, what was done and what stood in the way.")
	job.since = since(command, "90d", "Of incidents that were opened so long ago at most.")
	sinceGiven := false
	command.GetFlag("since").IsSetByUser(&sinceGiven)
	command.Flag("month", "Instead of that one month, in UTC: 2026-10.").StringVar(&job.month)
	command.Flag("format", "text, json, markdown, or html: one page with charts that needs nothing beside it.").Default("text").EnumVar(&job.format, "text", "json", "markdown", "html")
	command.Flag("log", "Show each incident's record as well: the recovery log.").BoolVar(&job.log)
	from := c.source(command)
	c.commands[command.FullCommand()] = func(ctx context.Context) error {
		if job.month != "" && sinceGiven {
			return usagef("--since and --month exclude each other")
		}
		if _, err := monthOf(job.month); err != nil {
			return err
		}
		return from.read(ctx, func(ctx context.Context, j past) error { return c.recovery(ctx, j, job) })
	}
}

// monthOf reads 2026-10; "" is the zero time.
func monthOf(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse("2006-01", text)
	if err != nil {
		return at, usagef("--month %q: write for example 2026-10", text)
	}
	return at, nil
}

// recovered is a report with what is to be known beside it.
type recovered struct {
	record.Report
	Notes []string `json:"notes,omitempty"`
}

func (c *cli) recovery(ctx context.Context, j past, job recoveryJob) error {
	last, err := j.Last(ctx)
	if err != nil {
		return err
	}
	begin, err := j.Begin(ctx)
	if err != nil {
		return err
	}
	first, err := firstOf(ctx, j)
	if err != nil {
		return err
	}
	from, until := job.span(last)
	records, err := recordsOf(ctx, j, record.Between(from, until))
	if err != nil {
		return err
	}
	to := last
	if !until.IsZero() {
		to = until.Add(-time.Millisecond)
	} else if first.After(from) {
		from = first // there is nothing before it
	}
	found := recovered{Report: record.Sum(from, to, records), Notes: recoveryNotes(begin, first, from, last, to)}
	if job.log {
		found.Records = records
	}
	return c.show(job.format, found, shown{
		text:     func() { c.recoveryText(found) },
		markdown: func() { c.recoveryMarkdown(found) },
		html:     func() error { return c.recoveryHTML(found) },
	})
}

// span is what the report is about: until is zero when it is all since from.
func (job recoveryJob) span(last time.Time) (from, until time.Time) {
	if month, err := monthOf(job.month); err == nil && !month.IsZero() {
		return month, month.AddDate(0, 1, 0)
	}
	if back := time.Duration(*job.since); back > 0 {
		from = last.Add(-back)
	}
	return from, until
}

// firstOf is when the first record that is kept was written.
func firstOf(ctx context.Context, j past) (time.Time, error) {
	for r, err := range j.Read(ctx) {
		return r.At, err
	}
	return time.Time{}, nil
}

// recoveryNotes say what the numbers leave out.
func recoveryNotes(begin journal.Beginning, first, from, last, to time.Time) (out []string) {
	switch {
	case begin.After > 0 && !first.Before(from):
		out = append(out, fmt.Sprintf("The records begin after %d, at %s: incidents that were opened before are not counted.", begin.After, first.Format(time.RFC3339)))
	case first.After(from):
		out = append(out, "The journal begins at "+first.Format(time.RFC3339)+".")
	}
	if last.Before(to) {
		out = append(out, "The records end at "+last.Format(time.RFC3339)+": what came later is not counted.")
	}
	return out
}

// headings are those of the table, and cellsOf what stands below them.
var headings = []string{"month", "policy", "incidents", "mean", "median", "worst", "objective", "in time", "RPO worst", "healed without a person", "called", "pages saved"}

func cellsOf(r record.Row) []string {
	s := r.Sums
	if s.Incidents == 0 {
		return []string{r.Month, cmp.Or(r.Policy, "-"), "0", "-", "-", "-", "-", "-", "-", "-", "-", "-"}
	}
	took := func(d model.Duration) string {
		if s.Measured == 0 {
			return "-"
		}
		return rounded(d)
	}
	return []string{
		r.Month, r.Policy, fmt.Sprint(s.Incidents), took(s.Mean), took(s.Median), took(s.Worst), orDash(s.Objective > 0, s.Objective.String()),
		shareOf(s.Met, s.Met+s.Missed), orDash(s.RPOMeasured > 0, rounded(s.RPOWorst)), shareOf(s.Endings[record.ByAutomation], s.Over()),
		fmt.Sprint(s.Called), fmt.Sprint(s.PagesSaved),
	}
}

// rounded is a duration as exactly as it matters in a table.
func rounded(d model.Duration) string {
	if time.Duration(d) < time.Second {
		return d.String()
	}
	return model.Duration(time.Duration(d).Round(time.Second)).String()
}

func orDash(there bool, text string) string {
	if !there {
		return "-"
	}
	return text
}

func shareOf(n, of int) string {
	if of == 0 {
		return "-"
	}
	return fmt.Sprintf("%d of %d (%.0f %%)", n, of, 100*float64(n)/float64(of))
}

// tableOf are the rows that are shown: each policy in each month, an empty month
// as such, and the total.
func tableOf(found recovered) []record.Row {
	var out []record.Row
	for _, m := range found.Months {
		if m.Incidents == 0 {
			out = append(out, m)
		}
		for _, r := range found.Rows {
			if r.Month == m.Month {
				out = append(out, r)
			}
		}
	}
	return append(out, record.Row{Month: "all", Sums: found.Total})
}

// summaryOf says in lines what the table does not.
func summaryOf(found recovered) []string {
	t := found.Total
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	var ends []string
	for _, e := range record.Endings {
		if n := t.Endings[e]; n > 0 {
			ends = append(ends, fmt.Sprintf("%s %d", endings[e], n))
		}
	}
	if len(ends) > 0 {
		add("How they ended: %s.", strings.Join(ends, ", "))
	}
	if n := t.Incidents - t.Measured; n > 0 {
		add("Not measured, or not good yet: %d. They are in no mean.", n)
	}
	if len(t.Refusals) > 0 {
		add("Stood in the way, in how many incidents: %s.", counted(t.Refusals, 10))
	}
	for _, kind := range slices.Sorted(maps.Keys(t.Acts)) {
		add("Acts, %s: %s.", kind, counted(t.Acts[kind], 10))
	}
	if found.Listed > 0 {
		add("Only listed, since they fired before we were there: %d. They are not counted.", found.Listed)
	}
	if found.Drills > 0 {
		add("Drills: %d. They are not counted; remedy report drill tells of them.", found.Drills)
	}
	if found.Own > 0 {
		add("About the daemon itself (storm, watchdog, untold): %d. They are not counted.", found.Own)
	}
	return append(out, found.Notes...)
}

// counted lists what counts most.
func counted(of map[string]int, atMost int) string {
	var parts []string
	for _, name := range record.Most(of, atMost) {
		parts = append(parts, fmt.Sprintf("%s %d", name, of[name]))
	}
	if more := len(of) - len(parts); more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(parts, ", ")
}

const none = "No incident of a policy was opened in this time."

func (c *cli) recoveryText(found recovered) {
	o := c.out
	o.printf("Recovery, incidents from %s to %s\n\n", found.From.Format(time.RFC3339), found.To.Format(time.RFC3339))
	if found.Total.Incidents == 0 {
		o.printf("%s\n", none)
	} else {
		o.columns(headings, rowsOf(tableOf(found), cellsOf))
	}
	o.printf("\n")
	for _, line := range summaryOf(found) {
		o.printf("%s\n", line)
	}
	for _, r := range found.Records {
		o.printf("\n")
		c.recordText(r)
	}
}

func (c *cli) recoveryMarkdown(found recovered) {
	o := c.out
	o.printf("# Recovery, %s to %s\n\n", found.From.Format(time.DateOnly), found.To.Format(time.DateOnly))
	if found.Total.Incidents == 0 {
		o.printf("%s\n\n", none)
	} else {
		o.markdownTable(headings, rowsOf(tableOf(found), cellsOf))
		o.printf("\n")
	}
	for _, line := range summaryOf(found) {
		o.printf("- %s\n", markdown(line))
	}
	if len(found.Records) == 0 {
		return
	}
	o.printf("\n# Recovery log\n")
	for _, r := range found.Records {
		o.printf("\n")
		c.recordMarkdown(r)
	}
}
