package action

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

const callKey = "a-key-that-nobody-sees"

// called is a server that notes what it is sent.
type called struct {
	*httptest.Server
	mu     sync.Mutex
	heard  []*http.Request
	bodies []string
	answer http.HandlerFunc // nil: 204
}

func newCalled(t *testing.T, start func(http.Handler) *httptest.Server) *called {
	t.Helper()
	c := &called{}
	c.Server = start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		c.mu.Lock()
		c.heard, c.bodies = append(c.heard, r), append(c.bodies, string(body))
		c.mu.Unlock()
		if c.answer != nil {
			c.answer(w, r)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(c.Close)
	return c
}

// requests are those that it was sent so far.
func (c *called) requests() []*http.Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.heard)
}

// body is that of the first request.
func (c *called) body() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bodies[0]
}

// callPlan is the act that calls a URL.
func (a *api) callPlan(t *testing.T, url, more string) remediate.Started {
	t.Helper()
	a.addDeployment()
	s := a.plan(t, a.actor(t), "http_call", web)
	s.Act.Args = fmt.Appendf(nil, `{"url":%q,"secret_file":%q,"allow_loopback":true%s}`, url, keep(t, callKey+"\n"), more)
	return s
}

// keep writes a file of its own.
func keep(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestHTTPCall(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:9")
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:9")
	a, c := newAPI(t), newCalled(t, httptest.NewTLSServer)
	ca := keep(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate().Raw})))
	s := a.callPlan(t, c.URL+"/purge", fmt.Sprintf(`,"body":{"namespace":"shop","n":12345678901234567890},"ca_file":%q`, ca))
	begun := time.Now().Unix()
	performed(t, a.actor(t), s, remediate.OK, "POST "+c.URL+"/purge: 204 No Content after ")
	r, body := c.requests()[0], c.body()
	if r.Method != "POST" || r.URL.Path != "/purge" || body != `{"n":12345678901234567890,"namespace":"shop"}` ||
		r.Header.Get("Idempotency-Key") != s.ID || r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("got %s %s %q, %v", r.Method, r.URL, body, r.Header)
	}

	// What its receiver does to see that it is ours.
	at, sum, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("X-Remediated-Signature"), "t="), ",v1=")
	mac := hmac.New(sha256.New, []byte(callKey))
	io.WriteString(mac, at+"."+body)
	if got, _ := hex.DecodeString(sum); !hmac.Equal(got, mac.Sum(nil)) {
		t.Errorf("the signature %q is not over time and body", r.Header.Get("X-Remediated-Signature"))
	}
	if n, err := strconv.ParseInt(at, 10, 64); err != nil || n < begun || n > time.Now().Unix() {
		t.Errorf("signed at %s", at)
	}
	if len(a.events) != 1 || a.events[0].Action != "http_call" || strings.Contains(a.events[0].Note, callKey) {
		t.Errorf("events %+v", a.events)
	}
	for _, other := range [][2]string{{"1", body}, {at, body + " "}} {
		n, _ := strconv.ParseInt(other[0], 10, 64)
		if signature([]byte(callKey), time.Unix(n, 0), []byte(other[1])) == r.Header.Get("X-Remediated-Signature") {
			t.Errorf("%v has the same signature", other)
		}
	}
}

func TestHTTPCallMethods(t *testing.T) {
	a, c := newAPI(t), newCalled(t, httptest.NewServer)
	performed(t, a.actor(t), a.callPlan(t, c.URL, `,"method":"DELETE"`), remediate.OK, "DELETE")
	if r := c.requests()[0]; r.Method != "DELETE" || c.body() != "" || r.Header.Get("Content-Type") != "" {
		t.Errorf("got %s %q %v", r.Method, c.body(), r.Header)
	}
}

func TestHTTPCallFails(t *testing.T) {
	says := func(status int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status); io.WriteString(w, text) }
	}
	breaks := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	for name, tc := range map[string]struct {
		answer        http.HandlerFunc
		more          string
		outcome, text string
		calls         int
	}{
		"said no":             {says(403, "bad signature\x1b[31m"), "", remediate.Failed, "403 Forbidden after ", 1},
		"says why":            {says(500, "no \x00room\n"), "", remediate.Failed, ": no room", 1},
		"much":                {says(500, strings.Repeat("x", 1<<20)), "", remediate.Failed, strings.Repeat("x", 200), 1},
		"busy":                {says(503, "later"), "", remediate.Failed, ": later", 1},
		"busy, known":         {says(503, "later"), `,"idempotent":true`, remediate.Later, ": later", 1},
		"no, known":           {says(404, ""), `,"idempotent":true`, remediate.Failed, "404", 1},
		"leads to itself":     {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", 307) }, "", remediate.Failed, "no redirect is followed", 1},
		"leads to a metadata": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "http://169.254.169.254/", 302) }, "", remediate.Failed, "no redirect is followed", 1},
		"breaks off":          {breaks, "", remediate.Unknown, "sent again only with idempotent: true", 1},
		"breaks off, known":   {breaks, `,"idempotent":true`, remediate.Later, "no answer came", 1},
	} {
		t.Run(name, func(t *testing.T) {
			a, c := newAPI(t), newCalled(t, httptest.NewServer)
			c.answer = tc.answer
			s := a.callPlan(t, c.URL, tc.more)
			r := performed(t, a.actor(t), s, tc.outcome, tc.text)
			if len(c.requests()) != tc.calls || len(r.Text) > 400 || strings.ContainsAny(r.Text, "\x00\x1b") {
				t.Errorf("%d requests, %q", len(c.requests()), r.Text)
			}
		})
	}
}

