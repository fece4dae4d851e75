package pagerduty_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/notify/pagerduty"
	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/test/doubles/fault"
	double "github.com/x0tta6bl4/remediated/test/doubles/pagerduty"
)

const (
	key1 = "q4m2x7kd-i42"
	key2 = "q4m2x7kd-i42-2"
)

// again is the second call of on-call, which replaces the first.
func again(change func(*remediate.Started)) remediate.Started {
	s := page("oncall", "trigger", func(n *remediate.Notice) { n.Key, n.Replaces = key2, key1 })
	s.ID = "q4m2x7kd-i42-t2"
	if change != nil {
		change(&s)
	}
	return s
}

func TestAPageIsReplacedOnceTheNewOneIsTaken(t *testing.T) {
	b := newBench(t, nil)
	b.perform(page("oncall", "trigger", nil), remediate.OK)
	if r := b.perform(again(nil), remediate.OK); r.Ref != key2 {
		t.Errorf("reference %q", r.Ref)
	}
	b.perform(again(nil), remediate.OK) // safe to repeat
	b.wantSent("trigger "+key1, "trigger "+key2, "resolve "+key1, "trigger "+key2, "resolve "+key1)
	is := b.account.Incidents()
	if len(is) != 2 || is[0].Status != double.Resolved || is[1].Status != double.Triggered || len(b.account.Pages()) != 2 {
		t.Errorf("incidents %+v, pages %+v", is, b.account.Pages())
	}
	for _, e := range b.account.Events() {
		if e.RoutingKey != oncallKey {
			t.Errorf("sent by the key %s", e.RoutingKey)
		}
	}
}

func TestAPageThatWasNotTakenReplacesNothing(t *testing.T) {
	b := newBench(t, nil)
	b.perform(page("oncall", "trigger", nil), remediate.OK)
	for _, f := range []fault.Fault{fault.Answer("/v2/enqueue", 500), fault.Drop("/v2/enqueue"), double.RateLimited("/v2/enqueue"), fault.LoseReply("/v2/enqueue")} {
		b.faults(f)
		b.perform(again(nil), remediate.Later)
		if st := b.account.Incidents()[0].Status; st != double.Triggered {
			t.Fatalf("%s: the first page is %s", f, st)
		}
	}
	b.perform(again(nil), remediate.OK)
	if is := b.account.Incidents(); len(is) != 2 || is[0].Status != double.Resolved || len(b.account.Pages()) != 2 {
		t.Errorf("incidents %+v", is)
	}
}

func TestALostResolveOfTheReplacedPageIsSentAgain(t *testing.T) {
	for name, f := range map[string]fault.Fault{"refused": fault.Answer("/v2/enqueue", 503), "lost": fault.LoseReply("/v2/enqueue")} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			b.perform(page("oncall", "trigger", nil), remediate.OK)
			b.faults(f.For("resolve"))
			b.perform(again(nil), remediate.Later)
			b.perform(again(nil), remediate.OK)
			if is := b.account.Incidents(); is[0].Status != double.Resolved || len(b.account.Pages()) != 2 {
				t.Errorf("incidents %+v", is)
			}
		})
	}
}

func TestResolvingEndsWhatThePageReplacedToo(t *testing.T) {
	b := newBench(t, nil)
	b.perform(page("oncall", "trigger", nil), remediate.OK)
	s := again(nil)
	s.Tell.Notice.Action = "acknowledge"
	b.perform(s, remediate.OK)
	s.Tell.Notice.Action = "resolve"
	b.perform(s, remediate.OK)
	b.wantSent("trigger "+key1, "acknowledge "+key2, "resolve "+key2, "resolve "+key1)
}

