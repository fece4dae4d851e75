package web_test

import (
	"context"
	"io"
	"net"
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

func TestAStreamIsAskedAboutWithoutWatching(t *testing.T) {
	_, o := play(t, "")
	o.Feed = &web.Feed{}
	r := get("/live")
	r.Method = http.MethodHead
	if rec := ask(t, web.New(o), r); rec.Code != 200 || rec.Header().Get("Content-Type") != "text/event-stream" {
		t.Errorf("%d %v", rec.Code, rec.Header())
	}
	if rec := ask(t, web.New(web.Options{Live: o.Live, History: o.History}), get("/live")); rec.Code != 404 {
		t.Errorf("a page that is not live: %d", rec.Code)
	}
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

// inMemory is a listener whose connections are pipes, so that their deadlines are
// of virtual time.
type inMemory chan net.Conn

func (l inMemory) Accept() (net.Conn, error) {
	c, on := <-l
	if !on {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (l inMemory) Close() error   { close(l); return nil }
func (l inMemory) Addr() net.Addr { return &net.UnixAddr{} }

// A listener bounds how long a request may take to read and an answer to write. A
// stream goes on beyond that.
func TestAStreamOutlivesTheListenersBounds(t *testing.T) {
	_, o := play(t, "")
	synctest.Test(t, func(t *testing.T) {
		o.Feed = &web.Feed{}
		server := &http.Server{Handler: web.New(o), ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, ReadHeaderTimeout: 5 * time.Second}
		l := make(inMemory)
		served := make(chan struct{})
		go func() { defer close(served); _ = server.Serve(l) }()
		ours, theirs := net.Pipe()
		l <- theirs
		if _, err := io.WriteString(ours, "GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var got strings.Builder
		read := make(chan struct{})
		go func() {
			defer close(read)
			b := make([]byte, 4096)
			for {
				n, err := ours.Read(b)
				mu.Lock()
				got.Write(b[:n])
				mu.Unlock()
				if err != nil {
					return
				}
			}
		}()
		time.Sleep(5 * time.Minute)
		o.Feed.Changed()
		time.Sleep(2 * time.Second)
		mu.Lock()
		text := got.String()
		mu.Unlock()
		if !strings.Contains(text, "data: changed") || strings.Count(text, ": still here") < 10 {
			t.Errorf("after five minutes it says %q", text)
		}
		o.Feed.Close()
		_ = server.Close()
		<-read
		<-served
	})
}
