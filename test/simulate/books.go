package simulate

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate"
)

// rulebooks are those of a day. The first governs at its beginning; the others
// are what people make of it: stricter, with other numbers, without a policy.
func (d dice) rulebooks() []*remediate.Rulebook {
	first := d.rulebook()
	books := []*remediate.Rulebook{first}
	for _, change := range []func(dice, *remediate.Rulebook){tighten, renumber, drop} {
		other := copyOf(first)
		change(d, other)
		books = append(books, compiled(other))
	}
	return books
}

// compiled is a rulebook that can be decided with.
func compiled(book *remediate.Rulebook) *remediate.Rulebook {
	if err := book.Compile(); err != nil {
		panic(fmt.Sprintf("the simulation's own rulebook: %v", err))
	}
	return book
}

func copyOf(book *remediate.Rulebook) *remediate.Rulebook {
	b, err := book.Encode()
	if err != nil {
		panic(fmt.Sprintf("the simulation's own rulebook: %v", err))
	}
	other, err := remediate.DecodeRulebook(b)
	if err != nil {
		panic(fmt.Sprintf("the simulation's own rulebook: %v", err))
	}
	return other
}

func minutes(n int) model.Duration { return model.Duration(time.Duration(n) * time.Minute) }
func seconds(n int) model.Duration { return model.Duration(time.Duration(n) * time.Second) }

// rulebook has policies that overlap in alerts, targets and budgets.
func (d dice) rulebook() *remediate.Rulebook {
	book := &remediate.Rulebook{
		Cluster:       cluster,
		ReplicaLabels: remediate.DefaultReplicaLabels(),
		Budget:        []remediate.Budget{{Actions: pick(d, 5, 9, 20), Per: minutes(60)}},
		Runbooks:      remediate.DefaultRunbooks(),
		Destinations:  []string{remediate.Slack, remediate.SlackThread, remediate.SlackDrill, "pagerduty/oncall", "pagerduty/manager", "pagerduty/director"},
	}
	if d.chance(50) {
		book.Destinations = append(book.Destinations, "slack/page/manager", "slack/page/oncall")
	}
	if d.chance(20) { // on-call by PagerDuty alone, those above by Slack alone
		book.Destinations = []string{remediate.Slack, remediate.SlackThread, "pagerduty/oncall", "slack/page/manager", "slack/page/director"}
	}
	if d.chance(30) {
		book.Storm = &remediate.Storm{Incidents: pick(d, 4, 8), Per: minutes(5), Calm: minutes(5)}
	}
	book.Policies = append(book.Policies, d.policy("root-down", []string{`alertname="RootDown"`}, "namespace", "service"))
	leaf := d.policy("leaf-down", []string{`alertname="LeafDown"`}, pick(d, []string{"namespace", "service"}, []string{"namespace"})...)
	if d.chance(50) {
		leaf.Guards.Depends = []remediate.Dependency{{Policy: "root-down", Same: []string{"namespace"}}}
	}
	book.Policies = append(book.Policies, leaf)
	if d.chance(60) {
		book.Policies = append(book.Policies, d.policy("slow", []string{`alertname="Slow"`}, pick(d, []string{"namespace"}, []string{"pod"}, nil)...))
	}
	if d.chance(40) {
		all := d.policy("shop", []string{`namespace="shop"`, `alertname!="Watchdog"`}, "namespace")
		book.Policies = append([]remediate.Policy{all}, book.Policies...)
		book.Policies[0].Continue = d.chance(70)
	}
	return compiled(book)
}

// worst is from which impact on an incident is P1.
var worst = 1.0

