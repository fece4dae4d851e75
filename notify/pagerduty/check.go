package pagerduty

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	api "github.com/PagerDuty/go-pagerduty"

	"github.com/x0tta6bl4/remediated/notify"
	"github.com/x0tta6bl4/remediated/remediate"
)

// Check returns in plain words where PagerDuty's rules and a runbook's ladder
// differ, and which secrets cannot be read; nothing when all is well. An error
// says that PagerDuty could not be asked, besides what was found by then.
func (p *PagerDuty) Check(ctx context.Context, ladder []remediate.Rung) ([]string, error) {
	said := p.checkSecrets()
	if p.options.APIToken == "" {
		return append(said, "notify.pagerduty.api_token_file is not set, so that PagerDuty's own escalation was not looked at"), nil
	}
	said = append(said, p.checkRungs(ladder)...)
	services, err := p.services(ctx)
	if err != nil {
		return said, err
	}
	if p.options.owned() {
		more, err := p.checkOwned(ctx, ladder, services)
		return append(said, more...), err
	}
	for n, rung := range ladder {
		if _, paged := p.options.RoutingKeys[rung.Tell]; !paged {
			continue
		}
		more, err := p.checkAlone(ctx, ladder, n, services)
		said = append(said, more...)
		if err != nil {
			return said, err
		}
	}
	return said, nil
}

// checkSecrets names the files that cannot be read.
func (p *PagerDuty) checkSecrets() []string {
	files := map[string]notify.SecretFile{}
	for rung, file := range p.options.RoutingKeys {
		files["routing_keys."+rung] = file
	}
	for n, file := range p.options.WebhookSecrets {
		files["webhook_secret_files["+strconv.Itoa(n)+"]"] = file
	}
	if p.options.APIToken != "" {
		files["api_token"] = p.options.APIToken
	}
	var said []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if _, err := files[name].Read(); err != nil {
			said = append(said, fmt.Sprintf("notify.pagerduty.%s: %s", name, err))
		}
	}
	return said
}

// checkRungs names those that PagerDuty does not page.
func (p *PagerDuty) checkRungs(ladder []remediate.Rung) []string {
	var said []string
	for _, rung := range ladder {
		if !slices.Contains(p.options.rungs(), rung.Tell) {
			said = append(said, fmt.Sprintf("the ladder calls %s, whom PagerDuty does not page: there is no key or level for it", rung.Tell))
		}
	}
	return said
}

// services returns PagerDuty's services by the integration keys of ours.
func (p *PagerDuty) services(ctx context.Context) (map[string]api.Service, error) {
	byKey := map[string]api.Service{}
	const page, reach = 100, 10_000 // PagerDuty lists no further
	for offset := 0; offset < reach; offset += page {
		var answer api.ListServiceResponse
		err := p.ask(ctx, http.MethodGet, "/services", url.Values{
			"include[]": {"integrations"}, "limit": {strconv.Itoa(page)}, "offset": {strconv.Itoa(offset)},
		}, nil, &answer)
		if err != nil {
			return nil, fmt.Errorf("list the services: %w", err)
		}
		for _, s := range answer.Services {
			for _, i := range s.Integrations {
				byKey[i.IntegrationKey] = s
			}
		}
		if !answer.More {
			break
		}
	}
	return byKey, nil
}

// rules are what PagerDuty does by itself with what is sent to a rung.
type rules struct {
	service *api.Service // nil: it was not found by its key
	policy  api.EscalationPolicy
	known   bool // the policy is
}

// rulesOf finds the rules of a rung, and says what is wrong with finding them.
func (p *PagerDuty) rulesOf(ctx context.Context, rung string, services map[string]api.Service) (rules, []string, error) {
	var r rules
	var said []string
	id := p.options.EscalationPolicy
	to, err := p.integration(rung)
	if err != nil {
		return r, nil, nil //nolint:nilerr // checkSecrets has said so
	}
	if s, found := services[to.key.Reveal()]; found {
		r.service = &s
		if id != "" && p.options.owned() && s.EscalationPolicy.ID != id {
			said = append(said, fmt.Sprintf("the service %s has the escalation policy %s, not %s as notify.pagerduty.escalation_policy says",
				name(s.APIObject, s.Name), s.EscalationPolicy.ID, id))
		}
		id = s.EscalationPolicy.ID
	} else {
		said = append(said, fmt.Sprintf("no service that the token can see has the integration key of %s; it may be an orchestration's", rung))
	}
	if id == "" {
		return r, append(said, "set notify.pagerduty.escalation_policy to have PagerDuty's delays looked at"), nil
	}
	r.policy, err = p.policy(ctx, id)
	if errors.Is(err, errNotFound) {
		return r, append(said, fmt.Sprintf("PagerDuty has no escalation policy %s", id)), nil
	}
	r.known = err == nil
	return r, said, err
}

func (p *PagerDuty) policy(ctx context.Context, id string) (api.EscalationPolicy, error) {
	var answer struct {
		Policy api.EscalationPolicy `json:"escalation_policy"`
	}
	if err := p.ask(ctx, http.MethodGet, "/escalation_policies/"+url.PathEscape(id), nil, nil, &answer); err != nil {
		return api.EscalationPolicy{}, fmt.Errorf("read the escalation policy: %w", err)
	}
	return answer.Policy, nil
}

func name(o api.APIObject, given string) string {
	if given = notify.Clean(given, maxPerson); given != "" {
		return given
	}
	return notify.Clean(o.ID, maxID)
}

// minutes is how long a level waits for an acknowledgement.
func minutes(rule api.EscalationRule) time.Duration { return time.Duration(rule.Delay) * time.Minute }
