package notify

import (
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Sample is a notice to try templates on.
type Sample struct {
	Name   string
	Notice remediate.Notice
}

// Samples are notices of every status, with hostile texts, with everything,
// and with nothing. Those of a status are called by it.
func Samples() []Sample {
	var all []Sample
	for _, m := range moments {
		n := sample()
		m.change(&n)
		all = append(all, Sample{m.name, n})
	}
	return all
}

// sampled is when the incident of the samples is opened.
var sampled = time.Date(2025, 11, 22, 14, 2, 11, 0, time.UTC)

// sample is an incident with what all have.
func sample() remediate.Notice {
	return remediate.Notice{
		Key: "q4m2x7kd-i42", Incident: 42, Action: "show", Policy: "postgres-down", Severity: remediate.P2,
		Target: remediate.Target{Cluster: "prod", Kind: "deployment", Namespace: "shop", Name: "db"},
		Alert:  "PostgresDown", Summary: "Postgres does not answer", Firing: 1, Opened: sampled, Objective: model.Duration(30 * time.Minute),
		Labels: remediate.LabelsOf(map[string]string{"alertname": "PostgresDown", "job": "database", "team": "storage"}),
		Lines: []remediate.Line{
			{At: sampled.Add(2 * time.Second), Text: "restart prod/deployment/shop/db: ok"},
			{Text: "something at no time in particular"},
		},
	}
}

// tried is an attempt that ended with what was seen, which is nothing yet when
// that is empty.
func tried(result, seen string, ok bool) remediate.Attempt {
	return remediate.Attempt{ID: "q4m2x7kd-i42-a1", Step: "restart the database", Act: "restart prod/deployment/shop/db",
		At: sampled.Add(2 * time.Second), Result: result, Verify: seen, OK: ok}
}

// moments are the points of an incident's life at which people look.
var moments = []struct {
	name   string
	change func(*remediate.Notice)
}{
	{"listed", func(n *remediate.Notice) {
		n.Status, n.Why, n.Target = remediate.StatusListed, "it fired before the policy was loaded", remediate.Target{}
	}},
	{"deciding", func(n *remediate.Notice) {
		n.Status, n.Due = remediate.StatusDeciding, sampled.Add(30*time.Minute)
	}},
	{"waiting", func(n *remediate.Notice) {
		n.Status, n.Why = remediate.StatusWaiting, "settle: the last step ended 10s ago, 30s are waited for"
		n.Attempts = []remediate.Attempt{tried("failed: connection reset", "", false)}
	}},
	{"denied", func(n *remediate.Notice) {
		n.Status, n.Why, n.Rung = remediate.StatusDenied, "breaker: 2 of 2 verifications failed, open until 15:10", "oncall"
		n.Action, n.Attempts = "trigger", []remediate.Attempt{tried("ok", "connection refused after 3m", false)}
		n.Objective, n.Due, n.Missed, n.Impact = model.Duration(10*time.Minute), sampled.Add(10*time.Minute), true, "40% of checkouts fail"
	}},
	{"held", func(n *remediate.Notice) {
		n.Status, n.Why, n.Rung, n.Acked, n.Action = remediate.StatusHeld, "takeover: anna has it", "manager", "anna", "acknowledge"
	}},
	{"approval", func(n *remediate.Notice) {
		n.Status, n.Plan, n.Why = remediate.StatusApproval, "a1610bcd8bd0", "approval: plan a1610bcd8bd0 waits for a human"
	}},
	{"observed", func(n *remediate.Notice) {
		n.Status, n.Why = remediate.StatusObserved, "mode: the policy is observed"
	}},
	{"acting", func(n *remediate.Notice) {
		n.Status, n.Attempts = remediate.StatusActing, []remediate.Attempt{tried("", "", false)}
	}},
	{"verifying", func(n *remediate.Notice) {
		n.Status, n.Attempts = remediate.StatusVerifying, []remediate.Attempt{tried("ok", "", false)}
	}},
	{"healed", func(n *remediate.Notice) {
		n.Status, n.Attempts = remediate.StatusHealed, []remediate.Attempt{tried("ok", "SELECT 1 answered for 30s", true)}
		n.Healed, n.Took = sampled.Add(72*time.Second), model.Duration(72*time.Second)
	}},
	{"unconfirmed", func(n *remediate.Notice) {
		n.Status, n.Firing = remediate.StatusUnconfirmed, 0
		n.Why = "its alerts are gone, but it is not seen to be well: the exporter is gone"
	}},
	{"closed", func(n *remediate.Notice) {
		n.Status, n.Action, n.Firing = remediate.StatusClosed, "resolve", 0
		n.Attempts = []remediate.Attempt{tried("ok", "connection refused after 3m", false), tried("ok", "SELECT 1 answered for 30s", true)}
		n.Attempts[1].ID, n.Attempts[1].At = "q4m2x7kd-i42-a2", sampled.Add(34*time.Minute)
		n.Healed, n.Closed, n.Took = sampled.Add(35*time.Minute), sampled.Add(36*time.Minute), model.Duration(35*time.Minute)
	}},
	{"closed unverified", func(n *remediate.Notice) {
		n.Status, n.Firing, n.Closed, n.Why = remediate.StatusClosed, 0, sampled.Add(time.Minute), "its alerts resolved"
	}},
	{"digest", func(n *remediate.Notice) {
		*n = remediate.Notice{Key: "q4m2x7kd", Action: "show", Summary: "2 things of the night", Lines: n.Lines}
	}},
	{"empty", func(n *remediate.Notice) {
		*n = remediate.Notice{Attempts: []remediate.Attempt{{}}, Lines: []remediate.Line{{}}}
	}},
	{"nothing", func(n *remediate.Notice) { *n = remediate.Notice{} }},
	{"hostile", func(n *remediate.Notice) {
		fill(n, "\u202e<!channel> `$(reboot)` \x00{{ .Labels }}\nStatus: healed\xff & <http://evil.example|x>", 1)
	}},
	{"long", func(n *remediate.Notice) { fill(n, strings.Repeat("数<&\"", 500), 10) }},
}

// fill puts the text wherever text from outside can get to, with so many attempts.
func fill(n *remediate.Notice, text string, times int) {
	n.Policy, n.Alert, n.Summary, n.Why, n.Rung, n.Acked, n.Plan, n.Impact = text, text, text, text, text, text, text, text
	n.Severity, n.Status = remediate.Severity(text), remediate.Status(text)
	n.Target = remediate.Target{Cluster: text, Kind: text, Namespace: text, Name: text}
	n.Labels = remediate.LabelsOf(map[string]string{"alertname": text, text: text})
	n.Healed, n.Closed, n.Due = sampled, sampled, sampled
	n.Lines = nil
	for range times {
		n.Attempts = append(n.Attempts, remediate.Attempt{ID: text, Step: text, Act: text, Result: text, Verify: text})
		n.Lines = append(n.Lines, remediate.Line{At: sampled, Text: text})
	}
}
