package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/x0tta6bl4/remediated/notify"
	"github.com/x0tta6bl4/remediated/notify/pagerduty"
	"github.com/x0tta6bl4/remediated/notify/slack"
	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/remediate"
)

// newTeller makes the ways in which people are told that the configuration
// names, and by which they answer.
func (d *daemon) newTeller(c *policies.Config, out *outside) (err error) {
	words, err := d.templates(c)
	if err != nil {
		return err
	}
	var services []notify.Service
	if c.Slack != nil {
		if out.slack, err = slack.New(d.slackOptions(c, words)); err != nil {
			return err
		}
		out.socket = c.Slack.AppTokenFile != ""
		services = append(services, out.slack)
	}
	if c.PagerDuty != nil {
		if out.pagerduty, err = pagerduty.New(d.pagerDutyOptions(c.PagerDuty, words)); err != nil {
			return err
		}
		out.polls, out.merges = c.PagerDuty.APITokenFile != "", c.PagerDuty.MergePages
		services = append(services, out.pagerduty)
	}
	out.tell, err = notify.New(services...)
	return err
}

// templates reads how notices are worded. One that cannot be used is an error
// now, not when somebody is to be told.
func (d *daemon) templates(c *policies.Config) (*notify.Templates, error) {
	t, err := notify.ParseTemplates(c.Templates...)
	if err != nil {
		return nil, fmt.Errorf("notify.templates: %w", err)
	}
	t.OnError = func(name string, err error) {
		d.watch.wordless.Inc()
		d.log.Warn("a template failed; the default words were used", "template", name, "err", err)
	}
	return t, nil
}

func (d *daemon) slackOptions(c *policies.Config, words *notify.Templates) slack.Options {
	s := c.Slack
	o := slack.Options{
		Token: notify.SecretFile(s.TokenFile), Channel: s.Channel, Drills: s.Drills, APIURL: s.APIURL, Page: pageOf(d.options.externalURL),
		SigningSecret: notify.SecretFile(s.SigningSecretFile), AppToken: notify.SecretFile(s.AppTokenFile), Begun: time.Now(),
		Mentions: s.Mentions, Templates: words,
		Pressed:   func(ctx context.Context, p slack.Press) (string, error) { return d.authority().pressed(ctx, p) },
		OnBreaker: func(from, to string) { d.watch.breaker("slack", from, to) },
		OnListen:  d.watch.slackSocket,
		OnTrouble: func(err error) { d.log.Warn("slack", "err", err) },
	}
	if s.Bridge != nil {
		o.Bridge = &slack.Bridge{WarRoom: s.Bridge.WarRoom, Invite: s.Bridge.Invite}
		if s.Bridge.WarRoom == "" && len(s.Bridge.Invite) == 0 {
			o.Bridge.Invite = invited(c)
		}
	}
	return o
}

// invited are those who come to a bridge when nobody is named: who may approve,
// and who is on the first rung of the P1 runbook.
func invited(c *policies.Config) []string {
	var ids []string
	for _, p := range c.People {
		if p.Slack != "" && slices.Contains(p.Roles, policies.RoleApprover) {
			ids = append(ids, p.Slack)
		}
	}
	if ladder := c.Runbooks[remediate.P1].Ladder; len(ladder) > 0 {
		for _, id := range c.Slack.Mentions[ladder[0].Tell] {
			if !strings.HasPrefix(id, "S") { // a group cannot be invited as one
				ids = append(ids, id)
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func (d *daemon) pagerDutyOptions(p *policies.PagerDuty, words *notify.Templates) pagerduty.Options {
	keys := map[string]notify.SecretFile{}
	for rung, file := range p.RoutingKeys {
		keys[rung] = notify.SecretFile(file)
	}
	var secrets []notify.SecretFile
	for _, file := range p.WebhookSecretFiles {
		secrets = append(secrets, notify.SecretFile(file))
	}
	return pagerduty.Options{
		RoutingKeys: keys, Templates: words, EventsURL: p.EventsURL, APIURL: p.APIURL, Page: pageOf(d.options.externalURL),
		ChangesRung: p.ChangesRung, APIToken: notify.SecretFile(p.APITokenFile), From: p.From,
		Escalation: pagerduty.Escalation{Levels: p.Levels}, EscalationPolicy: p.EscalationPolicy, WebhookSecrets: secrets,
		Heard:   func(ctx context.Context, e pagerduty.Event) error { return d.authority().heard(ctx, e) },
		Observe: d.watch.pagerDuty,
	}
}

// listenToSlack takes what is pressed, by a socket, until ctx ends.
func (o *outside) listenToSlack(ctx context.Context, log *slog.Logger) {
	if o.slack == nil || !o.socket {
		return
	}
	if err := o.slack.Listen(ctx); err != nil {
		log.Error("no button in Slack works", "err", err)
	}
}

// pollEvery is how often PagerDuty is asked who acknowledged: its webhooks may
// not be set up, or may not come.
const pollEvery = time.Minute

// pollPagerDuty asks who has acknowledged what is open, until ctx ends.
func (o *outside) pollPagerDuty(ctx context.Context, d *daemon) {
	if o.pagerduty == nil || !o.polls {
		return
	}
	for wait := pollEvery; ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = pollEvery
		err := o.pollOnce(ctx, d.authority())
		var asked *notify.WaitError
		switch {
		case errors.As(err, &asked):
			wait = max(wait, asked.Wait)
		case err != nil && ctx.Err() == nil:
			d.log.Warn("PagerDuty was not asked who acknowledged", "err", err)
		}
	}
}

// pollOnce asks once about all pages that are open.
func (o *outside) pollOnce(ctx context.Context, a authority) error {
	var keys []string
	if err := a.Look(ctx, func(s *remediate.State, _ remediate.Rulebooks) { keys = openPages(s) }); err != nil || len(keys) == 0 {
		return err
	}
	events, err := o.pagerduty.Poll(ctx, keys)
	errs := []error{err}
	for _, e := range events {
		errs = append(errs, a.heard(ctx, e))
	}
	return errors.Join(errs...)
}

// openPages are the keys of the pages of open incidents, once each, in order.
func openPages(s *remediate.State) []string {
	keys := map[string]bool{}
	for _, i := range s.Incidents.All() {
		for d, shown := range i.Shown {
			if i.Closed.IsZero() && strings.HasPrefix(d, remediate.PagerDuty) && shown.Key != "" {
				keys[shown.Key] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(keys))
}
