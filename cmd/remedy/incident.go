package main

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"github.com/x0tta6bl4/remediated/remediate/web"
)

func (c *cli) incidentCommands(cmd *kingpin.CmdClause) {
	list := cmd.Command("list", "List open incidents, newest first.").Alias("ls")
	all := list.Flag("all", "Closed ones too.").Bool()
	status := list.Flag("status", "Only those in this status: waiting, denied, approval, healed, closed, ...").String()
	limit := list.Flag("limit", "How many at most.").Default("50").Int()
	before := list.Flag("before", "Only those older than this one.").String()
	c.watched(list, func(ctx context.Context) error { return c.list(ctx, *all, *status, *limit, *before) })

	show := cmd.Command("show", "Show how one incident stands.")
	shown := c.incidentArg(show)
	c.watched(show, func(ctx context.Context) error { return c.explain(ctx, *shown, telling{}) })

	explain := cmd.Command("explain", "Tell one incident as a story: what was seen, each verdict with its numbers, what was done and what came back.")
	explained := c.incidentArg(explain)
	verbose := explain.Flag("verbose", "Every guard of every judgement.").Short('v').Bool()
	c.watched(explain, func(ctx context.Context) error {
		return c.explain(ctx, *explained, telling{story: true, verbose: *verbose})
	})
	evidence := cmd.Command("evidence", "Print what was kept before it was destroyed, or list it when there is more than one.")
	of := c.incidentArg(evidence)
	digest := evidence.Arg("digest", "Which one, by the beginning of its digest.").String()
	c.commands[evidence.FullCommand()] = func(ctx context.Context) error { return c.evidence(ctx, *of, *digest) }

	c.recordCommand(cmd)
	c.wordCommands(cmd)
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
	q := url.Values{"limit": {strconv.Itoa(limit)}, "status": {cmp.Or(status, web.Open)}}
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
	if c.forProgram() {
		return c.answer(raw)
	}
	c.out.list(l, all || status != "")
	return c.out.err
}

// incident asks for one incident. It returns the answer as it came, too.
func (c *cli) incident(ctx context.Context, id string) (i web.Incident, raw []byte, err error) {
	n, err := number(id)
	if err != nil {
		return i, nil, err
	}
	raw, err = c.get(ctx, fmt.Sprintf("/api/v1/incidents/%d", n), nil, &i)
	return i, raw, err
}

func (c *cli) explain(ctx context.Context, id string, how telling) error {
	i, raw, err := c.incident(ctx, id)
	if err != nil {
		return err
	}
	if c.forProgram() {
		return c.answer(raw)
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
	if c.forProgram() {
		return c.answer(raw)
	}
	c.out.status(s)
	return c.out.err
}
