package remediate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
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

// channels are the ways in which a rung can be told, the first choice first.
func (h *handler) channels(i *Incident, rung string) []string {
	var all []string
	if book := h.books[i.Rulebook]; book != nil {
		for _, family := range []string{PagerDuty, SlackPage} {
			if book.can(family + rung) {
				all = append(all, family+rung)
			}
		}
	}
	return all
}

// accepted tells whether the page of the rung told last arrived by any channel.
func (h *handler) accepted(i *Incident) bool {
	return slices.ContainsFunc(h.channels(i, i.Ladder.Now), func(d string) bool {
		sh := i.Shown[d]
		return sh.Action == "trigger" && sh.Key == h.pageKey(i, i.Ladder.Now)
	})
}

// calling tells whether somebody is being called who is to answer.
func (h *handler) calling(i *Incident) bool {
	_, silenced := h.silencers(i)
	return i.Ladder.Now != "" && i.Acked == "" && i.Closed.IsZero() && i.Healed.IsZero() && !silenced
}

// unreachable tells whether those who are called cannot be told, and those
// after them can: by a channel of which nothing failed. To be early by one that
// does not work would only wake more people when it works again.
func (h *handler) unreachable(i *Incident) bool {
	book := h.runbook(i)
	if !h.calling(i) || i.Ladder.Told >= book.rungs() || h.accepted(i) {
		return false
	}
	tried := h.channels(i, i.Ladder.Now)
	fails := func(d string) bool { return i.failing(d) != "" }
	if len(tried) == 0 || slices.ContainsFunc(tried, func(d string) bool { return !fails(d) }) {
		return false
	}
	next := h.channels(i, book.Ladder[i.Ladder.Told%len(book.Ladder)].Tell)
	return slices.ContainsFunc(next, func(d string) bool {
		for shown := range i.Shown {
			if familyOf(shown) == familyOf(d) && fails(shown) {
				return false
			}
		}
		return true
	})
}

// familyOf is a page's destination without its rung.
func familyOf(destination string) string {
	return destination[:strings.LastIndexByte(destination, '/')+1]
}

// failing says why the last try of a destination did not arrive, "" when it
// did or none was made.
func (i *Incident) failing(destination string) string {
	for _, p := range i.Pending {
		if p.Tell != nil && p.Tell.Destination == destination && p.Why != "" {
			return p.Why
		}
	}
	if sh := i.Shown[destination]; sh.Failures > 0 {
		return cmp.Or(sh.Why, "it failed")
	}
	return ""
}

// lastWhy says why one of the destinations could not be told.
func (i *Incident) lastWhy(destinations []string) string {
	for _, d := range destinations {
		if why := i.failing(d); why != "" {
			return why
		}
	}
	return ""
}

// reroute tells the people of a rung by every other channel when its page was
// not accepted in time, and says when even that is late.
func (h *handler) reroute(i *Incident) {
	if !h.calling(i) || h.accepted(i) {
		return
	}
	channels, waited := h.channels(i, i.Ladder.Now), h.now.Sub(i.Ladder.At)
	why := cmp.Or(i.lastWhy(channels), "it was not accepted")
	if !i.Ladder.Other && len(channels) > 1 && waited >= acceptWithin {
		h.emit(Rerouted{Incident: i.ID, Rung: i.Ladder.Told - 1, Tell: i.Ladder.Now, To: channels[1:], Why: why})
	}
	if !i.Ladder.Late && len(channels) > 0 && waited > lateAfter {
		h.emit(Late{Incident: i.ID, What: fmt.Sprintf("rung %d: %s", i.Ladder.Told, i.Ladder.Now), Due: i.Ladder.At, Why: why})
	}
}

// rerouteAt is when reroute has something to do, zero when never.
func (h *handler) rerouteAt(i *Incident) time.Time {
	channels := h.channels(i, i.Ladder.Now)
	switch {
	case !h.calling(i) || h.accepted(i):
	case !i.Ladder.Other && len(channels) > 1:
		return i.Ladder.At.Add(acceptWithin)
	case !i.Ladder.Late && len(channels) > 0:
		return i.Ladder.At.Add(lateAfter + time.Millisecond)
	}
	return time.Time{}
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
// observed when it was opened. A policy that is held to observing later acts
// no more, but what people were told of is told to its end.
func (h *handler) silent(i *Incident) bool {
	p := h.policy(i)
	return p == nil || p.Mode == ModeObserve
}

// runbook is the policy's own for the incident's severity, or everybody's.
func (h *handler) runbook(i *Incident) Runbook {
	book := h.books[i.Rulebook]
	if book == nil {
		return Runbook{}
	}
	if p := book.Policy(i.Policy); p != nil {
		if own, ok := p.Runbooks[i.Severity]; ok {
			return own
		}
	}
	return book.Runbooks[i.Severity]
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
