// Command remediated is the daemon: it hears what Alertmanager says is broken,
// does what the policies allow, sees whether it helped, and calls people when
// it did not.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	_ "time/tzdata" // a window's time zone must load on a machine that has none

	"github.com/prometheus/common/promslog"

	"github.com/x0tta6bl4/remediated/remediate/engine"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(engine.GCPercent)
	}
	os.Exit(run(ctx, os.Args[1:], signals{on(syscall.SIGHUP), on(syscall.SIGUSR1)}, os.Stderr))
}

// signals are those that do not end the daemon.
type signals struct {
	reload <-chan os.Signal // SIGHUP
	pause  <-chan os.Signal // SIGUSR1: the kill switch
}

// on returns where a signal arrives from now on. One that comes before it is
// listened for waits.
func on(s os.Signal) <-chan os.Signal {
	c := make(chan os.Signal, 1)
	signal.Notify(c, s)
	return c
}

// run is main with its surroundings as arguments. It returns the exit code: 0
// after a stop that was asked for, 1 when it failed, 2 when it was not told
// right what to do.
func run(ctx context.Context, args []string, sig signals, stderr io.Writer) int {
	o, err := parse(args, stderr)
	switch {
	case errors.Is(err, errHelp):
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "remediated: %v\n", err)
		return 2
	}
	o.log.Writer = stderr
	d := &daemon{options: o, log: promslog.New(&o.log), stderr: stderr}
	if err := d.run(ctx, sig); err != nil {
		fmt.Fprintf(stderr, "remediated: %v\n", err)
		return 1
	}
	return 0
}
