package simulate

import (
	"flag"
	"os"
	"testing"
)

var (
	seeds = flag.Int("seeds", 12, "how many days to live through")
	steps = flag.Int("steps", 300, "how many things happen in each")
	first = flag.Uint64("first", 1, "the seed of the first day")
)

// TestSimulation lives through days and holds them against the laws. It prints
// one line for each failure, which replays it. `make simulation` lives through
// more of them than this does by itself.
func TestSimulation(t *testing.T) {
	s := Explore(*first, *seeds, *steps, Laws)
	for _, f := range s.Failures {
		t.Error(f.Smaller(Laws, 200).Line())
	}
	s.Print(os.Stdout)
}
