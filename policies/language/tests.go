package language

import "github.com/x0tta6bl4/remediated/remediate"

// became is what may have become of a target.
var became = word("there", "gone", "unknown", "changed", "restarted", "recreated")

// How what was asked or begun may end in a test.
var (
	actEnds   = reply(remediate.OK, remediate.Failed, remediate.Refused, remediate.Unknown, silent)
	checkEnds = reply(remediate.OK, remediate.Failed, remediate.Unknown)
	tellEnds  = reply(remediate.OK, remediate.Failed, silent)
)

const silent = "silent" // it never ends

// most is the greatest number of replicas or nodes that a test may have.
const most = 1_000_000

// ofTests are the objects of a file of policy tests.
var ofTests = []Object{
	{"test file", "Policy tests, a file `*.test.yaml` beside its policies; `remedy policy test` runs it, and [Test](workbench.md#test) is the guide. One of `policies` and `config` is required.", []Field{
		{"policies", setOf(path), "those of `config`", "The policy files under test, relative to this file; they run with the default runbooks, and everybody can be told."},
		{"config", path, "only `policies` are there", "A `remediated.yml`, with all of its policies, guards and runbooks."},
		{"start", moment, "`2024-01-01T10:00:00Z`", "When tests begin."},
		{"tests", listOf(object("test")), Required, "The tests."},
	}},
	{"test", "What happens, how the world answers, and what is expected to follow. Times are since its beginning.", []Field{
		{"name", plain, Required, "What it is called; no other test of the file has the name."},
		{"mode", mode, "each policy has its own", "The mode of all policies in it."},
		{"start", moment, "that of the file", "When it begins."},
		{"world", object("world"), "all is well", "How the world answers from the beginning."},
		{"when", listOf(object("event")), Required, "What happens, in the order of its times."},
		{"until", since, "with the last that happens", "When it ends."},
		{"expect", orNone(listOf(object("expected"))), Required, "All that follows, in order: what is not listed must not happen."},
	}},
	{"event", "Something that happens from outside.", []Field{
		{"at", since, Required, "When it happens."},
		{"alert", alertLabels, Choice, "An alert with these labels begins to fire."},
		{"resolve", alertLabels, Choice, "The alert with these labels ends."},
		{"silence", alertLabels, Choice, "The alert with these labels is silenced at the Alertmanagers."},
		{"unsilence", alertLabels, Choice, "It is silenced no longer."},
		{"world", object("world"), Choice, "The world answers otherwise from now on; what is not said stays."},
		{remediate.Ack, incident, Choice, "A human has seen it."},
		{remediate.Unack, incident, Choice, "A human takes that back."},
		{remediate.TakeOver, incident, Choice, "A human does it from here on."},
		{remediate.Approve, incident, Choice, "A human approves the plan that waits."},
		{remediate.Deny, incident, Choice, "A human denies the plan that waits."},
		{remediate.Run, incident, Choice, "A human wants it to be done now."},
		{remediate.Close, incident, Choice, "A human closes the incident."},
		{remediate.Override, incident, Choice, "A human overrides a guard once; `guard` and `reason` say which and why."},
		{remediate.Rate, incident, Choice, "A human says how bad it is; `to` is the severity."},
		{remediate.Pause, scope, Choice, "A human pauses automation there."},
		{remediate.Resume, scope, Choice, "A human lets it go on there."},
		{remediate.SetMode, scope, Choice, "A human sets the mode there; `to` is the mode."},
		{"annotations", orNone(mapOf("", scalar)), "none", "The alert's annotations."},
		{"fired", since, "`0s`", "How long the alert has fired already."},
		{"by", plain, "`somebody`", "Who gives the word."},
		{"reason", plain, "none", "Why."},
		{"guard", plain, "none", "The guard that is overridden."},
		{"to", word("P1", "P2", "P3", "observe", "approve", "act"), "none", "What it is set to."},
	}},
	{"world", "How the world answers; what is not said is well. An answer is how it ends, how long that takes, and why: `ok`, `ok after 3s`, `'failed after 1m: connection refused'`; a check that is `ok after 20s` is well so long after an act.", []Field{
		{"workload", either(became, object("workload")), "it is there, none of its 1 replicas available", "What is seen of the target."},
		{"cluster", either(word(remediate.Unknown, "well"), object("cluster of a test")), "it is well, with 3 nodes", "What is seen of the cluster."},
		{"queries", orNone(mapOf("", either(number, either(word(remediate.Unknown), object("time ago"))))), "they are not known", "The values of PromQL, by the query as it is asked: what guards and severities ask, and what the check `promql` of a verification holds against its bounds, which is well where nothing is said of it."},
		{"tells", orNone(mapOf("", tellEnds)), "people are told at once", "How a way to tell people answers, by its name or family, such as `pagerduty`."},
	}},
	{"workload", "What is seen of the target.", []Field{
		{"is", became, "it is there", "What became of it."},
		{"replicas", count(0, most), "1", "How many are wanted."},
		{"available", count(0, most), "0", "How many are available."},
		{"headroom", count(0, most), "nothing limits it", "How many its disruption budget lets go."},
		{"mode", mode, "there is none", "The annotation of the object."},
		{"namespace_mode", mode, "there is none", "The annotation of its namespace."},
		{"changed_by", plain, "nobody", "Who else has just changed it."},
		{"refused", plain, "it is not", "Why this kind of object is refused."},
	}},
	{"cluster of a test", "What is seen of the cluster.", []Field{
		{"nodes", count(0, most), "3", "How many nodes there are."},
		{"ready", count(0, most), "3", "How many of them are ready."},
		{"control_plane", plain, "ready", "How the control plane is."},
	}},
	{"time ago", "The Unix time so long before it is asked for.", []Field{
		{"ago", since, Required, "How long before."},
	}},
	{"expected", "Something that follows, as it is decided or done. Only what is said of it is compared.", expected()},
}