// It is sent once, and again only to who knows what it had before.
func TestHTTPCallAgain(t *testing.T) {
	a, c := newAPI(t), newCalled(t, httptest.NewServer)
	s := a.callPlan(t, c.URL, "")
	s.Again = true
	performed(t, a.actor(t), s, remediate.Unknown, "it may have been sent before")
	if len(c.requests()) != 0 {
		t.Errorf("it was sent %d times", len(c.requests()))
	}
	s = a.callPlan(t, c.URL, `,"idempotent":true`)
	s.Again = true
	performed(t, a.actor(t), s, remediate.OK, "204")

	// The first is broken off, and the second has the same key.
	actor, first := a.actor(t), atomic.Bool{}
	first.Store(true)
	c.mu.Lock()
	c.heard = nil
	c.mu.Unlock()
	c.answer = func(w http.ResponseWriter, _ *http.Request) {
		if first.Swap(false) {
			panic(http.ErrAbortHandler)
		}
	}
	s.Again = false
	performed(t, actor, s, remediate.Later, "no answer came")
	performed(t, actor, s, remediate.OK, "200")
	if len(c.requests()) != 2 || c.requests()[0].Header.Get("Idempotency-Key") != c.requests()[1].Header.Get("Idempotency-Key") {
		t.Errorf("%d requests", len(c.requests()))
	}
}

// Nothing is sent where nobody listens, where it is not trusted, to this machine
// unless it is said, without its key, or when the target is another one.
func TestHTTPCallIsNotSent(t *testing.T) {
	c := newCalled(t, httptest.NewTLSServer)
	plain := newCalled(t, httptest.NewServer)
	a := newAPI(t)
	for name, tc := range map[string]struct {
		url           string
		change        func(s *remediate.Started)
		outcome, text string
	}{
		"nobody listens":  {"http://127.0.0.1:9/", func(*remediate.Started) {}, remediate.Later, "connection refused"},
		"not trusted":     {c.URL, func(*remediate.Started) {}, remediate.Later, "certificate"},
		"by a name":       {strings.Replace(plain.URL, "127.0.0.1", "localhost", 1), func(s *remediate.Started) { s.Act.Args = without(s.Act.Args, `"allow_loopback":true`) }, remediate.Refused, "this machine's own address"},
		"without its key": {plain.URL, func(s *remediate.Started) { s.Act.Args = without(s.Act.Args, "/file") }, remediate.Failed, "read secret"},
		"made anew":       {plain.URL, func(s *remediate.Started) { s.Act.UID = "another" }, remediate.Refused, "made anew"},
	} {
		t.Run(name, func(t *testing.T) {
			s := a.callPlan(t, tc.url, "")
			tc.change(&s)
			performed(t, a.actor(t), s, tc.outcome, tc.text)
			if len(plain.requests())+len(c.requests()) > 0 {
				t.Error("it was sent")
			}
		})
	}
	s := a.callPlan(t, plain.URL, "")
	if err := os.WriteFile(strings.Split(string(s.Act.Args), `"`)[7], []byte(" \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	performed(t, a.actor(t), s, remediate.Failed, "is empty")
	performed(t, a.actor(t), a.callPlan(t, plain.URL, fmt.Sprintf(`,"ca_file":%q`, keep(t, "none"))), remediate.Failed, "has no certificate")
}

// without takes something out of arguments.
func without(args []byte, what string) []byte {
	return []byte(strings.Replace(strings.Replace(string(args), ","+what, "", 1), what, "", 1))
}

func TestHTTPCallArguments(t *testing.T) {
	for _, tc := range []struct{ args, want string }{
		{`{"secret_file":"k"}`, `"url" is missing`},
		{`{"url":"https://x/"}`, `"secret_file" is missing`},
		{`{"url":"https://$host/","secret_file":"k"}`, "an alert must not choose"},
		{`{"url":"https://x/$path","secret_file":"k"}`, "an alert must not choose"},
		{`{"url":"$scheme://x/","secret_file":"k"}`, "an alert must not choose"},
		{`{"url":"https://u:p@x/","secret_file":"k"}`, "user or password"},
		{`{"url":"ftp://x/","secret_file":"k"}`, "https://host/path"},
		{`{"url":"https:///x","secret_file":"k"}`, "https://host/path"},
		{`{"url":"https://x/\u007f","secret_file":"k"}`, "cannot be read"},
		{`{"url":"https://x/","method":"GET","secret_file":"k"}`, "want one of POST"},
		{`{"url":"http://169.254.169.254/","secret_file":"k"}`, "link-local"},
		{`{"url":"http://[::ffff:169.254.169.254]/","secret_file":"k","allow_loopback":true}`, "link-local"},
		{`{"url":"http://127.0.0.1/","secret_file":"k"}`, "this machine's own"},
		{`{"url":"http://2130706433/","secret_file":"k"}`, "a number"},
		{`{"url":"http://0x7f.1/","secret_file":"k"}`, "a number"},
		{`{"url":"https://x/","secret_file":"k","body":["a"]}`, "arguments"},
		{`{"url":"https://x/","secret_file":"k","headers":{}}`, "unknown field"},
	} {
		if err := Validate("http_call", []byte(tc.args)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want %q", tc.args, err, tc.want)
		}
	}
	if err := Validate("http_call", []byte(`{"url":"http://127.0.0.1:8080/x?y=1","secret_file":"k","allow_loopback":true,"body":{"a":["$b"]}}`)); err != nil {
		t.Error(err)
	}
}
