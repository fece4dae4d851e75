package policies

import (
	"fmt"
	"math"
	"slices"

	"github.com/x0tta6bl4/remediated/remediate"
)

// always are guards that stand before every act and have nothing to be set.
var always = []string{"approval", "busy", "firing", "journal", "mode", "paused", "silenced", "takeover", "target"}

// guards reads a policy's own guards.
func (r *policyReader) guards(v value, w *written) {
	g := &w.Policy.Guards
	v.object("guards", fields{
		"cooldown": func(v value) { w.cooldown = true; g.Cooldown = v.duration() },
		"settle":   func(v value) { g.Settle = v.duration() },
		"budget":   func(v value) { g.Budget = v.budget() },
		"breaker":  func(v value) { g.Breaker = v.breaker() },
		"healthy":  func(v value) { g.Healthy = r.healthy(v) },
	})
}

// budget reads [{actions: 3, per: 1h}, ...], one for each length of window.
func (v value) budget() []remediate.Budget {
	var out []remediate.Budget
	v.list("budgets", func(item value) {
		var b remediate.Budget
		item.object("a budget", fields{
			"actions": func(v value) { b.Actions = v.count(1, 10_000) },
			"per":     func(v value) { b.Per = v.duration() },
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

// healthy reads the floor under which nothing is done: a query with its least
// value, a number of available replicas, or both.
func (r *policyReader) healthy(v value) *remediate.Healthy {
	h := &remediate.Healthy{Min: math.NaN()}
	v.object("the guard healthy", fields{
		"query": func(v value) {
			h.Query, _ = v.text("a PromQL query")
			if reference.MatchString(h.Query) {
				v.fail("no alert's label can be taken into this query", "ask about the service as a whole, for example 'sum(up{job=\"shop\"})'")
			}
			r.needPrometheus(v)
		},
		"min":       func(v value) { h.Min = v.number() },
		"available": func(v value) { h.Available = v.count(1, math.MaxInt32) },
	})
	switch {
	case h.Query == "" && h.Available == 0:
		v.fail("the guard healthy asks nothing", "write {query: PromQL, min: 0.5}, or {available: 2}")
	case h.Query != "" && math.IsNaN(h.Min):
		v.fail("the query has no least value", "add min: acting needs the query's value to be at least that")
	case h.Query == "" && !math.IsNaN(h.Min):
		v.fail("min is a query's least value, but there is no query", "add query, or leave out min")
	}
	if math.IsNaN(h.Min) {
		h.Min = 0
	}
	return h
}

// promQL is the kind of probe that asks Prometheus.
const promQL = "promql"

// needPrometheus refuses a query that there is nobody to put to: it would deny
// every act, or fail every verification.
func (r *policyReader) needPrometheus(v value) {
	if r.config.Prometheus == nil {
		v.fail("there is no Prometheus to ask", "add prometheus: {url: http://localhost:9090} to the configuration")
	}
}