func TestALatePageIsNotSentWhenSomebodyIsAtIt(t *testing.T) {
	for name, c := range map[string]struct {
		key  string // that a person acts on
		do   func(*double.Account, string) error
		late func(*bench, *remediate.Started)
		sent []string
		what string
	}{
		"acknowledged, second try": {key1, acknowledged, secondTry, nil, "acknowledged " + key1 + " Anna"},
		"resolved, second try":     {key1, resolved, secondTry, nil, "resolved " + key1 + " Anna"},
		"acknowledged, begun before": {key1, acknowledged, func(_ *bench, s *remediate.Started) { s.Again = true }, nil,
			"acknowledged " + key1 + " Anna"},
		"acknowledged, decided a minute ago": {key1, acknowledged, func(_ *bench, s *remediate.Started) { s.Deadline = time.Now().Add(9 * time.Minute) },
			nil, "acknowledged " + key1 + " Anna"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, asking(t))
			// The same incident was already told to another rung.
			b.perform(page("manager", "trigger", nil), remediate.OK)
			s := page("oncall", "trigger", nil)
			s.Deadline = time.Now().Add(10 * time.Minute)
			c.late(b, &s)
			b.do(c.do(b.account, c.key))
			if r := b.perform(s, remediate.OK); r.Ref != key1 {
				t.Errorf("reference %q", r.Ref)
			}
			b.wantSent("trigger " + key1)
			b.wantHeard(c.what)
			if b.seen[pagerduty.SeenOvertaken] != 1 {
				t.Errorf("seen %v", b.seen)
			}
			if e := b.heard[0]; e.AgentID != "PANNA00" || e.Incident == "" || !strings.HasPrefix(e.URL, "https://") || e.At.IsZero() || e.ID == "" {
				t.Errorf("heard %+v", e)
			}
		})
	}
}

func acknowledged(a *double.Account, key string) error { return a.Acknowledge(key, "Anna") }
func resolved(a *double.Account, key string) error     { return a.Resolve(key, "Anna") }

func secondTry(b *bench, s *remediate.Started) {
	b.faults(fault.Answer("/v2/enqueue", 503))
	b.perform(*s, remediate.Later)
}

func TestALatePageOfAReplacementIsLeftToWhoHasTheFirst(t *testing.T) {
	b := newBench(t, asking(t))
	b.perform(page("oncall", "trigger", nil), remediate.OK)
	s := again(func(s *remediate.Started) { s.Again = true })
	b.do(b.account.Acknowledge(key1, "Anna"))
	b.perform(s, remediate.OK)
	b.wantSent("trigger " + key1) // and it stays open, acknowledged
	b.wantHeard("acknowledged " + key1 + " Anna")
	s.Again, s.Tell.Notice.Action = false, "resolve"
	b.perform(s, remediate.OK)
	if is := b.account.Incidents(); is[0].Status != double.Resolved {
		t.Errorf("incidents %+v: nothing resolves the first page", is)
	}
}

func TestALatePageStillEndsTheOneItReplaced(t *testing.T) {
	b := newBench(t, asking(t))
	b.perform(page("oncall", "trigger", nil), remediate.OK)
	b.faults(fault.Answer("/v2/enqueue", 503).For("resolve"))
	b.perform(again(nil), remediate.Later)
	b.do(b.account.Acknowledge(key2, "Anna"))
	b.perform(again(nil), remediate.OK)
	b.wantSent("trigger "+key1, "trigger "+key2, "resolve "+key1)
	b.wantHeard("acknowledged " + key2 + " Anna")
}

func TestALatePageIsSentWhenNobodyActedSince(t *testing.T) {
	long := -time.Hour
	for name, act := range map[string]func(*double.Account) error{
		"nothing was done":      func(*double.Account) error { return nil },
		"by an integration":     nil, // below
		"before it was decided": func(a *double.Account) error { return a.Acknowledge(key1, "Anna") },
		"taken back": func(a *double.Account) error {
			return errors.Join(a.Acknowledge(key1, "Anna"), a.Unacknowledge(key1, ""))
		},
		"PagerDuty itself": func(a *double.Account) error { return a.Resolve(key1, "") },
	} {
		t.Run(name, func(t *testing.T) {
			shift := time.Duration(0)
			if name == "before it was decided" {
				shift = long
			}
			b := newBenchAt(t, double.Options{Now: func() time.Time { return time.Now().Add(shift) }}, asking(t))
			b.perform(page("oncall", "trigger", nil), remediate.OK)
			if act == nil {
				b.perform(page("oncall", "acknowledge", nil), remediate.OK)
			} else {
				b.do(act(b.account))
			}
			before := len(b.account.Events())
			s := again(func(s *remediate.Started) { s.Again, s.Deadline = true, time.Now().Add(10*time.Minute) })
			b.perform(s, remediate.OK)
			if got := b.sent()[before:]; !slices.Equal(got, []string{"trigger " + key2, "resolve " + key1}) {
				t.Errorf("sent %q", got)
			}
			b.wantHeard()
		})
	}
}

