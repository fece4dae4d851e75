package pagerduty_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/notify"
	"github.com/x0tta6bl4/remediated/notify/pagerduty"
	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/test/doubles/fault"
	double "github.com/x0tta6bl4/remediated/test/doubles/pagerduty"
)

// ladder waits for 5, 15 and 30 minutes.
func ladder(rungs ...string) []remediate.Rung {
	var all []remediate.Rung
	for n, rung := range rungs {
		all = append(all, remediate.Rung{Tell: rung, Wait: model.Duration([]time.Duration{5, 15, 30}[n] * time.Minute)})
	}
	return all
}

// policy has levels with the delays, each with one user.
func policy(id string, loops int, delays ...int) double.Policy {
	p := double.Policy{ID: id, Name: "Policy " + id, Loops: loops}
	for n, minutes := range delays {
		p.Levels = append(p.Levels, double.Level{Minutes: minutes, Users: []string{double.DefaultUsers()[n].ID}})
	}
	return p
}

// check compares what is said with the words wanted, in order.
func (b *bench) check(ladder []remediate.Rung, want ...string) {
	b.Helper()
	said, err := b.service.Check(b.Context(), ladder)
	if err != nil {
		b.Fatal(err)
	}
	fits := len(said) == len(want)
	for n := range min(len(said), len(want)) {
		fits = fits && strings.Contains(said[n], want[n])
	}
	if !fits {
		b.Errorf("said\n\t%s\nwant\n\t%s", strings.Join(said, "\n\t"), strings.Join(want, "\n\t"))
	}
	if strings.Contains(strings.Join(said, ""), "canary") {
		b.Errorf("a secret is shown: %q", said)
	}
}

func TestCheckComparesTheLadderWithTheLevels(t *testing.T) {
	all := []string{"oncall", "manager", "director"}
	for name, c := range map[string]struct {
		policy double.Policy
		rungs  []string
		want   []string
	}{
		"as it should be": {policy("P1", 0, 6, 16, 31), all, nil},
		"too early": {policy("P1", 0, 5, 10, 30), all, []string{
			"escalates by itself from level 1 (oncall) after 5m, and the ladder calls manager after 5m: set the level's delay to more",
			"escalates by itself from level 2 (manager) after 10m, and the ladder calls director after 15m"}},
		"it begins again": {policy("P1", 2, 60, 60, 30), all, []string{
			"from level 3 (director) after 30m, and the ladder begins again after 30m", "begins again by itself, 2 times"}},
		"too few levels": {policy("P1", 0, 60, 60), all, []string{"director is at level 3, but the policy Policy P1 has 2"}},
		"more levels":    {policy("P1", 0, 60, 60, 60, 60), all, []string{"has 4 levels, the highest that a rung has is 3"}},
		"nobody there": {double.Policy{ID: "P1", Levels: []double.Level{{Minutes: 60, Users: []string{"PANNA00"}}, {Minutes: 60}, {Minutes: 60, Users: []string{"PANNA00"}}}}, all,
			[]string{"level 2 of the policy P1 calls nobody"}},
		"another order":  {policy("P1", 0, 60, 60, 60), []string{"manager", "oncall", "director"}, []string{"the ladder calls oncall after level 2, but has it at level 1"}},
		"a rung without": {policy("P1", 0, 60, 60, 60), []string{"oncall", "ceo", "manager"}, []string{"the ladder calls ceo, whom PagerDuty does not page"}},
		"no levels":      {double.Policy{ID: "P1"}, []string{"oncall"}, []string{"oncall is at level 1, but the policy P1 has 0", "has no levels"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBenchAt(t, double.Options{Policies: []double.Policy{c.policy}}, owning(t))
			b.check(ladder(c.rungs...), c.want...)
		})
	}
}

func TestCheckLooksAtEachRungsOwnPolicy(t *testing.T) {
	b := newBenchAt(t, double.Options{Policies: []double.Policy{policy("P1", 0, 30, 30), policy("P2", 1, 30)}}, asking(t))
	b.check(ladder("oncall", "manager"),
		"oncall: PagerDuty's policy Policy P1 escalates by itself to level 2 of 2 after 30m, besides the ladder, which calls manager after 5m",
		"the policy Policy P2 begins again by itself, 1 times")
	b = newBenchAt(t, double.Options{Policies: []double.Policy{policy("P1", 0, 30), policy("P2", 0, 30, 30)}}, asking(t))
	b.check(ladder("oncall"))
	b.check(ladder("manager"), "manager: PagerDuty's policy Policy P2 escalates by itself to level 2 of 2 after 30m, besides the ladder:")
	b.check(ladder("oncall", "slackers"), "the ladder calls slackers")
}

