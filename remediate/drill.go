package remediate

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/pkg/labels"
	"github.com/prometheus/common/model"
)

// A drill on the table: people practise by an alert that says of itself that it
// is one. It goes the way of every alert, through Alertmanager, policies and
// guards, and the world is asked as ever; but nothing is done, nobody is called,
// and what would be is shown in a place of its own. It is never in the way of an
// incident: it holds no object, is nobody's root, makes no storm, and ends when
// people are needed in earnest.

// DrillLabel is the label by which an alert says that it is a drill, and which.
const DrillLabel = "remediated_drill"

// How long a drill may last, and does when nothing is said.
const (
	DefaultDrill = model.Duration(30 * time.Minute)
	leastDrill   = model.Duration(time.Minute)
	mostDrill    = model.Duration(4 * time.Hour)
)

// Drilling is a drill that was begun.
type Drilling struct {
	By     string    `json:"by"`
	Reason string    `json:"reason,omitempty"`
	Labels Labels    `json:"labels"` // of its alert
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until"`
	Page   bool      `json:"page,omitempty"` // a live one: people are called as in earnest
}

// drill begins or ends one.
func (h *handler) drill(c CommandGiven) error {
	name, one := strings.CutPrefix(c.Scope, "policy/")
	book := h.books[h.s.Rulebook]
	if !one || book == nil || ownPolicy(name) != nil || book.Policy(name) == nil {
		return refuse("scope %q: want policy/NAME of a policy that is loaded: a drill is of one policy", c.Scope)
	}
	given := CommandGiven{Command: c.Command, By: c.By, Scope: c.Scope, Reason: c.Reason, Via: c.Via}
	before, begun := h.s.Drills[name]
	on := begun && before.Until.After(h.now)
	switch c.Command {
	case LiveDrill:
		return h.liveDrill(c)
	case EndDrill:
		if !on && !h.s.Live[name].Until.After(h.now) {
			return refuse("there is no drill of policy %s", name)
		}
		h.emit(given)
		return nil
	}
	lasts, err := lastsOf(c.Value)
	switch {
	case err != nil:
		return err
	case on:
		return refuse("a drill of policy %s is on until %s: remedy drill end %s ends it", name, before.Until.Format(time.TimeOnly), name)
	case !book.can(SlackDrill):
		return refuse("there is no place where drills are shown: name a channel in notify.slack.drills")
	}
	if i := h.earnest(); i != nil {
		return refuse("incident i%d is open, %s and not healed: nobody practises while people are needed", i.ID, i.Severity)
	}
	if given.Labels, err = book.DrillLabels(name, c.Labels, fmt.Sprintf("d%d", h.s.Seq+1)); err != nil {
		return err
	}
	given.Value = lasts.String()
	h.emit(given)
	return nil
}

// lastsOf reads for how long a drill is to last.
func lastsOf(text string) (model.Duration, error) {
	d, err := model.ParseDuration(cmp.Or(text, DefaultDrill.String()))
	if err != nil || d < leastDrill || d > mostDrill {
		return 0, refuse("value %q: want for how long, from %s to %s, for example 30m", text, leastDrill, mostDrill)
	}
	return d, nil
}

