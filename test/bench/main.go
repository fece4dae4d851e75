// Bench measures what an operator may want to know before leaving the daemon
// switched on, and prints one table:
//
//	go run ./test/bench
//
// Every figure stands beside something else that was measured in the same
// minutes on the same machine, and it is the ratio that says something: the
// absolute numbers are this machine's. docs/performance.md explains each row.
//
// One subject is one file: intake.go, handle.go, match.go, policytests.go,
// backtest.go, lint.go, memory.go, start.go, page.go, size.go, binary.go and bed.go.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/pprof"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kingpin/v2"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	dir    string        // journals and logs, on the disk that is measured
	output string        // one of outputs
	keep   string        // file for what was measured; "" is none
	only   string        // what the names of cases are to contain
	rounds int           // how often everything is measured, in turn
	sample time.Duration // one measurement of a rate
	daemon string        // the program that is started, and measured on the bed
	facts  uint64        // in the largest journal that it is started with
	remedy string        // the program whose policy tests are measured

	cpuProfile string // where to write one of this process; "" is nowhere
}

// subjects are all there is to measure, in the order of the table.
var subjects = []struct {
	name, help string
	measure    func(context.Context, options) ([]row, error)
}{
	{"intake", "webhooks that are durably taken, through HTTP", measureIntake},
	{"handle", "facts that are decided on, without any input or output", measureHandle},
	{"match", "alerts that are matched against the policies", measureMatch},
	{"tests", "policy tests that are read and lived through", measurePolicyTests},
	{"backtest", "a year of alerts that is lived through once more, under other policies", measureBacktest},
	{"lint", "policies that are read and held against what is known of them", measureLint},
	{"memory", "resident memory, of a process of its own", measureMemory},
	{"start", "from the start of the daemon's process to ready, with journals of all sizes", measureStart},
	{"page", "views of the page, with few and with many incidents behind it", measurePage},
	{"binary", "how large the programs are", measureBinary},
	{"size", "what facts take on the disk, and how long an alert waits while they are trimmed", measureSize},
	{"bed", "from the webhook to the PATCH, on a real control plane", measureBed},
}

// run measures what the arguments name, all when they name nothing, and
// prints it.
func run(ctx context.Context, args []string, out io.Writer) error {
	var o options
	var names []string
	var c child
	app := kingpin.New("bench", "Measures the daemon beside what it can be held against.").Terminate(nil)
	app.HelpFlag.Short('h')
	app.UsageWriter(out)
	app.Flag("dir", "Folder for journals, on the disk that is to be measured. Default: a temporary one.").StringVar(&o.dir)
	app.Flag("output", "table, json, or benchstat: lines that golang.org/x/perf/cmd/benchstat compares.").Default("table").EnumVar(&o.output, outputs...)
	app.Flag("keep", "File for what was measured, besides: bench show prints it again.").StringVar(&o.keep)
	app.Flag("only", "Measure only the cases whose names contain this, of subjects that have cases.").StringVar(&o.only)
	app.Flag("rounds", "How often everything is measured, in turn.").Default("3").IntVar(&o.rounds)
	app.Flag("sample", "How long a rate is measured.").Default("300ms").DurationVar(&o.sample)
	app.Flag("facts", "How many there are in the largest journal that the daemon is started with; the others have a tenth and a hundredth.").Default("1000000").Uint64Var(&o.facts)
	app.Flag("daemon", "The program that is started, and measured on the bed.").Default("bin/remediated").StringVar(&o.daemon)
	app.Flag("remedy", "The program whose policy tests are measured.").Default("bin/remedy").StringVar(&o.remedy)
	app.Flag("cpuprofile", "File for a CPU profile of the benchmark.").StringVar(&o.cpuProfile)
	app.Command("run", "Measure and print.").Default().Arg("subject", "What to measure: "+subjectNames()+". Default: all.").StringsVar(&names)
	show := app.Command("show", "Print what an earlier run kept.")
	kept := show.Arg("file", "What it kept it in.").Required().String()
	c.flags(app)
	command, err := app.Parse(args)
	if err != nil {
		return err
	}
	if o.rounds < 1 || o.sample <= 0 {
		return fmt.Errorf("--rounds=%d --sample=%s: want at least one round, and some time", o.rounds, o.sample)
	}
	if command == show.FullCommand() {
		return showRows(*kept, o.output, out)
	}
	if command != "run" {
		return c.run(ctx, command, o, out)
	}
	remove, err := o.makeDir()
	if err != nil {
		return err
	}
	defer remove()
	stop, err := o.profile()
	if err != nil {
		return err
	}
	defer stop()
	rows, err := measure(ctx, o, names)
	if err != nil {
		return err
	}
	if o.keep != "" {
		if err := keepRows(o.keep, rows); err != nil {
			return err
		}
	}
	return print(out, o.output, rows)
}

// showRows prints what an earlier run kept.
func showRows(file, format string, out io.Writer) error {
	rows, err := readRows(file)
	if err != nil {
		return err
	}
	return print(out, format, rows)
}

// makeDir makes the folder for journals, and returns what removes what the
// benchmark put there.
func (o *options) makeDir() (remove func(), err error) {
	if o.dir != "" {
		if err := os.MkdirAll(o.dir, 0o755); err != nil {
			return nil, fmt.Errorf("make the folder for journals: %w", err)
		}
	}
	if o.dir, err = os.MkdirTemp(o.dir, "remediated-bench-"); err != nil {
		return nil, fmt.Errorf("make the folder for journals: %w", err)
	}
	return func() { os.RemoveAll(o.dir) }, nil
}

// profile begins to profile if that is asked for, and returns what ends it.
func (o options) profile() (stop func(), err error) {
	if o.cpuProfile == "" {
		return func() {}, nil
	}
	f, err := os.Create(o.cpuProfile)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { pprof.StopCPUProfile(); f.Close() }, nil
}

// measure measures the subjects with these names, all when there are none.
func measure(ctx context.Context, o options, names []string) ([]row, error) {
	for _, n := range names {
		if !slices.Contains(strings.Split(subjectNames(), ", "), n) {
			return nil, fmt.Errorf("there is no subject %q: want some of %s", n, subjectNames())
		}
	}
	var rows []row
	for _, s := range subjects {
		if len(names) > 0 && !slices.Contains(names, s.name) {
			continue
		}
		begun := time.Now()
		more, err := s.measure(ctx, o)
		if err != nil {
			return nil, fmt.Errorf("measure %s: %w", s.name, err)
		}
		fmt.Fprintf(os.Stderr, "bench: %s took %s\n", s.name, time.Since(begun).Round(time.Second))
		rows = append(rows, more...)
	}
	return rows, nil
}

func subjectNames() string {
	names := make([]string, 0, len(subjects))
	for _, s := range subjects {
		names = append(names, s.name)
	}
	return strings.Join(names, ", ")
}
