package pagerduty_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/x0tta6bl4/remediated/notify"
	"github.com/x0tta6bl4/remediated/notify/pagerduty"
	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/test/doubles/fault"
	double "github.com/x0tta6bl4/remediated/test/doubles/pagerduty"
)

// changes is a tell of so many attempts.
func changes(count int) remediate.Started {
	s := page("oncall", "show", func(n *remediate.Notice) {
		n.Attempts = nil
		for k := range count {
			n.Attempts = append(n.Attempts, remediate.Attempt{ID: fmt.Sprintf("q4m2x7kd-i42-a%d", k+1), Step: "restart it",
				Act: "restart prod/deployment/shop/db", At: opened.Add(time.Duration(k) * time.Minute), Result: "ok", Verify: "SELECT 1 answers", OK: true})
		}
	})
	s.Tell.Destination = remediate.PagerDutyChanges
	return s
}

func byManager(o *pagerduty.Options) { o.ChangesRung = "manager" }

func (b *bench) summaries() (all []string) {
	for _, c := range b.account.ChangeEvents() {
		all = append(all, c.Payload.Summary)
	}
	return all
}

func TestWhatWasDoneIsToldAsChanges(t *testing.T) {
	b := newBench(t, byManager)
	if r := b.perform(changes(2), remediate.OK); r.Ref != "q4m2x7kd-i42-a2" {
		t.Errorf("reference %q", r.Ref)
	}
	if want := []string{"restart prod/deployment/shop/db: ok (i42/a1)", "restart prod/deployment/shop/db: ok (i42/a2)"}; !slices.Equal(b.summaries(), want) {
		t.Errorf("told %q", b.summaries())
	}
	c := b.account.ChangeEvents()[1]
	var details map[string]any
	if err := json.Unmarshal(c.Payload.Details, &details); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"verified": true, "incident": "i42", "policy": "postgres-down", "target": "prod/deployment/shop/db", "attempt": "q4m2x7kd-i42-a2",
		"step": "restart it", "act": "restart prod/deployment/shop/db", "result": "ok", "verification": "SELECT 1 answers"}
	if fmt.Sprint(details) != fmt.Sprint(want) {
		t.Errorf("details %v, want %v", details, want)
	}
	if c.RoutingKey != managerKey || c.Payload.Source != "prod/deployment/shop/db" || c.Payload.Timestamp != "2025-11-22T14:03:11Z" ||
		len(c.Links) != 1 || c.Links[0].Href != "https://remediated.example/i42" {
		t.Errorf("change %+v", c)
	}
	if len(b.account.Pages()) != 0 {
		t.Error("somebody was woken")
	}
}

func TestChangesGoOnBehindTheLastOneThatWasTaken(t *testing.T) {
	b := newBench(t, byManager)
	for _, f := range []fault.Fault{fault.Answer("enqueue", 503).After(1), double.RateLimited("enqueue").After(1)} {
		b.faults(f)
		b.perform(changes(3), remediate.Later)
	}
	b.perform(changes(3), remediate.OK)
	if got := b.summaries(); len(got) != 3 || !strings.Contains(got[2], "a3") {
		t.Errorf("told %q", got)
	}
	if r := b.perform(changes(0), remediate.OK); r.Ref != "" || len(b.summaries()) != 3 {
		t.Errorf("of nothing: %+v", r)
	}
}

func TestChangesGoNowhereUnlessItIsSaidWhere(t *testing.T) {
	b := newBench(t, nil)
	if slices.Contains(b.service.Destinations(), remediate.PagerDutyChanges) {
		t.Errorf("destinations %q", b.service.Destinations())
	}
	if _, err := b.service.Tell(t.Context(), changes(1)); err == nil || !strings.Contains(err.Error(), "changes_rung") {
		t.Errorf("told: %v", err)
	}
	b = newBench(t, func(o *pagerduty.Options) { delete(o.RoutingKeys, "manager") }) // one key is the one
	b.perform(changes(1), remediate.OK)
	b = newBench(t, func(o *pagerduty.Options) { byManager(o); o.RoutingKeys["manager"] += ".none" })
	b.perform(changes(1), remediate.Later)
	b = newBench(t, func(o *pagerduty.Options) { byManager(o); o.RoutingKeys["manager"] = keyFile(t, "canary") })
	b.perform(changes(1), remediate.Failed)
}

func TestHostileChangesFitAndAreTaken(t *testing.T) {
	for _, text := range []string{"", "\x00\x1b[31m\u202e", strings.Repeat("数", 100_000), "\xff\xfe", "a\nb-" + strings.Repeat("-", 3000)} {
		b := newBench(t, byManager)
		s := changes(0)
		n := &s.Tell.Notice
		n.Policy, n.Target = text, remediate.Target{Cluster: text, Kind: text, Namespace: text, Name: text}
		n.Labels = remediate.LabelsOf(map[string]string{"instance": text})
		n.Attempts = []remediate.Attempt{{ID: text, Step: text, Act: text, Result: text, Verify: text, Evidence: text}}
		b.perform(s, remediate.OK)
		c := b.account.ChangeEvents()[0]
		if utf8.RuneCountInString(c.Payload.Summary) > 1024 || len(b.bodies[0]) > 64<<10 || c.Payload.Summary != notify.Clean(c.Payload.Summary, 2000) ||
			!strings.Contains(c.Payload.Summary, "(i42/") {
			t.Errorf("%d bytes, summary %q", len(b.bodies[0]), c.Payload.Summary)
		}
	}
}