// DrillLabels are those of an alert by which a policy is practised: what was
// given, what the policy's matchers name, and that it is a drill. The error says
// what is missing, or why another policy would take it.
func (rb *Rulebook) DrillLabels(policy string, given Labels, drill string) (Labels, error) {
	p, all := rb.Policy(policy), map[string]string{DrillLabel: drill}
	if p == nil {
		return nil, refuse("there is no policy %s", policy)
	}
	for _, m := range p.matchers {
		if m.Type == labels.MatchEqual && m.Value != "" {
			all[m.Name] = m.Value
		}
	}
	for _, l := range given {
		if !model.LegacyValidation.IsValidLabelName(l.Name) {
			return nil, refuse("label %q: want a name of letters, digits and underscores", l.Name)
		}
		all[l.Name] = l.Value
	}
	if all[DrillLabel] == "" {
		return nil, refuse("label %s: want a name for the drill, or leave it out", DrillLabel)
	}
	ls := LabelsOf(all)
	for _, m := range p.matchers {
		if !m.Matches(ls.Get(m.Name)) {
			return nil, refuse("policy %s takes alerts with %s: give the label %s a value that fits", policy, m, m.Name)
		}
	}
	if _, missing := p.key(rb.Cluster, ls); len(missing) > 0 {
		return nil, refuse("policy %s keeps incidents apart by %s: give it a value", policy, strings.Join(missing, ", "))
	}
	if _, why := p.resolve(rb.Cluster, ls); why != "" && len(p.Steps) > 0 {
		return nil, refuse("%s", why)
	}
	if i := slices.IndexFunc(rb.Match(ls), func(q *Policy) bool { return q.Name == policy }); i < 0 {
		return nil, refuse("an alert %s is taken by policy %s, which stands before %s", ls, rb.Match(ls)[0].Name, policy)
	}
	return ls, nil
}

// drilled folds that a drill begins, or is over.
func (s *State) drilled(b CommandGiven, at time.Time) {
	name := strings.TrimPrefix(b.Scope, "policy/")
	if b.Command == EndDrill {
		delete(s.Drills, name)
		s.unannounced(name)
		return
	}
	lasts, err := lastsOf(b.Value)
	if err != nil {
		return // cannot be: it was read before it was written
	}
	s.Drills[name] = Drilling{By: b.By, Reason: b.Reason, Labels: b.Labels, Since: at, Until: at.Add(time.Duration(lasts))}
}

// practised folds that the incident of a drill is closed: so is the drill.
func (s *State) practised(i *Incident) {
	if d, on := s.Drills[i.Policy]; on && i.Drill != "" && d.Labels.Get(DrillLabel) == i.Drill {
		delete(s.Drills, i.Policy)
	}
}

// drillAlerts are those that are to fire at the Alertmanagers for the drills that
// are on. Each ends by itself.
func (s *State) drillAlerts(now time.Time) []Alert {
	var out []Alert
	for _, name := range slices.Sorted(maps.Keys(s.Drills)) {
		d := s.Drills[name]
		if !d.Until.After(now) {
			continue
		}
		what := fmt.Sprintf("a drill of policy %s, by %s%s: nothing is broken", name, d.By, said(d.Reason))
		out = append(out, Alert{
			Labels: d.Labels, Annotations: map[string]string{"summary": what},
			StartsAt: d.Since, EndsAt: earlier(now.Add(raiseLease), d.Until),
		})
	}
	return out
}

// wouldDo says of a drill what would be done, "" when it is none.
func (i *Incident) wouldDo() string {
	if i.Drill == "" || i.Status != StatusObserved || i.Plan == nil {
		return ""
	}
	var acts []string
	for _, a := range i.Plan.Acts {
		acts = append(acts, a.String())
	}
	return "; it would be done: " + strings.Join(acts, ", then ")
}

// sameWorld tells whether one incident may wait for, or be told of by, another:
// a drill is nothing that anybody waits for.
func (i *Incident) sameWorld(root *Incident) bool { return root.Drill == "" || root.Drill == i.Drill }

// endDrills closes the drills when something is open that people are needed for.
func (h *handler) endDrills() {
	if len(h.s.index.drills) == 0 {
		return
	}
	i := h.earnest()
	if i == nil {
		return
	}
	for _, n := range slices.Sorted(maps.Keys(h.s.index.drills)) {
		h.close(h.s.Incidents.Get(n), fmt.Sprintf("the drill is over: i%d is no drill", i.ID))
	}
}

// earnest returns the oldest open incident that keeps people from drills, nil
// when there is none: P1 or P2, not healed, and people are told of it.
func (h *handler) earnest() *Incident {
	for _, n := range h.s.Incidents.Numbers() {
		if b := h.s.Incidents.Brief(n); b.Severity == P3 || b.Status == StatusClosed {
			continue
		}
		if i := h.s.Incidents.Look(n); i.Drill == "" && i.Healed.IsZero() && h.told(i) {
			return i
		}
	}
	return nil
}
