package slack

import (
	"sync"
	"time"
)

// replays remembers the signatures of requests that were taken, for as long as
// their time would let them pass once more: whoever has overheard one can send it
// again as it is. The zero value remembers nothing yet.
type replays struct {
	mu    sync.Mutex
	until map[string]time.Time // by signature
}

// begin tells whether a request is the first with its signature. Only what Slack
// has signed gets here, so that there are no more of them than people press.
func (r *replays) begin(signature string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for s, until := range r.until {
		if now.After(until) {
			delete(r.until, s)
		}
	}
	if _, taken := r.until[signature]; taken {
		return false
	}
	if r.until == nil {
		r.until = map[string]time.Time{}
	}
	r.until[signature] = now.Add(2*maxSkew + time.Second) // it may be from ahead of our clock
	return true
}

// forget has a request that could not be kept be taken when it comes again.
func (r *replays) forget(signature string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.until, signature)
}
