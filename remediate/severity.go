package remediate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// How bad an incident is. By a label when it is opened, by measurements while
// it is open; it gets worse by itself, and better only by a human's word.

// measureEvery is the time between measurements of an incident's impact.
const measureEvery = time.Minute

// severityOf is how bad an alert with these labels is.
func (p *Policy) severityOf(ls Labels) Severity {
	if p.SeverityBy == nil || p.SeverityBy.Label == "" {
		return p.Severity
	}
	if s, ok := p.SeverityBy.Values[strings.ToLower(ls.Get(p.SeverityBy.Label))]; ok {
		return s
	}
	return p.Severity
}

// Worse tells whether s is worse than o. "", of what is nobody's, is better than all.
func (s Severity) Worse(o Severity) bool { return s != "" && (o == "" || s < o) }

// SeverityOf is how bad what an alert with these labels tells of is: the worst that
// a policy that concerns it says, "" when none does.
func (rb *Rulebook) SeverityOf(ls Labels) (worst Severity) {
	for _, p := range rb.Match(ls) {
		if s := p.severityOf(ls); s.Worse(worst) {
			worst = s
		}
	}
	return worst
}

// worsen rates the incident worse, when s is worse and no human has rated it.
func (h *handler) worsen(i *Incident, s Severity, why string) {
	if s < i.Severity && i.RatedBy == "" && !i.Found {
		h.emit(Rated{Incident: i.ID, From: i.Severity, To: s, Why: why})
	}
}

// measure asks how bad the incident is, and rates it by what was answered. No
// answer leaves it as it was.
func (h *handler) measure(i *Incident) {
	impact := h.impactOf(i)
	for k, m := range impact {
		if k < len(i.Impact) {
			s, why := m.judge(i.Impact[k])
			h.worsen(i, s, why)
		}
	}
	if at := h.measureAt(i); at.IsZero() || at.After(h.now) {
		return
	}
	var qs []Question
	for _, m := range impact {
		qs = append(qs, Question{Kind: "promql", Args: queryArgs(m.Query)})
	}
	h.startAsk(i, askWithin, Ask{Purpose: ForImpact, Questions: qs})
}

// impactOf are the measurements that may still make the incident worse, with
// the labels' values filled in. One that lacks a label, or has a value that
// would become syntax, is not made.
func (h *handler) impactOf(i *Incident) []Impact {
	p := h.policy(i)
	if p == nil || p.SeverityBy == nil || i.Found || i.RatedBy != "" || i.Severity == P1 ||
		i.Status == StatusHealed || i.Status == StatusClosed {
		return nil
	}
	var out []Impact
	for _, m := range p.SeverityBy.Impact {
		if query, err := expand(m.Query, i.Alert.Labels, checkPlain); err == nil {
			m.Query = query
			out = append(out, m)
		}
	}
	return out
}

// measureAt is when the impact is to be asked for next, zero when not.
func (h *handler) measureAt(i *Incident) time.Time {
	switch {
	case len(h.impactOf(i)) == 0 || i.asking(ForImpact):
		return time.Time{}
	case i.Measured.IsZero():
		return i.Since
	}
	return i.Measured.Add(measureEvery)
}

// judge says how bad it is by what was answered, P3 when that is not known.
func (m Impact) judge(a Answer) (Severity, string) {
	value, err := strconv.ParseFloat(a.Values[ValueNumber], 64)
	reached := func(least *float64) bool { return err == nil && a.Err == "" && least != nil && value >= *least }
	switch {
	case reached(m.P1):
		return P1, fmt.Sprintf("%s is %v, from %v on it is P1", m.Query, value, *m.P1)
	case reached(m.P2):
		return P2, fmt.Sprintf("%s is %v, from %v on it is P2", m.Query, value, *m.P2)
	}
	return P3, ""
}

// impact says in words what was measured last, "" when nothing was.
func (i *Incident) impact() string {
	var all []string
	for _, a := range i.Impact {
		if a.Err != "" {
			all = append(all, "not known: "+a.Err)
		} else {
			all = append(all, a.Values[ValueNumber])
		}
	}
	return strings.Join(slices.Compact(all), ", ")
}