func TestCheckFindsThePolicy(t *testing.T) {
	own := func(t *testing.T, policy string) *bench {
		return newBenchAt(t, double.Options{RoutingKeys: []string{managerKey}, Policies: []double.Policy{{ID: "P1", Levels: []double.Level{{Users: []string{"PANNA00"}}}}}},
			func(o *pagerduty.Options) {
				owning(t)(o)
				o.Escalation.Levels = map[string]int{"oncall": 1}
				o.EscalationPolicy = policy
			})
	}
	own(t, "").check(ladder("oncall"), "no service that the token can see has the integration key of oncall", "set notify.pagerduty.escalation_policy")
	own(t, "P1").check(ladder("oncall"), "no service that the token can see")
	own(t, "P9").check(ladder("oncall"), "no service that the token can see", "PagerDuty has no escalation policy P9")
	b := newBench(t, func(o *pagerduty.Options) { owning(t)(o); o.EscalationPolicy = "P9" })
	b.check(ladder("oncall", "manager", "director"), "the service service 1 has the escalation policy PPOLICY, not P9")
}

func TestCheckReadsTheSecrets(t *testing.T) {
	b := newBench(t, func(o *pagerduty.Options) {
		o.RoutingKeys["manager"] += ".none"
		o.WebhookSecrets = []notify.SecretFile{keyFile(t, hookSecret), keyFile(t, "")}
	})
	b.check(ladder("oncall"), "routing_keys.manager: read the secret", "webhook_secret_files[1]: read the secret", "api_token_file is not set")
	if len(b.account.Faults.Requests()) != 0 {
		t.Error("PagerDuty was asked without a token")
	}
	b = newBench(t, func(o *pagerduty.Options) { o.APIToken = keyFile(t, "") })
	said, err := b.service.Check(t.Context(), ladder("oncall"))
	if err == nil || len(said) != 1 || !strings.Contains(said[0], "api_token: read the secret") {
		t.Errorf("said %q, %v", said, err)
	}
}

func TestCheckSaysThatPagerDutyCouldNotBeAsked(t *testing.T) {
	for _, f := range []fault.Fault{fault.Answer("/services", 503), double.RESTRateLimited("/services"), fault.Answer("PPOLICY", 500), fault.Answer("PPOLICY", 403)} {
		for _, options := range []func(*pagerduty.Options){asking(t), owning(t)} {
			b := newBench(t, options)
			b.faults(f)
			if said, err := b.service.Check(t.Context(), ladder("oncall", "ceo")); err == nil || !slices.ContainsFunc(said, func(s string) bool { return strings.Contains(s, "ceo") }) {
				t.Errorf("%s: said %q, %v", f, said, err)
			}
		}
	}
}

func TestCheckSaysWhatTheServiceDoesByItself(t *testing.T) {
	b := newBench(t, asking(t))
	b.faults(fault.Fault{Path: "/services", Status: 200, Body: `{"services":[{"id":"PSVC001","name":"Shop\u202e","status":"maintenance",
		"acknowledgement_timeout":1800,"auto_resolve_timeout":1200,"escalation_policy":{"id":"PPOLICY"},"integrations":[{"integration_key":"` + oncallKey + `"}]}]}`})
	b.check(ladder("oncall", "manager"), "the service Shop is in the state maintenance", "takes incidents back from who acknowledged them after 30m",
		"resolves open incidents by itself after 20m, before the ladder is through", "oncall: PagerDuty's policy", "no service that the token can see has the integration key of manager",
		"set notify.pagerduty.escalation_policy")
}

func TestCheckReadsAllPagesOfServices(t *testing.T) {
	keys := make([]string, 0, 150)
	for n := range 149 {
		keys = append(keys, strings.Repeat(string(rune('a'+n%26)), 31)+string(rune('a'+n/26)))
	}
	b := newBenchAt(t, double.Options{RoutingKeys: append(keys, oncallKey)}, func(o *pagerduty.Options) { owning(t)(o) })
	b.check(ladder("oncall", "manager", "director"))
	if n := len(b.account.Faults.Requests()); n != 3 {
		t.Errorf("%d requests, want two pages and the policy", n)
	}
}
