package main

import (
	"context"
	"fmt"

	"github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/dispatch"
	"github.com/prometheus/alertmanager/pkg/labels"
	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate"
)

// measureMatch measures how many alerts a second are matched against so many
// policies, beside Alertmanager's own routes with the same matchers, and beside
// itself with fewer policies. Each policy is for one alert name, and of twenty
// one says so by regular expressions alone. The alerts are those of policies all
// over the rulebook, and one of four is nobody's.
//
// The last case has as many policies of which one in twenty gives nothing that
// its alert names begin with, so that each alert must be held against it.
func measureMatch(ctx context.Context, o options) ([]row, error) {
	growth := contest{"match", "one name a policy", "alerts/s", nil}
	var held []contest
	for _, n := range []int{10, 100, 1_000, 10_000} {
		m, err := newMatchable(n, expressions)
		if err != nil {
			return nil, err
		}
		growth.contestants = append(growth.contestants, matcher(o, fmt.Sprintf("%d policies", n), float64(n), m.ours))
		held = append(held, contest{"match", fmt.Sprintf("%d policies or routes", n), "alerts/s", []contestant{
			matcher(o, "Rulebook.Match", 0, m.ours), matcher(o, "Alertmanager's Route.Match", 0, m.theirs),
		}})
	}
	m, err := newMatchable(10_000, []string{".*%sDown"})
	if err != nil {
		return nil, err
	}
	held = append(held, contest{"match", "10000, some by endings", "alerts/s", []contestant{
		matcher(o, "Rulebook.Match", 0, m.ours), matcher(o, "Alertmanager's Route.Match", 0, m.theirs),
	}})
	return o.hold(ctx, append([]contest{growth}, held...))
}

// expressions are the ways in which a policy may say by a regular expression
// which alerts it is for.
var expressions = []string{"%[1]sDown|%[1]sSlow", "%s.*", "%s(Down|Slow)", "%s.+wn"}

// matcher measures one that must find the policy of each alert.
func matcher(o options, name string, size float64, finds func() (int, error)) contestant {
	return contestant{name, func(context.Context) (sample, error) {
		v, err := rate(o.sample/4, finds)
		return sample{value: v, size: size}, err
	}}
}

// matchable is a rulebook and the same as routes, and alerts to match.
type matchable struct {
	book   *remediate.Rulebook
	route  *dispatch.Route
	alerts []matched
}

// matched is an alert, as we and as Alertmanager know it, and the name of its
// policy, "" when it has none.
type matched struct {
	ours   remediate.Labels
	theirs model.LabelSet
	policy string
}

// newMatchable returns n policies, of which one in twenty is written by each of
// the expressions in turn.
func newMatchable(n int, expressions []string) (*matchable, error) {
	m := &matchable{book: &remediate.Rulebook{Cluster: "bench"}}
	root := &config.Route{Receiver: "default"}
	for k := range n {
		service := fmt.Sprintf("Bench%05d", k)
		p := policy(service+"Down", remediate.ModeObserve)
		if k%20 == 19 {
			expression := fmt.Sprintf(expressions[k/20%len(expressions)], service)
			p.When = []string{fmt.Sprintf("alertname=~%q", expression), `job=~"bench|batch"`}
		}
		m.book.Policies = append(m.book.Policies, p)
		r := &config.Route{Receiver: p.Name}
		for _, s := range p.When {
			one, err := labels.ParseMatcher(s)
			if err != nil {
				return nil, err
			}
			r.Matchers = append(r.Matchers, one)
		}
		root.Routes = append(root.Routes, r)
	}
	m.route = dispatch.NewRoute(root, nil)
	const alerts = 100
	for k := range alerts {
		if k%4 == 3 {
			m.add(fmt.Sprintf("Other%05dDown", k), "")
			continue
		}
		name := m.book.Policies[k*n/alerts].Name
		m.add(name, name)
	}
	return m, m.book.Compile()
}

// add adds an alert with this name that is of the policy.
func (m *matchable) add(name, policy string) {
	values := map[string]string{
		"alertname": name, "cluster": "bench", "namespace": "x0tta6bl4", "job": "bench", "severity": "critical",
		"instance": "i00000001", "pod": "x0tta6bl4-api-7d9c6b5f4-i00000001", "container": "api",
	}
	a := matched{ours: remediate.LabelsOf(values), theirs: model.LabelSet{}, policy: policy}
	for name, value := range values {
		a.theirs[model.LabelName(name)] = model.LabelValue(value)
	}
	m.alerts = append(m.alerts, a)
}

// ours has the rulebook match all alerts.
func (m *matchable) ours() (int, error) {
	for _, a := range m.alerts {
		got := m.book.Match(a.ours)
		if len(got) > 1 || len(got) == 0 != (a.policy == "") || len(got) == 1 && got[0].Name != a.policy {
			return 0, fmt.Errorf("the rulebook found %d policies for %s, want %q", len(got), a.ours, a.policy)
		}
	}
	return len(m.alerts), nil
}

// theirs has Alertmanager's routes match all alerts. What is nobody's is of the
// top.
func (m *matchable) theirs() (int, error) {
	for _, a := range m.alerts {
		got := m.route.Match(a.theirs)
		if len(got) != 1 || got[0] == m.route != (a.policy == "") || a.policy != "" && got[0].RouteOpts.Receiver != a.policy {
			return 0, fmt.Errorf("the routes found %d for %s, want %q", len(got), a.ours, a.policy)
		}
	}
	return len(m.alerts), nil
}
