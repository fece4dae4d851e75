package main

import (
	"context"
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/remediate"
)

func TestWhoMayGiveWhichCommand(t *testing.T) {
	people := []policies.Person{
		{Name: "anna", Roles: []string{policies.RoleOperator, policies.RoleApprover}},
		{Name: "ben", Roles: []string{policies.RoleOperator}},
	}
	approver := []string{policies.RoleApprover}
	anyRole := []string{policies.RoleOperator, policies.RoleApprover}
	for _, c := range []struct {
		people  []policies.Person
		by, cmd string
		need    []string
		refused string // "" is allowed
	}{
		{nil, "whoever", remediate.Approve, approver, ""},
		{people, "anna", remediate.Approve, approver, ""},
		{people, "ben", remediate.Ack, anyRole, ""},
		{people, "ben", remediate.Approve, approver, "ben may not approve: it takes the role approver"},
		{people, "ben", remediate.Deny, approver, "ben may not deny"},
		{people, "anna", remediate.Approve, []string{"dba"}, "it takes the role dba"},
		{people, "mallory", remediate.Pause, anyRole, "not among the people"},
		{people, "", remediate.Ack, anyRole, "not among the people"},
	} {
		err := may(c.people, remediate.Command{Command: c.cmd, By: c.by}, c.need)
		if got := refusal(err); c.refused == "" && err != nil || !strings.Contains(got, c.refused) {
			t.Errorf("%s by %q: %q, want %q", c.cmd, c.by, got, c.refused)
		}
	}
}

// The daemon's own name is nobody's to use, whether people are configured or not.
func TestNobodySpeaksForTheDaemon(t *testing.T) {
	l := &listener{}
	var written []remediate.Rejected
	a := authority{Live: l, people: func() []policies.Person { return nil }, reject: func(_ context.Context, r remediate.Rejected) error {
		written = append(written, r)
		return nil
	}}
	c := remediate.Command{Command: remediate.SetMode, By: "remediated", Scope: "policy/db", Value: string(remediate.ModeObserve), Reason: "so"}
	if err := a.Command(t.Context(), c); !strings.Contains(refusal(err), "the daemon itself") || len(l.heard) > 0 || len(written) != 1 {
		t.Errorf("%v; %v was handed over, %v written down", err, l.heard, written)
	}
}

// Which roles a command takes is held against what arrives at the decider.
func TestWhichRolesACommandTakes(t *testing.T) {
	people := func() []policies.Person {
		return []policies.Person{
			{Name: "anna", Roles: []string{policies.RoleApprover}},
			{Name: "ben", Roles: []string{policies.RoleOperator}},
			{Name: "carl", Roles: []string{"dba"}},
		}
	}
	for command, may := range map[string]string{
		remediate.Override: "anna", remediate.Accept: "anna", remediate.Approve: "anna", remediate.Deny: "anna",
		remediate.SetMode: "anna ben", remediate.Rate: "anna ben", remediate.Pause: "anna ben", remediate.Resume: "anna ben",
		remediate.Ack: "anna ben", remediate.TakeOver: "anna ben", remediate.Run: "anna ben", remediate.Close: "anna ben",
		remediate.Note: "anna ben",
	} {
		var given []string
		for _, by := range []string{"anna", "ben", "carl", "mallory"} {
			l := &listener{}
			err := authority{Live: l, people: people, refuses: func(string) error { return nil }}.Command(t.Context(), remediate.Command{Command: command, By: by})
			if (err == nil) != (len(l.heard) == 1) {
				t.Errorf("%s by %s: %v, and %v was handed over", command, by, err, l.heard)
			}
			if err == nil {
				given = append(given, by)
			}
		}
		if got := strings.Join(given, " "); got != may {
			t.Errorf("%s may be given by %q, want %q", command, got, may)
		}
	}
}

// listener hears what is handed over.
type listener struct{ heard []remediate.Command }

func (l *listener) Look(_ context.Context, f func(*remediate.State, remediate.Rulebooks)) error {
	f(remediate.NewState(), nil)
	return nil
}

func (l *listener) Command(_ context.Context, c remediate.Command) error {
	l.heard = append(l.heard, c)
	return nil
}

func refusal(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
