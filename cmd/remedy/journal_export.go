package main

import (
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/x0tta6bl4/remediated/cmd/internal/flags"
	"github.com/x0tta6bl4/remediated/remediate/journal"
)

// exportJob is one call of journal export.
type exportJob struct {
	storage  string
	since    *flags.Span
	file     string
	evidence bool
}

func (c *cli) exportCommand(cmd *kingpin.CmdClause) {
	var job exportJob
	export := cmd.Command("export", "Write the journal as lines of text that can be read on another machine, by --export of backtest, replay, report shadow and journal check. docs/journal.md says what is in them.")
	export.Flag("storage.path", "The daemon's storage folder, whose journal is read. The daemon may be running.").Required().StringVar(&job.storage)
	job.since = since(export, "0s", "Leave out what is older: the export begins in the middle then, and what was open there is not known from it.")
	export.Flag("file", "The file to write, compressed when its name ends in .gz; - is standard output.").Short('f').Default("-").StringVar(&job.file)
	export.Flag("evidence", "Write also what was kept before it was destroyed: logs, events, objects.").BoolVar(&job.evidence)
	c.reads[export.FullCommand()] = true
	c.commands[export.FullCommand()] = func(ctx context.Context) error { return c.export(ctx, job) }
}

// export writes a journal to a file, or to standard output.
func (c *cli) export(ctx context.Context, job exportJob) error {
	j, err := journal.OpenReading(ctx, job.storage)
	if err != nil {
		return err
	}
	defer func() { _ = j.Close() }() // it was only read
	o := journal.ExportOptions{Evidence: job.evidence}
	if back := time.Duration(*job.since); back > 0 {
		last, err := j.Last(ctx)
		if err != nil {
			return err
		}
		o.Since = last.Add(-back)
	}
	var wrote journal.Extent
	write := func(w io.Writer) (err error) {
		wrote, err = j.Export(ctx, w, o)
		return err
	}
	if job.file == "-" {
		if err := write(c.out.w); err != nil {
			return err
		}
	} else {
		if err := toFile(job.file, write); err != nil {
			return err
		}
		c.showExtent(wrote, "written")
	}
	c.sayGone(wrote)
	for _, what := range wrote.Missing {
		fmt.Fprintf(c.errs, "remedy: it is not in the export: %s\n", clean(what))
	}
	return c.out.err
}

// toFile writes a file that is there as a whole or not at all.
func toFile(path string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.part")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	var w io.Writer = f
	finish := func() error { return nil }
	if strings.HasSuffix(path, ".gz") {
		z := gzip.NewWriter(f)
		w, finish = z, z.Close
	}
	if err := write(w); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := errors.Join(finish(), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// checkJournal walks along the chain of a journal, and says how far it goes, and
// whether records are what they were.
func (c *cli) checkJournal(ctx context.Context, j past, was []string) error {
	marks, err := marksOf(was)
	if err != nil {
		return err
	}
	found, err := j.Check(ctx)
	if err == nil {
		err = stillAre(ctx, j, marks)
	}
	if c.forProgram() {
		report := struct {
			journal.Extent
			Damage string `json:"damage,omitempty"`
		}{Extent: found}
		if err != nil {
			report.Damage = err.Error()
		}
		return errors.Join(c.showData(report), err)
	}
	c.sayGone(found)
	c.showExtent(found, "as they were written")
	return errors.Join(c.out.err, err)
}

// sayGone says that evidence is not there which records name, and what that may
// mean: what a daemon may give up is not known from its journal.
func (c *cli) sayGone(e journal.Extent) {
	if e.Gone > 0 {
		fmt.Fprintf(c.errs, "remedy: evidence: %d pieces that records name are not there. The daemon gives up what is older than its --storage.retention.evidence; if it never had that, somebody else removed them\n", e.Gone)
	}
}

// count writes a number that a record has.
func count(n uint64) string { return strconv.FormatUint(n, 10) }

// showExtent says what a journal has.
func (c *cli) showExtent(e journal.Extent, is string) {
	o := c.out
	if e.First == 0 {
		o.printf("There are no records after %s.\n", count(e.Last))
		return
	}
	o.printf("Records %s to %s are %s\n", count(e.First), count(e.Last), is)
	rows := [][]cell{
		{{text: "  of"}, {text: e.From.Format(time.RFC3339) + " to " + e.To.Format(time.RFC3339)}},
		{{text: "  journal"}, {text: cmp.Or(e.Journal, "not said: its first record was trimmed")}},
		{{text: "  head"}, {text: e.Head.String()}},
		{{text: "  was"}, {text: fmt.Sprintf("%d:%d", e.Last, e.Head.Mark())}},
		{{text: "  blobs"}, {text: fmt.Sprint(e.Blobs)}},
	}
	if len(e.Missing) > 0 {
		rows = append(rows, []cell{{text: "  missing"}, {text: strings.Join(e.Missing, "; ")}})
	}
	o.table(rows)
}
