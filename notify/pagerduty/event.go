package pagerduty

import (
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	api "github.com/PagerDuty/go-pagerduty"

	"github.com/x0tta6bl4/remediated/notify"
	"github.com/x0tta6bl4/remediated/remediate"
)

// Limits of the Events API v2
// (https://developer.pagerduty.com/docs/events-api-v2-overview).
const (
	maxSummary  = 1024    // characters
	maxDedupKey = 255     // characters
	maxEvent    = 500_000 // bytes, of the 512 KB allowed
	maxAttempts = 50
	maxLabels   = 100
	maxValue    = 1024 // characters, of one label
)

// service is the first part of our templates' names.
const service = "pagerduty"

// Actions of an event.
const (
	trigger     = "trigger"
	acknowledge = "acknowledge"
	resolve     = "resolve"
)

// event returns the event of a notice, without its routing key.
func (p *PagerDuty) event(n remediate.Notice) (*api.V2Event, error) {
	switch {
	case n.Key == "":
		// PagerDuty would draw a key of its own, which nothing could resolve.
		return nil, fmt.Errorf("the notice of %s has no key", notify.ID(n))
	case len(n.Key) > maxDedupKey:
		return nil, fmt.Errorf("the key of %s has %d characters, at most %d are allowed", notify.ID(n), len(n.Key), maxDedupKey)
	}
	e := &api.V2Event{Action: n.Action, DedupKey: n.Key, Client: "remediated"}
	switch n.Action {
	case acknowledge, resolve:
		return e, nil // PagerDuty looks at no more than the key
	case trigger:
	default:
		return nil, fmt.Errorf("the action %q cannot be sent: want trigger, acknowledge or resolve", notify.Clean(n.Action, 40))
	}
	link := p.page(n)
	w := p.options.Templates.Words(service, n, link)
	e.Payload = payload(n, w)
	if link != "" {
		e.ClientURL = link
		e.Links = []any{map[string]string{"href": link, "text": "open " + notify.ID(n)}}
	}
	if b, err := json.Marshal(e); err != nil || len(b) > maxEvent {
		e.Payload.Details = map[string]string{"too long": "see " + where(link, n)}
	}
	return e, nil
}

// where tells where the whole can be read.
func where(link string, n remediate.Notice) string {
	if link != "" {
		return link
	}
	return "remedy incident explain " + notify.ID(n)
}

// payload says what is the matter and, as evidence, what was tried and seen.
func payload(n remediate.Notice, w *notify.Words) *api.V2Payload {
	p := &api.V2Payload{
		Summary:   notify.Cut(ofDrill(n)+w.Summary(), maxSummary),
		Source:    source(n),
		Severity:  severity(n.Severity),
		Component: notify.Clean(n.Target.String(), maxValue),
		Group:     notify.Clean(n.Policy, maxValue),
		Class:     notify.Clean(n.Alert, maxValue),
		Details:   details(n, w),
	}
	if !n.Opened.IsZero() {
		p.Timestamp = n.Opened.UTC().Format(time.RFC3339)
	}
	return p
}

// details are shown in the order of their names, hence the numbers.
func details(n remediate.Notice, w *notify.Words) map[string]any {
	d := map[string]any{}
	put := func(name, text string) {
		if text != "" {
			d[name] = text
		}
	}
	put("1 the alert says", w.Says())
	put("2 why", w.Why())
	if story := w.Story(maxAttempts); len(story) > 0 {
		d["3 what was tried"] = story
	}
	facts := map[string]string{}
	for _, f := range w.Details() {
		facts[f.Name] = f.Text
	}
	if len(facts) > 0 {
		d["4 incident"] = facts
	}
	if next := w.Next(); len(next) > 0 {
		d["5 next"] = next
	}
	if len(n.Labels) > 0 {
		d["6 labels"] = labels(n.Labels)
	}
	return d
}

func labels(ls remediate.Labels) map[string]string {
	m := map[string]string{}
	for _, l := range ls[:min(len(ls), maxLabels)] {
		m[notify.Clean(l.Name, maxValue)] = notify.Clean(l.Value, maxValue)
	}
	return m
}

// source is the affected system, which PagerDuty insists on having.
func source(n remediate.Notice) string {
	for _, s := range []string{n.Target.String(), n.Labels.Get("instance"), n.Policy} {
		if s = notify.Clean(s, maxValue); s != "" {
			return s
		}
	}
	return "remediated"
}

// severity is error for a severity that nobody told us of: too loud rather
// than not at all.
func severity(s remediate.Severity) string {
	switch s {
	case remediate.P1:
		return "critical"
	case remediate.P3:
		return "warning"
	}
	return "error"
}

// page returns the address of the incident's page if it is one.
func (p *PagerDuty) page(n remediate.Notice) string {
	if p.options.Page == nil {
		return ""
	}
	u, err := url.Parse(p.options.Page(n.Incident))
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return ""
	}
	return u.String()
}

// ofDrill says before all else, whatever the templates say, that it was broken on
// purpose.
func ofDrill(n remediate.Notice) string {
	if n.Live == "" {
		return ""
	}
	return "LIVE DRILL " + notify.Clean(n.Live, maxValue) + ": "
}
