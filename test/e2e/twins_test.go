//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/test/bed"
)

// Two Alertmanagers that lost sight of each other both deliver the same group,
// when it fires and when it resolves: one incident, one act.
func TestTwoAlertmanagersDeliverOneIncident(t *testing.T) {
	b := connect(t)
	quiet(t, b)
	second, err := b.StartSecondAlertmanager(t.Context(), bed.GossipCut)
	if err != nil {
		t.Fatal(err)
	}
	r := relay(t, "127.0.0.1:9096", "127.0.0.1:9196")
	begun := time.Now()
	d := startDaemon(t, b, setup{alertmanagers: []string{b.Alertmanager, second}, flags: []string{"--intake.listen-address=127.0.0.1:9196"}})
	if err := b.Hang(t.Context(), bed.Namespace, cache); err != nil {
		t.Fatal(err)
	}
	d.awaitFiled(1)
	for _, status := range []string{"firing", "resolved"} {
		eventually(t, 20*time.Second, func() string {
			if from := r.senders(`job="cache"`, status); len(from) != 2 {
				return fmt.Sprintf("that it is %s was delivered by %v, want both", status, from)
			}
			return ""
		})
	}
	d.stop()
	d.checkDecidedAgain()
	d.checkHealed("redis-down", time.Minute)
	d.checkAttempts(begun, "i1-a1")
	d.checkSlack(1)
	if n := d.count()["alert-firing/1"]; n != 1 {
		t.Errorf("the alert was heard to begin %d times", n)
	}
}

// relayed stands where Alertmanagers notify, passes on what they post to the
// daemon, and remembers what was accepted. While it is shut it answers all of
// them with 503 itself.
type relayed struct {
	mu       sync.Mutex
	shut     bool
	refused  int
	accepted []delivery
}

func relay(t *testing.T, at, to string) *relayed {
	t.Helper()
	r := new(relayed)
	// Without X-Forwarded-For: the daemon takes nothing from proxies without a token.
	proxy := &httputil.ReverseProxy{Rewrite: func(q *httputil.ProxyRequest) { q.SetURL(&url.URL{Scheme: "http", Host: to}) }}
	listener, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil {
			return // the sender went away
		}
		if r.refuses() {
			http.Error(w, "the disk is full", http.StatusServiceUnavailable)
			return
		}
		q.Body = io.NopCloser(bytes.NewReader(body))
		answered := &answer{ResponseWriter: w}
		proxy.ServeHTTP(answered, q)
		var d delivery
		if json.Unmarshal(body, &d) == nil && answered.code == http.StatusOK {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.accepted = append(r.accepted, d)
		}
	})}}
	server.Start()
	t.Cleanup(server.Close)
	return r
}

// refuses tells whether a delivery is to be refused, and counts those.
func (r *relayed) refuses() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.shut {
		r.refused++
	}
	return r.shut
}

// open has it pass deliveries on, or not.
func (r *relayed) open(yes bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shut = !yes
}

// counts are how many deliveries were refused here and accepted by the daemon.
func (r *relayed) counts() (refused, accepted int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refused, len(r.accepted)
}

// senders are the Alertmanagers that delivered a group with a status.
func (r *relayed) senders(group, status string) map[string]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	from := map[string]bool{}
	for _, d := range r.accepted {
		if strings.Contains(d.GroupKey, group) && d.Status == status {
			from[d.ExternalURL] = true
		}
	}
	return from
}

// answer remembers the status code.
type answer struct {
	http.ResponseWriter
	code int
}

func (a *answer) WriteHeader(code int) {
	a.code = code
	a.ResponseWriter.WriteHeader(code)
}
