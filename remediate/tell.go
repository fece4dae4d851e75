package remediate

import (
	"cmp"
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
	h.drop(i)
	behind := false
	for _, d := range h.destinations(i) {
		n, wanted := h.notice(i, d)
		if !wanted {
			continue
		}
		behind = true
		if i.telling(d) || i.retryOf(d, n).After(h.now) {
			continue
		}
		h.emit(Started{
			ID: fmt.Sprintf("%s-t%d", h.s.Wire(i.ID), i.Tells+1), Incident: i.ID, Deadline: h.now.Add(tellWithin),
			Tell: &Tell{Destination: d, Notice: n, Digest: n.digest(), Ref: i.ref(d)},
		})
	}
	if i.Status == StatusClosed && len(i.Pending) == 0 && (!behind || !h.now.Before(i.Closed.Add(tellGiveUp))) {
		h.emit(Filed{Incident: i.ID})
	}
}

// drop ends pages that do not get through and are not what is to be told any
// more: when it works again, only those whose turn it is are called.
func (h *handler) drop(i *Incident) {
	for _, p := range slices.Clone(i.Pending) {
		hangs := p.Tell != nil && h.now.Sub(p.Deadline.Add(-tellWithin)) >= acceptWithin
		if p.Tell == nil || p.Why == "" && !hangs || p.Tell.Notice.Action == "show" {
			continue
		}
		n, wanted := h.notice(i, p.Tell.Destination)
		if wanted && n.Action == p.Tell.Notice.Action && n.Key == p.Tell.Notice.Key {
			continue
		}
		h.emit(Finished{ID: p.ID, Incident: i.ID, Result: Result{Outcome: Refused, Text: h.overtaken(i) + "; last: " + cmp.Or(p.Why, "no answer")}})
	}
}

// overtaken says why a page is not to be told any more.
func (h *handler) overtaken(i *Incident) string {
	switch {
	case i.Status == StatusClosed:
		return "it is closed"
	case i.Acked != "":
		return i.Acked + " has acknowledged"
	case !i.Healed.IsZero():
		return "it is healed"
	}
	return i.Ladder.Now + " is called by now"
}

// nextTell is when a tell that did not arrive is to be begun again, or given up.
func (h *handler) nextTell(i *Incident) time.Time {
	var at time.Time
	if i.Status == StatusClosed && len(i.Pending) == 0 {
		at = i.Closed.Add(tellGiveUp)
	}
	for _, d := range h.destinations(i) {
		n, wanted := h.notice(i, d)
		t := i.retryOf(d, n)
		if !wanted || t.IsZero() || i.telling(d) {
			continue
		}
		if at.IsZero() || t.Before(at) {
			at = t
		}
	}
	return at
}

