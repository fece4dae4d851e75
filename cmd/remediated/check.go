package main

import (
	"context"
	"time"

	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/web"
)

// checkWithin is how long those are asked that are checked, each.
const checkWithin = 10 * time.Second

// check looks whether people can be told as the configuration in force says.
func (d *daemon) check(ctx context.Context) []web.Check {
	out := d.outside.Load()
	var all []web.Check
	look := func(what string, at func(context.Context) ([]string, error)) {
		ctx, cancel := context.WithTimeout(ctx, checkWithin)
		defer cancel()
		findings, err := at(ctx)
		if err != nil {
			findings = append(findings, err.Error())
		}
		all = append(all, web.Check{What: what, Findings: findings})
	}
	if out.slack != nil {
		look("slack", out.slack.Check)
	}
	if out.pagerduty != nil {
		ladder := ladderOf(d.config())
		look("pagerduty", func(ctx context.Context) ([]string, error) { return out.pagerduty.Check(ctx, ladder) })
	}
	return all
}

// config is the configuration in force.
func (d *daemon) config() *policies.Config {
	d.loading.Lock()
	defer d.loading.Unlock()
	return d.loaded.Config
}

// ladderOf is the ladder that PagerDuty's set-up is held against: that of the
// worst severity that calls people.
func ladderOf(c *policies.Config) []remediate.Rung {
	for _, s := range []remediate.Severity{remediate.P1, remediate.P2, remediate.P3} {
		if l := c.Runbooks[s].Ladder; len(l) > 0 {
			return l
		}
	}
	return nil
}
