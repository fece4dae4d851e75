package main

import (
	"context"

	"github.com/alecthomas/kingpin/v2"

	"github.com/x0tta6bl4/remediated/cmd/internal/flags"
	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/web"
)

func (c *cli) drillCommands(cmd *kingpin.CmdClause) {
	c.beginDrill(cmd.Command("begin", "Practise a policy: an alert of it fires that says it is a drill. It is decided and shown as in earnest, in the channel for drills; nothing is done, and nobody is called."))
	c.endDrill(cmd.Command("end", "End the drill of a policy."))
	c.liveDrill(cmd.Command("live", "Break something on purpose, in earnest: by a command of a file. Follow how it is mended, repair it in the end whatever happened, and say how long each phase took. Exit code 1 when it was not mended in time."))
}

func (c *cli) beginDrill(cmd *kingpin.CmdClause) {
	word := web.Word{Labels: map[string]string{}}
	var name string
	lasts := flags.Span(remediate.DefaultDrill)
	policy := cmd.Arg("policy", "The policy that is practised.").Required().String()
	cmd.Flag("label", "NAME=VALUE, a label of the alert. Those that the policy's matchers name exactly need not be given.").StringMapVar(&word.Labels)
	cmd.Flag("for", "For how long, if nobody ends it before: from 1m to 4h.").Default(lasts.String()).SetValue(&lasts)
	cmd.Flag("name", "What it is called. Default: a name of its own.").StringVar(&name)
	cmd.Flag("reason", "Why, for those who read it later.").StringVar(&word.Reason)
	c.commands[cmd.FullCommand()] = func(ctx context.Context) error {
		word.Scope, word.Value = "policy/"+*policy, lasts.String()
		if name != "" {
			word.Labels[remediate.DrillLabel] = name
		}
		b, err := c.post(ctx, "/api/v1/"+remediate.Drill, word)
		if err != nil {
			return err
		}
		return c.said(b, "the drill of "+*policy, "has begun, for "+lasts.String()+": remedy incident list shows it when its alert has come")
	}
}

func (c *cli) endDrill(cmd *kingpin.CmdClause) {
	word := web.Word{}
	policy := cmd.Arg("policy", "The policy that is practised.").Required().String()
	cmd.Flag("reason", "Why, for those who read it later.").StringVar(&word.Reason)
	c.commands[cmd.FullCommand()] = func(ctx context.Context) error {
		word.Scope = "policy/" + *policy
		b, err := c.post(ctx, "/api/v1/"+remediate.EndDrill, word)
		if err != nil {
			return err
		}
		return c.said(b, "the drill of "+*policy, "is over as soon as Alertmanager says so")
	}
}
