package pagerduty_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	pd "github.com/PagerDuty/go-pagerduty"

	"github.com/x0tta6bl4/remediated/test/doubles/fault"
	"github.com/x0tta6bl4/remediated/test/doubles/pagerduty"
)

// serve is an account and a client for it.
func serve(t *testing.T, options pagerduty.Options) (*pagerduty.Account, *pd.Client) {
	t.Helper()
	a := pagerduty.New(options)
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	return a, pd.NewClient(pagerduty.DefaultToken, pd.WithV2EventsAPIEndpoint(server.URL), pd.WithAPIEndpoint(server.URL))
}

func event(action, key string) *pd.V2Event {
	return &pd.V2Event{
		RoutingKey: pagerduty.DefaultRoutingKey, Action: action, DedupKey: key,
		Payload: &pd.V2Payload{Summary: "disk is full", Source: "db1", Severity: "critical"},
	}
}

func send(t *testing.T, c *pd.Client, e *pd.V2Event) *pd.V2EventResponse {
	t.Helper()
	answer, err := c.ManageEventWithContext(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// wantStatus fails unless the error is an answer with the status code.
func wantStatus(t *testing.T, err error, status int) {
	t.Helper()
	var refused pd.APIError
	if !errors.As(err, &refused) || refused.StatusCode != status {
		t.Errorf("got error %v, want status %d", err, status)
	}
}

// statuses is "<dedup key> <status> <triggers>" of every incident.
func statuses(a *pagerduty.Account) (all []string) {
	for _, i := range a.Incidents() {
		all = append(all, fmt.Sprintf("%s %s %d", i.DedupKey, i.Status, i.Triggers))
	}
	return all
}

func TestTriggersMergeWhileTheIncidentIsOpen(t *testing.T) {
	a, c := serve(t, pagerduty.Options{})
	answer := send(t, c, event("trigger", "k"))
	if answer.Status != "success" || answer.Message != "Event processed" || answer.DedupKey != "k" {
		t.Errorf("answered %+v", answer)
	}
	again := event("trigger", "k")
	again.Payload.Summary = "disk is still full"
	send(t, c, again)
	send(t, c, event("acknowledge", "k"))
	send(t, c, again)
	if got := statuses(a); !slices.Equal(got, []string{"k acknowledged 3"}) || len(a.Pages()) != 1 {
		t.Errorf("incidents %v, pages %+v", got, a.Pages())
	}
	if i := a.Incidents()[0]; i.Title != "disk is full" || i.Payload.Summary != "disk is still full" {
		t.Errorf("incident %+v", i)
	}
	send(t, c, event("resolve", "k"))
	send(t, c, event("trigger", "k"))
	if got := statuses(a); !slices.Equal(got, []string{"k resolved 3", "k triggered 1"}) || len(a.Pages()) != 2 {
		t.Errorf("after the resolve: incidents %v, pages %+v", got, a.Pages())
	}
}

func TestIncidentsOfTwoIntegrationsDoNotMerge(t *testing.T) {
	other := strings.Repeat("a", pagerduty.RoutingKeyLength)
	a, c := serve(t, pagerduty.Options{RoutingKeys: []string{pagerduty.DefaultRoutingKey, other}})
	send(t, c, event("trigger", "k"))
	elsewhere := event("trigger", "k")
	elsewhere.RoutingKey = other
	send(t, c, elsewhere)
	elsewhere.Action = "resolve"
	send(t, c, elsewhere)
	if got := statuses(a); !slices.Equal(got, []string{"k triggered 1", "k resolved 1"}) || len(a.Pages()) != 2 {
		t.Errorf("incidents %v, pages %+v", got, a.Pages())
	}
}

func TestEventsForNoOpenIncidentAreDroppedSilently(t *testing.T) {
	a, c := serve(t, pagerduty.Options{})
	for _, action := range []string{"acknowledge", "resolve"} {
		if answer := send(t, c, event(action, "unknown")); answer.Status != "success" || answer.DedupKey != "unknown" {
			t.Errorf("%s answered %+v", action, answer)
		}
	}
	send(t, c, event("trigger", "k"))
	send(t, c, event("resolve", "k"))
	send(t, c, event("acknowledge", "k"))
	if got := statuses(a); !slices.Equal(got, []string{"k resolved 1"}) || len(a.Events()) != 5 {
		t.Errorf("incidents %v, events %+v", got, a.Events())
	}
}

func TestTriggerWithoutKeyIsGivenOne(t *testing.T) {
	a, c := serve(t, pagerduty.Options{})
	first, second := send(t, c, event("trigger", "")), send(t, c, event("trigger", ""))
	if first.DedupKey == "" || first.DedupKey == second.DedupKey || len(a.Incidents()) != 2 {
		t.Errorf("keys %q and %q, incidents %v", first.DedupKey, second.DedupKey, statuses(a))
	}
	e := event("resolve", first.DedupKey)
	send(t, c, e)
	if a.Incidents()[0].Status != pagerduty.Resolved {
		t.Errorf("incidents %v", statuses(a))
	}
}

func TestChangeEventsNotifyNobody(t *testing.T) {
	a, c := serve(t, pagerduty.Options{})
	change := pd.ChangeEvent{RoutingKey: pagerduty.DefaultRoutingKey, Payload: pd.ChangeEventPayload{Summary: "restarted cart"}}
	answer, err := c.CreateChangeEventWithContext(t.Context(), change)
	if err != nil || answer.Status != "success" {
		t.Errorf("answered %+v, %v", answer, err)
	}
	if all := a.ChangeEvents(); len(all) != 1 || all[0].Payload.Summary != "restarted cart" || len(a.Pages()) != 0 {
		t.Errorf("change events %+v, pages %+v", all, a.Pages())
	}
	change.Payload.Summary = ""
	_, err = c.CreateChangeEventWithContext(t.Context(), change)
	wantStatus(t, err, http.StatusBadRequest)
	if len(a.ChangeEvents()) != 1 {
		t.Errorf("change events %+v", a.ChangeEvents())
	}
}

func TestEventsAreLimitedPerMinute(t *testing.T) {
	now := time.Unix(1_750_000_000, 0)
	a, c := serve(t, pagerduty.Options{EventsPerMinute: 2, Now: func() time.Time { return now }})
	send(t, c, event("trigger", "k1"))
	now = now.Add(59 * time.Second)
	send(t, c, event("trigger", "k2"))
	_, err := c.ManageEventWithContext(t.Context(), event("trigger", "k3"))
	wantStatus(t, err, http.StatusTooManyRequests)
	now = now.Add(time.Second)
	send(t, c, event("trigger", "k3"))
	if len(a.Pages()) != 3 {
		t.Errorf("pages %+v", a.Pages())
	}
}

func TestFaults(t *testing.T) {
	a, c := serve(t, pagerduty.Options{})
	for status, f := range map[int]fault.Fault{
		429: pagerduty.RateLimited("/v2/enqueue"),
		503: fault.Answer("/v2/enqueue", http.StatusServiceUnavailable),
	} {
		if err := a.Faults.Add(f); err != nil {
			t.Fatal(err)
		}
		_, err := c.ManageEventWithContext(t.Context(), event("trigger", "k"))
		wantStatus(t, err, status)
	}
	if len(a.Pages()) != 0 {
		t.Errorf("refused events have paged: %+v", a.Pages())
	}
	if err := a.Faults.Add(fault.LoseReply("/v2/enqueue")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ManageEventWithContext(t.Context(), event("trigger", "k")); err == nil || !strings.Contains(err.Error(), "EOF") {
		t.Errorf("got %v, want an end of file", err)
	}
	send(t, c, event("trigger", "k"))
	if len(a.Pages()) != 1 || a.Incidents()[0].Triggers != 2 {
		t.Errorf("after the lost reply and its retry: pages %+v, incidents %v", a.Pages(), statuses(a))
	}
}

func TestAwaitAndReset(t *testing.T) {
	a, c := serve(t, pagerduty.Options{})
	go c.ManageEventWithContext(t.Context(), event("trigger", "k"))
	all, err := a.Await(t.Context(), func(all []pagerduty.Incident) bool { return len(all) == 1 })
	if err != nil || all[0].DedupKey != "k" {
		t.Errorf("saw %+v, %v", all, err)
	}
	a.Reset()
	if len(a.Incidents())+len(a.Pages())+len(a.Events())+len(a.Faults.Requests()) != 0 {
		t.Errorf("left after the reset: %v, %+v", statuses(a), a.Pages())
	}
}
