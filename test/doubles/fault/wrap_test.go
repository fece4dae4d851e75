package fault_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/x0tta6bl4/remediated/test/doubles/fault"
)

// counter is a server that counts the requests that it has carried out.
type counter struct {
	script fault.Script
	mu     sync.Mutex
	bodies []string
}

func (c *counter) done() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.bodies)
}

func (c *counter) handler() http.Handler {
	return c.script.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		c.mu.Lock()
		c.bodies = append(c.bodies, string(body))
		c.mu.Unlock()
		w.Header().Set("X-Answer", "yes")
		w.WriteHeader(http.StatusAccepted)
		io.WriteString(w, "done")
	}))
}

func (c *counter) add(t *testing.T, faults ...fault.Fault) {
	t.Helper()
	if err := c.script.Add(faults...); err != nil {
		t.Fatal(err)
	}
}

func post(t *testing.T, url, body string) (*http.Response, error) {
	t.Helper()
	resp, err := http.Post(url, "text/plain", strings.NewReader(body))
	if err == nil {
		t.Cleanup(func() { resp.Body.Close() })
	}
	return resp, err
}

func TestAnswerIsGivenInsteadOfCarryingOut(t *testing.T) {
	var c counter
	server := httptest.NewServer(c.handler())
	defer server.Close()
	limited := fault.Answer("/v2/enqueue", http.StatusTooManyRequests).With("Retry-After", "3")
	limited.Body = "slow down"
	c.add(t, limited)

	resp, err := post(t, server.URL+"/v2/enqueue", "one")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != 429 || resp.Header.Get("Retry-After") != "3" || string(body) != "slow down" || c.done() != 0 {
		t.Errorf("answer %d %q, Retry-After %q, carried out %d", resp.StatusCode, body, resp.Header.Get("Retry-After"), c.done())
	}
	if resp, err = post(t, server.URL+"/v2/enqueue", "two"); err != nil || resp.StatusCode != 202 || c.done() != 1 {
		t.Errorf("the request after the fault: %v, %v, carried out %d", resp, err, c.done())
	}
	if c.bodies[0] != "two" {
		t.Errorf("the body arrived as %q", c.bodies[0])
	}
}

func TestLostReplyLeavesTheRequestCarriedOut(t *testing.T) {
	var c counter
	server := httptest.NewServer(c.handler())
	defer server.Close()
	c.add(t, fault.LoseReply(""))
	if _, err := post(t, server.URL, "one"); !errors.Is(err, io.EOF) {
		t.Errorf("got error %v, want an end of file", err)
	}
	if c.done() != 1 {
		t.Errorf("carried out %d times, want 1", c.done())
	}
}

func TestDroppedRequestIsNotCarriedOut(t *testing.T) {
	var c counter
	server := httptest.NewServer(c.handler())
	defer server.Close()
	c.add(t, fault.Drop(""))
	if _, err := post(t, server.URL, "one"); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got error %v, want a connection reset", err)
	}
	if c.done() != 0 {
		t.Errorf("carried out %d times, want 0", c.done())
	}
}

func TestDelayPassesBeforeAndDelayReplyAfterCarryingOut(t *testing.T) {
	for name, doneMeanwhile := range map[string]int{"before": 0, "after": 1} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var c counter
				f := fault.Delay("", time.Hour)
				if name == "after" {
					f = fault.DelayReply("", time.Hour)
				}
				c.add(t, f)
				w := httptest.NewRecorder()
				start := time.Now()
				answered := make(chan time.Time)
				go func() {
					c.handler().ServeHTTP(w, httptest.NewRequest("POST", "/", strings.NewReader("one")))
					answered <- time.Now()
				}()
				synctest.Wait()
				if c.done() != doneMeanwhile {
					t.Errorf("carried out %d times while it waits, want %d", c.done(), doneMeanwhile)
				}
				if took := (<-answered).Sub(start); took != time.Hour {
					t.Errorf("answered after %v, want an hour", took)
				}
				if w.Code != 202 || w.Body.String() != "done" || w.Header().Get("X-Answer") != "yes" || c.done() != 1 {
					t.Errorf("answer %d %q, carried out %d", w.Code, w.Body, c.done())
				}
			})
		})
	}
}

func TestDelayedRequestIsCarriedOutThoughTheClientHungUp(t *testing.T) {
	carriedOut := make(chan struct{})
	ctx, hangUp := context.WithCancel(t.Context())
	script := fault.Script{OnRequest: hangUp}
	if err := script.Add(fault.Delay("", time.Hour)); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(script.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { close(carriedOut) })))
	defer server.Close()
	r, err := http.NewRequestWithContext(ctx, "POST", server.URL, strings.NewReader("one"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := http.DefaultClient.Do(r); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want to have hung up", err)
	}
	<-carriedOut
}
