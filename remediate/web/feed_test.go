package web_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/x0tta6bl4/remediated/remediate/web"
)

// stream is a browser that takes events.
type stream struct {
	mu   sync.Mutex
	text strings.Builder
	code int
}

func (s *stream) Header() http.Header  { return http.Header{} }
func (s *stream) WriteHeader(code int) { s.code = code }
func (s *stream) Flush()               {}
func (s *stream) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *stream) events() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Count(s.text.String(), "data: changed\n\n")
}

// watching has a browser watch until the returned function is called, or ended
// is closed.
func watching(h http.Handler) (s *stream, ended chan struct{}, stop func()) {
	ctx, stop := context.WithCancel(context.Background())
	s, ended = &stream{}, make(chan struct{})
	go func() {
		defer close(ended)
		h.ServeHTTP(s, get("/live").WithContext(ctx))
	}()
	synctest.Wait()
	return s, ended, stop
}

func TestWhoWatchesIsToldThatSomethingChanged(t *testing.T) {
	_, o := play(t, "")
	synctest.Test(t, func(t *testing.T) {
		o.Feed = &web.Feed{}
		s, ended, stop := watching(web.New(o))
		if s.events() != 0 {
			t.Error("told before anything changed")
		}
		o.Feed.Changed()
		synctest.Wait()
		if s.events() != 1 {
			t.Errorf("told %d times of one change", s.events())
		}
		for range 1000 { // a storm of a second
			o.Feed.Changed()
			time.Sleep(time.Millisecond)
		}
		time.Sleep(2 * time.Second)
		if n := s.events(); n != 2 {
			t.Errorf("told %d times of a change and a storm of one second, want 2", n)
		}
		stop()
		<-ended
	})
}

func TestAStreamEndsWithTheDaemonAndByItself(t *testing.T) {
	_, o := play(t, "")
	synctest.Test(t, func(t *testing.T) {
		o.Feed = &web.Feed{}
		_, aged, _ := watching(web.New(o))
		time.Sleep(11 * time.Minute)
		synctest.Wait()
		<-aged // whoever looks on proves anew who they are
		_, closed, _ := watching(web.New(o))
		o.Feed.Close()
		<-closed
		if s, refused, _ := watching(web.New(o)); s.code != http.StatusServiceUnavailable {
			t.Errorf("after the end: %d", s.code)
		} else {
			<-refused
		}
	})
}

func TestOnlySoManyWatch(t *testing.T) {
	_, o := play(t, "")
	synctest.Test(t, func(t *testing.T) {
		o.Feed = &web.Feed{}
		h := web.New(o)
		var stops []func()
		for range 100 {
			_, _, stop := watching(h)
			stops = append(stops, stop)
		}
		if s, _, _ := watching(h); s.code != http.StatusServiceUnavailable {
			t.Errorf("the 101st: %d", s.code)
		}
		stops[0]()
		synctest.Wait()
		s, _, stop := watching(h)
		if s.code != 0 {
			t.Errorf("after one had left: %d", s.code)
		}
		for _, stop := range append(stops, stop) {
			stop()
		}
	})
}
