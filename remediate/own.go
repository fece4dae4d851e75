package remediate

import (
	"fmt"
	"maps"
	"strings"
	"time"
)

// What we have to say of ourselves is an alert of our own, and as such opens an
// incident that people hear of as of any other. It has no remedy.

// Labels of our own alerts. What carries them is never remediated.
const (
	OwnSource = "remediated"  // of the label source
	OwnPrefix = "Remediation" // of alertname
)

// Our own alerts, by alertname.
const (
	StormAlert    = "RemediationStorm"    // so much at once that it must have one cause
	WatchdogAlert = "RemediationWatchdog" // what Prometheus sees does not reach us any more
	UntoldAlert   = "RemediationUntold"   // people cannot be shown what happens
)

// Policies of our own incidents.
const (
	StormPolicy    = "storm"
	WatchdogPolicy = "watchdog"
	UntoldPolicy   = "untold"
)

// ownPolicies are always there, by alert.
var ownPolicies = map[string]*Policy{
	StormAlert:    {Name: StormPolicy, Severity: P2, Mode: ModeAct},
	WatchdogAlert: {Name: WatchdogPolicy, Severity: P1, Mode: ModeAct},
	UntoldAlert:   {Name: UntoldPolicy, Severity: P2, Mode: ModeAct},
}

// ownPolicy returns one of them by its name, nil when there is none.
func ownPolicy(name string) *Policy {
	for _, p := range ownPolicies {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// Own tells whether an alert with these labels is one of ours.
func (ls Labels) Own() bool {
	return ls.Get("source") == OwnSource && strings.HasPrefix(ls.Get("alertname"), OwnPrefix)
}

// ownLabels are those of one of our alerts.
func ownLabels(book *Rulebook, alert string) Labels {
	return LabelsOf(map[string]string{"alertname": alert, "source": OwnSource, "cluster": book.Cluster})
}

// ownIncident is the incident of one of our alerts that fires, nil when it does
// not. No human ends it, so that the one is there for as long as the other.
func (s *State) ownIncident(alert string) *Incident {
	p := ownPolicies[alert]
	if p == nil {
		return nil
	}
	for n := range s.index.byPolicy[p.Name] {
		if i := s.Incidents.Get(n); len(i.Firing) > 0 {
			return i
		}
	}
	return nil
}

// raise begins one of our alerts, and its incident.
func (h *handler) raise(alert, summary, toldOnly string) {
	book, p := h.books[h.s.Rulebook], ownPolicies[alert]
	if book == nil || p == nil || h.s.ownIncident(alert) != nil {
		return
	}
	ls := ownLabels(book, alert)
	id := IdentityOf(ls, nil)
	h.emit(AlertFiring{ID: id, Via: ViaOwn, Alert: Alert{Labels: ls, Annotations: map[string]string{"summary": summary}, StartsAt: h.now}})
	key := fmt.Sprintf("%s cluster=%q", p.Name, book.Cluster)
	if n, open := h.s.index.byKey[key]; open {
		h.emit(Joined{Incident: n, Alert: id})
		return
	}
	h.emit(Opened{
		Incident: h.s.Last + 1, Alert: id, Policy: p.Name, Rulebook: book.Digest(), Key: key, Severity: p.Severity, ToldOnly: toldOnly,
	})
}

// fall ends one of our alerts.
func (h *handler) fall(alert string) {
	i := h.s.ownIncident(alert)
	if i == nil {
		return
	}
	for id := range maps.Clone(i.Firing) { // it is one
		h.resolve(id, AlertResolved{ID: id, Via: ViaOwn})
	}
}

// trouble takes what was noticed about ourselves from outside of the decider.
func (h *handler) trouble(in Trouble) {
	if in.Firing {
		h.raise(in.Alert, in.Summary, in.Summary)
		return
	}
	h.fall(in.Alert)
}

// untoldAfter is how long Slack may take nothing before people hear of it in
// another way: they look there, and see that all is quiet.
const untoldAfter = 10 * time.Minute

// untold says, in another way, that people cannot be shown what happens, and
// that they can again.
func (h *handler) untold() {
	switch at := h.untoldAt(); {
	case h.s.Mute.Since.IsZero():
		h.fall(UntoldAlert)
	case !at.IsZero() && !at.After(h.now):
		what := fmt.Sprintf("nothing was shown in Slack since %s: %s", h.s.Mute.Since.Format(time.TimeOnly), h.s.Mute.Why)
		h.raise(UntoldAlert, what, what)
	}
}

// untoldAt is when untold has something to say, zero when never.
func (h *handler) untoldAt() time.Time {
	if h.s.Mute.Since.IsZero() || h.s.ownIncident(UntoldAlert) != nil || h.books[h.s.Rulebook] == nil {
		return time.Time{}
	}
	return h.s.Mute.Since.Add(untoldAfter)
}
