package pagerduty

import (
	"context"
	"fmt"
	"time"

	api "github.com/PagerDuty/go-pagerduty"
	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate"
)

// checkOwned compares the ladder with the one policy whose levels it climbs.
func (p *PagerDuty) checkOwned(ctx context.Context, ladder []remediate.Rung, services map[string]api.Service) ([]string, error) {
	r, said, err := p.rulesOf(ctx, p.options.rungs()[0], services)
	if err != nil {
		return said, err
	}
	if r.service != nil {
		said = append(said, checkService(*r.service, ladder)...)
	}
	if !r.known {
		return said, nil
	}
	levels := len(r.policy.EscalationRules)
	policy := name(r.policy.APIObject, r.policy.Name)
	before := 0
	for n, rung := range ladder {
		level, ours := p.options.Escalation.Levels[rung.Tell]
		switch {
		case !ours:
			continue
		case level > levels:
			said = append(said, fmt.Sprintf("%s is at level %d, but the policy %s has %d", rung.Tell, level, policy, levels))
			continue
		case level < before:
			said = append(said, fmt.Sprintf("the ladder calls %s after level %d, but has it at level %d", rung.Tell, before, level))
		}
		before = level
		said = append(said, checkDelay(r.policy, level, ladder, n)...)
	}
	if top := p.topLevel(); levels > top {
		said = append(said, fmt.Sprintf("the policy %s has %d levels, the highest that a rung has is %d: who is above it is called by PagerDuty alone",
			policy, levels, top))
	}
	return append(said, checkPolicy(r.policy)...), nil
}

func (p *PagerDuty) topLevel() int {
	top := 0
	for _, level := range p.options.Escalation.Levels {
		top = max(top, level)
	}
	return top
}

// checkDelay says that PagerDuty goes on from a level before the ladder does.
// Later than the ladder is as it should be: it is then there when we are not.
func checkDelay(policy api.EscalationPolicy, level int, ladder []remediate.Rung, n int) []string {
	delay, wait := minutes(policy.EscalationRules[level-1]), time.Duration(ladder[n].Wait)
	last := level == len(policy.EscalationRules)
	if delay > wait || (last && policy.NumLoops == 0) {
		return nil
	}
	next := "the ladder begins again"
	if n+1 < len(ladder) {
		next = "the ladder calls " + ladder[n+1].Tell
	}
	return []string{fmt.Sprintf("PagerDuty escalates by itself from level %d (%s) after %s, and %s after %s: set the level's delay to more than that",
		level, ladder[n].Tell, short(delay), next, short(wait))}
}

// checkAlone compares the ladder with the policy of one rung's own service,
// whose further levels are an escalation beside ours.
func (p *PagerDuty) checkAlone(ctx context.Context, ladder []remediate.Rung, n int, services map[string]api.Service) ([]string, error) {
	rung := ladder[n]
	r, said, err := p.rulesOf(ctx, rung.Tell, services)
	if err != nil {
		return said, err
	}
	if r.service != nil {
		said = append(said, checkService(*r.service, ladder)...)
	}
	if !r.known {
		return said, nil
	}
	if levels := len(r.policy.EscalationRules); levels > 1 {
		text := fmt.Sprintf("%s: PagerDuty's policy %s escalates by itself to level 2 of %d after %s, besides the ladder", rung.Tell,
			name(r.policy.APIObject, r.policy.Name), levels, short(minutes(r.policy.EscalationRules[0])))
		if n+1 < len(ladder) {
			text += fmt.Sprintf(", which calls %s after %s", ladder[n+1].Tell, short(time.Duration(rung.Wait)))
		}
		said = append(said, text+": give the service a policy of one level, or make the rungs levels of one policy")
	}
	return append(said, checkPolicy(r.policy)...), nil
}

// checkPolicy says what is odd about a policy whatever the ladder.
func checkPolicy(policy api.EscalationPolicy) []string {
	var said []string
	of := name(policy.APIObject, policy.Name)
	for n, rule := range policy.EscalationRules {
		if len(rule.Targets) == 0 {
			said = append(said, fmt.Sprintf("level %d of the policy %s calls nobody", n+1, of))
		}
	}
	if len(policy.EscalationRules) == 0 {
		said = append(said, fmt.Sprintf("the policy %s has no levels: it calls nobody", of))
	}
	if policy.NumLoops > 0 {
		said = append(said, fmt.Sprintf("the policy %s begins again by itself, %d times", of, policy.NumLoops))
	}
	return said
}

// checkService says what a service does by itself with an incident that is open.
func checkService(s api.Service, ladder []remediate.Rung) []string {
	var said []string
	of := name(s.APIObject, s.Name)
	if s.Status == "disabled" || s.Status == "maintenance" {
		said = append(said, fmt.Sprintf("the service %s is in the state %s and opens no incidents", of, s.Status))
	}
	if after := seconds(s.AcknowledgementTimeout); after > 0 {
		said = append(said, fmt.Sprintf("the service %s takes incidents back from who acknowledged them after %s", of, short(after)))
	}
	if after := seconds(s.AutoResolveTimeout); after > 0 && after <= total(ladder) {
		said = append(said, fmt.Sprintf("the service %s resolves open incidents by itself after %s, before the ladder is through", of, short(after)))
	}
	return said
}

func total(ladder []remediate.Rung) time.Duration {
	var sum time.Duration
	for _, rung := range ladder {
		sum += time.Duration(rung.Wait)
	}
	return sum
}

// seconds is zero for what is switched off.
func seconds(n *uint) time.Duration {
	if n == nil {
		return 0
	}
	return time.Duration(*n) * time.Second
}

// short returns 5m rather than 5m0s, as runbooks have it.
func short(d time.Duration) string { return model.Duration(d).String() }
