package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/alecthomas/kingpin/v2"
)

// child is what the benchmark starts itself for, in another process.
type child struct {
	incidents int
}

func (c *child) flags(app *kingpin.Application) {
	for _, name := range []string{"open-incidents", "read-incidents"} {
		app.Command(name, "Measure this process's memory.").Hidden().Flag("incidents", "How many.").Required().IntVar(&c.incidents)
	}
	app.Command("in-bed", "Measure the daemon on the bed around this process.").Hidden()
}

// run does what the benchmark that started this process wants to know, and
// prints it as JSON.
func (c *child) run(ctx context.Context, command string, o options, out io.Writer) error {
	found, err := func() (any, error) {
		switch command {
		case "open-incidents":
			return openMany(ctx, o.dir, c.incidents)
		case "read-incidents":
			return readMany(ctx, o.dir, c.incidents)
		case "in-bed":
			return inBed(ctx, o)
		}
		return nil, fmt.Errorf("there is no command %q", command)
	}()
	if err != nil {
		return fmt.Errorf("%s: %w", command, err)
	}
	return json.NewEncoder(out).Encode(found)
}
