package remediate

import (
	"fmt"
	"slices"
	"time"
)

// How long a tell may take, and how soon it is begun again when it did not
// arrive. Nothing that should be shown is given up while the incident is open.
const (
	tellWithin     = 10 * time.Minute
	tellAgain      = time.Minute
	tellAgainMost  = 15 * time.Minute
	tellGiveUp     = 24 * time.Hour // after the end of the incident
	maxLinesAtOnce = 20
)

// Destinations of tells. Those that end in a slash are followed by the name of
// a rung.
const (
	Slack            = "slack"             // the incident's one message
	SlackThread      = "slack/thread"      // what happened, as replies to it
	SlackBridge      = "slack/bridge"      // a channel of the incident's own
	SlackDigest      = "slack/digest"      // what nobody was told of one by one
	SlackPage        = "slack/page/"       // a rung is called by a message that mentions who it is
	PagerDuty        = "pagerduty/"        // a rung is called by an alert of PagerDuty
	PagerDutyChanges = "pagerduty-changes" // what was done, which wakes nobody
)

// tell holds what each destination shows against what it should show, and
// begins a tell where they differ: at most one per destination is open, so
// that what is shown comes in order and catches up by itself.
func (h *handler) tell(i *Incident) {
	behind := false
	for _, d := range h.destinations(i) {
		n, wanted := h.notice(i, d)
		if !wanted {
			continue
		}
		behind = true
		if i.telling(d) || i.retryAt(d).After(h.now) {
			continue
		}
		h.emit(Started{
			ID: fmt.Sprintf("%s-t%d", h.s.Wire(i.ID), i.Tells+1), Incident: i.ID, Deadline: h.now.Add(tellWithin),
			Tell: &Tell{Destination: d, Notice: n, Digest: n.digest(), Ref: i.ref(d)},
		})
	}
	if i.Status == StatusClosed && len(i.Pending) == 0 && (!behind || h.now.Sub(i.Closed) > tellGiveUp) {
		h.emit(Filed{Incident: i.ID})
	}
}

// nextTell is when a tell that did not arrive is to be begun again.
func (h *handler) nextTell(i *Incident) time.Time {
	var at time.Time
	for _, d := range h.destinations(i) {
		t := i.retryAt(d)
		if _, wanted := h.notice(i, d); !wanted || t.IsZero() || i.telling(d) {
			continue
		}
		if at.IsZero() || t.Before(at) {
			at = t
		}
	}
	return at
}

// retryAt is when a destination may be tried again after failures, zero when
// there were none.
func (i *Incident) retryAt(destination string) time.Time {
	sh := i.Shown[destination]
	if sh.Failures == 0 {
		return time.Time{}
	}
	return sh.At.Add(min(tellAgain<<min(sh.Failures-1, 4), tellAgainMost))
}

// ref is what names the message at the destination. The thread hangs on the
// incident's one message.
func (i *Incident) ref(destination string) string {
	if destination == SlackThread {
		return i.Shown[Slack].Ref
	}
	return i.Shown[destination].Ref
}

// destinations are those that the incident is shown at.
func (h *handler) destinations(i *Incident) []string {
	book := h.books[i.Rulebook]
	if book == nil || i.Found || h.silent(i) || i.Severity == P3 {
		return nil
	}
	var ds []string
	leaf := h.rootOf(i) != nil && i.Shown[Slack].Ref == "" // its root's message is enough
	if book.can(Slack) && !leaf {
		ds = append(ds, Slack)
		if i.Shown[Slack].Ref != "" {
			ds = append(ds, SlackThread)
		}
	}
	for _, to := range i.Ladder.To {
		if book.can(PagerDuty + to) {
			ds = append(ds, PagerDuty+to)
		}
	}
	return ds
}

// notice is what a destination should show, and whether it does not yet.
func (h *handler) notice(i *Incident, destination string) (Notice, bool) {
	n := h.noticeOf(i)
	shown := i.Shown[destination]
	switch destination {
	case Slack:
		return n, n.digest() != shown.Digest
	case SlackThread:
		n = Notice{Key: n.Key, Incident: n.Incident, Action: "show", Status: n.Status, Policy: n.Policy, Severity: n.Severity, Opened: n.Opened}
		n.Lines = slices.Clone(i.Lines[:min(len(i.Lines), maxLinesAtOnce)])
		return n, len(n.Lines) > 0
	}
	n.Rung = destination[len(PagerDuty):]
	n.Action = "trigger"
	switch {
	case i.Status == StatusClosed:
		n.Action = "resolve"
	case i.Acked != "":
		n.Action = "acknowledge"
	}
	return n, n.Action != shown.Action && shown.Action != "resolve"
}

// noticeOf is what there is to show of the incident.
func (h *handler) noticeOf(i *Incident) Notice {
	n := Notice{
		Key: h.s.Wire(i.ID), Incident: i.ID, Action: "show", Status: i.Status,
		Policy: i.Policy, Severity: i.Severity, Target: i.Target,
		Alert: i.Alert.Name(), Labels: i.Alert.Labels, Summary: i.Alert.Annotations["summary"], Firing: len(i.Firing),
		Opened: i.Opened, Healed: i.Healed, Closed: i.Closed,
		Attempts: slices.Clone(i.Attempts), Why: i.why(), Acked: i.Acked, Impact: i.impact(),
	}
	if p := h.policy(i); p != nil {
		n.Objective = p.Objective
	}
	if !i.First.IsZero() {
		n.Took = durationOf(i.First.Sub(i.Since))
	}
	if i.Status == StatusApproval {
		n.Plan = i.Hash
	}
	if len(i.Ladder.To) > 0 {
		n.Rung = i.Ladder.To[len(i.Ladder.To)-1]
	}
	return n
}

// why is the reason for the incident's status, for people.
func (i *Incident) why() string {
	switch i.Status {
	case StatusWaiting, StatusDenied, StatusHeld, StatusApproval, StatusObserved:
		return because(i.Verdicts)
	case StatusUnconfirmed:
		return "its alerts are gone, but it is not seen to be well: " + i.Lost
	}
	return ""
}
