package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/x0tta6bl4/remediated/cmd/internal/livedrill"
	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/record"
	"github.com/x0tta6bl4/remediated/remediate/web"
)

func (c *cli) liveDrill(cmd *kingpin.CmdClause) {
	name := cmd.Arg("name", "Which drill of the file.").Required().String()
	file := cmd.Flag("file", "The file with the drills.").Default("drills.yaml").String()
	format := cmd.Flag("format", "How its result is shown: text, json or markdown.").Default("text").Enum("text", "json", "markdown")
	c.reads[cmd.FullCommand()] = true
	c.commands[cmd.FullCommand()] = func(ctx context.Context) error {
		text, err := os.ReadFile(*file)
		if err != nil {
			return err
		}
		all, err := livedrill.Read(*file, text)
		if err != nil {
			return err
		}
		s, err := livedrill.Named(all, *name)
		if err != nil {
			return usagef("%v", err)
		}
		if c.by == "" {
			return usagef("say who you are with --by: it is written down with the drill")
		}
		ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
		defer stop()
		say := func(format string, args ...any) {
			fmt.Fprintf(c.errs, "%s %s\n", clock(time.Now()), clean(fmt.Sprintf(format, args...)))
		}
		r, err := livedrill.Run(ctx, watched{c}, livedrill.Hands{Do: carryOut, Say: say}, s)
		if err != nil {
			return err
		}
		if err := c.show(*format, r, shown{text: func() { c.liveText(r) }, markdown: func() { c.liveMarkdown(r) }}); err != nil {
			return err
		}
		if r.Outcome != livedrill.Passed {
			return errShown
		}
		return nil
	}
}

// carryOut runs a command to its end. Its output is shown when it fails.
func carryOut(ctx context.Context, command []string) error {
	run := exec.CommandContext(ctx, command[0], command[1:]...) //nolint:gosec // it is what the user has typed, or a scenario of theirs says
	run.WaitDelay = 5 * time.Second                             // a child that goes on must not be waited for
	run.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}       // what interrupts us at a terminal must not interrupt a repair
	var said bytes.Buffer
	run.Stdout, run.Stderr = &said, &said
	err := run.Run()
	if words := strings.TrimSpace(said.String()); err != nil && words != "" {
		return fmt.Errorf("%w: %.500s", err, words)
	}
	return err
}

// watched is the daemon as a drill looks at it, by its API.
type watched struct{ *cli }

// Status is how the daemon is.
func (w watched) Status(ctx context.Context) (st web.Status, err error) {
	err = w.asked(ctx, "/api/v1/status", nil, &st)
	return st, err
}

// Incidents are the last hundred.
func (w watched) Incidents(ctx context.Context) ([]web.Row, error) {
	var l web.IncidentList
	err := w.asked(ctx, "/api/v1/incidents", url.Values{"limit": {"100"}}, &l)
	if err == nil && l.Note != "" {
		err = errors.New(l.Note)
	}
	return l.Incidents, err
}

// Record is that of one incident.
func (w watched) Record(ctx context.Context, incident uint64) (r record.Record, err error) {
	err = w.asked(ctx, fmt.Sprintf("/api/v1/incidents/%d/record", incident), nil, &r)
	return r, err
}

// Note keeps a text with an incident.
func (w watched) Note(ctx context.Context, incident uint64, text string) error {
	_, err := w.post(ctx, fmt.Sprintf("/api/v1/incidents/%d/%s", incident, remediate.Note), web.Word{Reason: text})
	return err
}

// Announce says what is about to be broken.
func (w watched) Announce(ctx context.Context, policy string, a livedrill.Announcement) error {
	labels := maps.Clone(a.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels[remediate.DrillLabel] = a.Drill
	_, err := w.post(ctx, "/api/v1/"+remediate.LiveDrill, web.Word{Scope: "policy/" + policy, Value: a.For.String(), Labels: labels, Page: a.Page})
	return err
}

// Over ends what was announced.
func (w watched) Over(ctx context.Context, policy string) error {
	_, err := w.post(ctx, "/api/v1/"+remediate.EndDrill, web.Word{Scope: "policy/" + policy})
	return err
}

// asked gets an answer soon, or none.
func (w watched) asked(ctx context.Context, path string, query url.Values, v any) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, err := w.get(ctx, path, query, v)
	return err
}

// liveFields are what is told of a drill: times count from the break.
func liveFields(r livedrill.Result) []field {
	fields := []field{
		{"Drill", []string{r.Scenario.Name + ", of policy " + r.Scenario.Policy}},
		{"Result", []string{r.Outcome + ": " + r.Why}},
		{"Broken", []string{stamp(r.Broken)}},
		{"Repaired", []string{r.Repaired}},
	}
	if r.Record == nil {
		return fields
	}
	var times []string
	for _, p := range phasesOf(*r.Record) {
		times = append(times, p.name+" +"+web.Span(p.at.Sub(r.Broken)))
	}
	return append(append(fields, field{"Since the break", []string{strings.Join(times, ", ")}}), fieldsOf(*r.Record)...)
}

func (c *cli) liveText(r livedrill.Result) { c.fieldsText(liveFields(r)) }

func (c *cli) liveMarkdown(r livedrill.Result) {
	c.out.printf("## Drill %s, %s\n\n", markdown(r.Scenario.Name), r.Broken.Format(time.DateOnly))
	c.fieldsMarkdown(liveFields(r))
}
