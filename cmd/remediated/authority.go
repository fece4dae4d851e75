package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/engine"
)

// authority holds commands to who may give them, when the configuration names
// people: an operator may give every command but approve and deny, which take
// one of the roles that the step names, or approver. It implements web.Live.
type authority struct {
	*engine.Engine
	people func() []policies.Person
}

// Command hands over a human's word when they may give it.
func (a authority) Command(ctx context.Context, c remediate.Command) error {
	need, err := a.needed(ctx, c)
	if err != nil {
		return err
	}
	if err := may(a.people(), c, need); err != nil {
		return err
	}
	return a.Engine.Command(ctx, c)
}

// needed returns the roles of which a command takes one.
func (a authority) needed(ctx context.Context, c remediate.Command) ([]string, error) {
	if c.Command != remediate.Approve && c.Command != remediate.Deny {
		return []string{policies.RoleOperator, policies.RoleApprover}, nil
	}
	need := []string{policies.RoleApprover}
	err := a.Look(ctx, func(s *remediate.State, books remediate.Rulebooks) {
		i := s.Incidents[c.Incident]
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
		return &remediate.RefusedError{Why: fmt.Sprintf("%q is not among the people of the configuration", c.By)}
	}
	if !slices.ContainsFunc(need, func(role string) bool { return slices.Contains(people[at].Roles, role) }) {
		return &remediate.RefusedError{Why: fmt.Sprintf("%s may not %s: it takes the role %s, and %s has %s",
			c.By, c.Command, strings.Join(need, " or "), c.By, strings.Join(people[at].Roles, ", "))}
	}
	return nil
}
