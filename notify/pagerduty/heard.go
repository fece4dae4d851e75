package pagerduty

import (
	"context"
	"errors"
	"time"
)

// EventType is what was done about an incident.
type EventType string

// The types that matter.
const (
	Acknowledged   EventType = "acknowledged"
	Unacknowledged EventType = "unacknowledged" // by a person, or by PagerDuty after a time
	Resolved       EventType = "resolved"
	Reopened       EventType = "reopened"
	Escalated      EventType = "escalated"
)

// Event is something that was done about an incident in PagerDuty, not by us.
type Event struct {
	ID   string // the same when it is told again in the same way: by a webhook, or by looking
	Type EventType
	Key  string // the dedup key of the page
	// AgentID and AgentName are the person; empty when PagerDuty took it back or
	// opened it again by itself.
	AgentID, AgentName string
	At                 time.Time
	Incident           string // PagerDuty's ID
	URL                string // where people see it
}

// What Options.Observe is given.
const (
	SeenHeard     = "heard"     // a webhook was passed on
	SeenFailed    = "failed"    // a webhook could not be passed on; PagerDuty sends it again
	SeenRepeated  = "repeated"  // a webhook was heard before
	SeenOld       = "old"       // a webhook tells of long ago
	SeenEcho      = "echo"      // a webhook tells of what we or a machine did
	SeenOther     = "other"     // a webhook tells of what does not matter
	SeenKeyless   = "keyless"   // a webhook has no key that could be ours, and without a token it cannot be found
	SeenPing      = "ping"      // somebody tried the subscription
	SeenForged    = "forged"    // a webhook had no good signature
	SeenMalformed = "malformed" // a webhook could not be read
	SeenUnready   = "unready"   // no secret of webhooks can be read
	SeenOvertaken = "overtaken" // a page was not sent, because somebody is at it
	SeenBlind     = "blind"     // a late page was sent unseen, because PagerDuty could not be asked
)

// hear passes an event on and keeps in mind who is at what.
func (p *PagerDuty) hear(ctx context.Context, e Event) error {
	if p.options.Heard == nil {
		return errors.New("nobody listens to PagerDuty")
	}
	if err := p.options.Heard(ctx, e); err != nil {
		return err
	}
	p.remember(e)
	return nil
}

func (p *PagerDuty) remember(e Event) {
	p.linked(e.Key, e.URL)
	switch e.Type {
	case Acknowledged:
		p.acked.put(e.Incident, struct{}{})
	case Resolved:
		p.acked.drop(e.Incident)
	}
}
