package main

import (
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// The gauges follow the facts, and a daemon that starts anew shows the same.
func TestGaugesFollowTheFacts(t *testing.T) {
	const want = `remediated_incidents_open{severity="P1"} 1
remediated_incidents_open{severity="P2"} 1
remediated_incidents_open{severity="P3"} 0
remediated_paused{scope="all"} 0
remediated_paused{scope="namespace/shop"} 0
remediated_paused{scope="policy/postgres-down"} 1
`
	w := newWatcher(slog.New(slog.DiscardHandler))
	for n, b := range []remediate.Body{
		remediate.Opened{Incident: 1, Severity: remediate.P3},
		remediate.Opened{Incident: 2, Severity: remediate.P2},
		remediate.Opened{Incident: 3, Severity: remediate.P3},
		remediate.Rated{Incident: 1, From: remediate.P3, To: remediate.P1},
		remediate.Rated{Incident: 3, From: remediate.P3, To: remediate.P2},
		remediate.Closed{Incident: 3},
		remediate.Rated{Incident: 3, From: remediate.P2, To: remediate.P1}, // it is over
		remediate.CommandGiven{Command: remediate.Pause, By: "anna", Scope: "all"},
		remediate.CommandGiven{Command: remediate.Pause, By: "anna", Scope: "namespace/shop"},
		remediate.CommandGiven{Command: remediate.Pause, By: "anna", Scope: "policy/postgres-down"},
		remediate.CommandGiven{Command: remediate.Resume, By: "anna", Scope: "all"},
		remediate.PauseEnded{Scope: "namespace/shop", By: "anna"},
		remediate.CommandGiven{Command: remediate.Ack, By: "anna", Incident: 1},
	} {
		w.fact(remediate.Fact{Seq: uint64(n + 1), At: time.Unix(int64(n), 0), Body: b})
	}
	if got := gauges(w); got != want {
		t.Errorf("the gauges are\n%swant\n%s", got, want)
	}

	again := newWatcher(slog.New(slog.DiscardHandler))
	s := remediate.NewState()
	s.Incidents.Put(&remediate.Incident{ID: 1, Severity: remediate.P1})
	s.Incidents.Put(&remediate.Incident{ID: 2, Severity: remediate.P2})
	s.Incidents.Put(&remediate.Incident{ID: 3, Severity: remediate.P2, Closed: time.Unix(1, 0)})
	s.Paused["policy/postgres-down"] = remediate.CommandGiven{}
	again.resume(s)
	const sure = `remediated_incidents_open{severity="P1"} 1
remediated_incidents_open{severity="P2"} 1
remediated_paused{scope="all"} 0
remediated_paused{scope="policy/postgres-down"} 1
`
	if got := gauges(again); got != sure {
		t.Errorf("after a restart the gauges are\n%swant\n%s", got, sure)
	}
}

// gauges are those of the metrics that say how things stand.
func gauges(w *watcher) string {
	rec := httptest.NewRecorder()
	(&daemon{watch: w}).metrics().ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	var b strings.Builder
	for line := range strings.Lines(rec.Body.String()) {
		if strings.HasPrefix(line, "remediated_incidents_open") || strings.HasPrefix(line, "remediated_paused") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// What stops automation or breaks its glass stands out in the log.
func TestLevelsOfCommands(t *testing.T) {
	for command, want := range map[string]slog.Level{
		remediate.Pause: slog.LevelWarn, remediate.Override: slog.LevelWarn, remediate.Accept: slog.LevelWarn, remediate.Resume: slog.LevelInfo, remediate.Ack: slog.LevelInfo,
	} {
		if got := levelOf(remediate.CommandGiven{Command: command}); got != want {
			t.Errorf("%s is logged as %s, want %s", command, got, want)
		}
	}
}
