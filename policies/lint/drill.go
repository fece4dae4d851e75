package lint

import (
	"fmt"
	"slices"

	"github.com/prometheus/alertmanager/pkg/labels"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Drill says what else would come of it if an alert with these labels fired,
// though nothing is broken: who beside us would be told, and which alerts would be
// inhibited; or that we would not be. It says nothing when only we hear of it.
func (a *Alertmanager) Drill(ls remediate.Labels) []string {
	drill := a.labelled(ls)
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
		by, strange := i.source()
		if pass(by, strange, drill) != no && !slices.Contains(i.Equal, remediate.DrillLabel) {
			out = append(out, fmt.Sprintf("it inhibits other alerts, which are real: give the rule with the source %s the source matcher %s=\"\"", by, remediate.DrillLabel))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// labelled is an alert that has these labels and no others: what a route or the
// source of an inhibition looks at besides is known to be missing.
func (a *Alertmanager) labelled(ls remediate.Labels) map[string]string {
	known := map[string]string{}
	name := func(ms []*labels.Matcher) {
		for _, m := range ms {
			known[m.Name] = ""
		}
	}
	var below func(*route)
	below = func(r *route) {
		name(r.matchers)
		for _, c := range r.Routes {
			below(c)
		}
	}
	below(a.route)
	for _, i := range a.inhibit {
		by, _ := i.source()
		name(by)
	}
	for _, l := range ls {
		known[l.Name] = l.Value
	}
	return known
}

// line is where a route is written, for people.
func (a *Alertmanager) line(r *route) string {
	if r.node == nil || a.name == "" {
		return ""
	}
	return fmt.Sprintf(" (%s:%d)", a.name, r.node.Line)
}
