package pagerduty_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/notify"
	"github.com/x0tta6bl4/remediated/notify/pagerduty"
	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/test/doubles/fault"
	double "github.com/x0tta6bl4/remediated/test/doubles/pagerduty"
)

func TestLookTellsHowAnIncidentStands(t *testing.T) {
	for _, keyless := range []bool{false, true} {
		b := newBenchAt(t, double.Options{Keyless: keyless}, asking(t))
		check := func(status, by string) {
			t.Helper()
			st, err := b.service.Look(t.Context(), key1)
			if err != nil || st.Found != (status != "") || st.Status != status || st.By.Name != by {
				t.Errorf("standing %+v, %v; want %s by %q", st, err, status, by)
			}
			if st.Found && (st.Incident == "" || st.URL == "" || time.Since(st.At).Abs() > time.Minute) {
				t.Errorf("standing %+v", st)
			}
		}
		check("", "")
		b.perform(page("oncall", "trigger", nil), remediate.OK)
		check("triggered", "")
		b.perform(page("oncall", "acknowledge", nil), remediate.OK) // ours
		check("acknowledged", "")
		b.do(b.account.Acknowledge(key1, "Anna"))
		check("acknowledged", "Anna")
		b.do(b.account.Unacknowledge(key1, ""))
		check("triggered", "")
		b.do(b.account.Acknowledge(key1, "Boris"))
		b.perform(page("manager", "trigger", nil), remediate.OK)
		check("acknowledged", "Boris") // of two rungs the one that somebody has
		b.perform(page("manager", "resolve", nil), remediate.OK)
		b.do(b.account.Resolve(key1, "Clara"))
		check("resolved", "Clara")
	}
}

func TestLookPrefersTheNewest(t *testing.T) {
	b := newBench(t, asking(t))
	for _, who := range []string{"Anna", "Boris"} {
		b.perform(page("oncall", "trigger", nil), remediate.OK)
		b.do(b.account.Resolve(key1, who))
	}
	if st, err := b.service.Look(t.Context(), key1); err != nil || st.By.Name != "Boris" {
		t.Errorf("standing %+v, %v", st, err)
	}
}

func TestLookFindsWhatIsOld(t *testing.T) {
	now := time.Now().Add(-200 * 24 * time.Hour)
	b := newBenchAt(t, double.Options{Now: func() time.Time { return now }}, asking(t))
	b.perform(page("oncall", "trigger", nil), remediate.OK)
	now = time.Now()
	if st, err := b.service.Look(t.Context(), key1); err != nil || !st.Found {
		t.Errorf("standing %+v, %v", st, err)
	}
}

func TestLookSaysWhyItCannot(t *testing.T) {
	for name, c := range map[string]struct {
		fault  fault.Fault
		want   string
		change func(*pagerduty.Options)
	}{
		"no token":      {want: "set notify.pagerduty.api_token_file", change: func(o *pagerduty.Options) { o.APIToken = "" }},
		"no file":       {want: "check notify.pagerduty.api_token_file", change: func(o *pagerduty.Options) { o.APIToken += ".none" }},
		"wrong token":   {want: "HTTP 401 Unauthorized: Unauthorized; check that notify.pagerduty.api_token_file", change: func(o *pagerduty.Options) { os.WriteFile(string(o.APIToken), []byte("canary-else"), 0o600) }},
		"wrong address": {want: "check notify.pagerduty.api_url", change: func(o *pagerduty.Options) { o.APIURL += "/v1" }},
		"forbidden":     {want: "may do this", fault: fault.Answer("/incidents", 403)},
		"down":          {want: "HTTP 502", fault: fault.Answer("/incidents", 502)},
		"reset":         {want: "GET /incidents", fault: fault.Drop("/incidents")},
		"no JSON":       {want: "cannot be read", fault: fault.Fault{Path: "/incidents", Status: 200, Body: "hello"}},
		"shown token":   {want: "[redacted]", fault: fault.Fault{Path: "/incidents", Status: 400, Body: `{"error":{"message":"bad ` + apiToken + `"}}`}},
		"redirected":    {want: "HTTP 307", fault: fault.Answer("/incidents", 307).With("Location", "/elsewhere")},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(o *pagerduty.Options) {
				asking(t)(o)
				if c.change != nil {
					c.change(o)
				}
			})
			if c.change == nil {
				b.faults(c.fault)
			}
			_, err := b.service.Look(t.Context(), key1)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "canary") {
				t.Errorf("%v; want %q and no secret", err, c.want)
			}
		})
	}
}

