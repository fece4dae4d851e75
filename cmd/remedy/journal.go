package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/policies/replay"
	"github.com/x0tta6bl4/remediated/remediate"
)

func (c *cli) journalCommands(cmd *kingpin.CmdClause) {
	again := cmd.Command("replay", "Decide a journal again by this release, from its beginning, and say where it comes to something else: before an upgrade, with the new one. Nothing is done and nothing is written.")
	c.onJournal(again, c.replay)
	c.exportCommand(cmd)
	check := cmd.Command("check", "Walk along the chain of a journal, or of an export, and say how far it goes; or which record is the first that is not as it was written, with exit code 1.")
	c.onJournal(check, c.checkJournal)
}

// since gives a command a flag for how far back it looks: 0 is all.
func since(cmd *kingpin.CmdClause, usual, help string) *span {
	var d span
	cmd.Flag("since", help+" It counts from the journal's last fact; 0s is all.").Default(usual).SetValue(&d)
	return &d
}

// span is a time span as Prometheus writes it, as the value of a flag.
type span time.Duration

// Set reads it.
func (d *span) Set(text string) error {
	got, err := model.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("%w: write for example 30d or 12h", err)
	}
	*d = span(got)
	return nil
}

// String is how it is written.
func (d *span) String() string { return model.Duration(*d).String() }

// booksOf returns the rulebooks of a journal by their digests, each read once.
func booksOf(ctx context.Context, j past) func(digest string) (*remediate.Rulebook, error) {
	read := map[string]*remediate.Rulebook{}
	return func(digest string) (*remediate.Rulebook, error) {
		if book := read[digest]; book != nil {
			return book, nil
		}
		text, err := j.Load(ctx, digest)
		if err != nil {
			return nil, fmt.Errorf("rulebook %.12s: %w", digest, err)
		}
		book, err := remediate.DecodeRulebook(text)
		if err != nil {
			return nil, fmt.Errorf("rulebook %.12s: %w", digest, err)
		}
		read[digest] = book
		return book, nil
	}
}

// replay decides a journal again.
func (c *cli) replay(ctx context.Context, j past) error {
	d, same, err := replay.Again(j.Read(ctx), booksOf(ctx, j))
	if err != nil {
		return err
	}
	facts := strconv.FormatUint(same, 10)
	if d == nil {
		c.out.printf("%s facts, decided again: the same\n", facts)
		return c.out.err
	}
	c.out.printf("%s facts are the same; then this release decides otherwise\n", facts)
	c.out.printf("record %s, of %s\n", strconv.FormatUint(d.Was.Seq, 10), d.Was.At.Format("2006-01-02T15:04:05.000Z"))
	for _, side := range []struct {
		name string
		fact *remediate.Fact
	}{{"was", &d.Was}, {"is", d.Is}} {
		c.out.printf("%s\n", side.name)
		if side.fact == nil {
			c.out.printf("    nothing\n")
			continue
		}
		for _, line := range remediate.Explain(side.fact.Body) {
			c.out.printf("    %s\n", line)
		}
	}
	return errors.Join(c.out.err, errShown)
}
