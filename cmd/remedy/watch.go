package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"
)

// watchEvery is how often what is watched is asked for.
const watchEvery = 2 * time.Second

// What a terminal is told: to keep what it shows and begin a page of its own, to
// go back; to write over what is there, to forget the rest of a line, of the page.
const (
	ownPage  = "\x1b[?1049h\x1b[?25l"
	backPage = "\x1b[?25h\x1b[?1049l"
	home     = "\x1b[H"
	restLine = "\x1b[K"
	restPage = "\x1b[J"
)

// watched gives a command that shows how something stands the flag by which it
// goes on showing it.
func (c *cli) watched(cmd *kingpin.CmdClause, show func(context.Context) error) {
	on := cmd.Flag("watch", "Go on showing it until Ctrl-C: in place on a terminal, else anew whenever it has changed.").Short('w').Bool()
	c.reads[cmd.FullCommand()] = true // it says itself how long it may take
	c.commands[cmd.FullCommand()] = func(ctx context.Context) error {
		if *on {
			return c.watch(ctx, show)
		}
		return bounded(ctx, show)
	}
}

// bounded runs show for as long as one answer may take.
func bounded(ctx context.Context, show func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return show(ctx)
}

// watch shows something again and again until ctx ends. When that fails later it is
// shown, too, and does not end it: the daemon may just be started anew.
func (c *cli) watch(ctx context.Context, show func(context.Context) error) error {
	out := c.out.w
	defer func() { c.out.w = out }()
	good, err := c.shows(ctx, show)
	if err != nil {
		return err
	}
	now := good
	_, tall := sizeOf(out)
	if tall > 0 {
		if _, err := io.WriteString(out, ownPage); err != nil {
			return err
		}
		defer func() { _, _ = io.WriteString(out, backPage+now) }() // what it said last stays
	}
	every := time.NewTicker(watchEvery)
	defer every.Stop()
	for before := ""; ; {
		if err := redraw(out, before, now); err != nil {
			return err
		}
		before = now
		select {
		case <-every.C:
		case <-ctx.Done():
			return nil
		}
		c.out.width = widthOf(out) // it may have another by now
		now, err = c.shows(ctx, show)
		switch {
		case ctx.Err() != nil:
			now = good
			return nil
		case err == nil:
			good = now
		case tall > 0: // what is known last stays to be seen
			now = fmt.Sprintf("remedy: %s\n\n%s", clean(err.Error()), good)
		default:
			now = fmt.Sprintf("remedy: %s\n", clean(err.Error()))
		}
	}
}

// shows returns what show writes.
func (c *cli) shows(ctx context.Context, show func(context.Context) error) (string, error) {
	var text bytes.Buffer
	c.out.w = &text
	err := bounded(ctx, show)
	return text.String(), err
}

// redraw shows what is now in place of what was before; where there is no place,
// below it.
func redraw(out io.Writer, before, now string) error {
	_, tall := sizeOf(out)
	text := now
	switch {
	case tall > 0:
		lines := strings.Split(strings.TrimSuffix(now, "\n"), "\n")
		if hidden := len(lines) - (tall - 1); hidden > 0 {
			lines = append(lines[:tall-2], fmt.Sprintf("... and %d more lines", hidden+1))
		}
		text = home + strings.Join(lines, restLine+"\n") + restLine + "\n" + restPage
	case now == before:
		return nil
	case before != "":
		text = "\n" + now
	}
	_, err := io.WriteString(out, text)
	return err
}
