package replay

import (
	"container/heap"
	"errors"
	"fmt"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Life is one life of the decider in virtual time, which nobody writes down.
type Life struct {
	Books remediate.Rulebooks
	State *remediate.State
	Now   time.Time

	// Started hears of each dealing with the world that begins. It answers by
	// [Life.Answer], now or later, or never.
	Started func(remediate.Started)

	decided func(remediate.Fact)
	soon    answers
	answers int
}

// Begin begins a life at a time, as of a journal of that name. decided hears of
// each fact, in order.
func Begin(start time.Time, journal string, decided func(remediate.Fact)) (*Life, error) {
	l := &Life{
		Books: remediate.Rulebooks{}, State: remediate.NewState(), Now: start.UTC(),
		Started: func(remediate.Started) {}, decided: decided,
	}
	r, err := remediate.Found(l.State, l.Now, journal)
	if err != nil {
		return nil, err
	}
	f, err := r.Decode()
	if err == nil {
		decided(f)
	}
	return l, err
}

// Load makes a rulebook govern from now on.
func (l *Life) Load(book *remediate.Rulebook) error {
	l.Books[book.Digest()] = book
	names := make([]string, 0, len(book.Policies))
	for _, p := range book.Policies {
		names = append(names, p.Name)
	}
	return l.Hear(remediate.Loaded{Digest: book.Digest(), Policies: names})
}

// Hear hands an input over now, and lets everything follow that is due at this
// moment. It returns a [*remediate.RefusedError] when the input does not fit.
func (l *Life) Hear(in remediate.Input) error {
	if err := l.handle(in); err != nil {
		return err
	}
	return l.Pass(l.Now)
}

// Answer hands over how a dealing ended, when the time has come. make is called
// then, for what it ends with may depend on what has happened meanwhile.
func (l *Life) Answer(at time.Time, s remediate.Started, make func() (remediate.Result, bool)) {
	l.Let(at, func() (remediate.Input, bool) {
		result, ended := make()
		return remediate.Reported{ID: s.ID, Incident: s.Incident, At: l.Now, Result: result}, ended
	})
}

// Let hands over an input when the time has come. make is called then; it may
// say that there is none. An input that does not fit then is dropped.
func (l *Life) Let(at time.Time, make func() (remediate.Input, bool)) {
	l.answers++
	heap.Push(&l.soon, answer{at: at, n: l.answers, make: make})
}

// maxRounds bounds how often the decider may be woken in one moment.
const maxRounds = 100_000

// Pass lets time go by until then, and everything happen that is due in it.
func (l *Life) Pass(until time.Time) error {
	for rounds := 0; rounds < maxRounds; rounds++ {
		next := l.State.Next()
		if len(l.soon) > 0 && (next.IsZero() || !l.soon[0].at.After(next)) {
			next = l.soon[0].at
		}
		if next.IsZero() || next.After(until) {
			l.Now = until
			return nil
		}
		if next.After(l.Now) {
			l.Now, rounds = next, 0
		}
		if err := l.step(); err != nil {
			return err
		}
	}
	return fmt.Errorf("the decider wants to be woken without end at %s: this is a defect of remediated, please report it", l.Now.Format(time.RFC3339))
}

// step does the one thing that is due now: an answer before a tick.
func (l *Life) step() error {
	if len(l.soon) == 0 || l.soon[0].at.After(l.Now) {
		return l.handle(remediate.Tick{})
	}
	a := heap.Pop(&l.soon).(answer)
	in, is := a.make()
	if !is {
		return nil // it goes on, and has said when it is to be looked at again
	}
	err := l.handle(in)
	var refused *remediate.RefusedError
	if errors.As(err, &refused) {
		return nil
	}
	return err
}

// handle hands one input to the decider, and lets be heard of what follows and
// of what that begins.
func (l *Life) handle(in remediate.Input) error {
	facts, err := remediate.Decide(l.Books, l.State, l.Now, in)
	for _, f := range facts {
		l.decided(f)
		if s, ok := f.Body.(remediate.Started); ok {
			l.Started(s)
		}
	}
	return err
}

// answer is an input that is to come.
type answer struct {
	at   time.Time
	n    int // of two at one time, the one that was begun first
	make func() (remediate.Input, bool)
}

// answers is a heap of them, the next one first.
type answers []answer

func (a answers) Len() int { return len(a) }
func (a answers) Less(i, j int) bool {
	if c := a[i].at.Compare(a[j].at); c != 0 {
		return c < 0
	}
	return a[i].n < a[j].n
}
func (a answers) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *answers) Push(x any)   { *a = append(*a, x.(answer)) }
func (a *answers) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}
