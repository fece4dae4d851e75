package remediate

import (
	"fmt"
	"time"
)

// Who is called, when, and by which channel.

// How long a page may take to be accepted.
const (
	acceptWithin = 30 * time.Second // then the same people are told by every other channel
	giveUpAfter  = time.Minute      // then the next rung is told, where another channel reaches it
	lateAfter    = time.Minute      // what comes later than that is said to be late
)

// escalate tells the rung of the ladder that is due. After a long absence only
// the highest one is told. A leaf is told of by its root.
func (h *handler) escalate(i *Incident) {
	h.reroute(i)
	due, why := h.nextRung(i), ""
	if due.IsZero() || due.After(h.now) {
		return
	}
	if root := h.rootOf(i); root != nil {
		why, _ = h.pageWhy(i)
		h.climb(root, due, fmt.Sprintf("i%d depends on it: %s", i.ID, why))
		return
	}
	switch {
	case i.Ladder.Since.IsZero():
		why, _ = h.pageWhy(i)
	case h.unreachable(i) && h.regularRung(i).After(h.now):
		why = fmt.Sprintf("%s could not be told for %s%s", i.Ladder.Now, since(h.now, i.Ladder.At), said(i.lastWhy(h.channels(i, i.Ladder.Now))))
	default:
		why = fmt.Sprintf("nobody acknowledged for %s", since(h.now, i.Ladder.Since))
	}
	h.climb(i, due, why)
}

// climb tells the highest rung that is due.
func (h *handler) climb(i *Incident, due time.Time, why string) {
	book := h.runbook(i)
	rung := i.Ladder.Told
	for rung+1 < book.rungs() && !i.Ladder.Since.IsZero() && !h.dueOf(i, rung+1).After(h.now) {
		rung++
	}
	b := Escalated{
		Incident: i.ID, Rung: rung, Tell: book.Ladder[rung%len(book.Ladder)].Tell,
		Why: why, Skipped: rung - i.Ladder.Told,
	}
	if !i.Ladder.Since.IsZero() {
		b.Early = durationOf(h.dueOf(i, rung).Sub(h.now))
	}
	h.audit(i, fmt.Sprintf("rung %d: %s", rung+1, b.Tell), due)
	h.emit(b)
}

// audit says that what was due comes late: when it was to be woken for, and
// nobody decided here for as long. What became due only now, by a word or
// because a silence ended, is not late.
func (h *handler) audit(i *Incident, what string, due time.Time) {
	woken, overdue := h.overdue[i.ID]
	if !overdue || h.now.Sub(due) <= lateAfter || h.now.Sub(woken) <= lateAfter {
		return
	}
	if woken.After(due) {
		due = woken
	}
	h.emit(Late{Incident: i.ID, What: what, Due: due, Why: "nothing was decided here meanwhile"})
}

// nextRung is when the next rung is to be told, zero when none is. A silence,
// or an alert that inhibits, is the one word by which nobody is called.
func (h *handler) nextRung(i *Incident) time.Time {
	at := h.regularRung(i)
	if !at.IsZero() && h.unreachable(i) {
		if early := i.Ladder.At.Add(giveUpAfter); early.Before(at) {
			return early
		}
	}
	return at
}

// regularRung is nextRung, as long as those who are called can be told.
func (h *handler) regularRung(i *Incident) time.Time {
	book := h.runbook(i)
	_, silenced := h.silencers(i)
	if _, quiet := h.quiet(i); quiet {
		return time.Time{}
	}
	if i.Ladder.Told >= book.rungs() || i.Acked != "" || !i.Closed.IsZero() || !i.Healed.IsZero() || silenced {
		return time.Time{}
	}
	if i.Ladder.Told == 0 && len(i.Firing) == 0 && i.asking(ForConfirmation) {
		return time.Time{} // it may well be well
	}
	if root := h.rootOf(i); root != nil && (root.Ladder.Told > 0 || root.Acked != "") {
		return time.Time{} // they hear of it by its root
	}
	if !i.Ladder.Since.IsZero() {
		return h.dueOf(i, i.Ladder.Told)
	}
	_, at := h.pageWhy(i)
	return at
}

// dueOf is when rung n of a ladder that was begun is told.
func (h *handler) dueOf(i *Incident, n int) time.Time {
	return h.runbook(i).due(i.Ladder.Since, n).Add(-i.Ladder.Early)
}

// pageKey is the key of a rung's last call: each call has its own, since a
// service that merges what has the same key would wake nobody.
func (h *handler) pageKey(i *Incident, rung string) string {
	if n := i.Ladder.Calls[rung]; n > 1 {
		return fmt.Sprintf("%s-%d", h.s.Wire(i.ID), n)
	}
	if book := h.books[i.Rulebook]; book != nil && book.MergePages && i.Alert.Group != "" {
		return i.Alert.Group
	}
	return h.s.Wire(i.ID)
}

// pageWhy says why and when the first rung is to be told, zero when not.
func (h *handler) pageWhy(i *Incident) (string, time.Time) {
	book := h.runbook(i)
	switch {
	case i.Found || h.silent(i) || book.Page == PageNever || book.Page == "":
		return "", time.Time{}
	case book.Page == PageAtOnce:
		return fmt.Sprintf("%s is told at once", i.Severity), i.Since
	case i.Exhausted:
		return fmt.Sprintf("every step was tried, in %s, and none helped", attempts(i.Tries)), i.Ended
	case i.Status == StatusDenied:
		return because(i.Verdicts), h.now
	case i.Status == StatusUnconfirmed:
		return fmt.Sprintf("its alerts are gone, but not that it is well was seen: %s", i.Lost), i.Since.Add(time.Duration(book.After))
	}
	return fmt.Sprintf("not healed after %s", book.After), i.Since.Add(time.Duration(book.After))
}

// silent tells whether people hear nothing of the incident: its policy only
// observed when it was opened, and it is no drill. A policy that is held to
// observing later acts no more, but what people were told of is told to its end.
func (h *handler) silent(i *Incident) bool {
	p := h.policy(i)
	return p == nil || p.Mode == ModeObserve && i.Drill == ""
}

// runbook is the one that an incident is dealt with by.
func (h *handler) runbook(i *Incident) Runbook {
	if book := h.books[i.Rulebook]; book != nil {
		return book.Runbook(i.Policy, i.Severity)
	}
	return Runbook{}
}

// rungs is how many there are through all repeats.
func (r Runbook) rungs() int { return len(r.Ladder) * (1 + r.Repeat) }

// due is when rung n is told, of a ladder whose first was told at since.
func (r Runbook) due(since time.Time, n int) time.Time {
	for k := range n {
		since = since.Add(time.Duration(r.Ladder[k%len(r.Ladder)].Wait))
	}
	return since
}