// happenings are what may be expected, with what may be said of each.
var happenings = []struct {
	name, doc string
	details   []string
}{
	{"opened", "An incident is opened.", []string{"policy", "severity", "target", "found", "only"}},
	{"joined", "Another alert is of the same incident.", nil},
	{"rated", "It is worse than it was held to be.", []string{"severity", "why"}},
	{"wait", "A guard has it wait.", []string{"guard", "step", "why"}},
	{"deny", "A guard denies it.", []string{"guard", "step", "why"}},
	{"hold", "A guard holds it for as long as something lasts.", []string{"guard", "step", "why"}},
	{"approve", "A human's approval is waited for.", []string{"guard", "step", "why"}},
	{"observe", "It would be done, and is only observed.", []string{"guard", "step", "why"}},
	{"act", "An act is begun.", []string{"kind", "target", "step", "undo"}},
	{"acted", "An act did not go well.", []string{"outcome", "why"}},
	{"verified", "A verification did not go well.", []string{"outcome", "why"}},
	{"breaker", "The remedy breaker is no longer closed.", []string{"state"}},
	{"healed", "It was verified that it works again.", []string{"took", "objective"}},
	{"reopened", "It is broken again.", []string{"why"}},
	{"exhausted", "Every step was tried.", nil},
	{"called", "People are called.", []string{"who", "why"}},
	{"rerouted", "A page did not arrive by its first way.", []string{"why"}},
	{"late", "A page or message arrives late.", []string{"what", "why"}},
	{"warned", "The runbook's objective is nearly missed.", nil},
	{"breached", "The runbook's objective is missed.", nil},
	{"refused", "A human's word did not fit.", []string{"word", "why"}},
	{"closed", "The incident is closed.", []string{"why"}},
}

// detailsOf are what may be said of a happening.
var detailsOf = []struct{ name, doc string }{
	{"policy", "The policy."},
	{"severity", "How bad it is."},
	{"target", "What is acted on, with its cluster."},
	{"found", "Whether it fired before the policy was there."},
	{"only", "A part of why it is told and never acted on."},
	{"guard", "Guards that are among those in the way, separated by `, `."},
	{"step", "The name of the step."},
	{"why", "A part of the reason."},
	{"kind", "The kind of action."},
	{"undo", "Whether it takes back what was done."},
	{"outcome", "How it ended."},
	{"state", "The breaker's state."},
	{"took", "How long it took from the opening."},
	{"objective", "Whether the objective was met, missed, or is none."},
	{"who", "Whom of the ladder."},
	{"what", "What is late."},
	{"word", "The command."},
}

// expected are the keys of what may be expected.
func expected() []Field {
	out := []Field{{"at", since, Required, "When it follows."}}
	for _, h := range happenings {
		out = append(out, Field{h.name, incident, Choice, h.doc})
	}
	for _, d := range detailsOf {
		out = append(out, Field{d.name, scalar, "it is not compared", d.doc})
	}
	return out
}
