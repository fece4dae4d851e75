package pagerduty

import (
	"fmt"
	"time"
)

// Status is where an incident stands, in PagerDuty's words.
type Status string

// The statuses. Triggered and acknowledged incidents are open.
const (
	Triggered    Status = "triggered"
	Acknowledged Status = "acknowledged"
	Resolved     Status = "resolved"
)

// Incident is what triggers with one dedup key and routing key have merged into.
type Incident struct {
	ID         string `json:"id"`
	RoutingKey string `json:"routing_key"`
	DedupKey   string `json:"dedup_key"`
	Status     Status `json:"status"`
	// Title is the summary of the first trigger; Payload is that of the newest, which overwrites the ones before.
	Title   string  `json:"title"`
	Payload Payload `json:"payload"`
	// Triggers is how many triggers have merged into the incident, the first included.
	Triggers  int       `json:"triggers"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Page is one notification of a person.
type Page struct {
	At         time.Time `json:"at"`
	IncidentID string    `json:"incident_id"`
	RoutingKey string    `json:"routing_key"`
	DedupKey   string    `json:"dedup_key"`
	Summary    string    `json:"summary"`
	Severity   string    `json:"severity"`
}

// apply carries out an accepted event. The lock is held.
func (a *Account) apply(e Event) {
	a.events = append(a.events, e)
	i := a.open(e.RoutingKey, e.DedupKey)
	switch {
	case e.Action == "trigger" && i == nil:
		a.begin(e)
	case i == nil:
		// PagerDuty drops what is meant for no open incident and does not say so.
	case e.Action == "trigger":
		i.Triggers++
		i.Payload, i.UpdatedAt = e.Payload, a.options.Now()
	case e.Action == "acknowledge":
		a.set(i, Acknowledged)
	case e.Action == "resolve":
		a.set(i, Resolved)
	}
}

// open is the open incident with the keys, or nil. The lock is held.
func (a *Account) open(routingKey, dedupKey string) *Incident {
	for _, i := range a.incidents {
		if i.RoutingKey == routingKey && i.DedupKey == dedupKey && i.Status != Resolved {
			return i
		}
	}
	return nil
}

// begin opens an incident and pages. The lock is held.
func (a *Account) begin(e Event) {
	now := a.options.Now()
	i := &Incident{
		ID: fmt.Sprintf("Q%013d", len(a.incidents)+1), RoutingKey: e.RoutingKey, DedupKey: e.DedupKey, Status: Triggered,
		Title: e.Payload.Summary, Payload: e.Payload, Triggers: 1, CreatedAt: now, UpdatedAt: now,
	}
	a.incidents = append(a.incidents, i)
	a.pages = append(a.pages, Page{
		At: now, IncidentID: i.ID, RoutingKey: i.RoutingKey, DedupKey: i.DedupKey,
		Summary: e.Payload.Summary, Severity: e.Payload.Severity,
	})
}

// set moves an open incident to a status. The lock is held.
func (a *Account) set(i *Incident, status Status) {
	i.Status, i.UpdatedAt = status, a.options.Now()
}
