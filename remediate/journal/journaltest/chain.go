package journaltest

import (
	"fmt"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Chain makes records that follow one another. The zero value begins a
// journal; its time starts in 2026 and goes on by a second with each record.
type Chain struct {
	Seq uint64
	At  time.Time
	Sum remediate.Sum
}

// Next returns the records of these facts.
func (c *Chain) Next(t testing.TB, bodies ...remediate.Body) []remediate.Record {
	t.Helper()
	if c.At.IsZero() {
		c.At = time.Date(2026, 1, 14, 9, 0, 0, 0, time.UTC)
	}
	var records []remediate.Record
	for _, b := range bodies {
		c.At = c.At.Add(time.Second)
		r, err := remediate.Encode(c.Seq, c.Sum, c.At, b)
		if err != nil {
			t.Fatalf("encode %T: %v", b, err)
		}
		c.Seq, c.Sum = r.Seq, r.Sum
		records = append(records, r)
	}
	return records
}

// Checkpoint returns the sealed checkpoint behind the records made so far.
func (c *Chain) Checkpoint(state string) remediate.Checkpoint {
	return remediate.Checkpoint{Seq: c.Seq, At: c.At, Head: c.Sum, State: []byte(state)}.Seal()
}

// Founding is the first fact of a journal.
func Founding() remediate.Body { return remediate.Founded{Journal: "q4m2x7kd"} }

// Story returns the facts of an incident from its alert to its end: eleven of
// them. Whoever needs bulk tells it again with other numbers.
func Story(incident uint64) []remediate.Body {
	target := remediate.Target{Cluster: "prod", Kind: "deployment", Namespace: "shop", Name: fmt.Sprintf("db-%d", incident%7)}
	labels := remediate.LabelsOf(map[string]string{"alertname": "PostgresDown", "namespace": "shop", "instance": fmt.Sprint(incident)})
	alert := remediate.IdentityOf(labels, nil)
	attempt := fmt.Sprintf("q4m2x7kd-i%d-a1", incident)
	return []remediate.Body{
		remediate.AlertFiring{ID: alert, Alert: remediate.Alert{Labels: labels, Annotations: map[string]string{"summary": "it's \"down\" <b>"}}, Via: "webhook"},
		remediate.Opened{Incident: incident, Alert: alert, Policy: "postgres-down", Key: labels.String(), Severity: remediate.P2, Target: target},
		remediate.Judged{Incident: incident, Decision: remediate.Waiting, Verdicts: []remediate.Verdict{{Guard: "cooldown", Decision: remediate.Waiting, Reason: "9m of 10m left"}}},
		remediate.Judged{Incident: incident, Decision: remediate.Allowed},
		remediate.Started{ID: attempt, Incident: incident, Act: &remediate.Act{Attempt: attempt, Kind: "restart", Target: target}},
		remediate.Finished{ID: attempt, Incident: incident, Result: remediate.Result{Outcome: remediate.OK}},
		remediate.Started{ID: fmt.Sprintf("q4m2x7kd-i%d-q1", incident), Incident: incident, Ask: &remediate.Ask{Purpose: remediate.ForVerification}},
		remediate.Finished{ID: fmt.Sprintf("q4m2x7kd-i%d-q1", incident), Incident: incident, Result: remediate.Result{Outcome: remediate.OK, Samples: 30}},
		remediate.Healed{Incident: incident, Attempt: attempt, Took: 72e9, Met: true},
		remediate.Left{Incident: incident, Alert: alert},
		remediate.Closed{Incident: incident, Why: "its alerts resolved", Verified: true, Took: 90e9},
	}
}
