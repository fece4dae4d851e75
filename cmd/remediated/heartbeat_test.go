package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/common/config"

	"github.com/x0tta6bl4/remediated/notify"
	"github.com/x0tta6bl4/remediated/remediate"
)

const secretPath = "/ping/9f1c"

// alive is an engine that answers, with a journal that is degraded when it says why.
type alive struct{ degraded atomic.Value }

func (a *alive) Look(_ context.Context, f func(*remediate.State, remediate.Rulebooks)) error {
	s := remediate.NewState()
	why, _ := a.degraded.Load().(string)
	s.Degrade(why)
	f(s, nil)
	return nil
}

// outsider is who listens for the heartbeat.
type outsider struct {
	mu     sync.Mutex
	answer func(*http.Request) (*http.Response, error)
	heard  []string // when, how and where
	beats  int
	failed []string
	begun  time.Time
}

func (o *outsider) RoundTrip(r *http.Request) (*http.Response, error) {
	o.mu.Lock()
	o.heard = append(o.heard, fmt.Sprintf("%s %s %s", time.Since(o.begun), r.Method, r.URL))
	answer := o.answer
	o.mu.Unlock()
	return answer(r)
}

// becomes makes it answer otherwise.
func (o *outsider) becomes(answer func(*http.Request) (*http.Response, error)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.answer = answer
}

func answers(code int, location string) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		if location != "" {
			w.Header().Set("Location", location)
		}
		w.WriteHeader(code)
		fmt.Fprintf(w, "you asked for %s", r.URL)
		resp := w.Result()
		resp.Request = r
		return resp, nil
	}
}

// beating starts a heartbeat in the test's bubble and returns who listens.
func beating(t *testing.T, live looker, file string, with func(*heartbeatOptions)) *outsider {
	t.Helper()
	o := &outsider{answer: answers(200, ""), begun: time.Now()}
	options := heartbeatOptions{
		URL: notify.SecretFile(file), Every: time.Minute, HTTP: config.DefaultHTTPClientConfig, Live: live,
		Beat: func(time.Time) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.beats++
		},
		Failed: func(err error) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.failed = append(o.failed, err.Error())
		},
	}
	if with != nil {
		with(&options)
	}
	h, err := newHeartbeat(options)
	if err != nil {
		t.Fatal(err)
	}
	h.web.Transport = o
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- h.run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("it ended: %v", err)
		}
	})
	synctest.Wait()
	return o
}

func secretFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func (o *outsider) has(t *testing.T, beats int, heard ...string) {
	t.Helper()
	synctest.Wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	if got := strings.Join(o.heard, "\n"); got != strings.Join(heard, "\n") || o.beats != beats {
		t.Errorf("%d beats, heard\n%s\nwant %d and\n%s", o.beats, got, beats, strings.Join(heard, "\n"))
	}
	o.heard, o.beats = nil, 0
}

func (o *outsider) failedWith(t *testing.T, n int, want string) {
	t.Helper()
	synctest.Wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.failed) != n || !strings.Contains(strings.Join(o.failed, "\n"), want) {
		t.Errorf("failed %q, want %d times %q", o.failed, n, want)
	}
	if strings.Contains(strings.Join(o.failed, "\n"), "9f1c") {
		t.Errorf("failed %q, which shows the address", o.failed)
	}
	o.failed = nil
}

// It beats at once and at intervals, to the address as the file has it by then.
func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := secretFile(t, "https://hc.example"+secretPath+"\n")
		o := beating(t, new(alive), file, nil)
		time.Sleep(2*time.Minute + time.Second)
		o.has(t, 3, "0s GET https://hc.example"+secretPath, "1m0s GET https://hc.example"+secretPath, "2m0s GET https://hc.example"+secretPath)
		if err := os.WriteFile(file, []byte("http://other.example/9f1c"), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		o.has(t, 1, "3m0s GET http://other.example/9f1c")
		o.failedWith(t, 0, "")
	})
}

func TestHeartbeatByPost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := beating(t, new(alive), secretFile(t, "https://hc.example"+secretPath), func(o *heartbeatOptions) { o.Method = http.MethodPost })
		o.has(t, 1, "0s POST https://hc.example"+secretPath)
	})
}

