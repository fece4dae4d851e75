package main

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/x0tta6bl4/remediated/cmd/internal/flags"
	"github.com/x0tta6bl4/remediated/policies/replay"
	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/web"
)

func (c *cli) journalCommands(cmd *kingpin.CmdClause) {
	again := cmd.Command("replay", "Decide a journal again by this release, and say what it comes to otherwise: before an upgrade, with the new one. Nothing is done and nothing is written.")
	span := since(again, "0s", "Decide again this much of the journal, such as 7d; what was before is taken as it is.")
	c.onJournal(again, func(ctx context.Context, j past) error { return c.replay(ctx, j, time.Duration(*span)) })
	c.exportCommand(cmd)
	check := cmd.Command("check", "Walk along the chain of a journal, or of an export, and say how far it goes; or which record is the first that is not as it was written, with exit code 1.")
	was := check.Flag("was", "Record that must still be the one that it was, as NUMBER:HEAD: from the metrics remediated_journal_last_record and remediated_journal_head of another day. Repeatable.").Strings()
	c.onJournal(check, func(ctx context.Context, j past) error { return c.checkJournal(ctx, j, *was) })
}

// since gives a command a flag for how far back it looks: 0 is all.
func since(cmd *kingpin.CmdClause, usual, help string) *flags.Span {
	var d flags.Span
	cmd.Flag("since", help+" It counts from the journal's last fact; 0s is all.").Default(usual).SetValue(&d)
	return &d
}

// booksOf returns the rulebooks of a journal by their digests.
func booksOf(ctx context.Context, j past) func(digest string) (*remediate.Rulebook, error) {
	return replay.Books(func(digest string) ([]byte, error) { return j.Load(ctx, digest) })
}

// replay decides a journal again, from a time before its last fact on, or all of
// it.
func (c *cli) replay(ctx context.Context, j past, span time.Duration) error {
	p := replay.Past{Records: j.Read(ctx), Books: booksOf(ctx, j)}
	if span > 0 {
		last, err := j.Last(ctx)
		if err != nil {
			return err
		}
		p.Since = last.Add(-span)
	}
	var err error
	if p.Begin, err = j.Behind(ctx); err != nil {
		return err
	}
	d, err := replay.Again(p)
	if err != nil {
		return err
	}
	facts := strconv.FormatUint(d.Facts, 10)
	if d.Changed == 0 {
		c.out.printf("%s facts, decided again: the same\n", facts)
		return c.out.err
	}
	changes := make([]web.Change, 0, len(d.Differences))
	for _, one := range d.Differences {
		changes = append(changes, changeOf(one))
	}
	c.out.changes(changes, d.Changed)
	c.out.printf("\n%s facts, decided again: this release decides %d otherwise\n", facts, d.Changed)
	return errors.Join(c.out.err, errShown)
}

// changeOf is a difference as the API has it.
func changeOf(d replay.Difference) web.Change {
	was, is := d.Explain()
	return web.Change{Seq: d.Seq, At: d.At, Incident: d.Incident(), Was: was, Is: is}
}
