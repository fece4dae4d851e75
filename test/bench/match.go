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
// policies, beside Alertmanager's own routes with the same matchers. Only the
// last policy matches, so all of them are looked at.
func measureMatch(ctx context.Context, o options) ([]row, error) {
	var contests []contest
	for _, n := range []int{10, 1_000, 10_000} {
		book, route, err := matchable(n)
		if err != nil {
			return nil, err
		}
		values := map[string]string{
			"alertname": down, "cluster": "bench", "namespace": "x0tta6bl4", "job": "bench", "severity": "critical",
			"instance": "i00000001", "pod": "x0tta6bl4-api-7d9c6b5f4-i00000001", "container": "api",
		}
		ours, theirs := remediate.LabelsOf(values), model.LabelSet{}
		for name, value := range values {
			theirs[model.LabelName(name)] = model.LabelValue(value)
		}
		contests = append(contests, contest{"match", fmt.Sprintf("%d policies or routes", n), "alerts/s", []contestant{
			matcher(o, "Rulebook.Match", func() bool { m := book.Match(ours); return len(m) == 1 && m[0].Name == down }),
			matcher(o, "Alertmanager's Route.Match", func() bool { m := route.Match(theirs); return len(m) == 1 && m[0].RouteOpts.Receiver == down }),
		}})
	}
	return hold(ctx, o.rounds, contests)
}

// matcher measures one that must find the one policy that matches.
func matcher(o options, name string, finds func() bool) contestant {
	return contestant{name, func(context.Context) (sample, error) {
		v, err := rate(o.sample/4, func() (int, error) {
			const atATime = 8 // looking at the clock costs as much as ten policies
			for range atATime {
				if !finds() {
					return 0, fmt.Errorf("%s did not find the one that matches", name)
				}
			}
			return atATime, nil
		})
		return sample{value: v}, err
	}}
}

// matchable returns n policies and the same as routes.
func matchable(n int) (*remediate.Rulebook, *dispatch.Route, error) {
	book := &remediate.Rulebook{Cluster: "bench"}
	root := &config.Route{Receiver: "default"}
	for k := range n {
		name := fmt.Sprintf("Bench%d", k)
		if k == n-1 {
			name = down
		}
		p := policy(name, remediate.ModeObserve)
		book.Policies = append(book.Policies, p)
		r := &config.Route{Receiver: name}
		for _, s := range p.When {
			m, err := labels.ParseMatcher(s)
			if err != nil {
				return nil, nil, err
			}
			r.Matchers = append(r.Matchers, m)
		}
		root.Routes = append(root.Routes, r)
	}
	return book, dispatch.NewRoute(root, nil), book.Compile()
}
