package language

import (
	"fmt"
	"math"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate"
)

// shown is a value as a default is shown.
func shown(v any) string { return fmt.Sprintf("`%v`", v) }

// longest is how far back guards can count.
var longest = model.Duration(remediate.Remembered).String()

// ofGuards are the objects of what a policy has asked before every act.
var ofGuards = []Object{
	{"guards", "What a policy has asked before every act. Other guards always stand and have nothing to be set.", []Field{
		{"cooldown", duration, "none", "How long after one incident's acts another one may act on the same target, at most " + longest + "."},
		{"settle", duration, shown(remediate.DefaultSettle), "How long between two steps."},
		{"budget", listOf(object("budget")), "none", "How many acts in how much time, one for each length of time."},
		{"breaker", object("breaker"), "as said there", "Stops a remedy that does not help, for each target."},
		{"attempts", count(1, 100), shown(remediate.DefaultAttempts), "How many acts one incident may have before a human must say `remedy incident run`."},
		{"flapping", object("flapping"), "as said there", "What has to be healed again and again is not healed: a human must look."},
		{"window", object("window"), "at any time", "When automation may act."},
		{"healthy", object("healthy"), "nothing is asked", "A floor under which nothing is added to the trouble."},
		{"depends", listOf(object("dependency")), "nothing", "What must be well first."},
		{"backup", object("newest backup"), "nothing is asked", "A backup that must be there for what goes wrong."},
	}},
	{"budget", "How many acts are allowed in how much time.", []Field{
		{"actions", count(1, remediate.MaxActs), Required, "So many acts."},
		{"per", duration, Required, "In any time as long as this, at most " + longest + "."},
	}},
	{"breaker", "When a remedy that does not help is no longer tried.", []Field{
		{"failures", count(1, 100), shown(remediate.DefaultBreaker().Failures), "After so many failed verifications in a row."},
		{"reset", duration, shown(remediate.DefaultBreaker().Reset), "For so long."},
	}},
	{"flapping", "How often one target may be healed before a human must look.", []Field{
		{"heals", count(1, 1000), shown(remediate.DefaultFlapping().Heals), "After so many healings of one target."},
		{"per", duration, shown(remediate.DefaultFlapping().Per), "In any time as long as this, at most " + longest + "."},
	}},
	{"window", "When automation may act. One of the two is required.", []Field{
		{"only", listOf(object("time interval")), "at any time", "In one of these intervals."},
		{"never", listOf(object("time interval")), "no time is left out", "In none of these intervals."},
	}},
	{"time interval", "A time interval as Alertmanager has it. All that is written must hold, and a time must be among it; no range goes over midnight, the end of the week or of the year.", []Field{
		{"times", listOf(object("range of times")), "all of the day", "Ranges within a day."},
		{"weekdays", weekdays, "every day", "`monday` or `'monday:friday'`, counted from sunday."},
		{"days_of_month", monthDays, "every day", "`'1'` or `'1:7'`; `'-1'` is the last day."},
		{"months", months, "every month", "`january`, `'1'` or `'1:3'`."},
		{"years", years, "every year", "`'2030'` or `'2030:2032'`."},
		{"location", zone, "UTC", "The time zone by its name, for example `Europe/Berlin`."},
	}},
	{"range of times", "A range within a day.", []Field{
		{"start_time", clock, Required, "The first minute, for example `'09:00'`."},
		{"end_time", clock, Required, "The first minute after it, for example `'17:00'`; a day ends at `'24:00'`."},
	}},
	{"healthy", "A floor under which nothing is done. One key is required, and all that is written must hold.", []Field{
		{"query", query, "nothing is asked", "What is asked; no `$label` may stand in it."},
		{"min", number, "required with `query`", "The least value of the query."},
		{"available", count(1, math.MaxInt32), "nothing is asked", "So many replicas of the target must be available; not for a pod."},
		{"ready", share, "nothing is asked", "That share of the target's replicas must be available; not for a pod."},
		{"headroom", truth, "`false`", "Every PodDisruptionBudget of the target's pods must allow one more disruption."},
		{"nodes", share, "nothing is asked", "That share of the cluster's nodes must be ready."},
		{"control_plane", truth, "`false`", "The API server must call itself ready."},
	}},
	{"dependency", "What must be well first. Each has one of `policy`, `alert` and `query`.", []Field{
		{"policy", name, "none", "Held while that policy has an open incident."},
		{"same", setOf(label), "any incident of that policy", "Labels that the alerts of both must share; with `policy` only."},
		{"alert", listOf(matcher), "none", "Held while such an alert fires; `$label` may stand in the values."},
		{"query", query, "none", "Held while that query is below `min`; no `$label` may stand in it."},
		{"min", number, "required with `query`", "The least value of the query."},
	}},
	{"newest backup", "How old the newest good backup may be.", []Field{
		{"newest", query, Required, "The Unix time of the newest good backup; no `$label` may stand in it."},
		{"max", duration, Required, "How old it may be."},
	}},
}

// ofRunbooks are the objects of who hears of an incident.
var ofRunbooks = []Object{
	{"runbooks", "Who hears of an incident and when, by its severity. One that is written takes the place of the default as a whole.", []Field{
		{"P1", object("runbook"), "the default one", "What follows a P1."},
		{"P2", object("runbook"), "the default one", "What follows a P2."},
		{"P3", object("runbook"), "the default one", "What follows a P3."},
	}},
	{"runbook", "Who hears of incidents of one severity, and when.", []Field{
		{"page", word(string(remediate.PageAtOnce), string(remediate.PageOnNeed), string(remediate.PageNever)), Required,
			"When people are called: from the first minute, when the remedies are used up, refused or too slow, or never."},
		{"after", duration, "nothing is waited for", "With `on need`: people are called when it is not healed for so long."},
		{"ladder", listOf(object("rung")), "required where people are called", "Who is called, in order."},
		{"repeat", count(0, 100), "`0`", "How often the ladder is gone up again from its foot."},
		{"objective", duration, "none", "Within which time it is to be healed."},
		{"warn", duration, "a sixth of the objective", "So long before the objective is missed people hear of it."},
		{"updates", object("updates"), "never", "How often it is said how it stands, until it is healed."},
	}},
	{"rung", "Somebody who is called.", []Field{
		{"tell", name, Required, "Who: a name that PagerDuty or a mention in Slack can call."},
		{"wait", duration, Required, "How long they are waited for before the next is told."},
	}},
	{"updates", "How often it is said how it stands.", []Field{
		{"slack", duration, Required, "In the incident's thread."},
	}},
}
