package pagerduty

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// restricted lets requests through that carry the token of the REST API.
func (a *Account) restricted(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Token token="+a.options.Token {
			refuseREST(w, http.StatusUnauthorized, 2006, "Unauthorized")
			return
		}
		next(w, r)
	}
}

// listIncidents answers GET /incidents, of whose filters it knows incident_key and statuses[].
func (a *Account) listIncidents(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	a.mu.Lock()
	defer a.mu.Unlock()
	found := []object{}
	for _, i := range a.incidents {
		if i.matches(query) {
			found = append(found, i.render())
		}
	}
	writeJSON(w, http.StatusOK, object{"incidents": found, "limit": 100, "offset": 0, "more": false})
}

func (i *Incident) matches(query url.Values) bool {
	statuses := query["statuses[]"]
	return (!query.Has("incident_key") || i.DedupKey == query.Get("incident_key")) &&
		(len(statuses) == 0 || slices.Contains(statuses, string(i.Status)))
}

func (i *Incident) render() object {
	return object{"id": i.ID, "type": "incident", "status": i.Status, "incident_key": i.DedupKey, "title": i.Title,
		"created_at": i.CreatedAt.UTC().Format(time.RFC3339)}
}

// manageIncidents answers PUT /incidents, which acknowledges or resolves incidents as a person. Either all of them
// are changed or none.
func (a *Account) manageIncidents(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("From") == "" {
		refuseREST(w, http.StatusBadRequest, 2001, "Invalid Input Provided", "From header is required.")
		return
	}
	var ask struct {
		Incidents []struct {
			ID     string `json:"id"`
			Type   string `json:"type"`
			Status Status `json:"status"`
		} `json:"incidents"`
	}
	if err := json.NewDecoder(r.Body).Decode(&ask); err != nil || len(ask.Incidents) == 0 {
		refuseREST(w, http.StatusBadRequest, 2001, "Invalid Input Provided", "Incidents cannot be empty.")
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	shown := []object{}
	for _, one := range ask.Incidents {
		i := a.byID(one.ID)
		if problem := i.cannotBecome(one.Status); problem != "" {
			refuseREST(w, http.StatusBadRequest, 2001, "Invalid Input Provided", problem)
			return
		}
	}
	for _, one := range ask.Incidents {
		i := a.byID(one.ID)
		a.set(i, one.Status)
		shown = append(shown, i.render())
	}
	defer a.changes.Tell()
	writeJSON(w, http.StatusOK, object{"incidents": shown})
}

// cannotBecome is why the incident, which may be nil, cannot move to the status; empty if it can.
func (i *Incident) cannotBecome(status Status) string {
	switch {
	case i == nil:
		return "Incident not found."
	case status != Acknowledged && status != Resolved:
		return "Status must be acknowledged or resolved."
	case i.Status == Resolved:
		return "Incident Already Resolved"
	}
	return ""
}

// byID is the incident with the ID, or nil. The lock is held.
func (a *Account) byID(id string) *Incident {
	at := slices.IndexFunc(a.incidents, func(i *Incident) bool { return i.ID == id })
	if at < 0 {
		return nil
	}
	return a.incidents[at]
}

// refuseREST answers with the error object of the REST API.
func refuseREST(w http.ResponseWriter, status, code int, message string, problems ...string) {
	writeJSON(w, status, object{"error": object{"code": code, "message": message, "errors": problems}})
}
