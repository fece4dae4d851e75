package main

import (
	"context"
	"fmt"

	"github.com/alecthomas/kingpin/v2"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/web"
)

// wordCommand is a command by which a human says something.
type wordCommand struct {
	name, help string
	taken      func(web.Word) string // what it has done
}

// says is a taken that is the same for every word.
func says(text string) func(web.Word) string { return func(web.Word) string { return text } }

// aboutIncidents are those that name an incident.
var aboutIncidents = []wordCommand{
	{remediate.Ack, "I have seen it: nobody else is called. Automation goes on.", says("acknowledged: nobody else is called; automation goes on")},
	{remediate.Unack, "Whoever acknowledged has it no longer: people are called anew.", says("not acknowledged any more: people are called anew")},
	{remediate.TakeOver, "I am on it: nothing further is done by itself.", says("taken over: nothing further is done by itself")},
	{remediate.Close, "It is over, whatever the alerts say.", says("closed")},
	{remediate.Approve, "Carry out the plan with this hash.", says("approved: when everybody who must has approved it, everything is judged once more and it is carried out")},
	{remediate.Deny, "Do not carry out the plan with this hash.", says("denied: the plan is not carried out")},
	{remediate.Run, "Judge it again from the first step, and act if every guard allows.", says("run: it is judged from the first step")},
	{remediate.Override, "Break-glass: let one guard pass for the next attempt. All others still judge.", func(w web.Word) string {
		return "overridden: the guard " + w.Guard + " lets the next attempt pass"
	}},
	{remediate.Rate, "Say how bad it is. It is the only way to make it less bad than it was held to be.", func(w web.Word) string { return "rated " + w.Value }},
	{remediate.Note, "Keep what was learned from it, in its record. Also when it is over; nothing is overwritten.", says("noted: it stands in its record")},
}

// aboutScopes are those that name all, a policy or a namespace.
var aboutScopes = []wordCommand{
	{remediate.Pause, "Do nothing in a scope until it is resumed, or for a while. Alerts are still taken and people are still told.", pausedFor},
	{remediate.Resume, "Go on in a scope that was paused.", says("resumed")},
	{remediate.SetMode, "Let policies do no more in a scope than observe or approve; act lifts it. It only ever tightens.", func(w web.Word) string {
		if w.Value == string(remediate.ModeAct) {
			return "lifted: its policies do again what their own mode lets them"
		}
		return "tightened: no more than " + w.Value + " until it is lifted with remedy mode " + w.Scope + " act"
	}},
}

// pausedFor says what a pause has done, and how it ends.
func pausedFor(w web.Word) string {
	lasts := ""
	switch {
	case w.For != "":
		lasts = " for " + w.For
	case w.Until != "":
		lasts = " until " + w.Until
	}
	return "paused" + lasts + ": nothing is done there; alerts are taken and people are told"
}

func (c *cli) wordCommands(cmd *kingpin.CmdClause) {
	for _, w := range aboutIncidents {
		c.wordAboutIncident(cmd.Command(w.name, w.help), w)
	}
}

func (c *cli) wordAboutIncident(cmd *kingpin.CmdClause, w wordCommand) {
	id := c.incidentArg(cmd)
	word := new(web.Word)
	if w.name == remediate.Note {
		cmd.Arg("text", "What was learned, on one line.").Required().StringVar(&word.Reason)
		c.give(cmd, id, word, w)
		return
	}
	reason := cmd.Flag("reason", "Why, for those who read it later.")
	switch w.name {
	case remediate.Approve, remediate.Deny:
		cmd.Flag("plan", "The plan's hash, as explain shows it; 6 characters are enough.").Required().StringVar(&word.Plan)
	case remediate.Override:
		cmd.Flag("guard", "The guard that may pass, as explain names it.").Required().StringVar(&word.Guard)
		reason = reason.Required()
	case remediate.Rate:
		oneOf(cmd.Arg("severity", "P1, P2 or P3."), &word.Value, string(remediate.P1), string(remediate.P2), string(remediate.P3))
	}
	reason.StringVar(&word.Reason)
	c.give(cmd, id, word, w)
}

// give has a command hand over what is said about an incident.
func (c *cli) give(cmd *kingpin.CmdClause, id *string, word *web.Word, w wordCommand) {
	c.commands[cmd.FullCommand()] = func(ctx context.Context) error {
		n, err := number(*id)
		if err != nil {
			return err
		}
		b, err := c.post(ctx, fmt.Sprintf("/api/v1/incidents/%d/%s", n, w.name), *word)
		if err != nil {
			return err
		}
		return c.said(b, fmt.Sprintf("i%d", n), w.taken(*word))
	}
}

// scopeCommands are those that name no incident.
func (c *cli) scopeCommands(app *kingpin.Application) {
	for _, w := range aboutScopes {
		c.wordAboutScope(app.Command(w.name, w.help), w)
	}
	status := app.Command("status", "Show how the daemon is.")
	c.watched(status, c.status)
	c.checkCommands(app.Command("check", "Look whether all is as it must be when something breaks. Without more it is about people."))
}

func (c *cli) wordAboutScope(cmd *kingpin.CmdClause, w wordCommand) {
	word := new(web.Word)
	scope := cmd.Arg("scope", "all, policy/NAME or namespace/NAME.")
	if w.name == remediate.SetMode {
		scope.Required().StringVar(&word.Scope)
		oneOf(cmd.Arg("mode", "observe, approve or act."), &word.Value, string(remediate.ModeObserve), string(remediate.ModeApprove), string(remediate.ModeAct))
	} else {
		scope.Default("all").StringVar(&word.Scope)
	}
	if w.name == remediate.Pause {
		cmd.Flag("for", "For how long, for example 30m, 2h or 3d; then it goes on by itself. Said again, it is from then on.").StringVar(&word.For)
		cmd.Flag("until", "Until when, for example 2026-01-14T14:00:00Z. Without either it lasts until somebody resumes it.").StringVar(&word.Until)
	}
	cmd.Flag("reason", "Why, for those who read it later.").StringVar(&word.Reason)
	c.commands[cmd.FullCommand()] = func(ctx context.Context) error {
		b, err := c.post(ctx, "/api/v1/"+w.name, *word)
		if err != nil {
			return err
		}
		return c.said(b, word.Scope, w.taken(*word))
	}
}

// said confirms a command.
func (c *cli) said(raw []byte, what, taken string) error {
	if c.forProgram() {
		return c.answer(raw)
	}
	c.out.printf("%s %s\n", what, taken)
	return c.out.err
}
