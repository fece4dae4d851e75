package probe

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/x0tta6bl4/remediated/remediate"
)

// flights puts questions: so many at a time to one dependency, and equal ones
// that wait for their turn together. It is never a cache: whoever asks gets an
// answer that was looked for after they asked.
type flights struct {
	limit int64 // flights at a time per dependency

	mu      sync.Mutex
	waiting map[string]*flight // whose turn has not come, by question
	turns   map[string]*turns  // by dependency
	wg      sync.WaitGroup
}

// turns is the queue in front of one dependency; forgotten when nobody is in it.
type turns struct {
	*semaphore.Weighted
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
	askers int
	cancel context.CancelFunc
	done   chan struct{}
	answer remediate.Answer // once done is closed
}

func newFlights(limit int64) *flights {
	return &flights{limit: limit, waiting: map[string]*flight{}, turns: map[string]*turns{}}
}

// fly answers a question, or returns the answer of an equal one that waits for
// its turn. When ctx ends first, ok is false.
func (fs *flights) fly(ctx context.Context, l look) (a remediate.Answer, ok bool) {
	fs.mu.Lock()
	f := fs.waiting[l.key]
	if f == nil {
		f = fs.start(ctx, l)
	}
	f.askers++
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
	f := &flight{cancel: cancel, done: make(chan struct{})}
	fs.waiting[l.key] = f
	t := fs.turns[l.dependency]
	if t == nil {
		t = &turns{Weighted: semaphore.NewWeighted(fs.limit)}
		fs.turns[l.dependency] = t
	}
	t.users++
	fs.wg.Go(func() {
		defer close(f.done)
		defer cancel()
		defer fs.forget(l.dependency, t)
		if t.Acquire(ctx, 1) != nil {
			return // nobody waits for it
		}
		defer t.Release(1)
		fs.land(l.key, f) // from here on nobody joins
		ctx, cancel := context.WithTimeout(ctx, l.within)
		defer cancel()
		f.answer = l.put(ctx)
	})
	return f
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

func (fs *flights) forget(dependency string, t *turns) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if t.users--; t.users == 0 {
		delete(fs.turns, dependency)
	}
}

// wait returns when no flight is under way.
func (fs *flights) wait() { fs.wg.Wait() }
