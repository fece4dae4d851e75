package pagerduty

import (
	"context"
	"fmt"
	"time"

	api "github.com/PagerDuty/go-pagerduty"

	"github.com/x0tta6bl4/remediated/notify"
	"github.com/x0tta6bl4/remediated/remediate"
)

// tellChanges sends a change event for each attempt of the notice, in order,
// and returns the last one's ID. PagerDuty does not merge change events: a try
// goes on behind the last one that was taken, as long as this process lives.
func (p *PagerDuty) tellChanges(ctx context.Context, s remediate.Started) (string, error) {
	rung := p.options.changesRung()
	if rung == "" {
		return "", &notify.FinalError{Err: fmt.Errorf("pagerduty: change events have nowhere to go"), Do: "set notify.pagerduty.changes_rung"}
	}
	to, err := p.integration(rung)
	if err != nil {
		return "", err
	}
	n := s.Tell.Notice
	ref := s.Tell.Ref
	taken, _ := p.changes.get(s.ID)
	w := p.options.Templates.Words(service, n, p.page(n))
	for k, a := range n.Attempts {
		ref = a.ID
		if k < taken {
			continue
		}
		event := p.change(n, a, w.Attempt("change", k))
		event.RoutingKey = to.key.Reveal()
		if err := p.send(ctx, to, p.changeURL, "change event of "+notify.Clean(a.ID, maxID), event); err != nil {
			return "", err
		}
		p.changes.put(s.ID, k+1)
	}
	p.changes.drop(s.ID)
	return ref, nil
}

// change returns the event of an attempt, with the summary and without its routing key. All that is
// in it is cut short, so that it is far below the limit of an event.
func (p *PagerDuty) change(n remediate.Notice, a remediate.Attempt, summary string) *api.ChangeEvent {
	e := &api.ChangeEvent{Payload: api.ChangeEventPayload{Summary: notify.Cut(summary, maxSummary), Source: source(n), CustomDetails: changeDetails(n, a)}}
	if !a.At.IsZero() {
		e.Payload.Timestamp = a.At.UTC().Format(time.RFC3339)
	}
	if link := p.page(n); link != "" {
		e.Links = []api.ChangeEventLink{{Href: link, Text: "open " + notify.ID(n)}}
	}
	return e
}

func changeDetails(n remediate.Notice, a remediate.Attempt) map[string]any {
	d := map[string]any{"verified": a.OK}
	for name, text := range map[string]string{
		"incident": notify.ID(n), "policy": n.Policy, "target": n.Target.String(), "attempt": a.ID, "step": a.Step,
		"act": a.Act, "result": a.Result, "verification": a.Verify,
	} {
		if text = notify.Clean(text, maxValue); text != "" {
			d[name] = text
		}
	}
	return d
}
