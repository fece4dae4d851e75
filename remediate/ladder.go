package remediate

import (
	"fmt"
	"time"
)

// escalate tells the rung of the ladder that is due. After a long absence only
// the highest one is told.
func (h *handler) escalate(i *Incident) {
	due := h.nextRung(i)
	if due.IsZero() || due.After(h.now) {
		return
	}
	book := h.runbook(i)
	why, _ := h.pageWhy(i)
	if !i.Ladder.Since.IsZero() {
		why = fmt.Sprintf("nobody acknowledged for %s", since(h.now, i.Ladder.Since))
	}
	rung := i.Ladder.Told
	for rung+1 < book.rungs() && !i.Ladder.Since.IsZero() && !book.due(i.Ladder.Since, rung+1).After(h.now) {
		rung++
	}
	h.emit(Escalated{
		Incident: i.ID, Rung: rung, Tell: book.Ladder[rung%len(book.Ladder)].Tell,
		Why: why, Skipped: rung - i.Ladder.Told,
	})
}

// nextRung is when the next rung is to be told, zero when none is.
func (h *handler) nextRung(i *Incident) time.Time {
	book := h.runbook(i)
	if i.Ladder.Told >= book.rungs() || i.Acked != "" || !i.Closed.IsZero() || !i.Healed.IsZero() {
		return time.Time{}
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
	case i.Status == StatusHeld: // a human said to leave it alone
		return "", time.Time{}
	case book.Page == PageAtOnce:
		return fmt.Sprintf("%s is told at once", i.Severity), i.Since
	case i.Exhausted:
		return fmt.Sprintf("every step was tried, in %s, and none helped", attempts(i.Tries)), i.Ended
	case i.Status == StatusDenied:
		return because(i.Verdicts), h.now
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