func TestALatePageIsSentUnseenWhenNobodyKnows(t *testing.T) {
	for name, f := range map[string]fault.Fault{
		"down": fault.Answer("/incidents", 503), "limited": double.RESTRateLimited("/incidents"), "denied": fault.Answer("/incidents", 403),
		"nonsense": {Path: "/incidents", Status: 200, Body: "<html>"}, "dropped": fault.Drop("/incidents"),
		"slow": fault.Delay("/incidents", time.Minute),
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(o *pagerduty.Options) { asking(t)(o); o.Timeout = 300 * time.Millisecond })
			b.perform(page("manager", "trigger", nil), remediate.OK)
			b.do(b.account.Acknowledge(key1, "Anna"))
			b.faults(f)
			s := page("oncall", "trigger", nil)
			s.Again = true
			b.perform(s, remediate.OK)
			b.wantSent("trigger "+key1, "trigger "+key1)
			b.wantHeard()
			if b.seen[pagerduty.SeenBlind] != 1 {
				t.Errorf("seen %v", b.seen)
			}
		})
	}
	t.Run("no token", func(t *testing.T) {
		b := newBench(t, nil)
		s := page("oncall", "trigger", nil)
		s.Again = true
		b.perform(s, remediate.OK)
		if n := len(b.account.Faults.Requests()); n != 1 {
			t.Errorf("%d requests, want the event alone", n)
		}
	})
}

func TestAPageInTimeIsNotLookedFor(t *testing.T) {
	b := newBench(t, asking(t))
	s := page("oncall", "trigger", nil)
	s.Deadline = time.Now().Add(10 * time.Minute)
	b.perform(s, remediate.OK)
	if rs := b.account.Faults.Requests(); len(rs) != 1 || rs[0].Path != "/v2/enqueue" {
		t.Errorf("requests %+v", rs)
	}
}

func TestWhatCouldNotBeWrittenDownIsLookedForAgain(t *testing.T) {
	b := newBench(t, asking(t))
	b.perform(page("manager", "trigger", nil), remediate.OK)
	b.do(b.account.Acknowledge(key1, "Anna"))
	s := page("oncall", "trigger", nil)
	s.Again, b.deaf = true, errors.New("the disk is full")
	if r := b.perform(s, remediate.Later); !strings.Contains(r.Text, "the disk is full") || !strings.Contains(r.Text, "Anna") {
		t.Errorf("%q", r.Text)
	}
	b.deaf = nil
	b.perform(s, remediate.OK)
	b.wantSent("trigger " + key1)
	b.wantHeard("acknowledged " + key1 + " Anna")
}

func TestAHostileNameOfAPersonIsShownClean(t *testing.T) {
	users := append(double.DefaultUsers(), double.User{ID: "PEVIL", Name: "Ev\x1b[31m\u202eil\n" + strings.Repeat("x", 500), Email: "e@example.com"})
	b := newBenchAt(t, double.Options{Users: users}, asking(t))
	b.perform(page("manager", "trigger", nil), remediate.OK)
	b.do(b.account.Acknowledge(key1, "PEVIL"))
	st, err := b.service.Look(t.Context(), key1)
	if err != nil || !strings.HasPrefix(st.By.Name, "Ev[31mil xxx") || len(st.By.Name) > 130 {
		t.Errorf("%+v, %v", st, err)
	}
}
