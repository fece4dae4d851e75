package main

import (
	"bufio"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/common/config"
)

// election says who leads.
type election struct{ atomic.Pointer[leading] }

func (e *election) won(l leading) { e.Store(&l) }

func (e *election) leader() (leading, bool) {
	if l := e.Load(); l != nil {
		return *l, true
	}
	return leading{}, false
}

// passing passes on to whoever leads, and counts.
func passing(t *testing.T, e *election) (f *forwarder, passed *atomic.Int64) {
	t.Helper()
	peers, err := newPeers(config.TLSConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(peers.CloseIdleConnections)
	passed = new(atomic.Int64)
	return &forwarder{
		self: "me", leader: e.leader, where: func(l leading) string { return l.web }, peers: peers, log: slog.New(slog.DiscardHandler),
		passed: func(ok bool) {
			if ok {
				passed.Add(1)
			}
		},
	}, passed
}

// following is the listener of a replica that passes on to whoever leads.
func following(t *testing.T, e *election) (address string, passed *atomic.Int64) {
	t.Helper()
	f, passed := passing(t, e)
	return serve(t, usual, f.ServeHTTP), passed
}

// ask sends a request and returns the answer and its body.
func ask(t *testing.T, r *http.Request) (*http.Response, string) {
	t.Helper()
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

func request(t *testing.T, method, url string, body io.Reader) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The leader sees the request as it was sent, and from where; the sender sees the
// leader's answer.
func TestARequestIsPassedOnWhole(t *testing.T) {
	var e election
	address, passed := following(t, &e)
	large := strings.Repeat("x", 3<<20)
	leader := serve(t, usual, func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if r.Method != http.MethodPost || r.URL.String() != "/api/v1/pause?a=b%20c" || string(b) != large || err != nil {
			t.Errorf("%s %s with %d bytes, %v", r.Method, r.URL, len(b), err)
		}
		for name, want := range map[string]string{
			"Authorization": "Bearer token-of-anna", "Sec-Fetch-Site": "same-origin", "Origin": "http://" + address,
			"X-Forwarded-For": "10.1.2.3, 127.0.0.1", "X-Forwarded-Proto": "http", "Via": "1.1 proxy, 1.1 remediated",
		} {
			if got := strings.Join(r.Header.Values(name), ", "); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		if r.Host != address {
			t.Errorf("asked for %s, want %s: an origin is compared with it", r.Host, address)
		}
		w.Header().Set("WWW-Authenticate", "Basic")
		w.WriteHeader(http.StatusConflict)
		_, _ = io.WriteString(w, large)
	})
	e.won(leading{name: "other", web: "http://" + leader})
	r := request(t, http.MethodPost, "http://"+address+"/api/v1/pause?a=b%20c", strings.NewReader(large))
	r.Header = http.Header{
		"Authorization": {"Bearer token-of-anna"}, "Sec-Fetch-Site": {"same-origin"}, "Origin": {"http://" + address},
		"X-Forwarded-For": {"10.1.2.3"}, "X-Forwarded-Proto": {"gopher"}, "Via": {"1.1 proxy"},
	}
	resp, body := ask(t, r)
	if resp.StatusCode != http.StatusConflict || resp.Header.Get("WWW-Authenticate") != "Basic" || body != large {
		t.Errorf("answered %d with %v and %d bytes", resp.StatusCode, resp.Header, len(body))
	}
	if passed.Load() != 1 {
		t.Errorf("%d are counted", passed.Load())
	}
}

// What cannot be passed on is to be sent again, and the answer says why.
func TestWhatIsNotPassedOn(t *testing.T) {
	var e election
	address, passed := following(t, &e)
	leader := serve(t, usual, func(http.ResponseWriter, *http.Request) { t.Error("it came to the leader") })
	for _, c := range []struct {
		why    string
		leader *leading
		via    string
	}{
		{"no replica leads just now", nil, ""},
		{"this replica is about to lead", &leading{name: "me", web: "http://" + leader}, ""},
		{"the replica other leads, and does not answer", &leading{name: "other", web: "http://127.0.0.1:1"}, ""},
		{"the replica other leads, and does not say where it is reached: give it --cluster.advertise-url", &leading{name: "other"}, ""},
		{"this was passed on to a replica that does not lead", &leading{name: "other", web: "http://" + leader}, "1.0 squid, " + via},
	} {
		e.Store(c.leader)
		r := request(t, http.MethodPost, "http://"+address+alertmanagerPath, strings.NewReader("{}"))
		r.Header.Set("Via", c.via)
		resp, body := ask(t, r)
		if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" || !strings.HasPrefix(body, c.why) || c.leader != nil && c.leader.web != "" && !strings.Contains(body, "try again") {
			t.Errorf("answered %d, %v: %s, want %s", resp.StatusCode, resp.Header, body, c.why)
		}
	}
	if passed.Load() != 0 {
		t.Errorf("%d are counted", passed.Load())
	}
}

// Replicas that each hold another to lead do not send a request round and round.
func TestNothingGoesRound(t *testing.T) {
	var first, second election
	a, passedA := following(t, &first)
	b, passedB := following(t, &second)
	first.won(leading{name: "b", web: "http://" + b})
	second.won(leading{name: "a", web: "http://" + a})
	resp, body := ask(t, request(t, http.MethodPost, "http://"+a, strings.NewReader("{}")))
	if resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "does not lead") || passedA.Load() != 1 || passedB.Load() != 0 {
		t.Errorf("answered %d: %s; passed on %d and %d times", resp.StatusCode, body, passedA.Load(), passedB.Load())
	}
}

