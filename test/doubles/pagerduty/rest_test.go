package pagerduty_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

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

// ask makes a request of the REST API without a network.
func ask(a *pagerduty.Account, method, target, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Authorization", "Token token="+pagerduty.DefaultToken)
	r.Header.Set("Accept", "application/vnd.pagerduty+json;version=2")
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("From", "anna@example.com")
	for n := 0; n < len(header); n += 2 {
		r.Header.Set(header[n], header[n+1])
	}
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w
}

func TestIncidentsSayWhoActed(t *testing.T) {
	a, c := serve(t, pagerduty.Options{Strict: true})
	send(t, c, event("trigger", "k"))
	id := a.Incidents()[0].ID
	check := func(status, by, kind string, acks int) {
		t.Helper()
		i, err := c.GetIncidentWithContext(t.Context(), id)
		if err != nil || i.Status != status || i.LastStatusChangeBy.Summary != by || i.LastStatusChangeBy.Type != kind || len(i.Acknowledgements) != acks {
			t.Errorf("incident %+v, %v; want %s by %s, %d acknowledgements", i, err, status, by, acks)
		}
		if acks > 0 && i.Acknowledgements[acks-1].Acknowledger.Summary != by {
			t.Errorf("acknowledgements %+v", i.Acknowledgements)
		}
	}
	check("triggered", "service 1", "service_reference", 0)
	send(t, c, event("acknowledge", "k"))
	check("acknowledged", "service 1", "service_reference", 1)
	if err := a.Acknowledge("k", "Anna"); err != nil {
		t.Fatal(err)
	}
	check("acknowledged", "Anna", "user_reference", 2)
	if err := a.Unacknowledge("k", ""); err != nil {
		t.Fatal(err)
	}
	check("triggered", "", "", 0)
	if err := a.Resolve("k", "PBORIS0"); err != nil {
		t.Fatal(err)
	}
	check("resolved", "Boris", "user_reference", 0)
}

func TestALevelIsSetAndPagesWhoIsThere(t *testing.T) {
	a := pagerduty.New(pagerduty.Options{Strict: true})
	put(t, a, "trigger", "k")
	put(t, a, "acknowledge", "k")
	path := "/incidents/" + a.Incidents()[0].ID
	for range 2 {
		if w := ask(a, "PUT", path, `{"incident":{"type":"incident_reference","escalation_level":2}}`); w.Code != 200 {
			t.Fatalf("answered %d %s", w.Code, w.Body)
		}
	}
	pages := a.Pages()
	if len(pages) != 2 || pages[1].Level != 2 || pages[1].To[0] != "Boris" || a.Incidents()[0].Status != pagerduty.Triggered {
		t.Errorf("pages %+v, incident %+v", pages, a.Incidents()[0])
	}
	for body, status := range map[string]int{
		`{"incident":{"type":"incident_reference","escalation_level":4}}`: 400, `{"incident":{"type":"incident_reference","escalation_level":0}}`: 400,
		`{"incident":{"escalation_level":3}}`: 400, `{"incident":{"type":"incident","level":3}}`: 400, `{"incident":{"type":"incident"}}`: 400,
		`{}`: 400, `{`: 400, `{"incident":{"type":"incident","escalation_level":"3"}}`: 400,
	} {
		if w := ask(a, "PUT", path, body); w.Code != status {
			t.Errorf("%s: answered %d %s", body, w.Code, w.Body)
		}
	}
	good := `{"incident":{"type":"incident_reference","escalation_level":3}}`
	if w := ask(a, "PUT", "/incidents/QNONE", good); w.Code != 404 {
		t.Errorf("unknown: answered %d", w.Code)
	}
	for _, from := range []string{"", "nobody@example.com"} {
		if w := ask(a, "PUT", path, good, "From", from); w.Code != 400 {
			t.Errorf("from %q: answered %d", from, w.Code)
		}
	}
	put(t, a, "resolve", "k")
	if w := ask(a, "PUT", path, good); w.Code != 400 || len(a.Pages()) != 2 {
		t.Errorf("resolved: answered %d, pages %+v", w.Code, a.Pages())
	}
}

