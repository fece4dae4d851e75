package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/x0tta6bl4/remediated/test/daemon"
)

// outside plays Alertmanager, which knows of nothing, and a cluster that has
// nothing. It counts for which alerts it was asked.
type outside struct {
	url    string
	server *http.Server

	mu    sync.Mutex
	asked map[string]time.Time // by alert: when first
}

func newOutside() (*outside, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	o := &outside{url: "http://" + l.Addr().String(), asked: map[string]time.Time{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v2/alerts", func(w http.ResponseWriter, r *http.Request) {
		for _, filter := range r.URL.Query()["filter"] {
			if strings.HasPrefix(filter, "instance=") {
				o.note(filter)
			}
		}
		daemon.Answer(w, []any{})
	})
	mux.HandleFunc("GET /api/v2/status", daemon.AlertmanagerStatus)
	o.server = &http.Server{Handler: mux, ReadHeaderTimeout: patience}
	go func() { _ = o.server.Serve(l) }() // it ends with close
	return o, nil
}

func (o *outside) close() { _ = o.server.Close() }

func (o *outside) note(alert string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := o.asked[alert]; !ok {
		o.asked[alert] = time.Now()
	}
}

func (o *outside) forget() {
	o.mu.Lock()
	defer o.mu.Unlock()
	clear(o.asked)
}

// awaitAsked waits until it was asked for so many alerts, and returns when that was.
func (o *outside) awaitAsked(ctx context.Context, alerts int) (last time.Time, err error) {
	err = poll(ctx, fmt.Sprintf("%d incidents are looked after", alerts), func() (bool, error) {
		o.mu.Lock()
		defer o.mu.Unlock()
		if len(o.asked) < alerts {
			return false, nil
		}
		var times []time.Time
		for _, at := range o.asked {
			times = append(times, at)
		}
		slices.SortFunc(times, time.Time.Compare)
		last = times[alerts-1]
		return true, nil
	})
	return last, err
}
