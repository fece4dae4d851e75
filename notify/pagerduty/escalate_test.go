package pagerduty_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/notify"
	"github.com/x0tta6bl4/remediated/notify/pagerduty"
	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/test/doubles/fault"
	double "github.com/x0tta6bl4/remediated/test/doubles/pagerduty"
)

// owning makes three rungs levels of one policy.
func owning(t *testing.T) func(*pagerduty.Options) {
	return func(o *pagerduty.Options) {
		asking(t)(o)
		listening(t)(o)
		o.RoutingKeys = map[string]notify.SecretFile{"all": keyFile(t, oncallKey)}
		o.From = "remediated@example.com"
		o.Escalation.Levels = map[string]int{"oncall": 1, "manager": 2, "director": 3}
	}
}

// paged is "<key> <level> <who>" of every page.
func (b *bench) paged() (all []string) {
	for _, p := range b.account.Pages() {
		all = append(all, p.DedupKey+" "+string(rune('0'+p.Level))+" "+strings.Join(p.To, ","))
	}
	return all
}

func (b *bench) wantPaged(want ...string) {
	b.Helper()
	if got := b.paged(); !slices.Equal(got, want) {
		b.Errorf("paged %q, want %q", got, want)
	}
}

func TestALaterRungMovesTheIncidentToItsLevel(t *testing.T) {
	b := newBench(t, owning(t))
	if got := b.service.Destinations(); !slices.Equal(got, []string{"pagerduty-changes", "pagerduty/director", "pagerduty/manager", "pagerduty/oncall"}) {
		t.Errorf("destinations %q", got)
	}
	for _, rung := range []string{"oncall", "manager", "director"} {
		if r := b.perform(page(rung, "trigger", nil), remediate.OK); r.Ref != key1 {
			t.Errorf("reference %q", r.Ref)
		}
	}
	b.wantPaged(key1+" 1 Anna", key1+" 2 Boris", key1+" 3 Clara")
	b.wantSent("trigger " + key1)
	for _, rung := range []string{"oncall", "manager", "director"} {
		b.perform(page(rung, "resolve", nil), remediate.OK)
	}
	if is := b.account.Incidents(); len(is) != 1 || is[0].Status != double.Resolved {
		t.Errorf("incidents %+v", is)
	}
}

func TestTheFirstRungOfAKeyOpensItWhoeverItIs(t *testing.T) {
	b := newBench(t, owning(t))
	if r := b.perform(page("manager", "trigger", nil), remediate.Later); !strings.Contains(r.Text, "has not opened its incident yet") {
		t.Errorf("%q", r.Text)
	}
	b.perform(page("manager", "trigger", nil), remediate.OK)
	b.wantSent("trigger " + key1)
	b.wantPaged(key1+" 1 Anna", key1+" 2 Boris")
}

func TestAnIncidentThatIsNotOpenYetIsWaitedFor(t *testing.T) {
	now := time.Now()
	b := newBenchAt(t, double.Options{Lag: 10 * time.Second, Now: func() time.Time { return now }}, owning(t))
	b.perform(page("oncall", "trigger", nil), remediate.OK)
	for range 2 {
		b.perform(page("manager", "trigger", nil), remediate.Later)
	}
	b.restart()
	b.perform(page("manager", "trigger", nil), remediate.Later) // it is triggered again, which merges
	now = now.Add(10 * time.Second)
	b.perform(page("manager", "trigger", nil), remediate.OK)
	b.wantSent("trigger "+key1, "trigger "+key1)
	b.wantPaged(key1+" 1 Anna", key1+" 2 Boris")
}

func TestALevelThatCouldNotBeSetIsSetLater(t *testing.T) {
	b := newBench(t, owning(t))
	b.perform(page("oncall", "trigger", nil), remediate.OK)
	put := "/incidents/" + b.account.Incidents()[0].ID
	for _, f := range []fault.Fault{fault.Answer(put, 503), fault.Answer(put, 401), fault.Answer(put, 404), fault.Drop(put), fault.LoseReply(put),
		double.RESTRateLimited(put).With("ratelimit-reset", "0")} {
		b.faults(f)
		if r := b.perform(page("manager", "trigger", nil), remediate.Later); !strings.Contains(r.Text, "rung manager: move the incident to level 2") {
			t.Errorf("%s: %q", f, r.Text)
		}
	}
	b.perform(page("manager", "trigger", nil), remediate.OK)
	b.wantPaged(key1+" 1 Anna", key1+" 2 Boris")
	b.faults(fault.Answer("/incidents", 503).Repeat(2))
	b.perform(page("director", "trigger", nil), remediate.Later)
	b.perform(page("director", "trigger", nil), remediate.OK)
}

