package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/x0tta6bl4/remediated/cmd/internal/flags"
	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/record"
	"github.com/x0tta6bl4/remediated/remediate/web"
)

func (c *cli) drillReportCommand(cmd *kingpin.CmdClause) {
	command := cmd.Command("drill", "Say of each drill how long it took until it was heard of, decided, told and acknowledged, who would have been called, and what was learned.")
	back := since(command, "90d", "Of drills that were begun so long ago at most.")
	format := command.Flag("format", "text, json or markdown.").Default("text").Enum("text", "json", "markdown")
	c.onJournal(command, func(ctx context.Context, j past) error { return c.drills(ctx, j, back, *format) })
}

// drillReport is what came of the drills of a time.
type drillReport struct {
	From   time.Time       `json:"from"`
	To     time.Time       `json:"to"`
	Drills []record.Record `json:"drills"`
}

func (c *cli) drills(ctx context.Context, j past, back *flags.Span, format string) error {
	last, err := j.Last(ctx)
	if err != nil {
		return err
	}
	from, err := firstOf(ctx, j)
	if err != nil {
		return err
	}
	if span := time.Duration(*back); span > 0 && last.Add(-span).After(from) {
		from = last.Add(-span)
	}
	records, err := recordsOf(ctx, j, func(f remediate.Fact) bool {
		b, opened := f.Body.(remediate.Opened)
		return opened && (b.Drill != "" || b.Live != "") && !f.At.Before(from)
	})
	if err != nil {
		return err
	}
	found := drillReport{from, last, append([]record.Record{}, records...)}
	return c.show(format, found, shown{text: func() { c.drillsText(found) }, markdown: func() { c.drillsMarkdown(found) }})
}

const noDrills = "There was no drill in this time."

var drillHeadings = []string{"date", "drill", "policy", "severity", "heard", "decided", "told", "would be called", "acknowledged", "ended"}

// drillCells are what stands below them: times count from when the alert fired.
func drillCells(r record.Record) []string {
	t, begun := r.Times, r.Times.Fires
	if begun.IsZero() {
		begun = t.Opened
	}
	after := func(at time.Time) string {
		if at.IsZero() {
			return "-"
		}
		return "+" + web.Span(at.Sub(begun))
	}
	acked := "nobody"
	for _, w := range r.Words {
		if w.Command == remediate.Ack || w.Command == remediate.TakeOver {
			acked = after(w.At) + " " + w.By
			break
		}
	}
	return []string{
		t.Opened.UTC().Format(time.DateOnly), cmp.Or(r.Drill, "live: "+r.Live), r.Policy, string(r.Severity), after(t.Opened), after(t.Decided), after(t.Told),
		cmp.Or(wouldCall(r), "nobody"), acked, after(t.Closed),
	}
}

// wouldCall are those who would have been called, in order.
func wouldCall(r record.Record) string {
	var who []string
	for _, call := range r.Called {
		who = append(who, call.Who)
	}
	return strings.Join(who, ", ")
}

func (c *cli) drillsText(found drillReport) {
	o := c.out
	o.printf("Drills from %s to %s\n\n", found.From.Format(time.RFC3339), found.To.Format(time.RFC3339))
	if len(found.Drills) == 0 {
		o.printf("%s\n", noDrills)
		return
	}
	o.columns(drillHeadings, rowsOf(found.Drills, drillCells))
	for _, r := range found.Drills {
		o.printf("\n%s %s: %s\n", o.tone(bold, fmt.Sprintf("i%d", r.Incident)), scenario(r), cmp.Or(r.Why, endings[r.Ending]))
		for _, line := range append(issues(r), lessons(r)...) {
			o.printf("  %s\n", line)
		}
	}
}

func (c *cli) drillsMarkdown(found drillReport) {
	o := c.out
	o.printf("# Drills, %s to %s\n\n", found.From.Format(time.DateOnly), found.To.Format(time.DateOnly))
	if len(found.Drills) == 0 {
		o.printf("%s\n", noDrills)
		return
	}
	o.markdownTable(drillHeadings, rowsOf(found.Drills, drillCells))
	for _, r := range found.Drills {
		o.printf("\n")
		c.recordMarkdown(r)
	}
}
