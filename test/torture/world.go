package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/x0tta6bl4/remediated/test/daemon"
)

// The alerts of the load: the first is acted on, the other concerns nobody.
const (
	broken = "Broken"
	other  = "Other"
)

// world is what the daemon deals with: it is called to heal, lists what fires as
// an Alertmanager does, and knows each Deployment as an API server does.
type world struct {
	url    string
	server *http.Server

	mu     sync.Mutex
	calls  map[string]int             // by attempt: how often it came
	by     map[string]map[string]bool // by number of the alert: the attempts
	firing map[string]time.Time       // the numbers of the alerts that fire, since when
	fault  string                     // what is wrong now, "" is nothing
}

// What can be wrong with the world: the healer fails, before it has done anything;
// it, or what is asked before, takes too long; the Alertmanager is away.
var faults = []string{"POST /heal", "GET /healthz", "GET /api/v2/alerts", "GET /apis/apps/v1/namespaces/torture/deployments/{name}"}

func newWorld() (*world, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w := &world{url: "http://" + l.Addr().String(), calls: map[string]int{}, by: map[string]map[string]bool{}, firing: map[string]time.Time{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /heal", w.heal)
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /api/v2/alerts", w.alerts)
	mux.HandleFunc("GET /api/v2/status", daemon.AlertmanagerStatus)
	mux.HandleFunc("GET /apis/apps/v1/namespaces/torture/deployments/{name}", w.deployment)
	mux.HandleFunc("GET /api/v1/namespaces/torture", func(rw http.ResponseWriter, _ *http.Request) {
		daemon.Answer(rw, map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]string{"name": "torture"}})
	})
	mux.HandleFunc("POST /apis/events.k8s.io/v1/namespaces/torture/events", func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(http.StatusCreated)
		_, _ = io.Copy(rw, r.Body) // who sent it may be gone
	})
	mux.HandleFunc("/", func(rw http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(os.Stderr, "torture: the world is asked what it does not know:", r.Method, r.URL)
		http.NotFound(rw, r)
	})
	w.server = &http.Server{Handler: w.failing(mux), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = w.server.Serve(l) }() // it ends with close
	return w, nil
}

// failing is the world as it is while something is wrong: what is at fault is slow,
// and then fails.
func (w *world) failing(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_, pattern := mux.Handler(r)
		w.mu.Lock()
		wrong := pattern == w.fault
		w.mu.Unlock()
		if !wrong {
			mux.ServeHTTP(rw, r)
			return
		}
		select {
		case <-time.After(time.Second):
		case <-r.Context().Done():
		}
		http.Error(rw, "out of order", http.StatusServiceUnavailable)
	})
}

// fail has one of faults be wrong from now on, "" none.
func (w *world) fail(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fault = what
}

func (w *world) close() { _ = w.server.Close() }

// heal does what it is told, each time that it is told: it does not know its
// callers, and trusts them to call once.
func (w *world) heal(rw http.ResponseWriter, r *http.Request) {
	var body struct {
		N string `json:"n"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(rw, err.Error(), http.StatusBadRequest)
		return
	}
	key := r.Header.Get("Idempotency-Key")
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls[key]++
	if w.by[body.N] == nil {
		w.by[body.N] = map[string]bool{}
	}
	w.by[body.N][key] = true
}

// healed tells whether it was called for an alert.
func (w *world) healed(n string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.by[n]) > 0
}

// repeated says which attempts were made more than once.
func (w *world) repeated() (all []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for key, n := range w.calls {
		if n > 1 {
			all = append(all, fmt.Sprintf("attempt %s, %d times", key, n))
		}
	}
	return all
}

// twice says what was done more than once: the same attempt, or for the same
// alert.
func (w *world) twice() []string {
	all := w.repeated()
	w.mu.Lock()
	defer w.mu.Unlock()
	for n, keys := range w.by {
		if len(keys) > 1 {
			all = append(all, fmt.Sprintf("alert %s, by %s", n, strings.Join(slices.Sorted(maps.Keys(keys)), ", ")))
		}
	}
	return all
}

// awaitAct waits until something was done at all, for a while: where all lives were
// too short for that, that nothing was done twice would show nothing.
func (w *world) awaitAct(ctx context.Context) {
	acted := func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.calls) > 0
	}
	for began := time.Now(); !acted() && time.Since(began) < 30*time.Second && ctx.Err() == nil; {
		time.Sleep(20 * time.Millisecond)
	}
}

// fire has an alert fire, and what a webhook says of it.
func (w *world) fire(n string) alert {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.firing[n]; !ok {
		w.firing[n] = time.Now()
		delete(w.by, n) // who healed it before does not heal it now
	}
	return alertOf(broken, n, w.firing[n])
}

// resolve has it fire no more.
func (w *world) resolve(n string) alert {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := alertOf(broken, n, w.firing[n])
	a.Status, a.EndsAt = "resolved", time.Now()
	delete(w.firing, n)
	return a
}

// calm has nothing fire any more.
func (w *world) calm() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.firing)
}

func (w *world) alerts(rw http.ResponseWriter, _ *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := []map[string]any{}
	for n, since := range w.firing {
		a := alertOf(broken, n, since)
		all = append(all, map[string]any{
			"labels": a.Labels, "annotations": a.Annotations, "startsAt": a.StartsAt, "endsAt": time.Now().Add(5 * time.Minute), "updatedAt": time.Now(),
			"fingerprint": a.Fingerprint, "receivers": []any{map[string]string{"name": "remediated"}},
			"status": map[string]any{"state": "active", "silencedBy": []string{}, "inhibitedBy": []string{}, "mutedBy": []string{}},
		})
	}
	daemon.Answer(rw, all)
}

// deployment is any one: all of its pods serve, and it is always the same.
func (w *world) deployment(rw http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	labels := map[string]string{"app": name}
	daemon.Answer(rw, map[string]any{
		"apiVersion": "apps/v1", "kind": "Deployment",
		"metadata": map[string]any{"name": name, "namespace": "torture", "uid": "uid-" + name, "generation": 1},
		"spec":     map[string]any{"replicas": 1, "selector": map[string]any{"matchLabels": labels}, "template": map[string]any{"metadata": map[string]any{"labels": labels}}},
		"status":   map[string]any{"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1},
	})
}
