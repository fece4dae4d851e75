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

	"github.com/x0tta6bl4/remediated/policies/shadow"
	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
)

func (c *cli) reportCommands(cmd *kingpin.CmdClause) {
	sh := cmd.Command("shadow", "Say of each policy what it did or would have done, how often the alerts went away by themselves in that time, and which mode that speaks for.")
	back := since(sh, "7d", "Of incidents that were opened so long ago at most.")
	c.onJournal(sh, func(ctx context.Context, j past) error { return c.shadow(ctx, j, time.Duration(*back)) })
	c.recoveryCommand(cmd)
	c.drillReportCommand(cmd)
}

// advised is a policy with what may be done with it.
type advised struct {
	shadow.Policy
	Advice shadow.Advice `json:"advice"`
}

// shadow reports what the policies did or would have done.
func (c *cli) shadow(ctx context.Context, j past, since time.Duration) error {
	last, err := j.Last(ctx)
	if err != nil {
		return err
	}
	var from time.Time
	if since > 0 {
		from = last.Add(-since)
	}
	begin, err := j.Begin(ctx)
	if err != nil {
		return err
	}
	report, err := shadow.Read(from, begin.Rulebook, booksOf(ctx, j), journal.Facts(j.Read(ctx)))
	if err != nil {
		return err
	}
	all := []advised{}
	for _, p := range report.Policies() {
		all = append(all, advised{p, p.Advice()})
	}
	if c.forProgram() {
		return c.showData(all)
	}
	c.out.printf("Incidents from %s to %s\n", report.Since().Format(time.RFC3339), last.Format(time.RFC3339))
	if begin.After > 0 {
		c.out.printf("The records begin after %s: incidents that were open before are not counted.\n", count(begin.After))
	}
	if len(all) == 0 {
		c.out.printf("There are none of a policy.\n")
	}
	for _, p := range all {
		c.showShadow(p)
	}
	return c.out.err
}

func (c *cli) showShadow(p advised) {
	o := c.out
	mode := string(p.Mode)
	if mode == "" {
		mode = "gone"
	}
	o.printf("\n%s (%s): %d incidents, people were called for %d\n", p.Name, mode, p.Incidents, p.Called)
	for _, e := range []struct {
		what string
		ends shadow.Ends
	}{{"left alone, and something would have been done", p.Alone}, {"acted on", p.Remedied}} {
		if e.ends.N == 0 {
			continue
		}
		o.printf("  %s: %d; %d were over within %s, %d later, %d are open; half of those that ended took at most %s\n",
			e.what, e.ends.N, e.ends.InTime, model.Duration(p.Limit), e.ends.Later, e.ends.Open, model.Duration(e.ends.Median().Round(time.Second)))
	}
	if len(p.Refused) > 0 {
		var guards []string
		for _, guard := range slices.Sorted(maps.Keys(p.Refused)) {
			guards = append(guards, fmt.Sprintf("%s in %d", guard, p.Refused[guard]))
		}
		o.printf("  stood in the way: %s\n", strings.Join(guards, ", "))
	}
	switch p.Advice.Mode {
	case "":
		o.printf("  leave it: %s\n", p.Advice.Why)
	case remediate.ModeObserve:
		o.printf("  put it back to observe: %s\n", p.Advice.Why)
	default:
		o.printf("  ready for %s: %s\n", p.Advice.Mode, p.Advice.Why)
	}
}
