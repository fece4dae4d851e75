package pagerduty

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	api "github.com/PagerDuty/go-pagerduty"

	"github.com/x0tta6bl4/remediated/notify"
)

// webhook is what is read of one. What is not read may change without notice
// to us, and a webhook refused for it would count against the subscription.
type webhook struct {
	ID         string         `json:"id"`
	Type       string         `json:"event_type"`
	Resource   string         `json:"resource_type"`
	OccurredAt time.Time      `json:"occurred_at"`
	Agent      *api.APIObject `json:"agent"`
	// Data is of its own form for each type.
	Data json.RawMessage `json:"data"`

	incident webhookIncident // of the types that matter
}

type webhookIncident struct {
	ID   string `json:"id"`
	Type string `json:"type"`
	Key  string `json:"incident_key"`
	URL  string `json:"html_url"`
}

func (i webhookIncident) whole() bool {
	return i.Type == "incident" && i.ID != "" && len(i.ID) <= maxID
}

// webhookTypes are those that matter, and whether only a person's word counts:
// acknowledging, resolving and escalating is what we do too, and what PagerDuty
// does by itself when an incident is old. Taking back and opening again is
// never ours, whoever did it.
var webhookTypes = map[string]struct {
	is     EventType
	person bool
}{
	"incident.acknowledged":   {Acknowledged, true},
	"incident.unacknowledged": {Unacknowledged, false},
	"incident.resolved":       {Resolved, true},
	"incident.reopened":       {Reopened, false},
	"incident.escalated":      {Escalated, true},
}

const webhookPing = "pagey.ping"

// parseWebhook reads a body whose signature is good.
func parseWebhook(body []byte) (webhook, error) {
	var envelope struct {
		Event *webhook `json:"event"`
	}
	if err := json.Unmarshal(body, &envelope); err != nil {
		return webhook{}, fmt.Errorf("want a webhook of PagerDuty, version 3: %w", err)
	}
	w := envelope.Event
	switch {
	case w == nil:
		return webhook{}, errors.New("want a webhook of PagerDuty, version 3: it has no event")
	case w.ID == "" || len(w.ID) > maxID:
		return webhook{}, errors.New("want an event.id")
	case w.Type == "":
		return webhook{}, errors.New("want an event.event_type")
	case w.OccurredAt.IsZero():
		return webhook{}, errors.New("want an event.occurred_at")
	}
	if _, matters := webhookTypes[w.Type]; !matters {
		return *w, nil
	}
	if w.Resource != "incident" || json.Unmarshal(w.Data, &w.incident) != nil || !w.incident.whole() {
		return webhook{}, fmt.Errorf("want the incident as event.data of %s", w.Type)
	}
	w.incident.ID = notify.Clean(w.incident.ID, maxID) // as Look has it
	return *w, nil
}

// take decides what a webhook means. Only what was heard is remembered: what
// failed comes again under the same IDs.
func (p *PagerDuty) take(ctx context.Context, delivery string, w webhook) answer {
	accepted := func(seen string) answer { return answer{status: http.StatusAccepted, seen: seen} }
	kind, matters := webhookTypes[w.Type]
	switch {
	case w.Type == webhookPing:
		return accepted(SeenPing)
	case !matters:
		return accepted(SeenOther)
	case p.repeated(delivery, w.ID):
		return accepted(SeenRepeated)
	case time.Since(w.OccurredAt) > webhookOld:
		return accepted(SeenOld)
	}
	by := w.person()
	if (kind.person && by.ID == "") || p.echo(w) {
		return accepted(SeenEcho)
	}
	keys, err := p.keysOf(ctx, w.incident)
	if err != nil {
		return answer{http.StatusServiceUnavailable, SeenFailed, "the incident's keys cannot be found now"}
	}
	if len(keys) == 0 {
		return accepted(SeenKeyless)
	}
	for _, key := range keys {
		e := Event{
			ID: w.ID, Type: kind.is, Key: key, AgentID: by.ID, AgentName: by.Name, At: w.OccurredAt,
			Incident: w.incident.ID, URL: webAddress(w.incident.URL),
		}
		if err := p.hear(ctx, e); err != nil {
			return answer{http.StatusServiceUnavailable, SeenFailed, "it cannot be written down now"}
		}
	}
	p.webhooks.put("event "+w.ID, struct{}{})
	if delivery != "" && len(delivery) <= maxID {
		p.webhooks.put("delivery "+delivery, struct{}{})
	}
	return accepted(SeenHeard)
}

// repeated looks for both IDs: two subscriptions deliver one event, and the
// ID of a delivery is not signed.
func (p *PagerDuty) repeated(delivery, event string) bool {
	_, delivered := p.webhooks.get("delivery " + delivery)
	_, heard := p.webhooks.get("event " + event)
	return delivered || heard
}

func (w webhook) person() Person {
	if w.Agent == nil {
		return Person{}
	}
	return personOf(*w.Agent)
}

// echoWithin is how long after we moved an incident an escalation of it is
// taken for ours: PagerDuty names the user in whose name we did it.
const echoWithin = time.Minute

func (p *PagerDuty) echo(w webhook) bool {
	moved, ok := p.escalations.get(w.incident.ID)
	return ok && webhookTypes[w.Type].is == Escalated && w.OccurredAt.Sub(moved).Abs() < echoWithin
}

// keysOf returns the dedup keys of an incident. One that was made of alerts may
// have its keys on these only.
func (p *PagerDuty) keysOf(ctx context.Context, i webhookIncident) ([]string, error) {
	if i.Key != "" || p.options.APIToken == "" {
		return fitting(i.Key), nil
	}
	var answer api.ListAlertsResponse
	if err := p.ask(ctx, http.MethodGet, "/incidents/"+url.PathEscape(i.ID)+"/alerts", url.Values{"limit": {"100"}}, nil, &answer); err != nil {
		return nil, err
	}
	var keys []string
	for _, a := range answer.Alerts {
		keys = append(keys, fitting(a.AlertKey)...)
	}
	return keys, nil
}

// fitting is the key if it may be one of ours.
func fitting(key string) []string {
	if key == "" || key != notify.Clean(key, maxDedupKey) {
		return nil
	}
	return []string{key}
}
