package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/x0tta6bl4/remediated/notify/slack"
	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/remediate"
)

// Ways by which a human's word is heard, beside the API.
const (
	viaSlack     = "slack"
	viaPagerDuty = "pagerduty"
)

// maxExplained is how many lines of an answer are shown in Slack.
const maxExplained = 30

// pressed takes the press of a button in Slack. Whoever pressed is the person
// that the configuration knows by that ID, and may what they may by any other
// way; a stranger's press is refused and written down. It returns what is shown
// to them, and an error only when it could not be kept.
func (a authority) pressed(ctx context.Context, p slack.Press) (reply string, err error) {
	i, journal, err := a.incident(ctx, p.Incident)
	if err != nil {
		return "", err
	}
	c := remediate.Command{Command: p.Command, Incident: p.Incident, Plan: p.Plan, Via: viaSlack}
	c.By = nameOf(a.people(), func(who policies.Person) bool { return who.Slack == p.User })
	switch {
	case p.Key != fmt.Sprintf("%s-i%d", journal, p.Incident):
		return "This button is of another installation, or of one that was restored since: nothing was done.", nil
	case c.By == "":
		return a.stranger(ctx, c, fmt.Sprintf("%s (Slack %s)", p.UserName, p.User))
	case i == nil:
		return fmt.Sprintf("i%d is not open any more: nothing was done.", p.Incident), nil
	case p.Command == slack.Explain:
		return explain(i), nil
	case p.Command == remediate.Pause:
		c = remediate.Command{Command: remediate.Pause, By: c.By, Scope: "policy/" + p.Policy, Reason: fmt.Sprintf("pressed in Slack at i%d", p.Incident), Via: viaSlack}
	case p.Command == remediate.Ack && i.Acked == c.By, p.Command == remediate.TakeOver && i.Taken == c.By:
		return "", nil // it is said already
	}
	return refusedIn(a.Command(ctx, c))
}

// refusedIn tells what was refused from what could not be kept.
func refusedIn(err error) (reply string, _ error) {
	var refused *remediate.RefusedError
	if errors.As(err, &refused) {
		return "Not done: " + refused.Why, nil
	}
	return "", err
}

// stranger writes down that somebody pressed who is nobody we know.
func (a authority) stranger(ctx context.Context, c remediate.Command, who string) (string, error) {
	c.By = who
	why := who + " is not among the people of the configuration"
	if err := a.rejected(ctx, c, errors.New(why)); err != nil {
		return "", err
	}
	return "Not done: " + why + ". Whoever may is named under people, with their Slack ID.", nil
}

// incident returns a copy of an open incident, nil when there is none, and the
// journal's name.
func (a authority) incident(ctx context.Context, number uint64) (found *remediate.Incident, journal string, err error) {
	err = a.Look(ctx, func(s *remediate.State, _ remediate.Rulebooks) {
		journal = s.Journal
		if i := s.Incidents.Look(number); i != nil && i.Closed.IsZero() {
			c := *i
			c.Verdicts, c.Attempts = slices.Clone(i.Verdicts), slices.Clone(i.Attempts)
			found = &c
		}
	})
	return found, journal, err
}

// nameOf is the name of the first person who fits, "" when nobody does.
func nameOf(people []policies.Person, fits func(policies.Person) bool) string {
	if at := slices.IndexFunc(people, fits); at >= 0 {
		return people[at].Name
	}
	return ""
}

// explain says how an incident stands, each guard with its numbers.
func explain(i *remediate.Incident) string {
	lines := []string{fmt.Sprintf("i%d is %s", i.ID, i.Status)}
	for _, v := range i.Verdicts {
		lines = append(lines, v.String())
	}
	if left := len(lines) - maxExplained; left > 0 {
		lines = append(lines[:maxExplained], fmt.Sprintf("and %d more", left))
	}
	return strings.Join(append(lines, fmt.Sprintf("All of it: remedy incident explain i%d", i.ID)), "\n")
}
