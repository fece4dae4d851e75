package policies

import (
	"fmt"
	"regexp"
)

func (r *configReader) slack(v value) {
	s := &Slack{}
	file := func(to *string) func(value) {
		return func(v value) { *to = v.file(r.folder) }
	}
	v.object("slack", fields{
		"token_file":          file(&s.TokenFile),
		"signing_secret_file": file(&s.SigningSecretFile),
		"app_token_file":      file(&s.AppTokenFile),
		"channel":             func(v value) { s.Channel, _ = v.text("a channel") },
		"drills":              func(v value) { s.Drills, _ = v.text("a channel") },
		"api_url":             func(v value) { s.APIURL = v.optional(value.url) },
		"mentions":            func(v value) { s.Mentions = v.mentions() },
		"bridge":              func(v value) { s.Bridge = v.bridge() },
	}, "token_file", "channel")
	r.config.Slack = s
}

// Forms of Slack's IDs.
var (
	slackPerson = regexp.MustCompile(`^[UW][A-Z0-9]{6,20}$`)
	slackGroup  = regexp.MustCompile(`^S[A-Z0-9]{6,20}$`)
)

// mentions reads {oncall: [U0123, S0456]}.
func (v value) mentions() map[string][]string {
	out := map[string][]string{}
	v.named("the names that a runbook's ladder tells, each with IDs of people or groups", "write {oncall: [S0123ABCD]}", func(name string, child value) {
		out[name] = child.slackIDs(true)
	})
	return out
}

// slackIDs reads IDs of people and, where it is so said, of groups.
func (v value) slackIDs(groups bool) []string {
	var out []string
	v.list("IDs", func(v value) {
		id, ok := v.text("an ID")
		switch {
		case ok && (slackPerson.MatchString(id) || groups && slackGroup.MatchString(id)):
			out = append(out, id)
		case ok && groups:
			v.fail(fmt.Sprintf("%q is no ID of a person or group in Slack", id), "an ID is U..., W... or S...: copy it from the profile or the group")
		case ok:
			v.fail(fmt.Sprintf("%q is no ID of a person in Slack", id), "an ID is U... or W...: copy it from the profile")
		}
	})
	return out
}

// bridge reads where people come together about a P1.
func (v value) bridge() *Bridge {
	b := &Bridge{}
	v.object("bridge", fields{
		"war_room": func(v value) { b.WarRoom, _ = v.text("a channel") },
		"invite":   func(v value) { b.Invite = v.slackIDs(false) },
	})
	if b.WarRoom != "" && len(b.Invite) > 0 {
		v.fail("nobody is invited to a war room, which is there already", "leave out invite or war_room")
	}
	return b
}