func (d dice) policy(name string, when []string, per ...string) remediate.Policy {
	p := remediate.Policy{
		Name: name, When: when, Per: per,
		Severity: pick(d, remediate.P1, remediate.P1, remediate.P2, remediate.P2, remediate.P3),
		Mode:     pick(d, remediate.ModeAct, remediate.ModeAct, remediate.ModeAct, remediate.ModeAct, remediate.ModeApprove, remediate.ModeObserve),
		Target:   pick(d, "deployment/$namespace/$service", "deployment/$namespace/$service", "owner/$namespace/$pod"),
		Guards: remediate.Guards{
			Cooldown: pick(d, 0, minutes(2), minutes(10)),
			Settle:   pick(d, 0, 0, seconds(40)),
			Budget:   []remediate.Budget{{Actions: pick(d, 1, 2, 4, 6), Per: pick(d, minutes(10), minutes(30))}},
			Breaker:  pick(d, remediate.Breaker{}, remediate.Breaker{Failures: 1, Reset: minutes(20)}, remediate.Breaker{Failures: 3, Reset: minutes(5)}),
		},
		Objective: minutes(5),
	}
	switch d.IntN(8) {
	case 0:
		p.Guards.Healthy = &remediate.Healthy{Query: "floor", Min: 0.5}
	case 1:
		p.Guards.Healthy = &remediate.Healthy{Available: 1}
	case 2:
		p.Guards.Healthy = &remediate.Healthy{Ready: 0.5, Headroom: true}
	case 3:
		p.Guards.Healthy = &remediate.Healthy{Nodes: 0.7, ControlPlane: true}
	}
	if d.chance(20) {
		p.Guards.Backup = &remediate.Backup{Newest: "backup", Max: minutes(24 * 60)}
	}
	p.Guards.Attempts = pick(d, 0, 0, 3)
	if d.chance(20) {
		p.SeverityBy = &remediate.SeverityBy{Impact: []remediate.Impact{{Query: "impact", P1: &worst}}}
	}
	if d.chance(5) {
		p.Target = "" // nothing may be done
		return p
	}
	for n := range 1 + d.IntN(3) {
		p.Steps = append(p.Steps, d.remedy(n))
	}
	return p
}

func (d dice) remedy(n int) remediate.Step {
	s := remediate.Step{Name: fmt.Sprintf("step %d", n+1), Do: []remediate.Do{{Kind: pick(d, "restart", "rollback")}}}
	if d.chance(25) {
		s.Do = append([]remediate.Do{{Kind: "cordon"}}, s.Do...)
		s.Undo = []remediate.Do{{Kind: "uncordon"}}
	}
	if d.chance(15) {
		s.Do = append(s.Do, remediate.Do{Kind: "restart", Target: "deployment/ops/batch"})
	}
	for n := range len(s.Do) - 1 {
		if d.chance(40) {
			s.Do[n].Verify = &remediate.Verify{All: []remediate.Check{{Kind: "rollout"}}, For: pick(d, 0, seconds(10)), Within: pick(d, seconds(30), minutes(1)), Every: seconds(1)}
		}
	}
	if d.chance(20) {
		s.Approval = &remediate.ApprovalBy{People: pick(d, 0, 0, 2), Within: pick(d, minutes(2), minutes(10))}
	}
	s.Evidence = d.chance(30)
	s.Within = pick(d, 0, seconds(20))
	s.Verify = remediate.Verify{
		All: []remediate.Check{{Kind: "http", Args: json.RawMessage(`{"url":"http://$service.$namespace/"}`)}},
		For: pick(d, 0, seconds(10), seconds(30)), Within: pick(d, seconds(40), minutes(2)), Every: seconds(1),
	}
	return s
}

// tighten allows less.
func tighten(d dice, book *remediate.Rulebook) {
	p := &book.Policies[d.IntN(len(book.Policies))]
	p.Mode = pick(d, remediate.ModeObserve, remediate.ModeApprove)
	p.Guards.Cooldown = minutes(5)
	book.Budget = []remediate.Budget{{Actions: 2, Per: minutes(20)}, {Actions: 8, Per: minutes(240)}}
}

// renumber allows other things: here more, there less.
func renumber(d dice, book *remediate.Rulebook) {
	for n := range book.Policies {
		p := &book.Policies[n]
		p.Guards.Budget = []remediate.Budget{{Actions: pick(d, 1, 3), Per: pick(d, minutes(5), minutes(60))}}
		p.Guards.Settle = pick(d, 0, seconds(60))
		p.Mode = pick(d, p.Mode, remediate.ModeAct)
	}
}

// drop takes a policy away.
func drop(d dice, book *remediate.Rulebook) {
	n := d.IntN(len(book.Policies))
	book.Policies = append(book.Policies[:n], book.Policies[n+1:]...)
}