func TestALevelThatThereIsNotFails(t *testing.T) {
	b := newBench(t, func(o *pagerduty.Options) { owning(t)(o); o.Escalation.Levels["director"] = 9 })
	b.perform(page("oncall", "trigger", nil), remediate.OK)
	if r := b.perform(page("director", "trigger", nil), remediate.Failed); !strings.Contains(r.Text, "Escalation level must be 1 to 3") {
		t.Errorf("%q", r.Text)
	}
}

func TestWhoActedMeanwhileIsNotEscalatedOver(t *testing.T) {
	for name, act := range map[string]func(*double.Account, string) error{"acknowledged": acknowledged, "resolved": resolved} {
		b := newBench(t, owning(t))
		b.perform(page("oncall", "trigger", nil), remediate.OK)
		b.do(act(b.account, key1))
		b.perform(page("manager", "trigger", nil), remediate.OK) // its first try
		b.wantPaged(key1 + " 1 Anna")
		b.wantHeard(name + " " + key1 + " Anna")
	}
}

func TestAnIncidentThatPagerDutyClosedIsOpenedAgain(t *testing.T) {
	b := newBench(t, owning(t))
	b.perform(page("oncall", "trigger", nil), remediate.OK)
	b.do(b.account.Resolve(key1, "")) // it was open for too long
	b.restart()
	b.perform(page("manager", "trigger", nil), remediate.Later)
	b.perform(page("manager", "trigger", nil), remediate.OK)
	b.wantPaged(key1+" 1 Anna", key1+" 1 Anna", key1+" 2 Boris")
	b.wantHeard()
}

func TestASecondRoundIsAnIncidentOfItsOwn(t *testing.T) {
	b := newBench(t, owning(t))
	b.perform(page("oncall", "trigger", nil), remediate.OK)
	b.perform(page("manager", "trigger", nil), remediate.OK)
	b.perform(again(nil), remediate.OK)
	s := again(func(s *remediate.Started) { s.Tell.Destination = "pagerduty/manager" })
	b.perform(s, remediate.OK)
	b.wantPaged(key1+" 1 Anna", key1+" 2 Boris", key2+" 1 Anna", key2+" 2 Boris")
	if is := b.account.Incidents(); is[0].Status != double.Resolved || is[1].Status != double.Triggered {
		t.Errorf("incidents %+v", is)
	}
}

func TestOurOwnEscalationIsNoNews(t *testing.T) {
	b := newBench(t, owning(t))
	b.perform(page("oncall", "trigger", nil), remediate.OK)
	b.perform(page("manager", "trigger", nil), remediate.OK)
	id := b.account.Incidents()[0].ID
	escalated := func(event string, at time.Time, incident string) string {
		return hook(func(e, d object) {
			e["id"], e["event_type"], e["occurred_at"], d["id"] = event, "incident.escalated", at.UTC().Format(time.RFC3339), incident
			e["agent"] = object{"id": "PBOT000", "type": "user_reference", "summary": "Remediated"}
		})
	}
	b.deliver(escalated("1", time.Now(), id))
	b.wantHeard()
	b.deliver(escalated("2", time.Now().Add(-5*time.Minute), id))
	b.deliver(escalated("3", time.Now(), "Q0"))
	b.wantHeard("escalated "+key1+" Remediated", "escalated "+key1+" Remediated")
	b.deliver(hook(func(e, d object) { d["id"] = id })) // what else is done about it counts
	if len(b.heard) != 3 {
		t.Errorf("heard %+v", b.heard)
	}
}

func TestOptionsOfOneOwnerAreRefusedByName(t *testing.T) {
	for want, change := range map[string]func(*pagerduty.Options){
		"escalation: want one routing key":      func(o *pagerduty.Options) { o.RoutingKeys["more"] = "f" },
		"escalation: want api_token":            func(o *pagerduty.Options) { o.APIToken = "" },
		"escalation: want from":                 func(o *pagerduty.Options) { o.From = "" },
		"from: want":                            func(o *pagerduty.Options) { o.From = "remediated" },
		"escalation.levels.director":            func(o *pagerduty.Options) { o.Escalation.Levels["director"] = 0 },
		"escalation.levels: manager and oncall": func(o *pagerduty.Options) { o.Escalation.Levels["manager"] = 1 },
		"changes_rung: there is no rung":        func(o *pagerduty.Options) { o.ChangesRung = "all" },
		"api_url":                               func(o *pagerduty.Options) { o.APIURL = "api.pagerduty.com" },
		"webhook_secret_files[1]":               func(o *pagerduty.Options) { o.WebhookSecrets = append(o.WebhookSecrets, "") },
		"webhook_secret_files: nobody listens":  func(o *pagerduty.Options) { o.Heard = nil },
	} {
		b := newBench(t, owning(t))
		change(&b.options)
		if _, err := pagerduty.New(b.options); err == nil || !strings.Contains(err.Error(), "notify.pagerduty."+want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
