package simulate

import (
	"container/heap"
	"fmt"
	"strconv"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Case names a day: all that happens in it follows from these.
type Case struct {
	Seed  uint64
	Steps int   // so many things happen
	Keep  []int // only these of them, by number from 0, in order; nil: all
}

// Tally is what a day came to.
type Tally struct {
	Steps, Facts, Acts, Incidents int
	Repeats                       int           // acts that the world was asked for once more, and did once
	Lived                         time.Duration // virtual time
	Sizes                         []int         // of the state in bytes, now and then
	Happened                      map[string]int
	Broken                        *Broken // nil: all laws held
	Step                          int     // the step at which a law was broken, or the last
	AtEnd                         bool    // it was broken after the last
}

// day is a world, the daemon in it, and the story that the laws are held
// against.
type day struct {
	*daemon
	story     *story
	laws      []Law
	rulebooks []*remediate.Rulebook
	plans     map[uint64]string   // that were shown before, by incident
	ids       []remediate.Started // the last that was begun
	names     map[string]int      // what happened, and how often
}

// lookEvery is after how many steps the state is held against its fold.
const lookEvery = 20

// Run lives through the day and holds it against the laws. It stops where the
// first is broken.
func (c Case) Run(laws []Law) Tally { return c.run(laws, true) }

// run lives through the day, and through its end when that is asked for.
func (c Case) run(laws []Law, end bool) Tally {
	y := newDay(c.Seed, laws)
	keep := c.Keep
	if keep == nil {
		keep = upTo(c.Steps)
	}
	at := 0
	for n, step := range keep {
		if at = step; y.broken != nil {
			break
		}
		y.step(step)
		y.look(n%lookEvery == 0)
	}
	atEnd := y.broken == nil
	if atEnd && end {
		y.end()
	}
	t := y.result(len(keep), at)
	t.AtEnd = atEnd
	return t
}

func upTo(n int) []int {
	all := make([]int, n)
	for k := range all {
		all[k] = k
	}
	return all
}

func stepName(n int) string { return "step " + strconv.Itoa(n) }

func newDay(seed uint64, laws []Law) *day {
	y := &day{laws: laws, rulebooks: diceFor(seed, "rulebooks").rulebooks(), plans: map[uint64]string{}, names: map[string]int{}}
	books := remediate.Rulebooks{}
	for _, b := range y.rulebooks {
		books[b.Digest()] = b
	}
	y.story = newStory(books)
	y.daemon = newDaemon(newWorld(seed), y.hold)
	y.story.seen, y.back = y.seen, func(at time.Time) { y.story.up = at }
	y.load(y.rulebooks[0])
	return y
}

// hold holds a fact against the laws.
func (y *day) hold(f remediate.Fact) error {
	if b, ok := f.Body.(remediate.Started); ok {
		if y.ids = append(y.ids, b); len(y.ids) > 50 {
			y.ids = y.ids[1:]
		}
	}
	return y.story.judge(y.laws, f)
}

// look holds the moment against the laws; with care also the state.
func (y *day) look(care bool) {
	if y.broken != nil || !y.up || y.degraded {
		return
	}
	now := y.daemon.now()
	y.must(y.story.judge(y.laws, remediate.Fact{At: now}))
	if err := overlooked(y.state, now); err != nil {
		y.must(broken("who waits does so for something that has a name and an end", "%v", err))
	}
	if care {
		y.must(y.compare())
	}
}

// pass lets d go by, and everything happen that is due in it.
func (y *day) pass(d time.Duration) {
	w := y.world
	end := w.now.Add(d)
	for n := 0; y.broken == nil; n++ {
		next, tick := y.next(), true
		if len(w.queue) > 0 && (next.IsZero() || !w.queue[0].at.After(next)) {
			next, tick = w.queue[0].at, false
		}
		if next.IsZero() || next.After(end) {
			break
		}
		w.now = later(w.now, next)
		if tick {
			_ = y.hear(remediate.Tick{})
		} else {
			heap.Pop(&w.queue).(happening).do()
		}
		if n > 1_000_000 {
			y.must(broken("it comes to rest", "time does not pass at %s", w.now))
		}
	}
	w.now = later(w.now, end)
}

// How long it takes until everything that can be heard was heard, and until
// all that was begun is over.
const (
	hearAll = 15 * time.Minute
	endAll  = 2 * time.Hour
)

// end makes all well: at first only what is heard of the world, so that
// everything that is wrong is known; then the world.
func (y *day) end() {
	y.restart()
	y.fault, y.world.split = fault{}, false
	clear(y.foul)
	y.turn(0)
	for _, p := range y.peers {
		p.deaf, p.hidden = false, false
	}
	y.pass(hearAll)
	for n := 0; n < 60 && y.broken == nil && !y.heard(); n++ {
		y.pass(time.Minute)
	}
	y.look(true)
	if err := unheard(y.world, y.state, y.story.own); err != nil && y.broken == nil {
		y.must(broken("what fires is known, and what is known fires", "%v", err))
	}
	for _, s := range y.services {
		y.heal(s, s.trouble)
	}
	y.pass(endAll)
	y.look(true)
	if err := unfinished(y.world, y.state); err != nil && y.broken == nil {
		y.must(broken("everything comes to an end", "%v", err))
	}
	if err := unique(y.effects); err != nil && y.broken == nil {
		y.must(broken("an attempt has its effect once", "%v", err))
	}
}

// heard tells whether the moment is one in which nothing is on its way.
func (y *day) heard() bool {
	return y.up && !y.degraded && unheard(y.world, y.state, y.story.own) == nil
}

func (y *day) result(steps, at int) Tally {
	r := Tally{
		Steps: steps, Facts: y.facts, Incidents: int(y.state.Last), Acts: len(y.effects),
		Lived: y.world.now.Sub(epoch), Sizes: y.sizes, Happened: y.names, Step: at,
	}
	for _, e := range y.effects {
		r.Repeats += e.times - 1
	}
	if y.broken != nil {
		b, ok := y.broken.(*Broken)
		if !ok {
			b = &Broken{"nothing fails", y.broken.Error()}
		}
		r.Broken = b
	}
	return r
}

// String names the case as the command takes it.
func (c Case) String() string {
	s := fmt.Sprintf("-seed %d -steps %d", c.Seed, c.Steps)
	if c.Keep != nil {
		s += " -keep " + ranges(c.Keep)
	}
	return s
}
