package main

import (
	"context"
	"encoding/json"
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
	path := sh.Flag("storage.path", "The daemon's storage folder, whose journal is read. The daemon may be running.").Required().String()
	since := sh.Flag("since", "Of incidents that were opened so long ago at most, counted from the journal's last fact; 0s is all.").Default("7d").String()
	c.reads[sh.FullCommand()] = true
	c.commands[sh.FullCommand()] = func(ctx context.Context) error {
		d, err := model.ParseDuration(*since)
		if err != nil {
			return usagef("--since: %v: write for example 7d or 12h", err)
		}
		return c.shadow(ctx, *path, time.Duration(d))
	}
}

// advised is a policy with what may be done with it.
type advised struct {
	shadow.Policy
	Advice shadow.Advice `json:"advice"`
}

// shadow reports what the policies did or would have done.
func (c *cli) shadow(ctx context.Context, path string, since time.Duration) error {
	j, err := journal.OpenReading(ctx, path)
	if err != nil {
		return err
	}
	defer func() { _ = j.Close() }() // it was only read
	from, last, err := reach(ctx, j, since)
	if err != nil {
		return err
	}
	books := booksOf(ctx, j)
	report := shadow.New(from, books.rulebook)
	if err := decoded(ctx, j, report.Hear); err != nil {
		return err
	}
	if books.err != nil {
		return books.err
	}
	all := []advised{}
	for _, p := range report.Policies() {
		all = append(all, advised{p, p.Advice()})
	}
	if c.output == "json" {
		b, err := json.MarshalIndent(all, "", "  ")
		if err != nil {
			return err
		}
		return c.out.raw(append(b, '\n'))
	}
	c.out.printf("Incidents from %s to %s\n", from.Format(time.RFC3339), last.Format(time.RFC3339))
	if len(all) == 0 {
		c.out.printf("There are none of a policy.\n")
	}
	for _, p := range all {
		c.showShadow(p)
	}
	return c.out.err
}

// reach is from when to when there is something to report.
func reach(ctx context.Context, j *journal.Reading, since time.Duration) (from, last time.Time, err error) {
	for r, err := range j.Read(ctx) {
		if err != nil {
			return from, last, err
		}
		if from.IsZero() {
			from = r.At
		}
		last = r.At
	}
	if since > 0 && last.Add(-since).After(from) {
		from = last.Add(-since)
	}
	return from, last, nil
}

// decoded hands over each fact of a journal.
func decoded(ctx context.Context, j *journal.Reading, hear func(remediate.Fact)) error {
	for r, err := range j.Read(ctx) {
		if err != nil {
			return err
		}
		f, err := r.Decode()
		if err != nil {
			return fmt.Errorf("record %d: %w", r.Seq, err)
		}
		hear(f)
	}
	return nil
}

// books are the rulebooks of a journal, as far as they were asked for.
type books struct {
	load func(digest string) ([]byte, error)
	read map[string]*remediate.Rulebook
	err  error // the first that could not be read
}

func booksOf(ctx context.Context, j *journal.Reading) *books {
	return &books{read: map[string]*remediate.Rulebook{}, load: func(digest string) ([]byte, error) { return j.Load(ctx, digest) }}
}

// rulebook returns the one of a digest, nil when it cannot be had.
func (b *books) rulebook(digest string) *remediate.Rulebook {
	if book, ok := b.read[digest]; ok {
		return book
	}
	text, err := b.load(digest)
	var book *remediate.Rulebook
	if err == nil {
		book, err = remediate.DecodeRulebook(text)
	}
	if err != nil {
		book, b.err = nil, fmt.Errorf("rulebook %.12s: %w", digest, err)
	}
	b.read[digest] = book
	return book
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
