package language

import "github.com/x0tta6bl4/remediated/remediate"

var severity = word(string(remediate.P1), string(remediate.P2), string(remediate.P3))

var mode = word(string(remediate.ModeObserve), string(remediate.ModeApprove), string(remediate.ModeAct))

// ofPolicies are the objects around a policy.
var ofPolicies = []Object{
	{"policy file", "A file of policies, one of those that `remediated.yml` names.", []Field{
		{"policies", listOf(object("policy")), Required, "The policies of the file; an alert goes to the first one that matches."},
	}},
	{"policy", "Which alerts are an incident, what may be done about it, and under which conditions.", []Field{
		{"name", name, Required, "What other policies, commands and reports call it by; `storm`, `untold` and `watchdog` are taken."},
		{"when", listOf(matcher), Required, "Which alerts it is for: all matchers must match, and one of them must name a value."},
		{"per", setOf(label), "all alerts of the policy are one incident", "The labels whose values make it one incident."},
		{"continue", truth, "`false`", "Whether policies further down look at the alert too."},
		{"severity", either(severity, object("severity")), Required, "Who hears of it and when."},
		{"mode", mode,
			"`observe`; there is none to set where there are no steps", "Whether it only says what it would do, asks a human first, or acts."},
		{"target", target, "required where there are steps", "What is acted on; `$label` takes a label's value, `owner` is the workload that owns the pod of that name, a node is `node/name`, and before what is in another of the configured clusters stands that cluster's name: `dr/deployment/shop/db`."},
		{"guards", object("guards"), "as said there", "What is asked before every act."},
		{"objective", object("objective"), "none", "What is promised."},
		{"runbooks", object("runbooks"), "those of the configuration", "Who hears of this policy's incidents and when, in place of everybody's."},
		{"hold_page", truth, "`false`", "Whether the pages that Alertmanager sends for these alerts are held while automation is at it."},
		{"steps", listOf(object("step")), "none: people are told, nothing is done", "The remedies, tried in order until one is verified."},
	}},
	{"severity", "How bad an incident is, and what makes it worse. It never gets better by itself.", []Field{
		{"default", severity, Required, "How bad it is where nothing says worse."},
		{"label", label, "none is looked at", "A label of the alerts that says how bad it is."},
		{"values", mapOf(`\S`, severity), "`{critical: P1, high: P2, warning: P3, info: P3}`", "What the label's values mean, compared in lower case; any other means the default."},
		{"impact", listOf(object("measurement")), "nothing is measured", "What is measured to see how bad it is."},
	}},
	{"measurement", "A measurement of how bad it is. One of `p1` and `p2` is required, and `p1` is at least `p2`.", []Field{
		{"query", query, Required, "What is measured; `$label` may stand in it."},
		{"p1", number, "never by this", "From which value on it is P1."},
		{"p2", number, "never by this", "From which value on it is P2."},
	}},
	{"objective", "What is promised of a policy's incidents.", []Field{
		{"rto", duration, Required, "How long it may take from the opening to the first sample that was good."},
	}},
}

// ofSteps are the objects of a policy's remedies.
var ofSteps = []Object{
	{"step", "A remedy, and how to see whether it helped.", []Field{
		{"name", plain, Required, "What people read in reports."},
		{"approval", object("approval"), "none is asked for", "Whether a human approves this step, whatever the mode."},
		{"do", listOf(action), Required, "The actions, done in order; beside the kind, `within` is the deadline of this one act, `target` another object than the policy's target, and `verify` what the next action counts on and must be seen before it begins."},
		{"undo", listOf(action), "what was done stays", "The actions that take back what was done when `do` breaks off after its first act."},
		{"evidence", truth, "`true` when an act of the step ends processes", "Whether logs, events and the object are kept before the first act."},
		{"verify", object("verify"), Required, "How to see whether it helped: what is not verified is not healed."},
		{"within", duration, shown(remediate.DefaultActWithin), "The deadline of each act."},
	}},
	{"approval", "A human's yes, without which the step is not done.", []Field{
		{"by", listOf(approves), "`[approver]`", "Who may approve it."},
		{"people", count(1, 5), "`1`", "How many of them must."},
		{"within", duration, Required, "For how long it is waited for each of them, and an approval holds."},
	}},
	{"verify", "A verification. `for` and `every` are shorter than `within`.", []Field{
		{"all", listOf(probe), Required, "The probes, all of which must be good; beside the kind, `target` is another object than the policy's target."},
		{"for", duration, "once is enough", "For how long they must be good without a break."},
		{"within", duration, Required, "By when."},
		{"every", duration, shown(remediate.DefaultVerifyEvery), "How often it is looked."},
	}},
}
