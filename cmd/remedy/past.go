package main

import (
	"context"
	"io"
	"iter"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
)

// past is a journal that is read: that of a storage folder, or an export of one.
type past interface {
	Read(ctx context.Context) iter.Seq2[remediate.Record, error]
	Load(ctx context.Context, digest string) ([]byte, error)
	Begin(ctx context.Context) (journal.Beginning, error)
	Behind(ctx context.Context) (*remediate.State, error)
	Last(ctx context.Context) (time.Time, error)
	Check(ctx context.Context) (journal.Extent, error)
	Close() error
}

// source is where a past is read from.
type source struct {
	storage string
	export  string
	waits   io.Writer // the terminal of somebody who waits for it; nil: nobody does
}

// source gives a command the flags that say which journal it reads.
func (c *cli) source(cmd *kingpin.CmdClause) *source {
	var s source
	if isTerminal(c.errs) {
		s.waits = c.errs
	}
	cmd.Flag("storage.path", "The daemon's storage folder, whose journal is read. The daemon may be running.").StringVar(&s.storage)
	cmd.Flag("export", "Instead of that a file that remedy journal export wrote.").StringVar(&s.export)
	c.reads[cmd.FullCommand()] = true
	return &s
}

// open opens the journal.
func (s *source) open(ctx context.Context) (past, error) {
	switch {
	case s.storage != "" && s.export != "":
		return nil, usagef("--storage.path and --export exclude each other: one journal is read")
	case s.storage != "":
		return orNone(journal.OpenReading(ctx, s.storage))
	case s.export != "":
		return orNone(journal.OpenExport(s.export))
	}
	return nil, usagef("say which journal: --storage.path with the daemon's storage folder, or --export with a file")
}

// orNone keeps a nil pointer from becoming a past.
func orNone[P past](p P, err error) (past, error) {
	if err != nil {
		return nil, err
	}
	return p, nil
}

// onJournal has a command read a journal, however long that takes.
func (c *cli) onJournal(cmd *kingpin.CmdClause, do func(context.Context, past) error) {
	from := c.source(cmd)
	c.commands[cmd.FullCommand()] = func(ctx context.Context) error { return from.read(ctx, do) }
}

// read opens the journal and has it read.
func (s *source) read(ctx context.Context, do func(context.Context, past) error) error {
	j, err := s.open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = j.Close() }() // it was only read
	if s.waits != nil {
		j = progress{j, s.waits}
	}
	return do(ctx, j)
}
