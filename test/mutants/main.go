// Mutants plants bugs in the decider, one at a time, and looks who notices: the
// stories and laws of remediate's own tests, and, when those do not, the
// simulation. A bug that nobody notices says that a test is missing.
//
// The bugs are listed in mutants.yaml. The tree is not touched: a changed file
// takes the place of the real one by go's -overlay. The last line says how many
// were planted, caught and survived; when one survived, or could not be
// planted, the exit code is 1.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"sync"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, out, errs io.Writer) int {
	f := flag.NewFlagSet("mutants", flag.ContinueOnError)
	f.SetOutput(errs)
	only := f.String("only", "", "plant only those whose words match this pattern")
	by := f.String("by", "tests,simulation", "who may notice: tests, simulation, or both")
	seeds := f.Int("seeds", 150, "days that the simulation lives through")
	jobs := f.Int("jobs", 2, "how many at a time")
	if f.Parse(args) != nil {
		return 2
	}
	pattern, err := regexp.Compile(*only)
	if err != nil {
		fmt.Fprintf(errs, "-only: %v\n", err)
		return 2
	}
	root, err := rootOf()
	if err != nil {
		fmt.Fprintln(errs, err)
		return 1
	}
	ms, err := list()
	if err != nil {
		fmt.Fprintln(errs, err)
		return 1
	}
	w, err := watchers(*by, root, *seeds)
	if err != nil {
		fmt.Fprintln(errs, err)
		return 2
	}
	var chosen []mutant
	for _, m := range ms {
		if pattern.MatchString(m.Plants) {
			chosen = append(chosen, m)
		}
	}
	return report(ctx, out, chosen, *jobs, func(m mutant) (string, error) { return m.noticed(ctx, root, w) })
}

// report plants each, prints a line for each as it is known, and in the end how
// many survived. When it is interrupted it plants no more, and that is no
// success. It returns the exit code.
func report(ctx context.Context, out io.Writer, ms []mutant, jobs int, plant func(mutant) (string, error)) int {
	var survived, failed int
	var mutex sync.Mutex
	var all sync.WaitGroup
	free := make(chan struct{}, max(1, jobs))
	planted := 0
	for _, m := range ms {
		free <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		planted++
		all.Go(func() {
			by, err := plant(m)
			<-free
			mutex.Lock()
			defer mutex.Unlock()
			switch {
			case ctx.Err() != nil:
				failed++
			case err != nil:
				failed++
				fmt.Fprintf(out, "BAD       %s: %v\n", m, err)
			case by == "":
				survived++
				fmt.Fprintf(out, "SURVIVED  %s\n", m)
			default:
				fmt.Fprintf(out, "caught    %s: by %s\n", m, by)
			}
		})
	}
	all.Wait()
	if ctx.Err() != nil {
		fmt.Fprintln(out, "interrupted")
		return 1
	}
	if failed > 0 {
		fmt.Fprintf(out, "%d could not be planted or judged: mend the list\n", failed)
	}
	fmt.Fprintf(out, "%d planted, %d caught, %d survived\n", planted-failed, planted-failed-survived, survived)
	if survived+failed > 0 {
		return 1
	}
	return 0
}
