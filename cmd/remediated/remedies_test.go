package main

import (
	"log/slog"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Remedies that are stopped are counted by policy until they may be tried again, also
// by a daemon that was started meanwhile.
func TestRemediesStopped(t *testing.T) {
	shown := func(w *watcher, want ...string) {
		t.Helper()
		rec := httptest.NewRecorder()
		(&daemon{watch: w}).metrics().ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
		var got []string
		for line := range strings.Lines(rec.Body.String()) {
			if strings.HasPrefix(line, "remediated_remedy_breakers_open") {
				got = append(got, strings.TrimSpace(line))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("shown is %q, want %q", got, want)
		}
	}
	w := newWatcher(slog.New(slog.DiscardHandler))
	now := time.Unix(1000, 0)
	w.remedies.now = func() time.Time { return now }
	s := remediate.NewState()
	count := func(name, state string, until time.Time) {
		w.fact(remediate.Fact{Body: remediate.BreakerCounted{Breaker: name, State: state, Until: until}})
		s.Breakers[name] = remediate.BreakerState{State: state, Until: until}
	}
	count("db on deployment/shop/db", "closed", time.Time{})
	shown(w)
	count("db on deployment/shop/db", "open", now.Add(time.Minute))
	count("db on deployment/bank/db", "open", now.Add(time.Hour))
	count("cache on deployment/shop/cache", "open", now.Add(time.Hour))
	both := []string{`remediated_remedy_breakers_open{policy="cache"} 1`, `remediated_remedy_breakers_open{policy="db"} 2`}
	shown(w, both...)
	again := newWatcher(slog.New(slog.DiscardHandler))
	again.remedies.now = w.remedies.now
	again.resume(s)
	shown(again, both...)
	count("cache on deployment/shop/cache", "closed", time.Time{})
	now = now.Add(time.Minute)
	shown(w, `remediated_remedy_breakers_open{policy="db"} 1`)
}
