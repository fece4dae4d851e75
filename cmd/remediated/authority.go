package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/web"
)

// authority holds commands to who may give them, when the configuration names
// people: approve and deny take one of the roles that the step names, or
// approver; override and accept take approver; every other command operator or approver.
// It implements web.Live.
type authority struct {
	web.Live
	people func() []policies.Person
	// refuses says why a scope cannot be resumed, nor its pause be given an end, whoever
	// wants it.
	refuses func(scope string) error
	// reject writes down what was not somebody's to say.
	reject func(context.Context, remediate.Rejected) error
}

// Command hands over a human's word when they may give it.
func (a authority) Command(ctx context.Context, c remediate.Command) error {
	if c.By == remediate.Itself {
		why := &remediate.RefusedError{Forbidden: true, Why: fmt.Sprintf("%s is the daemon itself: give your own name", c.By)}
		return cmp.Or(a.rejected(ctx, c, why), error(why))
	}
	need, err := a.needed(ctx, c)
	if err != nil {
		return err
	}
	if err := may(a.people(), c, need); err != nil {
		return cmp.Or(a.rejected(ctx, c, err), err)
	}
	if ends := c.Value != "" || !c.Until.IsZero(); c.Command == remediate.Resume || c.Command == remediate.Pause && ends {
		if err := a.refuses(c.Scope); err != nil {
			return err
		}
	}
	return a.Live.Command(ctx, c)
}

// May says why somebody may not give a command, nil when they may. Nothing is
// written down: nobody has given it.
func (a authority) May(ctx context.Context, c remediate.Command) error {
	need, err := a.needed(ctx, c)
	if err != nil {
		return err
	}
	return may(a.people(), c, need)
}

// rejected writes down that a word was not theirs to give. That it cannot be
// written down is an error of its own, so that whoever tells us of it tells us
// again.
func (a authority) rejected(ctx context.Context, c remediate.Command, why error) error {
	if a.reject == nil {
		return nil
	}
	c.By = cmp.Or(c.By, "nobody by name")
	if err := a.reject(ctx, remediate.Rejected{CommandGiven: remediate.CommandGiven(c), Why: why.Error()}); err != nil {
		return fmt.Errorf("%s; that it was refused was not written down: %w", why.Error(), err)
	}
	return nil
}

// needed returns the roles of which a command takes one.
func (a authority) needed(ctx context.Context, c remediate.Command) ([]string, error) {
	switch c.Command {
	case remediate.Approve, remediate.Deny:
		return a.approvers(ctx, c)
	case remediate.Override, remediate.Accept:
		return []string{policies.RoleApprover}, nil
	}
	return []string{policies.RoleOperator, policies.RoleApprover}, nil
}

// approvers returns the roles that may decide about the plan of an incident.
func (a authority) approvers(ctx context.Context, c remediate.Command) ([]string, error) {
	need := []string{policies.RoleApprover}
	err := a.Look(ctx, func(s *remediate.State, books remediate.Rulebooks) {
		i := s.Incidents.Look(c.Incident)
		if i == nil || books[i.Rulebook] == nil {
			return // the decider says what is wrong with it
		}
		p := books[i.Rulebook].Policy(i.Policy)
		if p != nil && i.Step < len(p.Steps) && p.Steps[i.Step].Approval != nil && len(p.Steps[i.Step].Approval.By) > 0 {
			need = slices.Clone(p.Steps[i.Step].Approval.By)
		}
	})
	return need, err
}

// may says why somebody may not give a command, nil when they may. Without
// people in the configuration everybody who reaches the listener may.
func may(people []policies.Person, c remediate.Command, need []string) error {
	if len(people) == 0 {
		return nil
	}
	at := slices.IndexFunc(people, func(p policies.Person) bool { return p.Name == c.By })
	if at < 0 {
		return &remediate.RefusedError{Forbidden: true, Why: fmt.Sprintf("%q is not among the people of the configuration", c.By)}
	}
	if !slices.ContainsFunc(need, func(role string) bool { return slices.Contains(people[at].Roles, role) }) {
		return &remediate.RefusedError{Forbidden: true, Why: fmt.Sprintf("%s may not %s: it takes the role %s, and %s has %s",
			c.By, c.Command, strings.Join(need, " or "), c.By, strings.Join(people[at].Roles, ", "))}
	}
	return nil
}
