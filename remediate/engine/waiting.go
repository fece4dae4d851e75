package engine

import (
	"sync"
	"time"
)

// waiting knows since when each request waits that was not answered yet. Of
// what the loop has taken and cannot write down it knows as well: a disk that
// hangs is what one wants to hear of.
type waiting struct {
	mu    sync.Mutex
	since map[chan error]time.Time
}

// begin notes that a request begins to wait. It comes before the loop can see
// the request, or its end might come first.
func (w *waiting) begin(r request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.since == nil {
		w.since = map[chan error]time.Time{}
	}
	w.since[r.done] = time.Now()
}

// end notes that it waits no more.
func (w *waiting) end(r request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.since, r.done)
}

// longest is how long the oldest has waited, 0 when none waits.
func (w *waiting) longest() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	var age time.Duration
	now := time.Now()
	for _, since := range w.since {
		age = max(age, now.Sub(since))
	}
	return age
}