// retryOf is when a notice may be tried again after failures at its
// destination, zero when there were none. A new call does not wait for what
// became of the one before it.
func (i *Incident) retryOf(destination string, n Notice) time.Time {
	sh := i.Shown[destination]
	if sh.Failures == 0 || n.Action == "trigger" && n.Key != sh.Key {
		return time.Time{}
	}
	if n.Action == "trigger" {
		return sh.At.Add(tellAgain) // somebody is to come
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
	if book == nil || i.Found || h.silent(i) {
		return nil
	}
	var ds []string
	if book.can(PagerDutyChanges) && i.Tries > 0 {
		ds = append(ds, PagerDutyChanges)
	}
	if i.Severity == P3 {
		return ds
	}
	leaf := h.rootOf(i) != nil && i.Shown[Slack].Ref == "" // its root's message is enough
	if book.can(Slack) && !leaf && h.introduces(i) {
		ds = append(ds, Slack)
		if i.Shown[Slack].Ref != "" {
			ds = append(ds, SlackThread)
		}
	}
	if book.can(SlackBridge) && (!leaf && i.Severity == P1 || i.Shown[SlackBridge].Action != "") {
		ds = append(ds, SlackBridge)
	}
	for _, to := range i.Ladder.To {
		for k, d := range h.channels(i, to) {
			if k == 0 || i.Shown[d].Key != "" || to == i.Ladder.Now && i.Ladder.Other {
				ds = append(ds, d)
			}
		}
	}
	return ds
}

// At most so many incidents are shown for the first time in so long, but for
// those that somebody is called for: more than that nobody reads. The others
// come when there is room, and in the digest when they are over by then.
const (
	maxIntroduced = 20
	introducedPer = 5 * time.Minute
)

// introduces tells whether the incident is shown, or may be now.
func (h *handler) introduces(i *Incident) bool {
	if i.visible() || i.Severity == P1 || i.Ladder.Told > 0 || ownPolicy(i.Policy) != nil || i.Status == StatusApproval {
		return true
	}
	n, _ := spent(h.s.Introduced, h.now, maxIntroduced, introducedPer)
	return n < maxIntroduced
}

// introduceAt is when there is room to show the incident for the first time,
// zero when it is not to be or need not wait.
func (h *handler) introduceAt(i *Incident) time.Time {
	book := h.books[i.Rulebook]
	if book == nil || !book.can(Slack) || i.Found || h.silent(i) || i.Severity == P3 || i.Status == StatusClosed || h.introduces(i) || h.rootOf(i) != nil {
		return time.Time{}
	}
	_, until := spent(h.s.Introduced, h.now, maxIntroduced, introducedPer)
	return until
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
	case SlackBridge:
		return bridge(n, shown)
	case PagerDutyChanges:
		n.Attempts = i.undisclosed(shown.Ref)
		return n, len(n.Attempts) > 0
	}
	n.Rung = destination[len(familyOf(destination)):]
	return h.page(i, n, shown)
}

// bridge is what the incident's own channel should be: open, until it is over.
func bridge(n Notice, shown Showed) (Notice, bool) {
	n.Action = "open"
	if n.Status == StatusClosed {
		n.Action = "close"
	}
	begun := shown.Action != "" || !shown.Since.IsZero() || shown.Failures > 0
	return n, n.Action != shown.Action && (n.Action == "open" || begun)
}

// undisclosed are the attempts after the one that was told last whose act has
// ended.
func (i *Incident) undisclosed(last string) []Attempt {
	k := slices.IndexFunc(i.Attempts, func(a Attempt) bool { return a.ID == last })
	after := i.Attempts[k+1:]
	open := slices.IndexFunc(after, func(a Attempt) bool { return a.Result == "" })
	if open >= 0 {
		after = after[:open]
	}
	return slices.Clone(after)
}

// page is what the page of a rung should show. Nobody is called for what is
// healed, and of a rung that was passed over only what was told is ended.
func (h *handler) page(i *Incident, n Notice, shown Showed) (Notice, bool) {
	n.Key, n.Replaces = shown.Key, shown.Old
	switch {
	case i.Status == StatusClosed:
		n.Action = "resolve"
	case i.Acked != "":
		n.Action = "acknowledge"
	default:
		n.Action, n.Key, n.Replaces = "trigger", h.pageKey(i, n.Rung), shown.Key
		if n.Key == shown.Key {
			n.Replaces = shown.Old
		}
		if n.Replaces == i.Alert.Group {
			n.Replaces = "" // it is Alertmanager's, too
		}
		arrived := n.Key == shown.Key && shown.Action != ""
		return n, n.Rung == i.Ladder.Now && i.Healed.IsZero() && !arrived
	}
	theirs := n.Action == "resolve" && n.Key == i.Alert.Group // Alertmanager ends it: other alerts may be in it
	return n, n.Key != "" && n.Action != shown.Action && shown.Action != "resolve" && !theirs
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
	if h.counts(i) {
		n.Due = i.Since.Add(time.Duration(h.runbook(i).Objective))
	}
	if i.Status == StatusApproval {
		n.Plan = i.Hash
		if i.Plan != nil {
			n.Step = i.Plan.Step
		}
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
