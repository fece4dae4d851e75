package pagerduty

import (
	"encoding/json"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// restricted lets requests through that carry the token of the REST API and what it wants of every request, as long as
// they do not come too fast.
func (a *Account) restricted(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Token token="+a.options.Token:
			refuseREST(w, http.StatusUnauthorized, 2006, "Unauthorized")
		case a.options.Strict && !wantsVersion2(r):
			refuseInput(w, "Accept must be application/vnd.pagerduty+json;version=2")
		case a.options.Strict && r.Method == http.MethodPut && !sendsJSON(r):
			refuseInput(w, "Content-Type must be application/json")
		case !a.admitRequest(w.Header()):
			writeJSON(w, http.StatusTooManyRequests, restThrottled)
		default:
			next(w, r)
		}
	}
}

func wantsVersion2(r *http.Request) bool {
	kind, parameters, err := mime.ParseMediaType(r.Header.Get("Accept"))
	return err == nil && kind == "application/vnd.pagerduty+json" && parameters["version"] == "2"
}

func sendsJSON(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == "application/json"
}

// admitRequest counts a request against the limit, says in the header what is left, and tells whether it is within.
func (a *Account) admitRequest(header http.Header) bool {
	if a.options.RequestsPerMinute == 0 {
		return true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.options.Now()
	a.asked = slices.DeleteFunc(a.asked, func(t time.Time) bool { return now.Sub(t) >= time.Minute })
	within := len(a.asked) < a.options.RequestsPerMinute
	if within {
		a.asked = append(a.asked, now)
	}
	reset := time.Minute - now.Sub(a.asked[0])
	header.Set("ratelimit-limit", strconv.Itoa(a.options.RequestsPerMinute))
	header.Set("ratelimit-remaining", strconv.Itoa(a.options.RequestsPerMinute-len(a.asked)))
	header.Set("ratelimit-reset", strconv.Itoa(int((reset+time.Second-1)/time.Second)))
	return within
}

// listIncidents answers GET /incidents, of whose filters it knows incident_key, statuses[] and the time of creation.
func (a *Account) listIncidents(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	p, problem1 := a.readQuery(r, "date_range", "incident_key", "service_ids[]", "team_ids[]", "user_ids[]", "urgencies[]",
		"time_zone", "statuses[]", "sort_by", "include[]", "since", "until")
	now := a.options.Now()
	within, problem2 := readSpan(query, now)
	statuses, problem3 := readStatuses(query)
	newestFirst, problem4 := readOrder(query)
	if problem := problem1 + problem2 + problem3 + problem4; problem != "" {
		refuseInput(w, problem)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	found := []object{}
	for _, i := range a.incidents {
		if (!query.Has("incident_key") || i.DedupKey == query.Get("incident_key")) && within.contains(i.CreatedAt) &&
			(len(statuses) == 0 || slices.Contains(statuses, i.Status)) && now.Sub(i.CreatedAt) >= a.options.Lag {
			found = append(found, a.render(i))
		}
	}
	if newestFirst {
		slices.Reverse(found)
	}
	p.write(w, "incidents", found)
}

// showIncident answers GET /incidents/{id}.
func (a *Account) showIncident(w http.ResponseWriter, r *http.Request) {
	if problem := a.checkQuery(r.URL.Query(), "include[]"); problem != "" {
		refuseInput(w, problem)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if i := a.byID(r.PathValue("id")); i != nil {
		writeJSON(w, http.StatusOK, object{"incident": a.render(i)})
		return
	}
	refuseREST(w, http.StatusNotFound, 2100, "Not Found")
}

// listAlerts answers GET /incidents/{id}/alerts. An incident has one alert: grouping is not played.
func (a *Account) listAlerts(w http.ResponseWriter, r *http.Request) {
	p, problem := a.readQuery(r, "alert_key", "statuses[]", "sort_by", "include[]")
	if problem != "" {
		refuseInput(w, problem)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	i := a.byID(r.PathValue("id"))
	if i == nil {
		refuseREST(w, http.StatusNotFound, 2100, "Not Found")
		return
	}
	status := Triggered // of an alert there are two
	if i.Status == Resolved {
		status = Resolved
	}
	p.write(w, "alerts", []object{{"id": "A" + i.ID, "type": "alert", "summary": i.Title, "status": status, "alert_key": i.DedupKey,
		"created_at": i.CreatedAt.UTC().Format(time.RFC3339), "incident": reference("incident_reference", i.ID, i.Title)}})
}

// render is the incident as the REST API shows it. The lock is held.
func (a *Account) render(i *Incident) object {
	s := a.serviceOf(i)
	o := object{"id": i.ID, "type": "incident", "summary": i.Title, "status": i.Status, "incident_key": i.DedupKey, "title": i.Title,
		"self": "https://api.pagerduty.com/incidents/" + i.ID, "html_url": i.page(),
		"created_at": i.CreatedAt.UTC().Format(time.RFC3339), "updated_at": i.UpdatedAt.UTC().Format(time.RFC3339),
		"last_status_change_at": i.ChangedAt.UTC().Format(time.RFC3339), "last_status_change_by": i.ChangedBy.render(),
		"resolved_at": nil, "acknowledgements": []object{}, "assignments": []object{}, "pending_actions": []object{}, "teams": []object{},
		"service":           reference("service_reference", s.id(), s.name()),
		"escalation_policy": reference("escalation_policy_reference", s.policy.ID, s.policy.Name), "urgency": "high"}
	if a.options.Keyless {
		delete(o, "incident_key")
	}
	if i.Status == Resolved {
		o["resolved_at"] = o["last_status_change_at"]
		return o
	}
	acks := []object{}
	for _, k := range i.Acknowledgements {
		acks = append(acks, object{"at": k.At.UTC().Format(time.RFC3339), "acknowledger": k.By.render()})
	}
	assignments := []object{}
	for _, u := range a.usersAt(i) {
		assignments = append(assignments, object{"at": o["updated_at"], "assignee": u.agent().render()})
	}
	o["acknowledgements"], o["assignments"] = acks, assignments
	return o
}

// page is where people see the incident.
func (i *Incident) page() string { return "https://double.pagerduty.com/incidents/" + i.ID }

// render is nil for PagerDuty itself.
func (g *Agent) render() any {
	if g == nil {
		return nil
	}
	return reference(g.Type, g.ID, g.Summary)
}

// byID is the incident with the ID, or nil. The lock is held.
func (a *Account) byID(id string) *Incident {
	at := slices.IndexFunc(a.incidents, func(i *Incident) bool { return i.ID == id })
	if at < 0 {
		return nil
	}
	return a.incidents[at]
}

// decode reads the JSON of a request, or answers why it cannot.
func (a *Account) decode(w http.ResponseWriter, r *http.Request, into any) bool {
	d := json.NewDecoder(r.Body)
	if a.options.Strict {
		d.DisallowUnknownFields()
	}
	err := d.Decode(into)
	if err != nil {
		refuseInput(w, strings.TrimPrefix(err.Error(), "json: "))
	}
	return err == nil
}

// refuseREST answers with the error object of the REST API.
func refuseREST(w http.ResponseWriter, status, code int, message string, problems ...string) {
	writeJSON(w, status, object{"error": object{"code": code, "message": message, "errors": problems}})
}

// refuseInput answers that the request is not well-formed.
func refuseInput(w http.ResponseWriter, problem string) {
	refuseREST(w, http.StatusBadRequest, 2001, "Invalid Input Provided", problem)
}