// A sender that breaks off has sent nothing: the leader does not take what came for
// all, whether or not it was told how much would come.
func TestHalfABodyIsNoBody(t *testing.T) {
	var e election
	address, _ := following(t, &e)
	read := make(chan error, 1)
	leader := serve(t, usual, func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		read <- err
	})
	e.won(leading{name: "other", web: "http://" + leader})
	for _, length := range []string{"Content-Length: 100\r\n\r\n{", "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"} {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: %s\r\n%s", address, length); err != nil {
			t.Fatal(err)
		}
		if err := c.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err == nil && resp.StatusCode == http.StatusOK {
			t.Errorf("%q was answered %s", length, resp.Status)
		}
		if err := <-read; err == nil {
			t.Errorf("%q: the leader took it for all", length)
		}
		c.Close()
	}
}

// A leader that dies while it answers has not answered.
func TestHalfAnAnswerIsNoAnswer(t *testing.T) {
	var e election
	address, _ := following(t, &e)
	leader := serve(t, usual, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	e.won(leading{name: "other", web: "http://" + leader})
	resp, err := http.DefaultTransport.RoundTrip(request(t, http.MethodGet, "http://"+address, nil))
	if err != nil {
		return
	}
	defer resp.Body.Close()
	if b, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("answered %q, as if that were all", b)
	}
}

// What changes on the page is told at once, and for as long as the leader tells it: not
// for no longer than another answer may take.
func TestAStreamIsPassedOn(t *testing.T) {
	var e election
	b := usual
	b.readWithin, b.writeWithin = 300*time.Millisecond, 300*time.Millisecond
	f, _ := passing(t, &e)
	address := serve(t, b, f.ServeHTTP)
	next := make(chan struct{})
	leader := serve(t, usual, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for range next {
			_, _ = io.WriteString(w, "data: changed\n\n")
			_ = http.NewResponseController(w).Flush()
		}
	})
	e.won(leading{name: "other", web: "http://" + leader})
	go func() { next <- struct{}{} }()
	resp, err := http.DefaultTransport.RoundTrip(request(t, http.MethodGet, "http://"+address, nil))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	events := bufio.NewReader(resp.Body)
	for begun := time.Now(); time.Since(begun) < 3*b.writeWithin; next <- struct{}{} {
		for _, want := range []string{"data: changed\n", "\n"} {
			if line, err := events.ReadString('\n'); line != want || err != nil {
				t.Fatalf("after %s: %q, %v", time.Since(begun), line, err)
			}
		}
	}
	close(next)
	if rest, err := io.ReadAll(events); err != nil || !strings.HasSuffix(string(rest), "\n\n") {
		t.Errorf("the end of the stream: %q, %v", rest, err)
	}
}

// Whoever waits for a leader that hangs is told to try again as soon as another leads.
func TestALeaderThatLeadsNoMoreIsLetGo(t *testing.T) {
	var e election
	f, _ := passing(t, &e)
	f.peers.(*http.Transport).ResponseHeaderTimeout = 0 // it would let go, too, in the end
	address := serve(t, usual, f.ServeHTTP)
	came := make(chan struct{})
	leader := serve(t, usual, func(_ http.ResponseWriter, r *http.Request) {
		close(came)
		<-r.Context().Done()
	})
	e.won(leading{name: "hangs", web: "http://" + leader})
	go func() {
		<-came
		e.won(leading{name: "next", web: "http://127.0.0.1:1"})
	}()
	resp, body := ask(t, request(t, http.MethodPost, "http://"+address, nil))
	if resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "the replica hangs leads, and does not answer") {
		t.Errorf("answered %d: %s", resp.StatusCode, body)
	}
}

