package main

import (
	"cmp"
	"context"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/x0tta6bl4/remediated/notify/pagerduty"
	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/remediate"
)

// pageKey is the form of the keys of our pages: q4m2x7kd-i42, and -2 for the
// second call.
var pageKey = regexp.MustCompile(`^([a-z2-7]{8})-i([0-9]{1,18})(-[0-9]+)?$`)

// heard takes what somebody did in PagerDuty. Whoever was called and says that
// they have it has it, whether or not the configuration knows them: PagerDuty
// does. To end an incident, and with it what automation does, they must be one
// of the people who may. It is an error only when it could not be kept, and
// then it is told again.
func (a authority) heard(ctx context.Context, e pagerduty.Event) error {
	i, err := a.paged(ctx, e.Key)
	if err != nil || i == nil {
		return err
	}
	c, say := said(i, e, a.people())
	if !say {
		return nil
	}
	_, err = refusedIn(a.say(ctx, c))
	return err
}

// paged returns the open incident that a page is about, nil when it is none of
// ours. A key by which Alertmanager pages as well does not name it.
func (a authority) paged(ctx context.Context, key string) (found *remediate.Incident, err error) {
	m := pageKey.FindStringSubmatch(key)
	if m == nil {
		return a.pagedAs(ctx, key)
	}
	number, err := strconv.ParseUint(m[2], 10, 64)
	if err != nil {
		return nil, nil //nolint:nilerr // a number that is none is of no incident of ours
	}
	i, journal, err := a.incident(ctx, number)
	if journal != m[1] {
		return nil, err
	}
	return i, err
}

// pagedAs looks for the incident that was paged under a key.
func (a authority) pagedAs(ctx context.Context, key string) (found *remediate.Incident, err error) {
	var number uint64
	err = a.Look(ctx, func(s *remediate.State, _ remediate.Rulebooks) {
		for _, i := range s.Incidents.All() {
			for d, shown := range i.Shown {
				if key != "" && shown.Key == key && strings.HasPrefix(d, remediate.PagerDuty) && i.Closed.IsZero() {
					number = max(number, i.ID)
				}
			}
		}
	})
	if err != nil || number == 0 {
		return nil, err
	}
	found, _, err = a.incident(ctx, number)
	return found, err
}

// said is what an event means for the incident, and whether it is news.
func said(i *remediate.Incident, e pagerduty.Event, people []policies.Person) (remediate.Command, bool) {
	known := nameOf(people, func(who policies.Person) bool { return who.PagerDuty != "" && who.PagerDuty == e.AgentID })
	c := remediate.Command{By: cmp.Or(known, e.AgentName, e.AgentID, "PagerDuty"), Incident: i.ID, Via: viaPagerDuty}
	switch e.Type {
	case pagerduty.Acknowledged:
		c.Command = remediate.Ack
		return c, acknowledges(i, e)
	case pagerduty.Resolved:
		c.Command, c.Reason = remediate.Close, "resolved in PagerDuty"
		if known == "" {
			c.Command = remediate.Ack
			return c, acknowledges(i, e)
		}
		return c, e.At.IsZero() || !e.At.Before(i.Since.Truncate(time.Second)) // one from before it came back was heard then
	case pagerduty.Unacknowledged, pagerduty.Reopened:
		c.Command, c.Reason = remediate.Unack, string(e.Type)+" in PagerDuty"
		return c, i.Acked != "" && e.At.After(i.AckedAt) // what was acknowledged since is not taken back
	}
	return c, false
}

// acknowledges tells whether an acknowledgement is news: one from before the
// last was taken back, or from before the incident came back, still stands in
// PagerDuty and is found there again and again. Its times are whole seconds.
func acknowledges(i *remediate.Incident, e pagerduty.Event) bool {
	return i.Acked == "" && (e.At.IsZero() || !e.At.Before(i.AckedAt.Truncate(time.Second)))
}

// say hands over what was said in PagerDuty. An end that cannot be, because an
// act is under way or it is not theirs to say, is still a word that somebody
// has it.
func (a authority) say(ctx context.Context, c remediate.Command) error {
	if c.Command != remediate.Close {
		return a.Live.Command(ctx, c)
	}
	err := a.Command(ctx, c)
	var refused *remediate.RefusedError
	if errors.As(err, &refused) && !refused.NotFound {
		c.Command = remediate.Ack
		return a.Live.Command(ctx, c)
	}
	return err
}
