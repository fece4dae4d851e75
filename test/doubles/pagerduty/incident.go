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
	// Level of the escalation policy at which it is; the first is 1.
	Level int `json:"level"`
	// Acknowledgements are those that still hold, the newest last.
	Acknowledgements []Acknowledgement `json:"acknowledgements,omitempty"`
	// ChangedAt and ChangedBy are when its status changed last and who changed it; nil is PagerDuty itself.
	ChangedAt time.Time `json:"changed_at"`
	ChangedBy *Agent    `json:"changed_by,omitempty"`
}

// Acknowledgement says who is at it.
type Acknowledgement struct {
	At time.Time `json:"at"`
	By Agent     `json:"by"`
}

// Agent is who or what acts: a user, or the service on behalf of an integration.
type Agent struct {
	ID      string `json:"id"`
	Type    string `json:"type"`
	Summary string `json:"summary"`
}

// Types of agents.
const (
	userAgent    = "user_reference"
	serviceAgent = "service_reference"
)

// Page is one notification of the people at one level.
type Page struct {
	At         time.Time `json:"at"`
	IncidentID string    `json:"incident_id"`
	RoutingKey string    `json:"routing_key"`
	DedupKey   string    `json:"dedup_key"`
	Summary    string    `json:"summary"`
	Severity   string    `json:"severity"`
	Level      int       `json:"level"`
	To         []string  `json:"to"` // names
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
	case e.Action == "acknowledge" && i.Status == Triggered:
		a.set(i, Acknowledged, a.serviceOf(i).agent())
	case e.Action == "resolve":
		a.set(i, Resolved, a.serviceOf(i).agent())
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
		Title: e.Payload.Summary, Payload: e.Payload, Triggers: 1, CreatedAt: now, UpdatedAt: now, Level: 1, ChangedAt: now,
	}
	i.ChangedBy = a.serviceOf(i).agent()
	a.incidents = append(a.incidents, i)
	a.page(i)
	a.publish("incident.triggered", i, i.ChangedBy)
}

// page notifies who is at the incident's level. The lock is held.
func (a *Account) page(i *Incident) {
	a.pages = append(a.pages, Page{
		At: a.options.Now(), IncidentID: i.ID, RoutingKey: i.RoutingKey, DedupKey: i.DedupKey,
		Summary: i.Payload.Summary, Severity: i.Payload.Severity, Level: i.Level, To: a.namesAt(i),
	})
}

// set moves an incident to a status on behalf of the agent, nil for PagerDuty itself. The lock is held.
func (a *Account) set(i *Incident, status Status, by *Agent) {
	was, now := i.Status, a.options.Now()
	i.Status, i.UpdatedAt, i.ChangedAt, i.ChangedBy = status, now, now, by
	switch {
	case status == Acknowledged:
		i.Acknowledgements = append(i.Acknowledgements[:len(i.Acknowledgements):len(i.Acknowledgements)], Acknowledgement{now, *by})
		a.publish("incident.acknowledged", i, by)
	case status == Resolved:
		i.Acknowledgements = nil
		a.publish("incident.resolved", i, by)
	case was == Resolved:
		a.page(i)
		a.publish("incident.reopened", i, by)
	default:
		i.Acknowledgements = nil
		a.page(i)
		a.publish("incident.unacknowledged", i, by)
	}
}

// escalate moves an open incident to a level, which notifies who is there and takes it back from who acknowledged it.
// The level that it is at already changes nothing. The lock is held.
func (a *Account) escalate(i *Incident, level int, by *Agent) {
	if level == i.Level {
		return
	}
	now := a.options.Now()
	i.Level, i.UpdatedAt = level, now
	if i.Status == Acknowledged {
		i.Status, i.Acknowledgements, i.ChangedAt, i.ChangedBy = Triggered, nil, now, by
	}
	a.page(i)
	a.publish("incident.escalated", i, by)
}
