package remediate

import (
	"fmt"
	"slices"
	"time"
)

// Holding the page: while automation is at it and people need not be called
// yet, each alert of an incident has an alert of ours beside it, which an
// inhibition rule of Alertmanager makes hold the page. It is bounded three
// times: by its lease, when we die; by the time at which people are to be
// called; and by everything that says that automation is not at it any more.

const (
	holdLease = 2 * time.Minute
	holdMost  = 5 * time.Minute // from the opening
)

// HeldName is the label that names the alert whose page is held: Alertmanager
// cannot compare the alertname of two alerts.
const HeldName = "held_alertname"

// held returns an alert beside each of the incident's that is held.
func (h *handler) held(i *Incident, now time.Time) []Alert {
	ends := h.holdEnds(i)
	if ends.IsZero() {
		return nil
	}
	lease := min(holdLease, ends.Sub(h.now)) // our time may be ahead of the clock's
	ids := make([]AlertID, 0, len(i.Firing))
	for id := range i.Firing {
		if h.holdable(id, i) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b AlertID) int { return slices.Compare(a[:], b[:]) })
	var out []Alert
	for _, id := range ids {
		out = append(out, Alert{
			Labels: i.holdLabels(id), StartsAt: h.s.Known[id].StartsAt, EndsAt: now.Add(lease),
			Annotations: map[string]string{"summary": fmt.Sprintf(
				"%s is being worked on by policy %s; people are called when it is not over by %s UTC", i.subject(), i.Policy, ends.UTC().Format(time.TimeOnly))},
		})
	}
	return out
}

// holdEnds is until when the pages of the incident's alerts are held, zero when
// they are not, or no longer.
func (h *handler) holdEnds(i *Incident) time.Time {
	if !h.speaks(i) || !h.mayHold(i) || h.peopleHaveIt(i) || !h.atIt(i) {
		return time.Time{}
	}
	ends := i.Since.Add(holdMost)
	if o := time.Duration(h.policy(i).Objective); o > 0 {
		ends = earlier(ends, i.Since.Add(o))
	}
	if _, first := h.pageWhy(i); !first.IsZero() {
		ends = earlier(ends, first)
	}
	if !ends.After(h.now) {
		return time.Time{}
	}
	return ends
}

// mayHold tells whether the policy says that pages are held, then and now, and
// nothing forbids it: of P1 people hear at once. Nor is anything held that came
// back or was there before it was ours. Its page may be out, and Alertmanager
// would not tell the pager that it is over when it resolves while it is held.
func (h *handler) mayHold(i *Incident) bool {
	then, now := h.policy(i), h.policyNow(i)
	return then.HoldPage && now != nil && now.HoldPage && i.Severity != P1 && i.Since.Equal(i.Opened)
}

// peopleHaveIt tells whether people were called already, or came by themselves.
func (h *handler) peopleHaveIt(i *Incident) bool {
	root := h.rootOf(i)
	return len(i.Ladder.To) > 0 || i.Acked != "" || i.Taken != "" ||
		root != nil && (len(root.Ladder.To) > 0 || root.Acked != "")
}

// atIt tells whether automation is at it, or about to be: it may act, nobody
// stopped it, and it has not given up.
func (h *handler) atIt(i *Incident) bool {
	switch {
	case h.modeOf(i).Mode != ModeAct, h.s.Degraded() != "", i.Exhausted:
		return false
	case i.Status == StatusWaiting && h.s.Storm != 0: // it waits for the storm to end
		return false
	}
	for _, scope := range h.scopes(i) {
		if _, paused := h.s.Paused[scope]; paused {
			return false
		}
	}
	return slices.Contains([]Status{StatusDeciding, StatusWaiting, StatusActing, StatusVerifying, StatusHealed}, i.Status)
}

// holdable tells whether an alert of the incident may be held: nobody silenced
// it, and no other incident that it is part of needs people.
func (h *handler) holdable(id AlertID, i *Incident) bool {
	if k := h.s.Known[id]; k == nil || len(k.Suppressed) > 0 {
		return false
	}
	return !slices.ContainsFunc(h.s.index.byAlert[id], func(n uint64) bool {
		other := h.s.Incidents.Get(n)
		return n != i.ID && h.speaks(other) && h.holdEnds(other).IsZero()
	})
}

// holdLabels are those of the held alert, so that an inhibition rule finds them
// equal, and what makes it ours. Nothing else is added: a label that only one of
// two alerts has is not equal.
func (i *Incident) holdLabels(id AlertID) Labels {
	m := map[string]string{}
	for _, l := range i.Alerts[id] {
		m[l.Name] = l.Value
	}
	m[HeldName] = m["alertname"]
	m["alertname"], m["source"], m["incident"], m["policy"] = InProgressAlert, OwnSource, shortOf(i.ID), i.Policy
	return LabelsOf(m)
}
