package web

import (
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Feed tells the browsers that look at a page that something has changed. It
// does not say what: a browser asks for its page again, and is shown what whoever
// looks may see. The zero value is ready. It is safe for concurrent use.
type Feed struct {
	mu       sync.Mutex
	watchers map[chan struct{}]struct{}
	closed   bool
}

// maxWatchers is how many browsers are kept informed at a time. The others look
// again every few seconds: a listener has only so many connections.
const maxWatchers = 100

// Changed is called after something has changed. It waits for nobody.
func (f *Feed) Changed() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for w := range f.watchers {
		select {
		case w <- struct{}{}:
		default: // it has not yet looked at what changed before
		}
	}
}

// Close ends all that is being watched, so that a listener need not wait for it.
func (f *Feed) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for w := range f.watchers {
		close(w)
	}
	f.watchers = nil
}

// watch returns what is sent to when something has changed, and closed when the
// feed is; nil when nobody more can watch.
func (f *Feed) watch() chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || len(f.watchers) >= maxWatchers {
		return nil
	}
	if f.watchers == nil {
		f.watchers = map[chan struct{}]struct{}{}
	}
	w := make(chan struct{}, 1)
	f.watchers[w] = struct{}{}
	return w
}

func (f *Feed) leave(w chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.watchers, w)
}

// Times of a stream of events.
const (
	liveGap  = time.Second      // between two events at least: a storm is one event a second
	liveBeat = 20 * time.Second // without one, a comment that shows that both are still there
	liveFor  = 10 * time.Minute // then the browser comes again, and proves anew who it is
	liveSend = 10 * time.Second // for a browser to take an event
)

// live is a stream of server-sent events, each of which says: look again.
func (s *server) live(w http.ResponseWriter, r *http.Request) error {
	if s.opt.Feed == nil {
		return problemf(http.StatusNotFound, "this page is not live; load it again to see what is new")
	}
	changed := s.opt.Feed.watch()
	if changed == nil {
		return problemf(http.StatusServiceUnavailable, "too many look at this already; load the page again to see what is new")
	}
	defer s.opt.Feed.leave(changed)
	w.Header().Set("Content-Type", "text/event-stream")
	if r.Method == http.MethodHead {
		return nil
	}
	stream := http.NewResponseController(w)
	send := func(event string) bool {
		_ = stream.SetWriteDeadline(time.Now().Add(liveSend)) // the listener's is of answers that end; what cannot be set is not needed
		_, err := fmt.Fprint(w, event)
		return err == nil && stream.Flush() == nil
	}
	if !send("retry: 2000\n\n") {
		return nil
	}
	end := time.After(liveFor)
	for {
		event := ": still here\n\n"
		select {
		case <-r.Context().Done():
			return nil
		case <-end:
			return nil
		case _, on := <-changed:
			if !on {
				return nil
			}
			event = "data: changed\n\n"
		case <-time.After(liveBeat):
		}
		if !send(event) {
			return nil
		}
		select {
		case <-r.Context().Done():
			return nil
		case <-time.After(liveGap):
		}
	}
}
