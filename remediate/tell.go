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
	SlackDrill       = "slack/drill"       // no place of its own: where Slack and SlackThread show drills
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
		if i.telling(d) {
			continue // it is pending, so the incident is not filed, whatever there is to show
		}
		n, wanted := h.notice(i, d)
		if !wanted {
			continue
		}
		behind = true
		if i.retryOf(d, n).After(h.now) {
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
		if p.Tell == nil || p.Why == "" && p.hangsAt().After(h.now) || !h.isOvertaken(i, p) {
			continue
		}
		h.emit(Finished{ID: p.ID, Incident: i.ID, Result: Result{Outcome: Refused, Text: h.overtaken(i) + overtakenBy + cmp.Or(p.Why, "no answer")}})
	}
}

// hangsAt is when a tell that nothing was heard of is taken to hang.
func (p Pending) hangsAt() time.Time { return p.Deadline.Add(-tellWithin).Add(acceptWithin) }

// isOvertaken tells whether a page is not what is to be told any more.
func (h *handler) isOvertaken(i *Incident, p Pending) bool {
	if !p.Tell.Notice.pages() {
		return false
	}
	n, wanted := h.notice(i, p.Tell.Destination)
	return !wanted || n.Action != p.Tell.Notice.Action || n.Key != p.Tell.Notice.Key
}

// dropAt is when to end a page that is overtaken and was not heard of, zero when
// there is none.
func (h *handler) dropAt(i *Incident) time.Time {
	var at time.Time
	for _, p := range i.Pending {
		if p.Tell != nil && p.Why == "" && (at.IsZero() || p.hangsAt().Before(at)) && h.isOvertaken(i, p) {
			at = p.hangsAt()
		}
	}
	return at
}

// overtakenBy stands between why a page is overtaken, and why it had not
// arrived.
const overtakenBy = "; last: "

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
		if i.Shown[d].Failures == 0 || i.telling(d) {
			continue // before what is to be shown is put together, which costs most of it
		}
		n, wanted := h.notice(i, d)
		t := i.retryOf(d, n)
		if !wanted || t.IsZero() {
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
	return sh.retry()
}

// retry is when what failed is tried again, later after each failure.
func (sh Showed) retry() time.Time {
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
