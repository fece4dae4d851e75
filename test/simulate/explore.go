package simulate

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Summary is what many days came to together.
type Summary struct {
	Seeds    int
	Took     time.Duration // on the wall
	Failures []Failure     // by seed, the first few
	Tally
}

// Failure is a day in which a law was broken.
type Failure struct {
	Case Case
	*Broken
}

// Replay is the one line that lives through it again.
func (f Failure) Replay() string { return "go run ./test/simulate/cmd/simulate " + f.Case.String() }

// Line is one line that replays the failure, and says which law was broken.
func (f Failure) Line() string { return fmt.Sprintf("%s # %v", f.Replay(), f.Broken) }

// Smaller is the failure with as many steps left out as so many tries find.
func (f Failure) Smaller(laws []Law, tries int) Failure {
	if tries <= 0 {
		return f
	}
	c := Shrink(f.Case, f.Law, laws, tries)
	if b := c.Run(laws).Broken; b != nil {
		return Failure{c, b}
	}
	return f
}

// telling is a law that nothing breaks: it tells each fact, a line each.
func telling(w io.Writer) Law {
	return Law{"telling", func(_ *story, f remediate.Fact) error {
		if f.Body != nil {
			fmt.Fprintf(w, "%6d +%-12s i%d %s\n", f.Seq, f.At.Sub(epoch), remediate.IncidentOf(f.Body), remediate.Describe(f.Body))
		}
		return nil
	}}
}

// enough failures end an exploration: one bug fails many seeds.
const enough = 3

// Explore lives through the days of so many seeds from first on, on all
// processors at once.
func Explore(first uint64, seeds, steps int, laws []Law) Summary {
	begun := time.Now()
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // days are short, and little of one lives long
	all := Summary{Tally: Tally{Happened: map[string]int{}}}
	var mutex sync.Mutex
	var next atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for n := next.Add(1) - 1; n < int64(seeds); n = next.Add(1) - 1 {
				c := Case{Seed: first + uint64(n), Steps: steps}
				r := c.Run(laws)
				mutex.Lock()
				all.add(c, r)
				if len(all.Failures) >= enough {
					next.Store(int64(seeds))
				}
				mutex.Unlock()
			}
		})
	}
	workers.Wait()
	slices.SortFunc(all.Failures, func(a, b Failure) int { return cmp.Compare(a.Case.Seed, b.Case.Seed) })
	all.Took = time.Since(begun)
	return all
}

func (s *Summary) add(c Case, r Tally) {
	s.Seeds++
	s.Steps += r.Steps
	s.Facts += r.Facts
	s.Acts += r.Acts
	s.Repeats += r.Repeats
	s.Incidents += r.Incidents
	s.Lived += r.Lived
	for name, n := range r.Happened {
		s.Happened[name] += n
	}
	if r.Broken != nil {
		s.Failures = append(s.Failures, Failure{c, r.Broken})
	}
}

// Print says what was lived through, and how fast.
func (s Summary) Print(w io.Writer) {
	hours := s.Lived.Hours()
	fmt.Fprintf(w, "%d seeds, %d steps, %d facts, %d acts (%d asked for again), %d incidents\n", s.Seeds, s.Steps, s.Facts, s.Acts, s.Repeats, s.Incidents)
	fmt.Fprintf(w, "%.0f virtual hours in %s: %.0f hours a second\n", hours, s.Took.Round(time.Millisecond), hours/s.Took.Seconds())
}