// While nothing is remembered, nothing is done, and it is silent.
func TestHeartbeatOfADegradedJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := new(alive)
		a.degraded.Store("the disk is full")
		o := beating(t, a, secretFile(t, "https://hc.example"+secretPath), nil)
		time.Sleep(time.Minute + time.Second)
		o.has(t, 0)
		o.failedWith(t, 2, "no heartbeat was sent: the journal is degraded: the disk is full")
		a.degraded.Store("")
		time.Sleep(time.Minute)
		o.has(t, 1, "2m0s GET https://hc.example"+secretPath)
	})
}

// A loop that hangs is not alive, and does not hang the heartbeat.
func TestHeartbeatOfALoopThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := beating(t, hangs{}, secretFile(t, "https://hc.example"+secretPath), nil)
		time.Sleep(beatLook)
		o.has(t, 0)
		o.failedWith(t, 1, "the loop does not answer")
		time.Sleep(time.Minute)
		o.failedWith(t, 1, "the loop does not answer")
	})
}

// What is not heard is no beat, and nothing that is said of it shows the address.
func TestHeartbeatIsNotHeard(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(*http.Request) (*http.Response, error)
		want   string
	}{
		"404":               {answers(404, ""), "it was answered with 404 Not Found"},
		"500":               {answers(500, ""), "it was answered with 500"},
		"a redirect":        {answers(302, "https://elsewhere.example/"+secretPath), "it was answered with 302"},
		"nobody is there":   {func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") }, "connection refused"},
		"an error tells it": {func(r *http.Request) (*http.Response, error) { return nil, fmt.Errorf("proxy: cannot get %s", r.URL) }, "proxy: cannot get [redacted]"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := beating(t, new(alive), secretFile(t, "https://hc.example"+secretPath), nil)
				o.becomes(c.answer)
				o.has(t, 1, "0s GET https://hc.example"+secretPath)
				time.Sleep(time.Minute)
				o.has(t, 0, "1m0s GET https://hc.example"+secretPath)
				o.failedWith(t, 1, "send the heartbeat: "+c.want)
			})
		})
	}
}

// Whoever takes the beat and does not answer is not waited for without end.
func TestHeartbeatEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := beating(t, new(alive), secretFile(t, "https://hc.example"+secretPath), nil)
		o.becomes(func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() })
		time.Sleep(time.Minute + beatTimeout)
		o.failedWith(t, 1, "deadline exceeded")
	})
}

// A file that is spoilt while we run is a failure like any other.
func TestHeartbeatFileIsSpoilt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := secretFile(t, "https://hc.example"+secretPath)
		o := beating(t, new(alive), file, nil)
		o.has(t, 1, "0s GET https://hc.example"+secretPath)
		for text, want := range map[string]string{"": "is empty", "hc.example/9f1c": "want http://", "ftp://hc.example/9f1c": "want http://", "https://hc.example:9f1c": "want http://"} {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			o.has(t, 0)
			o.failedWith(t, 1, want)
		}
	})
}

func TestHeartbeatIsChecked(t *testing.T) {
	good := secretFile(t, "https://hc.example"+secretPath)
	for name, c := range map[string]struct {
		o    heartbeatOptions
		want string
	}{
		"no file":      {heartbeatOptions{URL: notify.SecretFile(good + ".lost"), Every: time.Minute}, "no such file"},
		"no address":   {heartbeatOptions{URL: notify.SecretFile(secretFile(t, "9f1c")), Every: time.Minute}, "want http://"},
		"no time":      {heartbeatOptions{URL: notify.SecretFile(good)}, "every is 0s"},
		"a method":     {heartbeatOptions{URL: notify.SecretFile(good), Every: time.Minute, Method: "PUT"}, `method "PUT"`},
		"no such file": {heartbeatOptions{URL: notify.SecretFile(good), Every: time.Minute, HTTP: config.HTTPClientConfig{TLSConfig: config.TLSConfig{CAFile: good + ".pem"}}}, "heartbeat: "},
	} {
		if _, err := newHeartbeat(c.o); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "9f1c") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, err := newHeartbeat(heartbeatOptions{URL: notify.SecretFile(good), Every: time.Minute, Method: http.MethodPost}); err != nil {
		t.Error(err)
	}
}
