package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/alertmanager"
)

// quietAlertmanager is one at which nothing fires. It is reached without a
// network, so that virtual time goes on while it is asked.
type quietAlertmanager struct{}

func (quietAlertmanager) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/json")
	if strings.HasSuffix(r.URL.Path, "/status") {
		w.WriteString(`{"cluster":{"status":"disabled"},"uptime":"1999-01-01T00:00:00Z"}`)
	} else {
		w.WriteString(`[]`)
	}
	return w.Result(), nil
}

// A webhook that leaves in doubt whether an alert fires has all be listed at
// once. Other facts have not: each listing is a request to each Alertmanager.
func TestADoubtedAlertHasAllBeListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, err := alertmanager.New(alertmanager.Options{URLs: []string{"http://am-1"}, HTTP: &http.Client{Transport: quietAlertmanager{}}})
		if err != nil {
			t.Fatal(err)
		}
		log := slog.New(slog.DiscardHandler)
		d := &daemon{watch: newWatcher(log), raiser: newRaiser(nil, nil, log)}
		d.outside.Store(&outside{alertmanager: client})
		listings := 0
		go client.Poll(t.Context(), time.Hour, func(_ context.Context, batch []remediate.Input) error {
			if !batch[0].(remediate.Listing).Complete {
				t.Errorf("listed %+v", batch[0])
			}
			listings++
			return nil
		})
		synctest.Wait()
		for _, b := range []remediate.Body{remediate.Founded{}, remediate.AlertFiring{}, remediate.AlertResolved{}} {
			d.observe(remediate.Fact{At: time.Now(), Body: b})
		}
		synctest.Wait()
		if listings != 1 {
			t.Fatalf("listed %d times before anything was in doubt, want once", listings)
		}
		d.observe(remediate.Fact{At: time.Now(), Body: remediate.AlertDoubted{}})
		synctest.Wait()
		if listings != 2 {
			t.Errorf("listed %d times, want once more for the doubt", listings)
		}
		shows(t, d, `remediated_facts_total{kind="alert-doubted/1"} 1`)
	})
}

// What waits to be written down shows its age, and each way that a delivery can
// end has a count of its own.
func TestWhatTheIntakeShows(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	d := &daemon{watch: newWatcher(log), raiser: newRaiser(nil, nil, log)}
	d.watch.waiting(func() time.Duration { return 1500 * time.Millisecond })
	d.watch.delivered(alertmanager.Delivery{Outcome: alertmanager.Accepted, Garbage: 2, Truncated: 3})
	want := []string{
		"remediated_intake_oldest_waiting_seconds 1.5",
		"remediated_webhook_garbage_alerts_total 2",
		"remediated_webhook_truncated_alerts_total 3",
	}
	for _, o := range []alertmanager.Outcome{
		alertmanager.Unauthorized, alertmanager.NotPosted, alertmanager.Garbage, alertmanager.Oversized,
		alertmanager.Unread, alertmanager.Overloaded, alertmanager.NotKept, alertmanager.NoTokens,
	} {
		d.watch.delivered(alertmanager.Delivery{Outcome: o})
		want = append(want, `remediated_webhooks_total{outcome="`+string(o)+`"} 1`)
	}
	shows(t, d, want...)
}

// shows tells that the daemon's metrics have these lines.
func shows(t *testing.T, d *daemon, lines ...string) {
	t.Helper()
	w := httptest.NewRecorder()
	d.metrics().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, line := range lines {
		if !strings.Contains(w.Body.String(), "\n"+line+"\n") {
			t.Errorf("the metrics lack %s", line)
		}
	}
}
