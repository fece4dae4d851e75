// Package pagerduty pages people through PagerDuty's Events API v2, hears what
// they do there by webhooks, and asks the REST API what a webhook did not tell.
//
// There are two ways to have a ladder. Either each rung has an integration of
// its own and is called by an alert of its own; or all rungs are levels of one
// escalation policy: the first is called by an alert, the others by moving the
// incident to their level, because a trigger that merges into an open incident
// notifies nobody (see [Escalation]).
//
// An event sent twice is one event as long as its alert is open, because both
// carry the same dedup key. PagerDuty does not order events: who performs
// sends the next of an incident only when the one before has ended.
//
// Start reading at [PagerDuty.Tell] for what goes out and at
// [PagerDuty.Webhooks] for what comes in.
package pagerduty

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/x0tta6bl4/remediated/notify"
	"github.com/x0tta6bl4/remediated/remediate"
)

// Prefix of the destinations; the name of a rung follows.
const Prefix = remediate.PagerDuty

// PagerDuty is a [notify.Service]. No breaker is between it and PagerDuty: a
// page is tried as long as it may get through. Its methods may be called from
// any goroutine.
type PagerDuty struct {
	options   Options
	eventsURL string
	changeURL string
	client    *http.Client
	pace      pace

	tries       memory[time.Time]      // of pages that did not get through yet, by destination and key
	triggered   memory[time.Time]      // when PagerDuty took the trigger of a key
	escalations memory[time.Time]      // when we moved an incident, by PagerDuty's ID
	links       memory[string]         // where people see what was paged, by key
	acked       memory[struct{}]       // incidents that a person is known to have acknowledged, by PagerDuty's ID
	changes     memory[int]            // how many change events of a tell were taken, by its ID
	webhooks    memory[struct{}]       // webhooks that were heard, by their two IDs
	polled      atomic.Pointer[string] // the key at which the next poll begins
}

// How much is remembered. Each is more than is open at a time; what is
// forgotten, by this or by a restart, costs a repetition and no more.
const (
	maxTries    = 10_000
	maxWebhooks = 2 * 10_000 // two IDs each
)

// New returns a PagerDuty that pages as the options say. It calls nobody.
func New(o Options) (*PagerDuty, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.EventsURL == "" {
		o.EventsURL = DefaultEventsURL
	}
	if o.APIURL == "" {
		o.APIURL = DefaultAPIURL
	}
	u, err := url.Parse(o.EventsURL)
	if err != nil {
		return nil, err // Validate has said so
	}
	if strings.Trim(u.Path, "/") == "" {
		u = u.JoinPath(eventsPath)
	}
	p := &PagerDuty{options: o, eventsURL: u.String(), changeURL: u.JoinPath("..", "change/enqueue").String(), client: notify.HTTPClient(o.Timeout)}
	p.tries.most, p.triggered.most, p.escalations.most = maxTries, maxTries, maxTries
	p.acked.most, p.links.most, p.changes.most, p.webhooks.most = maxTries, maxTries, maxTries, maxWebhooks
	return p, nil
}

// Destinations returns pagerduty/RUNG for each rung, sorted, and
// [remediate.PagerDutyChanges] if change events have somewhere to go.
func (p *PagerDuty) Destinations() []string {
	var ds []string
	if p.options.changesRung() != "" {
		ds = append(ds, remediate.PagerDutyChanges)
	}
	for _, rung := range p.options.rungs() {
		ds = append(ds, Prefix+rung)
	}
	return ds
}

// Tell makes one try of a page or of change events. Of a page it returns the
// dedup key. That PagerDuty took it does not say that somebody was woken: it
// works on from there by itself.
func (p *PagerDuty) Tell(ctx context.Context, started remediate.Started) (string, error) {
	if started.Tell.Destination == remediate.PagerDutyChanges {
		return p.tellChanges(ctx, started)
	}
	n := started.Tell.Notice
	rung := strings.TrimPrefix(started.Tell.Destination, Prefix)
	if !slices.Contains(p.options.rungs(), rung) {
		return "", &notify.FinalError{
			Err: fmt.Errorf("pagerduty: there is no rung %q", rung),
			Do:  "add its key under notify.pagerduty.routing_keys",
		}
	}
	event, err := p.event(n)
	if err != nil {
		return "", &notify.FinalError{Err: fmt.Errorf("pagerduty: %w", err), Do: "this is a bug in remediated: please report it"}
	}
	to, err := p.integration(rung)
	if err != nil {
		return "", err
	}
	if n.Action == trigger {
		return n.Key, p.call(ctx, started, to, event)
	}
	if err := p.sendEvent(ctx, to, event); err != nil || n.Action == acknowledge {
		return n.Key, err
	}
	// A page before this one may still be open: somebody acknowledged it while
	// this one was on its way, so that it was left to them.
	return n.Key, p.resolveReplaced(ctx, to, n)
}

// integration is where events go.
type integration struct {
	rung    string
	setting string // of the key
	file    notify.SecretFile
	key     notify.Secret
}

// integration returns that of a rung, with its key.
func (p *PagerDuty) integration(rung string) (integration, error) {
	name := rung
	if p.options.owned() {
		name = slices.Collect(maps.Keys(p.options.RoutingKeys))[0] // all levels are of one service
	}
	to := integration{rung: rung, setting: "notify.pagerduty.routing_keys." + name, file: p.options.RoutingKeys[name]}
	key, err := to.file.Read()
	if err != nil {
		// Not final: the file may be in the middle of a rotation.
		return to, fmt.Errorf("pagerduty, rung %s: %w; check %s", rung, err, to.setting)
	}
	to.key = key
	return to, nil
}

func (p *PagerDuty) observe(what string) {
	if p.options.Observe != nil {
		p.options.Observe(what)
	}
}
