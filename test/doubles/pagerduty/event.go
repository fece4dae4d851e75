package pagerduty

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Limits of the Events API v2, as PagerDuty documents them.
const (
	RoutingKeyLength = 32      // characters, exactly
	MaxDedupKey      = 255     // characters
	MaxSummary       = 1024    // characters
	MaxEvent         = 512_000 // bytes of one event
)

// Event is an event for an incident as it was accepted.
type Event struct {
	RoutingKey string  `json:"routing_key"`
	Action     string  `json:"event_action"`
	DedupKey   string  `json:"dedup_key"` // made up if the event had none
	Payload    Payload `json:"payload"`
	Client     string  `json:"client,omitempty"`
	ClientURL  string  `json:"client_url,omitempty"`
	Links      []Link  `json:"links,omitempty"`
	Images     []Image `json:"images,omitempty"`
}

// Payload says what a trigger is about. Acknowledge and resolve events have none.
type Payload struct {
	Summary   string          `json:"summary"`
	Source    string          `json:"source"`
	Severity  string          `json:"severity"`
	Timestamp string          `json:"timestamp,omitempty"`
	Component string          `json:"component,omitempty"`
	Group     string          `json:"group,omitempty"`
	Class     string          `json:"class,omitempty"`
	Details   json.RawMessage `json:"custom_details,omitempty"`
}

// Link is a link shown with an incident.
type Link struct {
	Href string `json:"href"`
	Text string `json:"text,omitempty"`
}

// Image is a picture shown with an incident; PagerDuty shows only those served via HTTPS.
type Image struct {
	Src  string `json:"src"`
	Href string `json:"href,omitempty"`
	Alt  string `json:"alt,omitempty"`
}

// ChangeEvent is an event that tells of a change, such as a restart, and notifies nobody.
type ChangeEvent struct {
	RoutingKey string        `json:"routing_key"`
	Payload    ChangePayload `json:"payload"`
	Links      []Link        `json:"links,omitempty"`
	Images     []Image       `json:"images,omitempty"`
}

// ChangePayload says what has changed.
type ChangePayload struct {
	Summary   string          `json:"summary"`
	Source    string          `json:"source,omitempty"`
	Timestamp string          `json:"timestamp,omitempty"`
	Details   json.RawMessage `json:"custom_details,omitempty"`
}

// enqueue takes an event for an incident.
func (a *Account) enqueue(w http.ResponseWriter, r *http.Request) {
	var e Event
	if !a.read(w, r, &e) {
		return
	}
	if problems := a.checkEvent(e); len(problems) > 0 {
		refuseEvent(w, problems)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.admit(e.RoutingKey) {
		tooFast(w)
		return
	}
	if e.DedupKey == "" {
		e.DedupKey = a.makeKey()
	}
	a.apply(e)
	defer a.changes.Tell()
	writeJSON(w, http.StatusAccepted, object{"status": "success", "message": "Event processed", "dedup_key": e.DedupKey})
}

// enqueueChange takes a change event.
func (a *Account) enqueueChange(w http.ResponseWriter, r *http.Request) {
	var e ChangeEvent
	if !a.read(w, r, &e) {
		return
	}
	if problems := a.checkChange(e); len(problems) > 0 {
		refuseEvent(w, problems)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.admit(e.RoutingKey) {
		tooFast(w)
		return
	}
	a.changeEvents = append(a.changeEvents, e)
	defer a.changes.Tell()
	writeJSON(w, http.StatusAccepted, object{"status": "success", "message": "Change event processed"})
}

// read reads the JSON of an event, or answers why it cannot.
func (a *Account) read(w http.ResponseWriter, r *http.Request, event any) bool {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return false // the client has hung up
	}
	if len(body) > MaxEvent {
		refuseEvent(w, []string{"Event object is larger than 512 KB"})
		return false
	}
	d := json.NewDecoder(strings.NewReader(string(body)))
	if a.options.Strict {
		d.DisallowUnknownFields()
	}
	err = d.Decode(event)
	switch {
	case err == nil:
		return true
	case !json.Valid(body):
		writeJSON(w, http.StatusBadRequest, object{"status": "Unrecognized object",
			"message": "Event object format is unrecognized", "errors": []string{"JSON parse error"}})
	default:
		refuseEvent(w, []string{strings.TrimPrefix(err.Error(), "json: ")})
	}
	return false
}

// admit counts an event against the limit of its routing key and tells whether it is within. The lock is held.
func (a *Account) admit(routingKey string) bool {
	if a.options.EventsPerMinute == 0 {
		return true
	}
	now := a.options.Now()
	recent := slices.DeleteFunc(a.accepted[routingKey], func(t time.Time) bool { return now.Sub(t) >= time.Minute })
	within := len(recent) < a.options.EventsPerMinute
	if within {
		recent = append(recent, now)
	}
	a.accepted[routingKey] = recent
	return within
}
