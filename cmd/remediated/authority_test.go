package main

import (
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

func refusal(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
