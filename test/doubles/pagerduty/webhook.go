package pagerduty

import (
	"encoding/json"
	"fmt"
	"time"
)

// Subscribe replaces the subscription to webhooks; one without a URL ends it. What waits is delivered to the new one.
func (a *Account) Subscribe(hook Webhook) { a.courier.subscribe(hook) }

// Deliveries is every webhook that there was, in the order of what they tell of.
func (a *Account) Deliveries() []Delivery { return a.courier.deliveries() }

// publish makes a webhook of what happened to the incident. That the service did it on behalf of an integration is not
// told: the agent is then null, as it is when PagerDuty did it by itself. The lock is held.
func (a *Account) publish(kind string, i *Incident, by *Agent) {
	if by != nil && by.Type != userAgent {
		by = nil
	}
	a.told++
	now := a.options.Now()
	d := Delivery{EventID: fmt.Sprintf("01DOUBLE%018d", a.told), WebhookID: fmt.Sprintf("00000000-0000-4000-8000-%012d", a.told),
		EventType: kind, DedupKey: i.DedupKey, At: now}
	body, err := json.Marshal(object{"event": object{"id": d.EventID, "event_type": kind, "resource_type": "incident",
		"occurred_at": now.UTC().Format("2006-01-02T15:04:05.000Z"), "agent": by.render(), "client": nil, "data": a.dataOf(i)}})
	if err != nil {
		panic(err) // texts and times can be written
	}
	d.Body = body
	a.courier.put(d)
}

// dataOf is the incident as webhooks show it, which is not quite as the REST API does. The lock is held.
func (a *Account) dataOf(i *Incident) object {
	s := a.serviceOf(i)
	assignees := []any{}
	for _, u := range a.usersAt(i) {
		assignees = append(assignees, u.agent().render())
	}
	o := object{"id": i.ID, "type": "incident", "self": "https://api.pagerduty.com/incidents/" + i.ID, "html_url": i.page(),
		"status": i.Status, "incident_key": i.DedupKey, "title": i.Title, "created_at": i.CreatedAt.UTC().Format(time.RFC3339),
		"service": reference("service_reference", s.id(), s.name()), "assignees": assignees, "teams": []object{}, "urgency": "high",
		"escalation_policy": reference("escalation_policy_reference", s.policy.ID, s.policy.Name), "resolve_reason": nil}
	if a.options.Keyless {
		delete(o, "incident_key")
	}
	return o
}

// Ping sends the webhook of the button that tries a subscription.
func (a *Account) Ping() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.told++
	now := a.options.Now()
	d := Delivery{EventID: fmt.Sprintf("01DOUBLE%018d", a.told), WebhookID: fmt.Sprintf("00000000-0000-4000-8000-%012d", a.told),
		EventType: "pagey.ping", At: now}
	d.Body = fmt.Appendf(nil, `{"event":{"id":%q,"event_type":"pagey.ping","resource_type":"pagey","occurred_at":%q,"agent":null,"client":null,`+
		`"data":{"message":"Hello","type":"ping"}}}`, d.EventID, now.UTC().Format(time.RFC3339))
	a.courier.put(d)
}
