package main

import (
	"context"
	"slices"

	"github.com/alecthomas/kingpin/v2"

	"github.com/x0tta6bl4/remediated/remediate/web"
)

// checkCommands are what can be looked at. What is said without naming any is
// people.
func (c *cli) checkCommands(cmd *kingpin.CmdClause) {
	people := cmd.Command("people", "Look whether people can be told as it is configured: asks Slack and PagerDuty. Exit code 1 when something is amiss.").Default()
	c.commands[people.FullCommand()] = c.check
	c.postureCommand(cmd)
}

// check shows what is amiss with the ways in which people are told.
func (c *cli) check(ctx context.Context) error {
	var all web.Checks
	raw, err := c.get(ctx, "/api/v1/check", nil, &all)
	if err != nil {
		return err
	}
	if c.forProgram() {
		err = c.answer(raw)
	} else {
		c.out.checks(all)
		err = c.out.err
	}
	if err == nil && slices.ContainsFunc(all.Checks, func(k web.Check) bool { return len(k.Findings) > 0 }) {
		return errShown
	}
	return err
}

// checks shows what was looked at, and what is amiss with it.
func (p *printer) checks(all web.Checks) {
	if len(all.Checks) == 0 {
		p.printf("Neither Slack nor PagerDuty is configured: nobody can be told.\n")
	}
	for _, c := range all.Checks {
		if len(c.Findings) == 0 {
			p.printf("%s %s\n", p.tone(web.Good, "ok "), c.What)
			continue
		}
		p.printf("%s %s\n", p.tone(web.Bad, "bad"), c.What)
		for _, f := range c.Findings {
			p.printf("    %s\n", f)
		}
	}
}
