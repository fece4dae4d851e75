package policies

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

func (r *configReader) pagerDuty(v value) {
	p := &PagerDuty{RoutingKeys: map[string]string{}}
	ok := v.object("pagerduty", fields{
		"routing_keys":   func(v value) { r.routingKeys(v, p) },
		"events_url":     func(v value) { p.EventsURL = v.optional(value.url) },
		"api_url":        func(v value) { p.APIURL = v.optional(value.url) },
		"api_token_file": func(v value) { p.APITokenFile = v.file(r.folder) },
		"webhook_secret_files": func(v value) {
			v.list("files", func(v value) { p.WebhookSecretFiles = append(p.WebhookSecretFiles, v.file(r.folder)) })
		},
		"changes_rung": func(v value) { p.ChangesRung = v.label("the name of a rung") },
		"from":         func(v value) { p.From, _ = v.text("an e-mail address") },
		"escalation":   func(v value) { p.Levels = v.levels() },
		"dedup_key": func(v value) {
			w, _ := v.word("own or alertmanager", "own", "alertmanager")
			p.MergePages = w == "alertmanager"
		},
		"escalation_policy": func(v value) { p.EscalationPolicy, _ = v.text("the ID of an escalation policy") },
	}, "routing_keys")
	if ok {
		v.checkPagerDuty(p)
	}
	r.config.PagerDuty = p
}

// checkPagerDuty looks at PagerDuty as a whole.
func (v value) checkPagerDuty(p *PagerDuty) {
	_, named := p.RoutingKeys[p.ChangesRung]
	switch {
	case p.ChangesRung != "" && !named:
		v.fail(fmt.Sprintf("changes_rung is %q, which has no routing key", p.ChangesRung), "write one of: "+strings.Join(sortedKeys(p.RoutingKeys), ", "))
	case len(p.Levels) == 0:
	case len(p.RoutingKeys) != 1:
		v.fail("escalation moves one incident of PagerDuty up its levels, so it takes one routing key", "leave one in routing_keys, or leave out escalation: one of the two owns the escalation")
	case p.From == "" || p.APITokenFile == "":
		v.fail("escalation needs the REST API", "add api_token_file, and from: the e-mail address of the user in whose name incidents are moved")
	}
}

// levels reads {levels: {oncall: 1, manager: 2}}.
func (v value) levels() map[string]int {
	out := map[string]int{}
	v.object("escalation", fields{"levels": func(v value) {
		v.named("the names that a runbook's ladder tells, each with its level", "write {oncall: 1, manager: 2}", func(name string, child value) {
			out[name] = child.count(1, 20)
		})
	}}, "levels")
	return out
}

// routingKeys reads {oncall: {file: ...}, ...}: any names, each with the file
// of its key.
func (r *configReader) routingKeys(v value, p *PagerDuty) {
	v.named("the names that a runbook's ladder tells, each with the file of its routing key", "write oncall: {file: /path/to/key}", func(name string, child value) {
		p.RoutingKeys[name] = "" // so that it is not said to be missing as well
		if child.node.Kind == yaml.ScalarNode {
			child.star()
			child.fail("a routing key is a secret and does not belong in this file", fmt.Sprintf("write %s: {file: /path/to/key}", name))
			return
		}
		child.object("a routing key", fields{"file": func(v value) { p.RoutingKeys[name] = v.file(r.folder) }}, "file")
	})
}
