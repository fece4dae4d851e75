package remediate

import (
	"fmt"
	"time"
)

// escalate tells the rung of the ladder that is due. After a long absence only
// the highest one is told. A leaf is told of by its root.
func (h *handler) escalate(i *Incident) {
	due := h.nextRung(i)
	if due.IsZero() || due.After(h.now) {
		return
	}
	why, _ := h.pageWhy(i)
	if root := h.rootOf(i); root != nil {
		h.climb(root, fmt.Sprintf("i%d depends on it: %s", i.ID, why))
		return
	}
	if !i.Ladder.Since.IsZero() {
		why = fmt.Sprintf("nobody acknowledged for %s", since(h.now, i.Ladder.Since))
	}
	h.climb(i, why)
}

// climb tells the highest rung that is due.
func (h *handler) climb(i *Incident, why string) {
	book := h.runbook(i)
	rung := i.Ladder.Told
	for rung+1 < book.rungs() && !i.Ladder.Since.IsZero() && !book.due(i.Ladder.Since, rung+1).After(h.now) {
		rung++
	}
	h.emit(Escalated{
		Incident: i.ID, Rung: rung, Tell: book.Ladder[rung%len(book.Ladder)].Tell,
		Why: why, Skipped: rung - i.Ladder.Told,
	})
}

// nextRung is when the next rung is to be told, zero when none is. A silence,
// or an alert that inhibits, is the one word by which nobody is called.
func (h *handler) nextRung(i *Incident) time.Time {
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
		return book.due(i.Ladder.Since, i.Ladder.Told)
	}
	_, at := h.pageWhy(i)
	return at
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

func (h *handler) runbook(i *Incident) Runbook {
	if book := h.books[i.Rulebook]; book != nil {
		return book.Runbooks[i.Severity]
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
