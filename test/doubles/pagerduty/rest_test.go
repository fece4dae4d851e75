package pagerduty_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	pd "github.com/PagerDuty/go-pagerduty"

	"github.com/x0tta6bl4/remediated/test/doubles/pagerduty"
)

func TestIncidentsAreFoundByKeyAndStatus(t *testing.T) {
	_, c := serve(t, pagerduty.Options{})
	for _, key := range []string{"k1", "k2"} {
		send(t, c, event("trigger", key))
	}
	send(t, c, event("resolve", "k1"))
	for want, options := range map[int]pd.ListIncidentsOptions{
		2: {}, 1: {IncidentKey: "k1"}, 0: {IncidentKey: "k1", Statuses: []string{"triggered", "acknowledged"}},
	} {
		got, err := c.ListIncidentsWithContext(t.Context(), options)
		if err != nil || len(got.Incidents) != want {
			t.Errorf("%+v: %+v, %v", options, got, err)
		}
	}
}

func TestAPersonAcknowledgesAndResolves(t *testing.T) {
	a, c := serve(t, pagerduty.Options{})
	send(t, c, event("trigger", "k"))
	id := a.Incidents()[0].ID
	for _, status := range []string{"acknowledged", "resolved"} {
		got, err := c.ManageIncidentsWithContext(t.Context(), "anna@example.com", []pd.ManageIncidentsOptions{{ID: id, Status: status}})
		if err != nil || got.Incidents[0].Status != status || string(a.Incidents()[0].Status) != status {
			t.Errorf("%s: %+v, %v", status, got, err)
		}
	}
	send(t, c, event("trigger", "k"))
	if got := statuses(a); !slices.Equal(got, []string{"k resolved 1", "k triggered 1"}) {
		t.Errorf("incidents %v", got)
	}
}

func TestManagingIsRefused(t *testing.T) {
	a, c := serve(t, pagerduty.Options{})
	send(t, c, event("trigger", "k"))
	id := a.Incidents()[0].ID
	const anna = "anna@example.com"
	for name, options := range map[string][]pd.ManageIncidentsOptions{
		"none":       {},
		"unknown":    {{ID: id, Status: "resolved"}, {ID: "QNONE", Status: "resolved"}},
		"odd status": {{ID: id, Status: "triggered"}},
	} {
		_, err := c.ManageIncidentsWithContext(t.Context(), anna, options)
		wantStatus(t, err, http.StatusBadRequest)
		if a.Incidents()[0].Status != pagerduty.Triggered {
			t.Errorf("%s: changed to %v", name, statuses(a))
		}
	}
	_, err := c.ManageIncidentsWithContext(t.Context(), "", []pd.ManageIncidentsOptions{{ID: id, Status: "resolved"}})
	wantStatus(t, err, http.StatusBadRequest)

	send(t, c, event("resolve", "k"))
	_, err = c.ManageIncidentsWithContext(t.Context(), anna, []pd.ManageIncidentsOptions{{ID: id, Status: "acknowledged"}})
	wantStatus(t, err, http.StatusBadRequest)

	server := httptest.NewServer(a)
	defer server.Close()
	_, err = pd.NewClient("wrong", pd.WithAPIEndpoint(server.URL)).ListIncidentsWithContext(t.Context(), pd.ListIncidentsOptions{})
	wantStatus(t, err, http.StatusUnauthorized)
}
