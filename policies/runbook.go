package policies

import (
	"fmt"
	"slices"
	"strings"

	"github.com/x0tta6bl4/remediated/remediate"
)

var severities = []remediate.Severity{remediate.P1, remediate.P2, remediate.P3}

// rungRead is a rung as it was written, for the check that it can be told.
type rungRead struct {
	severity remediate.Severity
	tell     string
	at       value
}

// runbooks reads {P1: {...}}. A severity that is written replaces the default
// one as a whole: half of a ladder would be a riddle.
func (v value) runbooks(into map[remediate.Severity]remediate.Runbook) (rungs []rungRead) {
	fs := fields{}
	for _, s := range severities {
		fs[string(s)] = func(v value) {
			var more []rungRead
			into[s], more = v.runbook(s)
			rungs = append(rungs, more...)
		}
	}
	v.object("runbooks", fs)
	return rungs
}

func (v value) runbook(s remediate.Severity) (b remediate.Runbook, rungs []rungRead) {
	paging := []string{string(remediate.PageAtOnce), string(remediate.PageOnNeed), string(remediate.PageNever)}
	v.object("runbook "+string(s), fields{
		"objective": func(v value) { b.Objective = v.duration() },
		"warn":      func(v value) { b.Warn = v.duration() },
		"updates": func(v value) {
			v.object("updates", fields{"slack": func(v value) { b.Update = v.duration() }}, "slack")
		},
		"page": func(v value) {
			w, _ := v.word("one of: "+strings.Join(paging, ", "), paging...)
			b.Page = remediate.Paging(w)
		},
		"after": func(v value) { b.After = v.duration() },
		"ladder": func(v value) {
			v.list("rungs", func(v value) {
				g := v.rung()
				b.Ladder = append(b.Ladder, g)
				rungs = append(rungs, rungRead{s, g.Tell, v})
			})
		},
		"repeat": func(v value) { b.Repeat = v.count(0, 100) },
	}, "page")
	v.checkRunbook(b, s)
	return b, rungs
}

// checkRunbook looks at a runbook as a whole.
func (v value) checkRunbook(b remediate.Runbook, s remediate.Severity) {
	switch {
	case b.Page != remediate.PageNever && b.Page != "" && len(b.Ladder) == 0:
		v.fail(fmt.Sprintf("runbook %s pages, but has no ladder: nobody would be told", s), "write ladder: [{tell: oncall, wait: 5m}] or page: never")
	case b.Page == remediate.PageNever && (len(b.Ladder) > 0 || b.After > 0 || b.Repeat > 0):
		v.fail(fmt.Sprintf("runbook %s never pages, so its ladder is never gone up", s), "leave out ladder, after and repeat, or write page: on need")
	case b.Page == remediate.PageAtOnce && b.After > 0:
		v.fail(fmt.Sprintf("runbook %s pages at once, so there is nothing to do after %s", s, b.After), "leave out after, or write page: on need")
	}
	switch {
	case b.Warn > 0 && b.Objective == 0:
		v.fail(fmt.Sprintf("runbook %s warns of an objective that it does not have", s), "add objective, or leave out warn")
	case b.Warn > 0 && b.Warn >= b.Objective:
		v.fail(fmt.Sprintf("runbook %s warns %s before its objective of %s, which is before it begins", s, b.Warn, b.Objective), "write a shorter warn")
	}
}

func (v value) rung() remediate.Rung {
	var g remediate.Rung
	v.object("a rung", fields{
		"tell": func(v value) { g.Tell = v.label("who is told") },
		"wait": func(v value) { g.Wait = v.duration() },
	}, "tell", "wait")
	return g
}

// rungs are the names that can be told with this configuration, in any way.
func (c *Config) rungs() []string {
	var names []string
	if c.PagerDuty != nil {
		names = append(names, c.PagerDuty.rungs()...)
	}
	if c.Slack != nil {
		names = append(names, sortedKeys(c.Slack.Mentions)...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// untold says why a rung cannot be told, and what to do; "" when it can.
func (c *Config) untold(g rungRead) (message, hint string) {
	known := c.rungs()
	if g.tell == "" || len(known) == 0 || slices.Contains(known, g.tell) {
		return "", ""
	}
	return fmt.Sprintf("runbook %s tells %q, who can be called in no way", g.severity, g.tell),
		fmt.Sprintf("name %s under notify.pagerduty.routing_keys or notify.slack.mentions, or write a runbook %s of your own", g.tell, g.severity)
}

// checkRungs sees to it that whoever a ladder tells can be told.
func (r *configReader) checkRungs(config, notify value) {
	c := &r.config
	if c.PagerDuty == nil && (c.Slack == nil || len(c.Slack.Mentions) == 0) {
		at := config
		if notify.node != nil {
			at = notify
		}
		at.warn("nobody can be paged: notify.pagerduty is missing", "incidents are only shown on the page, in the journal and, where it is set up, in Slack")
		return
	}
	said := map[string]bool{}
	for _, g := range r.rungs {
		message, hint := c.untold(g)
		if key := string(g.severity) + g.tell; message != "" && !said[key] {
			said[key] = true
			g.at.fail(message, hint)
		}
	}
	for _, s := range severities {
		for _, rung := range c.Runbooks[s].Ladder {
			written := slices.ContainsFunc(r.rungs, func(g rungRead) bool { return g.severity == s && g.tell == rung.Tell })
			message, hint := c.untold(rungRead{severity: s, tell: rung.Tell})
			if message != "" && !written && !said[rung.Tell] {
				said[rung.Tell] = true
				notify.fail(message, hint)
			}
		}
	}
}
