package main

import (
	"context"
	"errors"
	"strconv"

	"github.com/alecthomas/kingpin/v2"

	"github.com/x0tta6bl4/remediated/policies/replay"
	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
)

func (c *cli) journalCommands(cmd *kingpin.CmdClause) {
	again := cmd.Command("replay", "Decide a journal again by this release, from its beginning, and say where it comes to something else: before an upgrade, with the new one. Nothing is done and nothing is written.")
	path := again.Flag("storage.path", "The daemon's storage folder, whose journal is read. The daemon may be running.").Required().String()
	c.reads[again.FullCommand()] = true
	c.commands[again.FullCommand()] = func(ctx context.Context) error { return c.replay(ctx, *path) }
}

// replay decides a journal again.
func (c *cli) replay(ctx context.Context, path string) error {
	j, err := journal.OpenReading(ctx, path)
	if err != nil {
		return err
	}
	defer func() { _ = j.Close() }() // it was only read
	books := booksOf(ctx, j)
	d, same, err := replay.Again(j.Read(ctx), func(digest string) (*remediate.Rulebook, error) {
		if b := books.rulebook(digest); b != nil {
			return b, nil
		}
		return nil, books.err
	})
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
