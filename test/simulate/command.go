package simulate

import (
	"flag"
	"fmt"
	"io"
	"slices"
)

// CommandLine is the command line: it lives through one day or many, holds them
// against the laws, and prints for each that breaks one the line that replays
// it. It returns the exit code: 1 when a law is broken, 2 when the arguments
// are wrong.
func CommandLine(args []string, laws []Law, out, errs io.Writer) int {
	f := flag.NewFlagSet("simulate", flag.ContinueOnError)
	f.SetOutput(errs)
	seed := f.Uint64("seed", 1, "the day, or the first of them")
	seeds := f.Int("seeds", 1, "how many days")
	steps := f.Int("steps", 500, "how many things happen in each")
	keep := f.String("keep", "", "of one day, only these steps: 3,17-21,40, or none")
	tries := f.Int("tries", 400, "how often a failure is tried to be made smaller; 0: not")
	flat := f.Bool("flat", false, "of one long day, also see that the state does not grow: after a third of it, the median of the last quarter is no more than a quarter over that of the first")
	verbose := f.Bool("v", false, "tell each fact of one day")
	if f.Parse(args) != nil {
		return 2
	}
	if *seeds > 1 && *keep == "" {
		return explore(*seed, *seeds, *steps, *tries, laws, out)
	}
	c := Case{Seed: *seed, Steps: *steps}
	if *keep != "" {
		var err error
		if c.Keep, err = ParseKeep(*keep); err != nil {
			fmt.Fprintln(errs, err)
			return 2
		}
	}
	if *verbose {
		laws = append([]Law{telling(out)}, laws...)
	}
	return replay(c, *tries, *flat, laws, out)
}

// explore tries many days, and makes each failure small.
func explore(first uint64, seeds, steps, tries int, laws []Law, out io.Writer) int {
	s := Explore(first, seeds, steps, laws)
	for _, f := range s.Failures {
		fmt.Fprintln(out, f.Smaller(laws, tries).Line())
	}
	s.Print(out)
	return min(1, len(s.Failures))
}

// replay lives through one day, and makes its failure small unless it was
// named by its steps.
func replay(c Case, tries int, flat bool, laws []Law, out io.Writer) int {
	r := c.Run(laws)
	if r.Broken == nil {
		fmt.Fprintf(out, "%d steps, %d facts, %d acts, %d incidents, %s: all laws hold\n", r.Steps, r.Facts, r.Acts, r.Incidents, r.Lived)
		if flat {
			return grown(r.Sizes, out)
		}
		return 0
	}
	f := Failure{c, r.Broken}
	if c.Keep == nil && laws[0].Name != telling(out).Name {
		f = f.Smaller(laws, tries)
	}
	fmt.Fprintln(out, f.Line())
	return 1
}

// grown prints what the state took in the first and in the last quarter, and is 1
// when that has grown.
func grown(sizes []int, out io.Writer) int {
	sizes = sizes[len(sizes)/3:] // by then there is as much of everything as is remembered
	quarter := len(sizes) / 4
	if quarter == 0 {
		fmt.Fprintln(out, "the day is too short to tell whether the state grows")
		return 1
	}
	first, last := median(sizes[:quarter]), median(sizes[len(sizes)-quarter:])
	fmt.Fprintf(out, "the state takes %d bytes in the first quarter, %d in the last\n", first, last)
	if last > first+first/4 {
		return 1
	}
	return 0
}

func median(all []int) int { return slices.Sorted(slices.Values(all))[len(all)/2] }
