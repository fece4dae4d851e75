package pagerduty

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	api "github.com/PagerDuty/go-pagerduty"
)

// moves tells whether the rung is called by moving the incident to its level.
// The lowest is where an incident begins.
func (p *PagerDuty) moves(rung string) bool {
	level := p.options.Escalation.Levels[rung]
	for _, other := range p.options.Escalation.Levels {
		if other < level {
			return true
		}
	}
	return level > 1 // a policy begins at 1, whoever of us is there
}

// raise calls the rung.
func (p *PagerDuty) raise(ctx context.Context, to integration, event *api.V2Event) error {
	if !p.moves(to.rung) {
		return p.begin(ctx, to, event)
	}
	incidents, err := p.list(ctx, event.DedupKey)
	if err != nil {
		return fmt.Errorf("pagerduty, rung %s: %w", to.rung, err)
	}
	at := slices.IndexFunc(incidents, func(i api.Incident) bool { return i.Status != statusResolved })
	if at < 0 {
		return p.open(ctx, to, event)
	}
	return p.move(ctx, to, incidents[at].ID)
}

func (p *PagerDuty) begin(ctx context.Context, to integration, event *api.V2Event) error {
	if err := p.sendEvent(ctx, to, event); err != nil {
		return err
	}
	p.triggered.put(event.DedupKey, time.Now())
	return nil
}

// open triggers what no rung below this one has, or what is over, and leaves
// moving it to the next try: PagerDuty takes events first and works on them
// later.
func (p *PagerDuty) open(ctx context.Context, to integration, event *api.V2Event) error {
	if sent, ok := p.triggered.get(event.DedupKey); !ok || time.Since(sent) > skew {
		if err := p.begin(ctx, to, event); err != nil {
			return err
		}
	}
	return fmt.Errorf("pagerduty, rung %s: PagerDuty took the trigger of %s and has not opened its incident yet; "+
		"it is moved to the rung's level when it has", to.rung, event.DedupKey)
}

// move moves PagerDuty's incident to the rung's level.
func (p *PagerDuty) move(ctx context.Context, to integration, incident string) error {
	type change struct {
		Type  string `json:"type"`
		Level int    `json:"escalation_level"`
	}
	// Before the call: its echo may be faster than its answer.
	p.escalations.put(incident, time.Now())
	level := p.options.Escalation.Levels[to.rung]
	err := p.ask(ctx, http.MethodPut, "/incidents/"+url.PathEscape(incident), nil,
		map[string]change{"incident": {Type: "incident_reference", Level: level}}, nil)
	if err != nil {
		return fmt.Errorf("pagerduty, rung %s: move the incident to level %d: %w", to.rung, level, err)
	}
	return nil
}
