// Package pagerduty is a double of PagerDuty: the Events API v2 with its incidents, and of the REST API finding
// incidents and acknowledging or resolving them.
//
// It answers as PagerDuty does: 202 for events that are well-formed, whether or not they change anything, 400 with the
// reasons for those that are not, 429 when they come too fast. Triggers with the same dedup key and routing key merge
// while the incident is open and begin a new one after it is resolved. How often a person would have been woken is
// [Account.Pages].
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
	// Now is the clock of incidents and of EventsPerMinute. Nil means time.Now.
	Now func() time.Time
}

// Account is a PagerDuty account. It is an [http.Handler]; all its methods may be called from any goroutine.
type Account struct {
	// Faults is what goes wrong with the next requests. Requests below the path of package steer are never befallen.
	Faults  *fault.Script
	options Options
	changes steer.Changes
	handler http.Handler

	mu           sync.Mutex
	incidents    []*Incident
	pages        []Page
	events       []Event
	changeEvents []ChangeEvent
	accepted     map[string][]time.Time // by routing key, within the last minute
	keys         int                    // how many dedup keys were made up
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
	a := &Account{Faults: &fault.Script{}, options: options, accepted: map[string][]time.Time{}}
	a.Faults.OnRequest = a.changes.Tell
	a.handler = a.routes()
	return a
}

func (a *Account) routes() http.Handler {
	api := http.NewServeMux()
	api.HandleFunc("POST /v2/enqueue", a.enqueue)
	api.HandleFunc("POST /v2/change/enqueue", a.enqueueChange)
	api.HandleFunc("GET /incidents", a.restricted(a.listIncidents))
	api.HandleFunc("PUT /incidents", a.restricted(a.manageIncidents))

	mux := http.NewServeMux()
	mux.Handle("/", a.Faults.Wrap(api))
	mux.Handle(steer.Prefix, steer.Panel{
		Script: a.Faults, Changes: &a.changes, Reset: a.forget,
		Views: map[string]func() any{
			"incidents": func() any { return a.Incidents() },
			"pages":     func() any { return a.Pages() },
			"events":    func() any { return a.Events() },
			"changes":   func() any { return a.ChangeEvents() },
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

// Pages is every time a person would have been notified, in order: once for each new incident. A trigger that merges
// into an open or acknowledged incident notifies nobody.
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
		all = append(all, *i)
	}
	return all
}

// Await returns the incidents once until holds for them, or with the context's error what there was by then.
func (a *Account) Await(ctx context.Context, until func([]Incident) bool) ([]Incident, error) {
	return steer.Await(ctx, &a.changes, a.Incidents, until)
}

// Reset forgets all incidents, pages, events, faults and logged requests.
func (a *Account) Reset() {
	a.Faults.Reset()
	a.forget()
	a.changes.Tell()
}

func (a *Account) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.incidents, a.pages, a.events, a.changeEvents = nil, nil, nil, nil
	clear(a.accepted)
}
