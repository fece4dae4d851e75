package policies

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

func (r *configReader) notify(v value) {
	v.object("notify", fields{"slack": r.slack, "pagerduty": r.pagerDuty})
}

func (r *configReader) slack(v value) {
	s := &Slack{}
	file := func(to *string) func(value) {
		return func(v value) { *to = v.file(r.folder) }
	}
	v.object("slack", fields{
		"token_file":          file(&s.TokenFile),
		"signing_secret_file": file(&s.SigningSecretFile),
		"app_token_file":      file(&s.AppTokenFile),
		"channel":             func(v value) { s.Channel, _ = v.text("a channel") },
		"api_url":             func(v value) { s.APIURL = v.optional(value.url) },
	}, "token_file", "channel")
	r.config.Slack = s
}

func (r *configReader) pagerDuty(v value) {
	p := &PagerDuty{RoutingKeys: map[string]string{}}
	v.object("pagerduty", fields{
		"routing_keys":   func(v value) { r.routingKeys(v, p) },
		"events_url":     func(v value) { p.EventsURL = v.optional(value.url) },
		"api_url":        func(v value) { p.APIURL = v.optional(value.url) },
		"api_token_file": func(v value) { p.APITokenFile = v.file(r.folder) },
		"webhook_secret_files": func(v value) {
			v.list("files", func(v value) { p.WebhookSecretFiles = append(p.WebhookSecretFiles, v.file(r.folder)) })
		},
	}, "routing_keys")
	r.config.PagerDuty = p
}

// routingKeys reads {oncall: {file: ...}, ...}: any names, each with the file
// of its key.
func (r *configReader) routingKeys(v value, p *PagerDuty) {
	if v.node.Kind != yaml.MappingNode || len(v.node.Content) == 0 {
		v.fail("want the names that a runbook's ladder tells, each with the file of its routing key", "write oncall: {file: /path/to/key}")
		return
	}
	for i := range len(v.node.Content) / 2 {
		key, child := v.pair(i)
		name := key.label("the name of a rung")
		p.RoutingKeys[name] = "" // so that it is not said to be missing as well
		if child.node.Kind == yaml.ScalarNode {
			child.star()
			child.fail("a routing key is a secret and does not belong in this file", fmt.Sprintf("write %s: {file: /path/to/key}", key.node.Value))
			continue
		}
		child.object("a routing key", fields{"file": func(v value) { p.RoutingKeys[name] = v.file(r.folder) }}, "file")
	}
}
