package remediate

import (
	"slices"
	"time"
)

// Where an incident is shown, and what each place should show of it.

// destinations are those that the incident is shown at.
func (h *handler) destinations(i *Incident) []string {
	if !h.told(i) {
		return nil
	}
	if i.Drill != "" { // it is shown, whatever its severity, and nobody is called
		return h.messages(i)
	}
	book := h.books[i.Rulebook]
	var ds []string
	if book.can(PagerDutyChanges) && i.Tries > 0 {
		ds = append(ds, PagerDutyChanges)
	}
	if i.Severity == P3 {
		return ds
	}
	ds = append(ds, h.messages(i)...)
	_, quiet := h.quiet(i)
	if book.can(SlackBridge) && (!h.shownByRoot(i) && i.Severity == P1 && !quiet || i.Shown[SlackBridge].Action != "") {
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

// messages are the incident's message in Slack and its thread, as far as they are
// there or may be now.
func (h *handler) messages(i *Incident) []string {
	switch {
	case !h.hasMessage(i) || !h.introduces(i):
		return nil
	case i.Shown[Slack].Ref == "":
		return []string{Slack}
	}
	return []string{Slack, SlackThread}
}

// told tells whether people are told of the incident at all.
func (h *handler) told(i *Incident) bool {
	return h.books[i.Rulebook] != nil && !i.Found && !h.silent(i)
}

// hasMessage tells whether the incident has a message of its own in Slack, or
// will have when there is room.
func (h *handler) hasMessage(i *Incident) bool {
	if i.Drill != "" {
		return h.told(i) && h.books[i.Rulebook].can(SlackDrill)
	}
	return h.told(i) && h.books[i.Rulebook].can(Slack) && i.Severity != P3 && !h.shownByRoot(i)
}

// shownByRoot tells whether the message of the incident's root is enough.
func (h *handler) shownByRoot(i *Incident) bool {
	return h.rootOf(i) != nil && i.Shown[Slack].Ref == ""
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
	if !h.hasMessage(i) || i.Status == StatusClosed || h.introduces(i) {
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
		return n, h.s.index.digestOf(&n) != shown.Digest
	case SlackThread:
		n = Notice{Key: n.Key, Incident: n.Incident, Action: "show", Status: n.Status, Policy: n.Policy, Severity: n.Severity, Opened: n.Opened, Drill: n.Drill, Live: n.Live}
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
		Opened: i.Opened, Healed: i.Healed, Closed: i.Closed, Drill: i.Drill, Live: h.live(i),
		Attempts: slices.Clone(i.Attempts), Why: i.why(), Acked: i.Acked, Impact: i.impact(),
	}
	if p := h.policy(i); p != nil {
		n.Objective = p.Objective
	}
	if !i.First.IsZero() {
		n.Took = durationOf(i.First.Sub(i.Since))
	}
	if h.counts(i) {
		n.Due, n.Missed = i.Since.Add(time.Duration(h.runbook(i).Objective)), i.Breached
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
		return because(i.Verdicts) + i.wouldDo()
	case StatusUnconfirmed:
		return "its alerts are gone, but it is not seen to be well: " + i.Lost
	}
	return ""
}
