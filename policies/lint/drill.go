package lint

import (
	"fmt"
	"slices"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Drill says what else would come of it if an alert with these labels fired,
// though nothing is broken: who beside us would be told, and which alerts would be
// inhibited; or that we would not be. It says nothing when only we hear of it.
func (a *Alertmanager) Drill(ls remediate.Labels) []string {
	drill := map[string]string{}
	a.route.name(drill)
	for _, i := range a.inhibit {
		nameAll(drill, i)
	}
	for _, l := range ls { // and these are all
		drill[l.Name] = l.Value
	}
	var out []string
	hears := false
	taken, _ := a.route.reach(drill)
	for _, r := range taken {
		hears = hears || r.how == sure && a.isOurs(r.route)
		if a.tellsOthers(r.route) {
			out = append(out, fmt.Sprintf("receiver %s is told of it%s: let a route with the matcher %s=~\".+\" to remediated stand before all others, without continue", r.Receiver, a.line(r.route), remediate.DrillLabel))
		}
	}
	if !hears {
		out = append(out, fmt.Sprintf("no route leads it to remediated: give it one with the matcher %s=~\".+\"", remediate.DrillLabel))
	}
	for _, i := range a.inhibit {
		by, strange := readMatchers(i.SourceMatchers, i.SourceMatch, i.SourceMatchRE)
		if pass(by, strange, drill) != no && !slices.Contains(i.Equal, remediate.DrillLabel) {
			out = append(out, fmt.Sprintf("it inhibits other alerts, which are real: give the rule with the source %s the source matcher %s=\"\"", by, remediate.DrillLabel))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// name enters the labels that the matchers of the route and those below look at.
func (r *route) name(known map[string]string) {
	for _, m := range r.matchers {
		known[m.Name] = ""
	}
	for _, c := range r.Routes {
		c.name(known)
	}
}

// nameAll enters the labels that the rule's source is found by.
func nameAll(known map[string]string, i inhibition) {
	by, _ := readMatchers(i.SourceMatchers, i.SourceMatch, i.SourceMatchRE)
	for _, m := range by {
		known[m.Name] = ""
	}
}

// line is where a route is written, for people.
func (a *Alertmanager) line(r *route) string {
	if r.node == nil || a.name == "" {
		return ""
	}
	return fmt.Sprintf(" (%s:%d)", a.name, r.node.Line)
}
