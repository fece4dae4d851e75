package remediate

import (
	"cmp"
	"fmt"
	"strconv"
	"time"
)

// What of ours is to fire at the Alertmanagers, so that people can route it
// like all else, and so that it can inhibit a page. It is read off the state
// and is no fact: an Alertmanager is told anew every half minute, and what it
// is no longer told of ends by itself.

// Alerts of ours beside those in own.go. They are no incidents: each is about one.
const (
	FailedAlert     = "RemediationFailed"         // it is not mended, and will not be by us
	JournalAlert    = "RemediationJournalFailed"  // what is done could not be remembered, so nothing is
	ApprovalAlert   = "RemediationApprovalNeeded" // a plan waits for a human
	InProgressAlert = "RemediationInProgress"     // an alert is being worked on: inhibit its page
)

// raiseLease is how long what is raised fires when nothing more is heard of us.
// It spans a restart, after which the same is raised again.
const raiseLease = 5 * time.Minute

// Raised returns the alerts of ours that are to fire at the moment now, in a
// fixed order. Each ends by itself at its EndsAt, until it is raised again.
//
// They are: [JournalAlert] while the journal cannot be written; each of our own alerts that fires (RemediationStorm and so on);
// [ApprovalAlert] for each plan that waits for a human; [FailedAlert] for what
// we do not mend; and [InProgressAlert] for each alert whose page is held.
// Of what a live drill broke only the last is raised, unless people are called for
// it. Nothing is raised for what is closed, silenced, only found firing, or of a
// policy that observes: people are told nothing of that. The alert of a drill that
// is on is raised as well, and comes back to us like any other.
func Raised(s *State, books Rulebooks, now time.Time) []Alert {
	h := &handler{books: books, s: s, now: factTime(s, now)}
	out := h.forgetful(now)
	for _, n := range s.Incidents.Numbers() {
		b := s.Incidents.Brief(n)
		if p := h.policyOf(b.Rulebook, b.Policy); p == nil || p.Mode == ModeObserve || b.Status == StatusObserved {
			continue // it does not speak, and there may be many
		}
		i := s.Incidents.Look(n)
		if !h.speaks(i) {
			continue
		}
		_, quiet := h.quiet(i)
		if a, fires := h.raisedOf(i); fires && !quiet {
			a.EndsAt = now.Add(raiseLease)
			out = append(out, a)
		}
		out = append(out, h.held(i, now)...)
	}
	out = append(out, s.drillAlerts(now)...)
	for k := range out {
		out[k].StartsAt = earlier(out[k].StartsAt, now) // or an Alertmanager refuses it
	}
	return out
}

// forgetful is the alert that says that the journal cannot be written, if that is
// so. It is no incident: there is nowhere to keep one.
func (h *handler) forgetful(now time.Time) []Alert {
	book := h.books[h.s.Rulebook]
	if h.s.degraded == "" || book == nil {
		return nil
	}
	return []Alert{{
		Labels: ownLabels(book, JournalAlert), StartsAt: now, EndsAt: now.Add(raiseLease),
		Annotations: map[string]string{"summary": "remediated cannot write to its journal: alerts are refused, to come again, and nothing is done: " + h.s.degraded},
	}}
}

// speaks tells whether people are told of the incident at all.
func (h *handler) speaks(i *Incident) bool {
	_, silenced := h.silencers(i)
	return i.Closed.IsZero() && !i.Found && !silenced && !h.silent(i) && i.Drill == "" && i.Status != StatusObserved
}

// raisedOf is the one alert that says how the incident stands, if there is
// something to say.
func (h *handler) raisedOf(i *Incident) (Alert, bool) {
	if own := ownAlert(i.Policy); own != "" {
		a := h.about(i, own, i.Alert.Annotations["summary"])
		return a, len(i.Firing) > 0
	}
	if i.Status == StatusApproval {
		a := h.about(i, ApprovalAlert, fmt.Sprintf("a plan for %s waits for a human: %s", i.subject(), because(i.Verdicts)))
		a.Annotations["plan"] = i.Hash
		if i.Plan != nil {
			a.Annotations["step"] = i.Plan.Step
		}
		return a, true
	}
	why := h.failure(i)
	return h.about(i, FailedAlert, fmt.Sprintf("%s is not mended by automation: %s", i.subject(), why)), why != ""
}

// ownAlert is the name of the alert that a policy of our own is for, "" when it
// is none.
func ownAlert(policy string) string {
	for name, p := range ownPolicies {
		if p.Name == policy {
			return name
		}
	}
	return ""
}

// failure says why the incident needs people, "" when it does not, or when they
// know: it is healed, somebody acknowledged it or said himself that nothing is
// to be done, its root says so for it, or its policy has no remedy that could
// fail. That it merely lasts is no failure: what it lasts too long for is called
// by the ladder, and by the alert itself.
func (h *handler) failure(i *Incident) string {
	switch {
	case i.Acked != "", !i.Healed.IsZero(), len(h.policy(i).Steps) == 0, h.rootOf(i) != nil:
		return ""
	case i.Exhausted:
		return fmt.Sprintf("every step was tried, in %s, and none helped", attempts(i.Tries))
	case i.Status == StatusDenied:
		return because(i.Verdicts)
	case h.unwell(i):
		return "its alerts are gone, but it is not seen to be well: " + i.Lost
	}
	return ""
}

// unwell tells whether an incident whose alerts are gone is not well for so long
// that people are to hear of it: as long as the ladder waits. It is so also
// while it is looked at once more, or the alert would come and go.
func (h *handler) unwell(i *Incident) bool {
	if len(i.Firing) > 0 || i.Lost == "" || i.Status != StatusUnconfirmed && !i.asking(ForConfirmation) {
		return false
	}
	_, due := h.pageWhy(i)
	if due.IsZero() { // nobody is paged for it
		due = i.Since.Add(holdMost)
	}
	return !due.After(h.now)
}

// about is an alert of ours about an incident.
func (h *handler) about(i *Incident, name, summary string) Alert {
	m := map[string]string{
		"alertname": name, "source": OwnSource, "cluster": h.books[i.Rulebook].Cluster,
		"incident": shortOf(i.ID), "policy": i.Policy, "severity": string(i.Severity),
	}
	if ns := cmp.Or(i.Target.Namespace, i.Alert.Labels.Get("namespace")); ns != "" {
		m["namespace"] = ns
	}
	if !i.Target.IsZero() {
		m["target"] = i.Target.plain()
	}
	return Alert{Labels: LabelsOf(m), Annotations: map[string]string{"summary": summary}, StartsAt: i.Since}
}

// shortOf is an incident's name for people: i42.
func shortOf(incident uint64) string { return "i" + strconv.FormatUint(incident, 10) }

// subject says what the incident is about: PostgresDown at deployment/shop/db.
func (i *Incident) subject() string {
	if i.Target.IsZero() {
		return i.Alert.Name()
	}
	return i.Alert.Name() + " at " + i.Target.plain()
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
