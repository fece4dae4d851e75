package probe

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// flights puts questions: so many at a time to one dependency, and equal ones
// that wait for their turn together. The worst incident's turn comes first, then the
// oldest question's. It is never a cache: whoever asks gets an answer that was looked
// for after they asked.
type flights struct {
	limit int // flights at a time per dependency

	mu      sync.Mutex
	waiting map[string]*flight // whose turn has not come, by question
	turns   map[string]*turns  // by dependency
	wg      sync.WaitGroup
}

// turns is the queue in front of one dependency; forgotten when nobody is in it.
type turns struct {
	taken int
	line  []*flight // that wait for their turn, in the order in which they came
	users int
}

// look is one question that is put.
type look struct {
	key        string        // names the question: equal ones have the same
	dependency string        // what is asked
	within     time.Duration // from when its turn has come
	put        func(context.Context) remediate.Answer
}

type flight struct {
	askers   int
	severity remediate.Severity // the worst that is waited for with
	cancel   context.CancelFunc
	turn     chan struct{} // closed when it has come
	done     chan struct{}
	answer   remediate.Answer // once done is closed
}

func newFlights(limit int) *flights {
	return &flights{limit: limit, waiting: map[string]*flight{}, turns: map[string]*turns{}}
}

// fly answers a question about an incident that is so bad, or returns the answer of
// an equal one that waits for its turn. When ctx ends first, ok is false.
func (fs *flights) fly(ctx context.Context, severity remediate.Severity, l look) (a remediate.Answer, ok bool) {
	fs.mu.Lock()
	f := fs.waiting[l.key]
	if f == nil {
		f = fs.start(ctx, l)
	}
	f.askers++
	if severity.Worse(f.severity) {
		f.severity = severity
	}
	fs.mu.Unlock()

	select {
	case <-f.done:
		return f.answer, true
	case <-ctx.Done():
		fs.leave(l.key, f)
		return remediate.Answer{}, false
	}
}

// start begins to wait for a turn. The flight outlives the one who asked first
// when others have joined, and is cancelled when nobody waits for it any more.
func (fs *flights) start(ctx context.Context, l look) *flight {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f := &flight{cancel: cancel, turn: make(chan struct{}), done: make(chan struct{})}
	fs.waiting[l.key] = f
	t := fs.turns[l.dependency]
	if t == nil {
		t = new(turns)
		fs.turns[l.dependency] = t
	}
	t.users++
	t.line = append(t.line, f)
	fs.next(t)
	fs.wg.Go(func() {
		defer close(f.done)
		defer cancel()
		defer fs.forget(l.dependency, t, f)
		select {
		case <-f.turn:
		case <-ctx.Done():
			return // nobody waits for it
		}
		fs.land(l.key, f) // from here on nobody joins
		ctx, cancel := context.WithTimeout(ctx, l.within)
		defer cancel()
		f.answer = l.put(ctx)
	})
	return f
}

// next gives the turns that are free to those whose turn it is.
func (fs *flights) next(t *turns) {
	for t.taken < fs.limit && len(t.line) > 0 {
		first := t.line[0]
		for _, f := range t.line[1:] {
			if f.severity.Worse(first.severity) {
				first = f
			}
		}
		t.line = slices.DeleteFunc(t.line, func(f *flight) bool { return f == first })
		t.taken++
		close(first.turn)
	}
}

// leave takes one asker off a flight.
func (fs *flights) leave(key string, f *flight) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f.askers--; f.askers == 0 {
		if fs.waiting[key] == f {
			delete(fs.waiting, key)
		}
		f.cancel()
	}
}

func (fs *flights) land(key string, f *flight) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.waiting[key] == f {
		delete(fs.waiting, key)
	}
}

// forget ends a flight's turn, or its waiting for one.
func (fs *flights) forget(dependency string, t *turns, f *flight) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	select {
	case <-f.turn:
		t.taken--
		fs.next(t)
	default:
		t.line = slices.DeleteFunc(t.line, func(other *flight) bool { return other == f })
	}
	if t.users--; t.users == 0 {
		delete(fs.turns, dependency)
	}
}

// wait returns when no flight is under way.
func (fs *flights) wait() { fs.wg.Wait() }