// A listener stays open, and answers each request once, while what serves behind it
// changes and the lead goes from one to another.
func TestSwapUnderLoad(t *testing.T) {
	var e election
	var here served
	var taken [2]sync.Map // by which leader
	leaders := [2]string{}
	for n := range leaders {
		leaders[n] = serve(t, usual, func(w http.ResponseWriter, r *http.Request) {
			if b, err := io.ReadAll(r.Body); err == nil {
				taken[n].Store(string(b), true)
				_, _ = w.Write(b)
			}
		})
	}
	f, _ := passing(t, &e)
	var own sync.Map
	self := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		own.Store(string(b), true)
		_, _ = w.Write(b)
	})
	here.set(f)
	address := serve(t, usual, here.ServeHTTP)
	ctx, stop := context.WithCancel(t.Context())
	var senders sync.WaitGroup
	var acknowledged atomic.Int64
	for s := range 8 {
		senders.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				said := fmt.Sprintf("%d/%d", s, n)
				resp, err := http.Post("http://"+address, "text/plain", strings.NewReader(said))
				if err != nil {
					t.Error(err)
					return
				}
				b, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				switch resp.StatusCode {
				case http.StatusServiceUnavailable:
				case http.StatusOK:
					acknowledged.Add(1)
					_, mine := own.Load(said)
					_, first := taken[0].Load(said)
					_, second := taken[1].Load(said)
					if err != nil || string(b) != said || !mine && !first && !second {
						t.Errorf("%s was answered %q, %v; taken: %v %v %v", said, b, err, mine, first, second)
					}
				default:
					t.Errorf("%s was answered %s", said, resp.Status)
				}
			}
		})
	}
	for n := range 30 {
		for begun := acknowledged.Load(); acknowledged.Load() < begun+20 && !t.Failed(); {
			switch n % 3 {
			case 0, 1:
				e.won(leading{name: fmt.Sprint(n), web: "http://" + leaders[n%3]})
				here.set(f)
			case 2:
				e.won(leading{name: "me"})
				here.set(self)
			}
			time.Sleep(time.Millisecond)
		}
		e.Store(nil)
	}
	stop()
	senders.Wait()
}

// What is bound to something ends when that does not hold any more, or with what it is
// part of.
func TestWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var holds atomic.Bool
		holds.Store(true)
		ctx, cancel := while(t.Context(), holds.Load)
		defer cancel()
		time.Sleep(time.Hour)
		if ctx.Err() != nil {
			t.Fatal("it ended while it held")
		}
		holds.Store(false)
		time.Sleep(whileEvery)
		synctest.Wait()
		if !errors.Is(ctx.Err(), context.Canceled) {
			t.Errorf("%s later: %v", whileEvery, ctx.Err())
		}
		whole, end := context.WithCancel(t.Context())
		part, cancel := while(whole, func() bool { return true })
		defer cancel()
		end()
		if part.Err() == nil {
			t.Error("it goes on though the whole ended")
		}
	})
}

// Other replicas are believed to be who they are by whom they are told to believe.
func TestPeersAreKnownByTheirIssuer(t *testing.T) {
	other := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	other.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	defer other.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: other.Certificate().Raw})
	for ca, want := range map[string]bool{file(t, "ca.pem", string(ca)): true, "": false} {
		peers, err := newPeers(config.TLSConfig{CAFile: ca})
		if err != nil {
			t.Fatal(err)
		}
		resp, err := peers.RoundTrip(request(t, http.MethodGet, other.URL, nil))
		if err == nil {
			resp.Body.Close()
		}
		if (err == nil) != want {
			t.Errorf("with %q: %v", ca, err)
		}
		peers.CloseIdleConnections()
	}
	if _, err := newPeers(config.TLSConfig{CAFile: file(t, "ca.pem", "none")}); err == nil || !strings.Contains(err.Error(), "--cluster.ca-file") {
		t.Errorf("without certificates in it: %v", err)
	}
}
