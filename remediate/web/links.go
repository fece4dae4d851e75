package web

import (
	"net/url"
	"slices"
	"strings"

	"github.com/x0tta6bl4/remediated/remediate"
)

// maxQueries is how many queries of one incident are linked.
const maxQueries = 8

// linksOf leads to where else there is something to be seen of an incident: its
// alert where it fires, what was asked of Prometheus, and its rule.
func linksOf(to Links, i Incident, facts []remediate.Fact) []outLink {
	var ls []outLink
	if to.Alertmanager != "" && len(i.Labels) > 0 {
		ls = append(ls, outLink{"its alert in Alertmanager", strings.TrimSuffix(to.Alertmanager, "/") + "/#/alerts?filter=" + url.QueryEscape(i.Labels.String())})
	}
	if to.Prometheus != "" {
		for _, q := range queriesOf(facts) {
			ls = append(ls, outLink{"in Prometheus: " + q, strings.TrimSuffix(to.Prometheus, "/") + "/graph?g0.tab=0&g0.range_input=1h&g0.expr=" + url.QueryEscape(q)})
		}
	}
	return slices.DeleteFunc(ls, func(l outLink) bool { return !leadsOut(l.URL) })
}

// leadsIn tells whether an address may be linked that came from a service which people
// are told by. Who told it has seen to it that it is the service's own.
func leadsIn(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil
}

// leadsOut tells whether an address is one of the web.
func leadsOut(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// queriesOf are the queries that were put for an incident, in their order.
func queriesOf(facts []remediate.Fact) (all []string) {
	for _, f := range facts {
		b, ok := f.Body.(remediate.Started)
		if !ok || b.Ask == nil {
			continue
		}
		for _, q := range b.Ask.Questions {
			if query := queryOf(q); query != "" && !slices.Contains(all, query) && len(all) < maxQueries {
				all = append(all, query)
			}
		}
	}
	return all
}
