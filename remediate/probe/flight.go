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
	limit   int64         // flights at a time per dependency
	timeout time.Duration // of one flight, from when its turn has come

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

type flight struct {
	askers int
	cancel context.CancelFunc
	done   chan struct{}
	answer remediate.Answer // once done is closed
}

func newFlights(limit int64, timeout time.Duration) *flights {
	return &flights{limit: limit, timeout: timeout, waiting: map[string]*flight{}, turns: map[string]*turns{}}
}

// fly answers the question named key with put, or with the answer of an equal
// one that waits for its turn. When ctx ends first, ok is false.
func (fs *flights) fly(ctx context.Context, key, dependency string, put func(context.Context) remediate.Answer) (a remediate.Answer, ok bool) {
	fs.mu.Lock()
	f := fs.waiting[key]
	if f == nil {
		f = fs.start(ctx, key, dependency, put)
	}
	f.askers++
	fs.mu.Unlock()

	select {
	case <-f.done:
		return f.answer, true
	case <-ctx.Done():
		fs.leave(key, f)
		return remediate.Answer{}, false
	}
}

// start begins to wait for a turn. The flight outlives the one who asked first
// when others have joined, and is cancelled when nobody waits for it any more.
func (fs *flights) start(ctx context.Context, key, dependency string, put func(context.Context) remediate.Answer) *flight {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f := &flight{cancel: cancel, done: make(chan struct{})}
	fs.waiting[key] = f
	t := fs.turns[dependency]
	if t == nil {
		t = &turns{Weighted: semaphore.NewWeighted(fs.limit)}
		fs.turns[dependency] = t
	}
	t.users++
	fs.wg.Go(func() {
		defer close(f.done)
		defer cancel()
		defer fs.forget(dependency, t)
		if t.Acquire(ctx, 1) != nil {
			return // nobody waits for it
		}
		defer t.Release(1)
		fs.land(key, f) // from here on nobody joins
		ctx, cancel := context.WithTimeout(ctx, fs.timeout)
		defer cancel()
		f.answer = put(ctx)
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
