// Simulate lives through random days of the decider and holds them against
// laws. With -seeds it tries so many; without, it replays one.
//
//	go run ./test/simulate/cmd/simulate -seeds 2000
//	go run ./test/simulate/cmd/simulate -seed 42 -steps 500 -keep 3,17-21,40
//
// It exits with 1 when a law is broken, after a line that replays it.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/x0tta6bl4/remediated/test/simulate"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, out, errs io.Writer) int {
	f := flag.NewFlagSet("simulate", flag.ContinueOnError)
	f.SetOutput(errs)
	seed := f.Uint64("seed", 1, "the day, or the first of them")
	seeds := f.Int("seeds", 1, "how many days")
	steps := f.Int("steps", 500, "how many things happen in each")
	keep := f.String("keep", "", "of one day, only these steps: 3,17-21,40, or none")
	tries := f.Int("tries", 400, "how often a failure is tried to be made smaller; 0: not")
	verbose := f.Bool("v", false, "tell each fact of one day")
	if f.Parse(args) != nil {
		return 2
	}
	var kept []int
	if *keep != "" {
		var err error
		if kept, err = simulate.ParseKeep(*keep); err != nil {
			fmt.Fprintln(errs, err)
			return 2
		}
	}
	if *seeds > 1 {
		return explore(*seed, *seeds, *steps, *tries, out)
	}
	return replay(simulate.Case{Seed: *seed, Steps: *steps, Keep: kept}, *tries, *verbose, out)
}

// explore tries many days, and makes each failure small.
func explore(first uint64, seeds, steps, tries int, out io.Writer) int {
	s := simulate.Explore(first, seeds, steps, simulate.Laws)
	for _, f := range s.Failures {
		fmt.Fprintln(out, f.Smaller(simulate.Laws, tries).Line())
	}
	s.Print(out)
	return min(1, len(s.Failures))
}

// replay lives through one day, and makes its failure small unless it was
// named by its steps.
func replay(c simulate.Case, tries int, verbose bool, out io.Writer) int {
	laws := simulate.Laws
	if verbose {
		laws = append([]simulate.Law{simulate.Telling(out)}, laws...)
	}
	r := c.Run(laws)
	if r.Broken == nil {
		fmt.Fprintf(out, "%d steps, %d facts, %d acts, %d incidents, %s: all laws hold\n", r.Steps, r.Facts, r.Acts, r.Incidents, r.Lived)
		return 0
	}
	f := simulate.Failure{Case: c, Broken: r.Broken}
	if c.Keep == nil && !verbose {
		f = f.Smaller(simulate.Laws, tries)
	}
	fmt.Fprintln(out, f.Line())
	return 1
}
