package remediate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Whether those who are called can be reached, and by which channel.

// channels are the ways in which a rung can be told, the first choice first. In
// a drill nobody is called.
func (h *handler) channels(i *Incident, rung string) []string {
	var all []string
	if book := h.books[i.Rulebook]; book != nil && i.Drill == "" {
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
