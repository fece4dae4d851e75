package pagerduty

import (
	"fmt"
	"net/http"
)

// maxChanges is how many incidents may be changed at a time.
const maxChanges = 250

// change is what is asked for one incident. Of what PagerDuty lets be changed, the status and the level are known; a
// strict account refuses the rest. That a status may also open an incident again is not played: see [Account.Reopen].
type change struct {
	ID     string `json:"id"`
	Type   string `json:"type"`
	Status Status `json:"status"`
	Level  *int   `json:"escalation_level"`
}

// requester is the user whom the From header names, or the answer is that there is none.
func (a *Account) requester(w http.ResponseWriter, r *http.Request) (User, bool) {
	from := r.Header.Get("From")
	if from == "" {
		refuseInput(w, "From header is required.")
		return User{}, false
	}
	for _, u := range a.options.Users {
		if u.Email == from {
			return u, true
		}
	}
	refuseREST(w, http.StatusBadRequest, 2100, "Requester User Not Found")
	return User{}, false
}

// manageIncidents answers PUT /incidents, which changes several incidents: all of them or none.
func (a *Account) manageIncidents(w http.ResponseWriter, r *http.Request) {
	by, ok := a.requester(w, r)
	if !ok {
		return
	}
	var ask struct {
		Incidents []change `json:"incidents"`
	}
	if !a.decode(w, r, &ask) {
		return
	}
	if len(ask.Incidents) == 0 {
		refuseInput(w, "Incidents cannot be empty.")
		return
	}
	if len(ask.Incidents) > maxChanges {
		refuseREST(w, http.StatusRequestEntityTooLarge, 2001, "Too many incidents")
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range ask.Incidents {
		if problem := a.problem(a.byID(c.ID), c); problem != "" {
			refuseInput(w, problem)
			return
		}
	}
	shown := []object{}
	for _, c := range ask.Incidents {
		i := a.byID(c.ID)
		a.carryOut(i, c, by)
		shown = append(shown, a.render(i))
	}
	defer a.changes.Tell()
	writeJSON(w, http.StatusOK, object{"incidents": shown})
}

// updateIncident answers PUT /incidents/{id}.
func (a *Account) updateIncident(w http.ResponseWriter, r *http.Request) {
	by, ok := a.requester(w, r)
	if !ok {
		return
	}
	var ask struct {
		Incident *change `json:"incident"`
	}
	if !a.decode(w, r, &ask) {
		return
	}
	if ask.Incident == nil {
		refuseInput(w, "Incident cannot be empty.")
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	i := a.byID(r.PathValue("id"))
	if i == nil {
		refuseREST(w, http.StatusNotFound, 2100, "Not Found")
		return
	}
	if problem := a.problem(i, *ask.Incident); problem != "" {
		refuseInput(w, problem)
		return
	}
	a.carryOut(i, *ask.Incident, by)
	defer a.changes.Tell()
	writeJSON(w, http.StatusOK, object{"incident": a.render(i)})
}

// problem is why the change cannot be made to the incident, which may be nil; empty if it can. The lock is held.
func (a *Account) problem(i *Incident, c change) string {
	switch {
	case i == nil:
		return "Incident not found."
	case c.Type != "incident" && c.Type != "incident_reference":
		return "Type must be incident or incident_reference."
	case c.Status != "" && c.Status != Acknowledged && c.Status != Resolved:
		return "Status must be acknowledged or resolved."
	case c.Status == "" && c.Level == nil:
		return "Nothing is to be changed."
	case i.Status == Resolved:
		return "Incident Already Resolved"
	case c.Level != nil && (*c.Level < 1 || *c.Level > len(a.serviceOf(i).policy.Levels)):
		return fmt.Sprintf("Escalation level must be 1 to %d.", len(a.serviceOf(i).policy.Levels))
	}
	return ""
}

// carryOut makes the change on behalf of the user. The lock is held.
func (a *Account) carryOut(i *Incident, c change, by User) {
	if c.Level != nil {
		a.escalate(i, *c.Level, by.agent())
	}
	if c.Status != "" {
		a.set(i, c.Status, by.agent())
	}
}