func TestTheLimitOfRequestsIsHeeded(t *testing.T) {
	for name, c := range map[string]struct {
		fault fault.Fault
		wait  time.Duration
	}{
		"429":                         {double.RESTRateLimited("/incidents"), 30 * time.Second},
		"429 with ratelimit-reset":    {double.RESTRateLimited("/incidents").With("ratelimit-reset", "7"), 7 * time.Second},
		"429 with Retry-After":        {double.RESTRateLimited("/incidents").With("Retry-After", "9"), 9 * time.Second},
		"429 with a nonsense":         {double.RESTRateLimited("/incidents").With("ratelimit-reset", "-1"), 30 * time.Second},
		"429 for ever":                {double.RESTRateLimited("/incidents").With("ratelimit-reset", "99999999"), notify.MaxAsked},
		"429 until a date, for ever":  {double.RESTRateLimited("/incidents").With("Retry-After", "Fri, 01 Jan 2100 00:00:00 GMT"), notify.MaxAsked},
		"429 until a date, long gone": {double.RESTRateLimited("/incidents").With("Retry-After", "Fri, 01 Jan 2010 00:00:00 GMT"), 0},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, asking(t))
			b.faults(c.fault)
			for n := range 2 {
				_, err := b.service.Look(t.Context(), key1)
				var wait *notify.WaitError
				if c.wait == 0 && n == 1 {
					continue
				}
				if !errors.As(err, &wait) || wait.Wait > c.wait || wait.Wait < c.wait-time.Second {
					t.Errorf("%v, wait %+v; want %s", err, wait, c.wait)
				}
			}
			if n := len(b.account.Faults.Requests()); n != 1 && c.wait > 0 {
				t.Errorf("%d requests, want no second one while we are to wait", n)
			}
		})
	}
}

func TestAnEventsLimitMayComeAsRatelimitReset(t *testing.T) {
	b := newBench(t, nil)
	b.faults(double.RateLimited("/v2/enqueue").With("ratelimit-reset", "90"))
	r := b.perform(page("oncall", "trigger", nil), remediate.Later)
	if got := time.Until(r.Until); got > 90*time.Second || got < 89*time.Second {
		t.Errorf("next try in %s", got)
	}
}

func TestPollTellsWhatPeopleDid(t *testing.T) {
	b := newBench(t, asking(t))
	var keys []string
	for n := range 4 {
		keys = append(keys, fmt.Sprintf("q-i%d", n))
		b.perform(page("oncall", "trigger", func(n *remediate.Notice) { n.Key = keys[len(keys)-1] }), remediate.OK)
	}
	b.do(b.account.Acknowledge("q-i1", "Anna"))
	b.do(b.account.Resolve("q-i2", "Boris"))
	b.perform(page("oncall", "resolve", func(n *remediate.Notice) { n.Key = "q-i3" }), remediate.OK) // ours
	poll := func(want ...string) []pagerduty.Event {
		t.Helper()
		events, err := b.service.Poll(t.Context(), append(keys, "q-unknown"))
		if err != nil {
			t.Fatal(err)
		}
		b.heard = events
		b.wantHeard(want...)
		return events
	}
	first := poll("acknowledged q-i1 Anna", "resolved q-i2 Boris")
	if second := poll("acknowledged q-i1 Anna", "resolved q-i2 Boris"); first[0] != second[0] {
		t.Errorf("told as %+v and then as %+v", first[0], second[0])
	}
	b.do(b.account.Unacknowledge("q-i1", ""))
	poll("unacknowledged q-i1", "resolved q-i2 Boris")
	b.do(b.account.Acknowledge("q-i1", "Anna"))
	b.do(b.account.Resolve("q-i1", "Anna"))
	poll("resolved q-i1 Anna", "resolved q-i2 Boris")
	b.do(b.account.Reopen("q-i1", "Clara"))
	poll("resolved q-i2 Boris") // which takes back no acknowledgement
	b.do(b.account.Acknowledge("q-i1", "Anna"))
	poll("acknowledged q-i1 Anna", "resolved q-i2 Boris")
	b.do(b.account.Unacknowledge("q-i1", ""))
	b.restart() // that it was acknowledged is forgotten, so that it was taken back is no news
	poll("resolved q-i2 Boris")
	if events, err := b.service.Poll(t.Context(), nil); err != nil || len(events) != 0 {
		t.Errorf("of nothing: %v, %v", events, err)
	}
}

func TestAPollThatIsCutShortGoesOnWhereItEnded(t *testing.T) {
	b := newBenchAt(t, double.Options{RequestsPerMinute: 2}, asking(t))
	var keys []string
	for n := range 3 {
		keys = append(keys, fmt.Sprintf("q-i%d", n))
		b.perform(page("oncall", "trigger", func(x *remediate.Notice) { x.Key = keys[n] }), remediate.OK)
		b.do(b.account.Acknowledge(keys[n], "Anna"))
	}
	events, err := b.service.Poll(t.Context(), keys)
	var wait *notify.WaitError
	if !errors.As(err, &wait) || wait.Wait < 50*time.Second || len(events) != 2 || !strings.Contains(err.Error(), "2 of 3") {
		t.Errorf("%d events, %v", len(events), err)
	}
	if _, err := b.service.Poll(t.Context(), keys); !errors.As(err, &wait) {
		t.Errorf("within the minute: %v", err)
	}
	if n := len(b.account.Faults.Requests()); n != 5 {
		t.Errorf("%d requests, want 3 events and 2 looks", n)
	}
	b = newBench(t, asking(t))
	b.faults(fault.Answer("/incidents", 500).After(1))
	if _, err := b.service.Poll(t.Context(), keys); err == nil {
		t.Error("PagerDuty is down and nobody says so")
	}
	b.perform(page("oncall", "trigger", func(x *remediate.Notice) { x.Key = keys[1] }), remediate.OK)
	b.do(b.account.Acknowledge(keys[1], "Anna"))
	b.faults(fault.Answer("/incidents", 500).After(1))
	if events, err := b.service.Poll(t.Context(), keys); err == nil || len(events) != 1 || events[0].Key != keys[1] {
		t.Errorf("%+v, %v; want to begin with %s", events, err, keys[1])
	}
}
