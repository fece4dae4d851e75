package remediate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// A live drill: somebody is about to break something on purpose, and says so
// before. What is broken is broken: it is acted on, verified and counted by every
// guard as in earnest. But the incident that it was announced for says that it is
// a drill, and nobody is called for it while the drill is on, unless that is what
// is practised. When its time is over, or its author says so, what is not mended
// by then is in earnest.

// liveDrill announces one.
func (h *handler) liveDrill(c CommandGiven) error {
	name := strings.TrimPrefix(c.Scope, "policy/")
	book := h.books[h.s.Rulebook]
	lasts, err := lastsOf(c.Value)
	if err != nil {
		return err
	}
	if d := h.s.Live[name]; d.Until.After(h.now) {
		return refuse("a live drill of policy %s is on until %s: remedy drill end %s ends it", name, d.Until.Format(time.TimeOnly), name)
	}
	if n, open := h.openOf(name); open {
		return refuse("incident i%d of policy %s is open: what is broken already is no drill", n, name)
	}
	if i := h.earnest(); i != nil {
		return refuse("incident i%d is open, %s and not healed: nobody practises while people are needed", i.ID, i.Severity)
	}
	all := map[string]string{DrillLabel: fmt.Sprintf("l%d", h.s.Seq+1)}
	for _, l := range c.Labels {
		if !model.LegacyValidation.IsValidLabelName(l.Name) || l.Value == "" {
			return refuse("label %q: want a name of letters, digits and underscores, and the value that the alert has", l.Name)
		}
		all[l.Name] = l.Value
	}
	for _, m := range book.Policy(name).matchers {
		if v, given := all[m.Name]; given && !m.Matches(v) {
			return refuse("policy %s takes alerts with %s, and none with %s=%q", name, m, m.Name, v)
		}
	}
	h.emit(CommandGiven{
		Command: LiveDrill, By: c.By, Scope: c.Scope, Reason: c.Reason, Via: c.Via,
		Labels: LabelsOf(all), Value: lasts.String(), Page: c.Page,
	})
	return nil
}

// openOf returns an open incident of a policy that is no drill.
func (h *handler) openOf(policy string) (uint64, bool) {
	for n := range h.s.index.byPolicy[policy] {
		if i := h.s.Incidents.Get(n); i.Drill == "" && !i.Found && i.Healed.IsZero() {
			return n, true
		}
	}
	return 0, false
}

// liveOf returns the live drill that an alert was announced by, "" when it was by
// none. What fired before cannot be what was broken then.
func (h *handler) liveOf(policy string, a Alert, found bool) string {
	d := h.s.Live[policy]
	other := func(l Label) bool { return l.Name != DrillLabel && a.Labels.Get(l.Name) != l.Value }
	if found || !d.Until.After(h.now) || a.StartsAt.Before(d.Since) || a.Labels.Get(DrillLabel) != "" || slices.ContainsFunc(d.Labels, other) {
		return ""
	}
	return d.Labels.Get(DrillLabel)
}

// liveDrillOf returns the live drill that the incident is of, while that is on.
func (h *handler) liveDrillOf(i *Incident) (Drilling, bool) {
	d := h.s.Live[i.Policy]
	return d, i.Live != "" && d.Labels.Get(DrillLabel) == i.Live && d.Until.After(h.now)
}

// quiet tells whether nobody is called for the incident, and until when: somebody
// broke it on purpose, and is at it.
func (h *handler) quiet(i *Incident) (until time.Time, yes bool) {
	d, on := h.liveDrillOf(i)
	return d.Until, on && !d.Page
}

// live is the name of the live drill that the incident is shown as, "" when it is
// none: what a drill has left behind is in earnest.
func (h *handler) live(i *Incident) string {
	if _, on := h.liveDrillOf(i); on || !i.Healed.IsZero() || i.Status == StatusClosed {
		return i.Live
	}
	return ""
}

// announced folds that a live drill begins.
func (s *State) announced(b CommandGiven, at time.Time) {
	lasts, err := lastsOf(b.Value)
	if err != nil {
		return // cannot be: it was read before it was written
	}
	s.Live[strings.TrimPrefix(b.Scope, "policy/")] = Drilling{
		By: b.By, Reason: b.Reason, Labels: b.Labels, Since: at, Until: at.Add(time.Duration(lasts)), Page: b.Page,
	}
}

// unannounced folds that a live drill is over: what it left behind is looked at
// anew.
func (s *State) unannounced(policy string) {
	delete(s.Live, policy)
	for n := range s.index.byPolicy[policy] {
		if i := s.Incidents.Look(n); i.Live != "" {
			s.touch(i)
		}
	}
}
