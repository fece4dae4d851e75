package policies

import (
	"fmt"
	"math"
	"slices"

	"github.com/x0tta6bl4/remediated/remediate"
)

// always are guards that stand before every act and have nothing to be set.
var always = []string{"approval", "busy", "firing", "journal", "mode", "moved", "paused", "silenced", "takeover", "target"}

// notHere says why a guard that there is has no settings in this place, "" when
// there is no more to say than that it is not known.
func notHere(guard string) string {
	switch {
	case slices.Contains(always, guard):
		return "this guard always stands before an act and has no settings: leave it out"
	case guard == "storm":
		return "a storm is looked for over all policies: write it under guards in the configuration"
	}
	return ""
}

// guards reads a policy's own guards.
func (r *policyReader) guards(v value, w *written) {
	g := &w.Policy.Guards
	v.object("guards", fields{
		"cooldown": func(v value) { w.cooldown = true; g.Cooldown = v.span() },
		"settle":   func(v value) { g.Settle = v.duration() },
		"budget":   func(v value) { g.Budget = v.budget() },
		"breaker":  func(v value) { w.breaker = v; g.Breaker = v.breaker() },
		"attempts": func(v value) { g.Attempts = v.count(1, 100) },
		"flapping": func(v value) { g.Flapping = v.flapping() },
		"window":   func(v value) { g.Window = v.window() },
		"healthy":  func(v value) { g.Healthy = r.healthy(v, w) },
		"depends":  func(v value) { v.list("dependencies", func(v value) { r.dependency(v, w) }) },
		"backup":   func(v value) { g.Backup = r.backup(v, w) },
	})
}

// budget reads [{actions: 3, per: 1h}, ...], one for each length of window.
func (v value) budget() []remediate.Budget {
	var out []remediate.Budget
	v.list("budgets", func(item value) {
		var b remediate.Budget
		item.object("a budget", fields{
			"actions": func(v value) { b.Actions = v.count(1, remediate.MaxActs) },
			"per":     func(v value) { b.Per = v.span() },
		}, "actions", "per")
		if slices.ContainsFunc(out, func(o remediate.Budget) bool { return o.Per == b.Per && b.Per > 0 }) {
			item.fail(fmt.Sprintf("there are two budgets per %s", b.Per), "keep the smaller one")
		}
		out = append(out, b)
	})
	return out
}

func (v value) breaker() remediate.Breaker {
	b := remediate.DefaultBreaker()
	v.object("the breaker", fields{
		"failures": func(v value) { b.Failures = uint32(v.count(1, 100)) },
		"reset":    func(v value) { b.Reset = v.duration() },
	})
	return b
}

// flapping reads how often one target may be healed before a human must look.
func (v value) flapping() remediate.Flapping {
	f := remediate.DefaultFlapping()
	v.object("the guard flapping", fields{
		"heals": func(v value) { f.Heals = v.count(1, 1000) },
		"per":   func(v value) { f.Per = v.span() },
	})
	return f
}

// healthy reads the floor under which nothing is done.
func (r *policyReader) healthy(v value, w *written) *remediate.Healthy {
	h := &remediate.Healthy{}
	var q floor
	said := len(v.doc.problems)
	v.object("the guard healthy", fields{
		"query":         q.readQuery(r, w),
		"min":           q.readMin,
		"available":     func(v value) { w.replicas = append(w.replicas, v); h.Available = v.count(1, math.MaxInt32) },
		"ready":         func(v value) { w.replicas = append(w.replicas, v); h.Ready = v.share() },
		"headroom":      func(v value) { h.Headroom = v.truth() },
		"nodes":         func(v value) { h.Nodes = v.share() },
		"control_plane": func(v value) { h.ControlPlane = v.truth() },
	})
	q.check(v)
	h.Query, h.Min = q.query, q.min
	if len(v.doc.problems) == said && *h == (remediate.Healthy{}) {
		v.fail("the guard healthy asks nothing", "write {query: PromQL, min: 0.5}, {available: 2}, {ready: 0.5}, {headroom: true}, {nodes: 0.7} or {control_plane: true}")
	}
	return h
}

// backup reads how old the newest good backup may be.
func (r *policyReader) backup(v value, w *written) *remediate.Backup {
	b := &remediate.Backup{}
	v.object("the guard backup", fields{
		"newest": func(v value) { b.Newest = r.query(v, w) },
		"max":    func(v value) { b.Max = v.duration() },
	}, "newest", "max")
	return b
}

// query reads PromQL that a guard asks. It is the same for all incidents of the
// policy.
func (r *policyReader) query(v value, w *written) string {
	s, _ := v.text("a PromQL query")
	if reference.MatchString(s) {
		v.fail("no alert's label can be taken into this query", "ask about the service as a whole, for example 'sum(up{job=\"shop\"})'")
	}
	w.queries = append(w.queries, v)
	r.needPrometheus(v)
	return s
}

// floor is a query and the least value that it must have.
type floor struct {
	query string
	min   float64
}

func (f *floor) readQuery(r *policyReader, w *written) func(value) {
	return func(v value) { f.query = r.query(v, w) }
}

func (f *floor) readMin(v value) { f.min, _ = v.number() }

// check sees to it that there are both or none of them in v.
func (f *floor) check(v value) {
	switch query, least := v.has("query"), v.has("min"); {
	case query && !least:
		v.fail("the query has no least value", "add min: acting needs the query's value to be at least that")
	case least && !query:
		v.fail("min is a query's least value, but there is no query", "add query, or leave out min")
	}
}

// needPrometheus refuses a query that there is nobody to put to: it would deny
// every act, or fail every verification.
func (r *policyReader) needPrometheus(v value) {
	if r.config.Prometheus == nil {
		v.fail("there is no Prometheus to ask", "add prometheus: {url: http://localhost:9090} to the configuration")
	}
}
