package lint

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/remediate"
)

// What is asked of the configuration, see docs/alertmanager.md.
const (
	waitMost     = 5 * time.Second  // until we hear of a new group
	intervalMost = 30 * time.Second // until we hear of an alert that joins one
	holdBegins   = 30 * time.Second // within which we begin to hold a page
	heldPageLate = time.Minute      // after which a page goes out that is no longer held
	timeoutLeast = 5 * time.Second  // for one webhook
	flushAtLeast = 10 * time.Second // a group is tried for so long, however short its group_interval
)

const (
	example        = "see deploy/alertmanager/remediated.yml for a whole one"
	labelAlertname = "alertname"
)

// Check holds the configuration against ours and the policies. rules are those
// of Prometheus, as far as they are known.
func (a *Alertmanager) Check(config *policies.Config, book *remediate.Rulebook, rules []policies.AlertRule) []policies.Problem {
	c := &check{Alertmanager: a, rules: rules}
	if !c.receivers() {
		return c.problems
	}
	for _, p := range book.Policies {
		c.policy(p)
	}
	for _, r := range c.hear {
		c.timing(r)
	}
	if config.Watchdog != nil {
		c.watchdog(config.Watchdog)
	}
	if config.Raise {
		c.raised()
	}
	slices.SortStableFunc(c.problems, func(a, b policies.Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return c.problems
}

// check is one run of Check.
type check struct {
	*Alertmanager
	rules    []policies.AlertRule
	hear     []*route // by which we may hear of an alert of a policy
	problems []policies.Problem
}

func (c *check) warn(p policies.Problem) {
	if !slices.Contains(c.problems, p) {
		c.problems = append(c.problems, p)
	}
}

func (c *check) fail(p policies.Problem) {
	p.Severity = policies.Error
	c.warn(p)
}

// receivers looks for a webhook to us, and at how it is set. It returns false
// when there is none, or it cannot be told.
func (c *check) receivers() bool {
	var found bool
	var unknown []string
	for _, name := range slices.Sorted(maps.Keys(c.Alertmanager.receivers)) {
		r := c.Alertmanager.receivers[name]
		for _, w := range r.ours() {
			found = true
			c.webhook(w)
		}
		if slices.ContainsFunc(r.Webhooks, func(w *webhook) bool { return w.URL == "" || w.URL == hidden }) {
			unknown = append(unknown, name)
		}
	}
	switch {
	case found:
	case len(unknown) > 0:
		c.warn(c.problem(nil, "it cannot be told which of the receivers is remediated: the addresses of "+strings.Join(unknown, ", ")+" are not shown",
			"let the name of the receiver have the word remediated in it"))
	default:
		c.warn(c.problem(nil, "no receiver has a webhook to remediated, which hears of alerts only when it asks, once a minute",
			"add one whose url ends in "+WebhookPath+": "+example))
	}
	return found
}

// webhook looks at how our webhook is set.
func (c *check) webhook(w *webhook) {
	if w.SendResolved != nil && !*w.SendResolved {
		c.warn(c.problem(at(w.node, "send_resolved"), "remediated is not told what has resolved", "write send_resolved: true"))
	}
	if w.MaxAlerts > 0 {
		c.warn(c.problem(at(w.node, "max_alerts"), fmt.Sprintf("of a group with more than %d alerts the others are not told", w.MaxAlerts), "write max_alerts: 0: what is cut off is cut off at random"))
	}
	if !w.Payload.IsZero() {
		c.fail(c.problem(&w.Payload, "remediated cannot read a body that is not Alertmanager's own", "take payload out"))
	}
	switch {
	case w.Timeout == 0:
		c.warn(c.problem(at(w.node, "timeout"), "an answer that does not come is waited for as long as it is tried at all", "write timeout: 10s: remediated has answered by then, or will not"))
	case w.Timeout < timeoutLeast:
		c.warn(c.problem(at(w.node, "timeout"), fmt.Sprintf("an answer is waited for %s, and remediated writes down what it is told before it answers", w.Timeout), "write timeout: 10s, or what is told is told twice"))
	}
}

// policy looks where the alerts of a policy go.
func (c *check) policy(p remediate.Policy) {
	for _, known := range policies.KnownLabels(p.When, c.rules) {
		taken := c.takes(known)
		name := nameOf(known, p)
		var hear, others []reached
		for _, r := range taken {
			if c.isOurs(r.route) {
				hear = append(hear, r)
			}
			if c.tellsOthers(r.route) {
				others = append(others, r)
			}
		}
		if len(hear) == 0 {
			c.warn(c.problem(taken[0].node, fmt.Sprintf("%s goes to %s and not to remediated", name, names(taken)),
				"give it a route to remediated before this one, with continue: true"))
			continue
		}
		if len(others) == 0 {
			c.warn(c.problem(hear[0].node, fmt.Sprintf("%s goes to remediated and to nobody else: nobody is called when remediated is down", name),
				"write continue: true here, and let a route to people follow"))
		}
		for _, r := range hear {
			if !slices.Contains(c.hear, r.route) {
				c.hear = append(c.hear, r.route)
			}
		}
		if p.HoldPage {
			c.hold(known, name, others)
		}
	}
}

// takes returns the routes that an alert takes of which these labels are known.
// One that is no drill: that is known, too.
func (c *check) takes(known map[string]string) []reached {
	known = maps.Clone(known)
	known[remediate.DrillLabel] = ""
	all, _ := c.route.reach(known)
	return all
}

// nameOf says what alert it is, for people.
func nameOf(known map[string]string, p remediate.Policy) string {
	if name := known[labelAlertname]; name != "" {
		return fmt.Sprintf("the alert %s of the policy %s", name, p.Name)
	}
	return "what the policy " + p.Name + " is for"
}

func names(taken []reached) string {
	var out []string
	for _, r := range taken {
		if !slices.Contains(out, r.Receiver) {
			out = append(out, r.Receiver)
		}
	}
	return strings.Join(out, ", ")
}

// timing looks at how soon we hear by a route.
func (c *check) timing(r *route) {
	each := slices.Contains(r.GroupBy, "...")
	if r.wait() > waitMost {
		c.warn(c.problem(at(r.node, "group_wait"), fmt.Sprintf("remediated is told of an alert after %s", r.wait()), "write group_wait: 1s for the route to remediated"))
	}
	if r.interval() > intervalMost && !each {
		c.warn(c.problem(at(r.node, "group_interval"), fmt.Sprintf("remediated is told of an alert that joins a group after %s", r.interval()), "write group_interval: 10s for the route to remediated"))
	}
	if len(r.GroupBy) == 0 {
		c.warn(c.problem(r.node, "remediated is told of all alerts in one body, which may become too large for it", "write group_by: [alertname, cluster, namespace]"))
	}
	if len(r.Mute)+len(r.Active) > 0 {
		c.warn(c.problem(r.node, "remediated is told nothing while this route is muted", "write in a policy's guards.window when automation may not act, and let the route always be open"))
	}
	for _, w := range c.Alertmanager.receivers[r.Receiver].ours() {
		if flush := max(r.interval(), flushAtLeast); w.Timeout > flush {
			c.warn(c.problem(at(w.node, "timeout"), fmt.Sprintf("the timeout of %s is never reached: a group is tried for %s at a time", w.Timeout, flush), "write timeout: 10s"))
		}
	}
}

// hold looks whether the page for an alert can be held, and let go.
func (c *check) hold(known map[string]string, name string, others []reached) {
	ours := maps.Clone(known)
	ours[labelAlertname], ours["source"], ours[remediate.HeldName] = remediate.InProgressAlert, remediate.OwnSource, known[labelAlertname]
	if known[labelAlertname] == "" {
		delete(ours, remediate.HeldName)
	}
	if !slices.ContainsFunc(c.inhibit, func(i inhibition) bool { return i.mutes(ours, known) }) {
		c.warn(c.problem(nil, fmt.Sprintf("the page for %s is never held: no inhibition rule is for it", name), "add one to inhibit_rules, or leave hold_page out: "+example))
	}
	for _, r := range others {
		if r.how != sure {
			continue
		}
		if r.wait() < holdBegins {
			c.warn(c.problem(at(r.node, "group_wait"), fmt.Sprintf("%s is told after %s, before its page may be held", r.Receiver, r.wait()), "write group_wait: 30s"))
		}
		if r.interval() > heldPageLate {
			c.warn(c.problem(at(r.node, "group_interval"), fmt.Sprintf("%s is told up to %s after a page is no longer held", r.Receiver, r.interval()), "write group_interval: 1m"))
		}
	}
}

// watchdog looks whether the alert that always fires is told again in time.
func (c *check) watchdog(w *policies.Watchdog) {
	for _, known := range policies.KnownLabels(w.When, c.rules) {
		taken := c.takes(known)
		hear := slices.DeleteFunc(slices.Clone(taken), func(r reached) bool { return !c.isOurs(r.route) })
		if len(hear) == 0 {
			c.fail(c.problem(taken[0].node, fmt.Sprintf("the alert that always fires goes to %s and not to remediated, which takes it for missing", names(taken)),
				"give it a route to remediated with repeat_interval: 1m, or leave watchdog out"))
			continue
		}
		soonest := slices.MinFunc(hear, func(a, b reached) int { return int(a.repeat() + a.interval() - b.repeat() - b.interval()) })
		if often := soonest.repeat() + soonest.interval(); often >= w.Within {
			c.fail(c.problem(at(soonest.node, "repeat_interval"), fmt.Sprintf("the alert that always fires is told again after up to %s, and people are called after %s", often, w.Within),
				"give it a route of its own with repeat_interval: 1m and group_interval: 30s"))
		}
	}
}

// raised looks where our own alerts go.
func (c *check) raised() {
	for _, name := range []string{remediate.FailedAlert, remediate.ApprovalAlert, remediate.JournalAlert, remediate.StormAlert, remediate.WatchdogAlert, remediate.UntoldAlert} {
		taken := c.takes(own(name))
		if !slices.ContainsFunc(taken, func(r reached) bool { return c.tellsOthers(r.route) }) {
			c.warn(c.problem(taken[0].node, fmt.Sprintf("nobody is told of %s, which is for people", name), "give it a route to people before this one"))
		}
	}
	taken := c.takes(own(remediate.InProgressAlert))
	for _, r := range taken {
		if r.how == sure && c.tellsOthers(r.route) {
			c.warn(c.problem(r.node, fmt.Sprintf("%s is told of %s, which only holds pages", r.Receiver, remediate.InProgressAlert), "give it a route to a receiver that tells nobody before this one"))
		}
	}
}

func own(name string) map[string]string {
	return map[string]string{labelAlertname: name, "source": remediate.OwnSource}
}
