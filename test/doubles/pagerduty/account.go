// Package pagerduty is a double of PagerDuty: the Events API v2 with its incidents, of the REST API finding and managing
// incidents and reading services and escalation policies, and webhooks (v3) about what people do.
//
// It answers as PagerDuty does: 202 for events that are well-formed, whether or not they change anything, 400 with the
// reasons for those that are not, 429 when they come too fast. Triggers with the same dedup key and routing key merge
// while the incident is open and begin a new one after it is resolved. How often a person would have been woken is
// [Account.Pages]. A person acts by [Account.Acknowledge] and its neighbours, from another process by the paths in
// steer.go. PagerDuty's own escalation after a delay is not played: a test that wants it calls [Account.Escalate].
//
// A client is pointed at it with
//
//	pagerduty.NewClient(token, pagerduty.WithV2EventsAPIEndpoint(server.URL), pagerduty.WithAPIEndpoint(server.URL))
package pagerduty

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/x0tta6bl4/remediated/test/doubles/fault"
	"github.com/x0tta6bl4/remediated/test/doubles/steer"
)

// The defaults of [Options].
const (
	DefaultRoutingKey = "d0ub1e00000000000000000000000001"
	DefaultToken      = "y_double-000000000000"
)

// Options describe an account. The zero value is an account with the default routing key and token.
type Options struct {
	// RoutingKeys are the integrations that events are accepted for. Empty means one, [DefaultRoutingKey].
	RoutingKeys []string
	// Token is the key of the REST API. Empty means [DefaultToken].
	Token string
	// Strict also refuses what PagerDuty accepts but its schema does not describe: unknown fields, which it ignores,
	// and custom details that are not an object.
	Strict bool
	// EventsPerMinute is how many events one routing key may send in any 60 seconds before it is answered with 429;
	// PagerDuty's is about 120. Zero means no limit.
	EventsPerMinute int
	// RequestsPerMinute is how many requests of the REST API are answered in a minute; PagerDuty's is 960. Every answer
	// then says how many are left. Zero means no limit.
	RequestsPerMinute int
	// Lag is how long an incident cannot be found after its trigger was accepted: events are worked on later.
	Lag time.Duration
	// Keyless hides the dedup key of incidents, which is then on their alerts only.
	Keyless bool
	// Users are the people of the account. Empty means [DefaultUsers].
	Users []User
	// Policies are the escalation policies: the first is that of the first routing key's service and so on; the last
	// one is that of all others. Empty means one with one user at each level, in the order of Users.
	Policies []Policy
	// Webhook is the subscription to begin with; see [Account.Subscribe].
	Webhook Webhook
	// Now is the clock of incidents and of the limits per minute. Nil means time.Now.
	Now func() time.Time
}

// Account is a PagerDuty account. It is an [http.Handler]; all its methods may be called from any goroutine.
type Account struct {
	// Faults is what goes wrong with the next requests. Requests below the path of package steer are never befallen.
	Faults  *fault.Script
	options Options
	changes steer.Changes
	handler http.Handler
	courier courier

	mu           sync.Mutex
	incidents    []*Incident
	pages        []Page
	events       []Event
	changeEvents []ChangeEvent
	accepted     map[string][]time.Time // by routing key, within the last minute
	asked        []time.Time            // requests of the REST API within the last minute
	keys         int                    // how many dedup keys were made up
	told         int                    // how many events webhooks were made of
}

// New is an account without incidents.
func New(options Options) *Account {
	if len(options.RoutingKeys) == 0 {
		options.RoutingKeys = []string{DefaultRoutingKey}
	}
	if options.Token == "" {
		options.Token = DefaultToken
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	if len(options.Users) == 0 {
		options.Users = DefaultUsers()
	}
	if len(options.Policies) == 0 {
		options.Policies = []Policy{onePerLevel(options.Users)}
	}
	a := &Account{Faults: &fault.Script{}, options: options, accepted: map[string][]time.Time{}}
	a.courier = courier{now: options.Now, changed: a.changes.Tell}
	a.Faults.OnRequest = a.changes.Tell
	a.handler = a.routes()
	a.Subscribe(options.Webhook)
	return a
}

// Close ends the delivery of webhooks and returns when none is under way. It is needed only after deliveries that fail.
func (a *Account) Close() { a.courier.close() }

func (a *Account) routes() http.Handler {
	api := http.NewServeMux()
	api.HandleFunc("POST /v2/enqueue", a.enqueue)
	api.HandleFunc("POST /v2/change/enqueue", a.enqueueChange)
	api.HandleFunc("GET /incidents", a.restricted(a.listIncidents))
	api.HandleFunc("PUT /incidents", a.restricted(a.manageIncidents))
	api.HandleFunc("GET /incidents/{id}", a.restricted(a.showIncident))
	api.HandleFunc("PUT /incidents/{id}", a.restricted(a.updateIncident))
	api.HandleFunc("GET /incidents/{id}/alerts", a.restricted(a.listAlerts))
	api.HandleFunc("GET /services", a.restricted(a.listServices))
	api.HandleFunc("GET /escalation_policies/{id}", a.restricted(a.showPolicy))

	mux := http.NewServeMux()
	mux.Handle("/", a.Faults.Wrap(api))
	a.steerPeople(mux)
	mux.Handle(steer.Prefix, steer.Panel{
		Script: a.Faults, Changes: &a.changes, Reset: a.forget,
		Views: map[string]func() any{
			"incidents": func() any { return a.Incidents() },
			"pages":     func() any { return a.Pages() },
			"events":    func() any { return a.Events() },
			"changes":   func() any { return a.ChangeEvents() },
			"webhooks":  func() any { return a.Deliveries() },
		},
	}.Handler())
	return mux
}

// ServeHTTP serves the APIs and the steering interface.
func (a *Account) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.handler.ServeHTTP(w, r) }

// Events is every event accepted for an incident, dropped ones included, in the order of arrival.
func (a *Account) Events() []Event {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]Event{}, a.events...)
}

// ChangeEvents is every change event accepted, in the order of arrival.
func (a *Account) ChangeEvents() []ChangeEvent {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]ChangeEvent{}, a.changeEvents...)
}

// Pages is every time a person would have been notified, in order: for each new incident, each change of its level and
// each time that it is taken back from who acknowledged it. A trigger that merges into an open or acknowledged incident
// notifies nobody.
func (a *Account) Pages() []Page {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]Page{}, a.pages...)
}

// Incidents is every incident ever opened, oldest first.
func (a *Account) Incidents() []Incident {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := make([]Incident, 0, len(a.incidents))
	for _, i := range a.incidents {
		all = append(all, *i) // what it points to is replaced and never changed
	}
	return all
}

// Await returns the incidents once until holds for them, or with the context's error what there was by then.
func (a *Account) Await(ctx context.Context, until func([]Incident) bool) ([]Incident, error) {
	return steer.Await(ctx, &a.changes, a.Incidents, until)
}

// Reset forgets all incidents, pages, events, webhooks, faults and logged requests. The subscription stays.
func (a *Account) Reset() {
	a.Faults.Reset()
	a.forget()
	a.changes.Tell()
}

func (a *Account) forget() {
	a.courier.forget()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.incidents, a.pages, a.events, a.changeEvents = nil, nil, nil, nil
	a.asked = nil
	clear(a.accepted)
}
