package main

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/web"
)

// taken says what a command has done.
var taken = map[string]string{
	remediate.Ack:      "acknowledged: nobody else is called; automation goes on",
	remediate.TakeOver: "taken over: nothing further is done by itself",
	remediate.Close:    "closed",
	remediate.Approve:  "approved: everything is judged once more, then it is carried out",
	remediate.Deny:     "denied: the plan is not carried out",
	remediate.Run:      "run: it is judged from the first step",
	remediate.Pause:    "paused: nothing is done there; alerts are taken and people are told",
	remediate.Resume:   "resumed",
}

// said describes the commands that give a word.
var said = []struct{ name, help string }{
	{remediate.Ack, "I have seen it: nobody else is called. Automation goes on."},
	{remediate.TakeOver, "I am on it: nothing further is done by itself."},
	{remediate.Close, "It is over, whatever the alerts say."},
	{remediate.Approve, "Carry out the plan with this hash."},
	{remediate.Deny, "Do not carry out the plan with this hash."},
	{remediate.Run, "Judge it again from the first step, and act if every guard allows."},
}

func (c *cli) incidentCommands(cmd *kingpin.CmdClause) {
	list := cmd.Command("list", "List open incidents, newest first.").Alias("ls")
	all := list.Flag("all", "Closed ones too.").Bool()
	status := list.Flag("status", "Only those in this status: waiting, denied, approval, healed, closed, ...").String()
	limit := list.Flag("limit", "How many at most.").Default("50").Int()
	before := list.Flag("before", "Only those older than this one.").String()
	c.commands[list.FullCommand()] = func(ctx context.Context) error { return c.list(ctx, *all, *status, *limit, *before) }

	show := cmd.Command("show", "Show how one incident stands.")
	shown := show.Arg("id", "42 or i42.").Required().String()
	c.commands[show.FullCommand()] = func(ctx context.Context) error { return c.explain(ctx, *shown, telling{}) }

	explain := cmd.Command("explain", "Tell one incident as a story: what was seen, each verdict with its numbers, what was done and what came back.")
	explained := explain.Arg("id", "42 or i42.").Required().String()
	verbose := explain.Flag("verbose", "Every guard of every judgement.").Short('v').Bool()
	c.commands[explain.FullCommand()] = func(ctx context.Context) error {
		return c.explain(ctx, *explained, telling{story: true, verbose: *verbose})
	}
	for _, s := range said {
		c.wordCommand(cmd.Command(s.name, s.help), s.name)
	}
}

func (c *cli) wordCommand(cmd *kingpin.CmdClause, name string) {
	id := cmd.Arg("id", "42 or i42.").Required().String()
	reason := cmd.Flag("reason", "Why, for those who read it later.").String()
	plan := new(string)
	if name == remediate.Approve || name == remediate.Deny {
		plan = cmd.Flag("plan", "The plan's hash, as explain shows it; 6 characters are enough.").Required().String()
	}
	c.commands[cmd.FullCommand()] = func(ctx context.Context) error {
		n, err := number(*id)
		if err != nil {
			return err
		}
		b, err := c.post(ctx, fmt.Sprintf("/api/v1/incidents/%d/%s", n, name), web.Word{Reason: *reason, Plan: *plan})
		if err != nil {
			return err
		}
		return c.said(b, fmt.Sprintf("i%d", n), name)
	}
}

// scopeCommands are those that name no incident.
func (c *cli) scopeCommands(app *kingpin.Application) {
	for name, help := range map[string]string{
		remediate.Pause:  "Do nothing in a scope until it is resumed. Alerts are still taken and people are still told.",
		remediate.Resume: "Go on in a scope that was paused.",
	} {
		cmd := app.Command(name, help)
		scope := cmd.Arg("scope", "all, policy/NAME or namespace/NAME.").Default("all").String()
		reason := cmd.Flag("reason", "Why, for those who read it later.").String()
		c.commands[cmd.FullCommand()] = func(ctx context.Context) error {
			b, err := c.post(ctx, "/api/v1/"+name, web.Word{Reason: *reason, Scope: *scope})
			if err != nil {
				return err
			}
			return c.said(b, *scope, name)
		}
	}
	status := app.Command("status", "Show how the daemon is.")
	c.commands[status.FullCommand()] = c.status
}

// said confirms a command.
func (c *cli) said(raw []byte, what, command string) error {
	if c.output == "json" {
		return c.out.raw(raw)
	}
	c.out.printf("%s %s\n", what, taken[command])
	return c.out.err
}

// number reads 42 or i42.
func number(text string) (uint64, error) {
	n, err := strconv.ParseUint(strings.TrimPrefix(text, "i"), 10, 64)
	if err != nil || n == 0 {
		return 0, usagef("%q is not an incident: want its number, 42 or i42; remedy incident list shows them", text)
	}
	return n, nil
}

func (c *cli) list(ctx context.Context, all bool, status string, limit int, before string) error {
	q := url.Values{"limit": {strconv.Itoa(limit)}, "status": {or(status, web.Open)}}
	if all {
		if status != "" {
			return usagef("--all and --status do not go together")
		}
		q.Del("status")
	}
	if before != "" {
		n, err := number(before)
		if err != nil {
			return err
		}
		q.Set("before", strconv.FormatUint(n, 10))
	}
	var l web.IncidentList
	raw, err := c.get(ctx, "/api/v1/incidents", q, &l)
	if err != nil {
		return err
	}
	if c.output == "json" {
		return c.out.raw(raw)
	}
	c.out.list(l, all || status != "")
	return c.out.err
}

func (c *cli) explain(ctx context.Context, id string, how telling) error {
	n, err := number(id)
	if err != nil {
		return err
	}
	var i web.Incident
	raw, err := c.get(ctx, fmt.Sprintf("/api/v1/incidents/%d", n), nil, &i)
	if err != nil {
		return err
	}
	if c.output == "json" {
		return c.out.raw(raw)
	}
	c.out.incident(i, how)
	return c.out.err
}

func (c *cli) status(ctx context.Context) error {
	var s web.Status
	raw, err := c.get(ctx, "/api/v1/status", nil, &s)
	if err != nil {
		return err
	}
	if c.output == "json" {
		return c.out.raw(raw)
	}
	c.out.status(s)
	return c.out.err
}
