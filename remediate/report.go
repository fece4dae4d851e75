package remediate

import (
	"strings"
	"time"
)

// What is said of an incident that goes on: a word at regular times, that its
// objective is about to be missed, and that it is.

// report says what is due.
func (h *handler) report(i *Incident) {
	h.reportObjective(i)
	due := h.updateAt(i)
	if due.IsZero() || due.After(h.now) {
		return
	}
	h.audit(i, LateUpdate, due)
	h.emit(Updated{Incident: i.ID, Text: h.standing(i)})
}

// reportObjective warns, and states the breach.
func (h *handler) reportObjective(i *Incident) {
	warn, breach := h.objectiveAt(i)
	objective := h.runbook(i).Objective
	switch {
	case breach.IsZero() || i.Breached:
	case !breach.After(h.now):
		h.emit(Breached{Incident: i.ID, Objective: objective})
	case !i.Warned && !warn.After(h.now):
		h.emit(Warned{Incident: i.ID, Objective: objective, Left: durationOf(breach.Sub(h.now).Round(time.Second))})
	}
}

// reportAt is when report has something to say, zero when never.
func (h *handler) reportAt(i *Incident) time.Time {
	at := h.updateAt(i)
	warn, breach := h.objectiveAt(i)
	if i.Breached || breach.IsZero() {
		return at
	}
	next := warn
	if i.Warned {
		next = breach
	}
	if at.IsZero() || next.Before(at) {
		return next
	}
	return at
}

// counts tells whether the incident's time is held against its runbook's
// objective: until it is healed, and while a human did not say by a silence
// that it is not to be.
func (h *handler) counts(i *Incident) bool {
	_, silenced := h.silencers(i)
	return !i.Found && !h.silent(i) && !silenced && i.Healed.IsZero() && i.Closed.IsZero() && h.runbook(i).Objective > 0
}

// objectiveAt is when it is warned that the objective is about to be missed,
// and when it is; zero when it does not count. Of a leaf its root's counts.
func (h *handler) objectiveAt(i *Incident) (warn, breach time.Time) {
	if !h.counts(i) || h.rootOf(i) != nil {
		return time.Time{}, time.Time{}
	}
	book := h.runbook(i)
	before := book.Warn
	if before == 0 {
		before = book.Objective / 6
	}
	breach = i.Since.Add(time.Duration(book.Objective))
	return breach.Add(-time.Duration(before)), breach
}

// updateAt is when the next regular word is due, zero when none is: where
// nobody sees it, for what is healed, and for a leaf, whose root has its own.
func (h *handler) updateAt(i *Incident) time.Time {
	every := time.Duration(h.runbook(i).Update)
	_, silenced := h.silencers(i)
	if every <= 0 || i.Found || silenced || !i.Healed.IsZero() || !i.Closed.IsZero() || i.Shown[Slack].Ref == "" || h.rootOf(i) != nil {
		return time.Time{}
	}
	if i.Updated.After(i.Since) {
		return i.Updated.Add(every)
	}
	return i.Since.Add(every)
}

// standing says in one line how the incident stands.
func (h *handler) standing(i *Incident) string {
	s := h.clock(i) + ": " + string(i.Status) + said(i.why())
	if i.Status == StatusApproval {
		s = h.clock(i) + ": " + i.why() // which names the guard approval
	}
	parts := []string{s, tried(i.Tries)}
	if i.Ladder.Now != "" {
		parts = append(parts, i.Ladder.Now+i.wasCalled())
	}
	switch {
	case i.Taken != "":
		parts = append(parts, i.Taken+" has taken it over")
	case i.Acked != "":
		parts = append(parts, i.Acked+" has acknowledged")
	case i.Ladder.Now != "":
		parts = append(parts, "nobody has acknowledged")
	}
	if impact := i.impact(); impact != "" {
		parts = append(parts, "impact "+impact)
	}
	return strings.Join(parts, "; ")
}

// wasCalled says of who is to hear of it that they do.
func (i *Incident) wasCalled() string {
	if i.Drill != "" {
		return " would have been called"
	}
	return " was called"
}

// clock says how long it has lasted, against the objective.
func (h *handler) clock(i *Incident) string {
	lasted := durationOf(h.now.Sub(i.Since).Round(time.Second))
	objective := h.runbook(i).Objective
	switch {
	case objective == 0:
		return lasted.String()
	case lasted <= objective:
		return lasted.String() + " of " + objective.String()
	}
	return lasted.String() + ", " + (lasted - objective).String() + " more than the objective"
}

// tried says how often something was tried.
func tried(n int) string {
	if n == 0 {
		return "nothing was tried"
	}
	return attempts(n)
}
