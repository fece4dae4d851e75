package main

import (
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// TestNotices: what did not arrive waits on, also over a restart; what arrived,
// is no longer to be told, or belongs to what is filed does not.
func TestNotices(t *testing.T) {
	at := time.Date(2026, 1, 14, 10, 0, 0, 0, time.UTC)
	tell := func(id, destination string) remediate.Started {
		return remediate.Started{ID: id, Incident: 1, Tell: &remediate.Tell{Destination: destination}}
	}
	ends := func(id, outcome string) remediate.Finished {
		return remediate.Finished{ID: id, Incident: 1, Result: remediate.Result{Outcome: outcome}}
	}
	n := newNotices()
	for _, step := range []struct {
		after time.Duration
		body  remediate.Body
		want  time.Duration
	}{
		{0, remediate.Started{ID: "q1", Incident: 1, Ask: &remediate.Ask{}}, 0},
		{time.Second, tell("t1", remediate.Slack), 0},
		{time.Minute, ends("t1", remediate.Failed), time.Minute},
		{time.Minute, tell("t2", remediate.Slack), 2 * time.Minute},
		{time.Minute, tell("t3", "pagerduty/oncall"), 3 * time.Minute},
		{time.Minute, ends("t2", remediate.OK), time.Minute}, // the page still waits
		{time.Minute, ends("t2", remediate.OK), 2 * time.Minute},
		{time.Minute, ends("t3", remediate.Refused), 0},
		{time.Minute, tell("t4", remediate.Slack), 0},
		{time.Minute, ends("t4", remediate.Unknown), time.Minute},
		{time.Minute, remediate.Filed{Incident: 1}, 0},
	} {
		at = at.Add(step.after)
		n.fact(remediate.Fact{At: at, Body: step.body})
		if got := n.oldest(at); got != step.want {
			t.Errorf("after %s the oldest waits for %s, want %s", remediate.Describe(step.body), got, step.want)
		}
	}
	s := remediate.NewState()
	s.Incidents.Put(&remediate.Incident{ID: 2, Shown: map[string]remediate.Showed{
		remediate.Slack: {Since: at.Add(-time.Hour)}, "pagerduty/oncall": {Action: "trigger"},
	}})
	again := newNotices()
	again.resume(s)
	if got := again.oldest(at); got != time.Hour {
		t.Errorf("after a restart the oldest waits for %s, want 1h", got)
	}
}
