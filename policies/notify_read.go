package policies

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/x0tta6bl4/remediated/remediate"
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

// runbooks reads {P1: {...}}. A severity that is written replaces the default
// one as a whole: half of a ladder would be a riddle.
func (r *configReader) runbooks(v value) {
	fs := fields{}
	for _, s := range []remediate.Severity{remediate.P1, remediate.P2, remediate.P3} {
		fs[string(s)] = func(v value) { r.config.Runbooks[s] = r.runbook(v, s) }
	}
	v.object("runbooks", fs)
}

func (r *configReader) runbook(v value, s remediate.Severity) remediate.Runbook {
	var b remediate.Runbook
	paging := []string{string(remediate.PageAtOnce), string(remediate.PageOnNeed), string(remediate.PageNever)}
	v.object("runbook "+string(s), fields{
		"objective": func(v value) { b.Objective = v.duration() },
		"page": func(v value) {
			w, _ := v.word("one of: "+strings.Join(paging, ", "), paging...)
			b.Page = remediate.Paging(w)
		},
		"after":  func(v value) { b.After = v.duration() },
		"ladder": func(v value) { v.list("rungs", func(v value) { b.Ladder = append(b.Ladder, r.rung(v, s)) }) },
		"repeat": func(v value) { b.Repeat = v.count(0, 100) },
	}, "page")
	switch {
	case b.Page != remediate.PageNever && b.Page != "" && len(b.Ladder) == 0:
		v.fail(fmt.Sprintf("runbook %s pages, but has no ladder: nobody would be told", s), "write ladder: [{tell: oncall, wait: 5m}] or page: never")
	case b.Page == remediate.PageNever && (len(b.Ladder) > 0 || b.After > 0 || b.Repeat > 0):
		v.fail(fmt.Sprintf("runbook %s never pages, so its ladder is never gone up", s), "leave out ladder, after and repeat, or write page: on need")
	case b.Page == remediate.PageAtOnce && b.After > 0:
		v.fail(fmt.Sprintf("runbook %s pages at once, so there is nothing to do after %s", s, b.After), "leave out after, or write page: on need")
	}
	return b
}

func (r *configReader) rung(v value, s remediate.Severity) remediate.Rung {
	var g remediate.Rung
	v.object("a rung", fields{
		"tell": func(v value) {
			g.Tell = v.label("who is told")
			at := rungAt{s, g.Tell}
			if _, ok := r.rungs[at]; !ok {
				r.rungs[at] = v
			}
		},
		"wait": func(v value) { g.Wait = v.duration() },
	}, "tell", "wait")
	return g
}

// checkRungs sees to it that whoever a ladder tells can be told.
func (r *configReader) checkRungs(config, notify value) {
	c := &r.config
	if c.PagerDuty == nil {
		at := config
		if notify.node != nil {
			at = notify
		}
		at.warn("nobody can be paged: notify.pagerduty is missing", "incidents are only shown on the page, in the journal and, where it is set up, in Slack")
		return
	}
	known := sortedKeys(c.PagerDuty.RoutingKeys)
	if len(known) == 0 {
		return // said already
	}
	said := map[string]bool{}
	for _, s := range []remediate.Severity{remediate.P1, remediate.P2, remediate.P3} {
		for _, rung := range c.Runbooks[s].Ladder {
			if rung.Tell == "" || slices.Contains(known, rung.Tell) {
				continue
			}
			message := fmt.Sprintf("runbook %s tells %q, for whom there is no routing key", s, rung.Tell)
			hint := fmt.Sprintf("add %s: {file: ...} to notify.pagerduty.routing_keys, or write a runbook %s of your own", rung.Tell, s)
			if at, written := r.rungs[rungAt{s, rung.Tell}]; written {
				at.fail(message, hint)
			} else if !said[rung.Tell] {
				said[rung.Tell] = true
				notify.fail(message, hint)
			}
		}
	}
}