func TestMalformedRequestsAreRefused(t *testing.T) {
	a := pagerduty.New(pagerduty.Options{Strict: true})
	for _, target := range []string{"/incidents?statuses[]=open", "/incidents?limit=101", "/incidents?limit=0", "/incidents?limit=x", "/incidents?limit=100&offset=9901",
		"/incidents?date_range=some", "/incidents?since=yesterday", "/incidents?since=2020-01-01T00:00:00Z", "/incidents?sort_by=urgency:up", "/incidents?key=k",
		"/services?names=x", "/escalation_policies/PPOLICY?x=y", "/incidents/Q1?x=y"} {
		if w := ask(a, "GET", target, ""); w.Code != 400 {
			t.Errorf("%s: answered %d %s", target, w.Code, w.Body)
		}
	}
	for header, value := range map[string]string{"Accept": "application/json", "Content-Type": "text/plain"} {
		if w := ask(a, "PUT", "/incidents", `{}`, header, value); w.Code != 400 || !strings.Contains(w.Body.String(), header) {
			t.Errorf("%s: answered %d %s", header, w.Code, w.Body)
		}
	}
	many := `{"incidents":[` + strings.Repeat(`{"id":"Q","type":"incident","status":"resolved"},`, 250) + `{"id":"Q","type":"incident"}]}`
	if w := ask(a, "PUT", "/incidents", many); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("251 incidents: answered %d", w.Code)
	}
	for _, target := range []string{"/incidents/QNONE", "/incidents/QNONE/alerts", "/escalation_policies/PNONE"} {
		if w := ask(a, "GET", target, ""); w.Code != 404 {
			t.Errorf("%s: answered %d", target, w.Code)
		}
	}
}

func TestAnIncidentIsFoundAfterTheLagAndNotForEver(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	a := pagerduty.New(pagerduty.Options{Lag: 10 * time.Second, Keyless: true, Now: func() time.Time { return now }})
	put(t, a, "trigger", "k")
	found := func(query string) bool {
		return strings.Contains(ask(a, "GET", "/incidents?incident_key=k"+query, "").Body.String(), `"Q0`)
	}
	if found("") {
		t.Error("found before the lag was over")
	}
	now = now.Add(10 * time.Second)
	if !found("") || strings.Contains(ask(a, "GET", "/incidents", "").Body.String(), "incident_key") {
		t.Error("not found, or with a key")
	}
	if w := ask(a, "GET", "/incidents/"+a.Incidents()[0].ID+"/alerts", ""); !strings.Contains(w.Body.String(), `"alert_key":"k"`) {
		t.Errorf("alerts %s", w.Body)
	}
	now = now.Add(40 * 24 * time.Hour)
	if found("") || !found("&date_range=all") || !found("&since=2026-01-01T00:00:00Z") {
		t.Error("the range of time is not kept")
	}
}

func TestRequestsAreLimitedPerMinute(t *testing.T) {
	now := time.Unix(1_750_000_000, 0)
	a := pagerduty.New(pagerduty.Options{RequestsPerMinute: 2, Now: func() time.Time { return now }})
	for n, want := range []int{200, 200, 429} {
		w := ask(a, "GET", "/incidents", "")
		if w.Code != want || w.Header().Get("ratelimit-remaining") != []string{"1", "0", "0"}[n] {
			t.Errorf("request %d: %d %v", n, w.Code, w.Header())
		}
		now = now.Add(10 * time.Second)
	}
	if w := ask(a, "GET", "/incidents", ""); w.Code != 429 || w.Header().Get("ratelimit-reset") != "30" || !strings.Contains(w.Body.String(), "2020") {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	now = now.Add(30 * time.Second)
	if w := ask(a, "GET", "/incidents", ""); w.Code != 200 {
		t.Errorf("%d after the minute", w.Code)
	}
}

func TestServicesAndPoliciesAreShown(t *testing.T) {
	other := strings.Repeat("b", pagerduty.RoutingKeyLength)
	_, c := serve(t, pagerduty.Options{Strict: true, RoutingKeys: []string{pagerduty.DefaultRoutingKey, other}, Policies: []pagerduty.Policy{
		{ID: "P1", Name: "one", Levels: []pagerduty.Level{{Minutes: 5, Users: []string{"PANNA00"}}}}, {ID: "P2", Name: "two", Loops: 3},
	}})
	services, err := c.ListServicesWithContext(t.Context(), pd.ListServiceOptions{Includes: []string{"integrations"}})
	if err != nil || len(services.Services) != 2 || services.Services[1].Integrations[0].IntegrationKey != other || services.Services[1].EscalationPolicy.ID != "P2" {
		t.Errorf("services %+v, %v", services, err)
	}
	p, err := c.GetEscalationPolicyWithContext(t.Context(), "P1", nil)
	if err != nil || p.EscalationRules[0].Delay != 5 || p.EscalationRules[0].Targets[0].Summary != "Anna" {
		t.Errorf("policy %+v, %v", p, err)
	}
}
