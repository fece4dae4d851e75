package pagerduty

import (
	"context"
	"fmt"
	"slices"
)

// Poll asks about each key and returns what was done, for when webhooks do not
// arrive. One request after the other is made. What is asked twice is told
// twice, under the same ID. That an acknowledgement was taken back is told
// only if it was heard of by this process.
//
// When it is cut short, by an error or PagerDuty's limit (a
// [notify.WaitError]), it returns what it has, and the next poll begins where
// this one ended.
func (p *PagerDuty) Poll(ctx context.Context, keys []string) ([]Event, error) {
	var events []Event
	from := p.pollFrom(keys)
	for n := range keys {
		key := keys[(from+n)%len(keys)]
		incidents, err := p.list(ctx, key)
		if err != nil {
			p.polled.Store(&key)
			return events, fmt.Errorf("%d of %d keys were asked about: %w", n, len(keys), err)
		}
		for _, i := range incidents {
			p.linked(key, webAddress(i.HTMLURL))
			if e, ok := p.eventOf(standingOf(i), key); ok {
				p.remember(e)
				events = append(events, e)
			}
		}
	}
	p.polled.Store(nil)
	return events, nil
}

func (p *PagerDuty) pollFrom(keys []string) int {
	next := p.polled.Load()
	if next == nil {
		return 0
	}
	return max(slices.Index(keys, *next), 0)
}

// eventOf is what was done for an incident to stand so, if it was not us.
func (p *PagerDuty) eventOf(s Standing, key string) (Event, bool) {
	if s.Status == statusTriggered {
		_, acked := p.acked.get(s.Incident)
		return s.event(key), acked
	}
	return s.event(key), s.By.ID != ""
}

// event is what was done for an incident to stand so.
func (s Standing) event(key string) Event {
	e := Event{
		ID: fmt.Sprintf("%s/%s/%d", s.Incident, s.Status, s.At.Unix()), Key: key, At: s.At,
		AgentID: s.By.ID, AgentName: s.By.Name, Incident: s.Incident, URL: s.URL,
	}
	switch s.Status {
	case statusAcknowledged:
		e.Type = Acknowledged
	case statusResolved:
		e.Type = Resolved
	default:
		e.Type = Unacknowledged
	}
	return e
}
