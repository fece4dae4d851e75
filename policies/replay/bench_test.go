package replay_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/policies/replay"
	"github.com/x0tta6bl4/remediated/remediate"
)

const benchBook = `{"cluster": "test", "replicaLabels": [], "runbooks": {
	"P2": {"page": "on need", "after": "10m", "ladder": [{"tell": "oncall", "wait": "5m"}]}},
	"destinations": ["slack", "slack/thread", "pagerduty/oncall"],
	"policies": [
		{"name": "act", "when": ["alertname=\"Broken\"", "tier=\"0\""], "per": ["app"], "severity": "P2", "mode": "act", "target": "deployment/shop/$app", "guards": {},
		 "steps": [{"name": "restart", "do": [{"kind": "restart"}], "verify": {"all": [{"kind": "rollout"}], "within": "1m", "every": "1s"}}]},
		{"name": "observe", "when": ["alertname=\"Broken\""], "per": ["app"], "severity": "P2", "mode": "observe", "target": "deployment/shop/$app", "guards": {},
		 "steps": [{"name": "restart", "do": [{"kind": "restart"}], "verify": {"all": [{"kind": "rollout"}], "within": "1m", "every": "1s"}}]}]}`

// busyDays is the journal of so many days with 1,000 alerts each, evenly over
// the day and of five minutes, under a rulebook: each opens an incident, one of
// ten is acted on and healed, and the others are observed.
func busyDays(b *testing.B, days int, book *remediate.Rulebook) []remediate.Record {
	b.Helper()
	const lasts, each = 5 * time.Minute, 24 * time.Hour / 1000
	start := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	var facts []remediate.Fact
	l, err := replay.Begin(start, "busydays", func(f remediate.Fact) { facts = append(facts, f) })
	if err != nil {
		b.Fatal(err)
	}
	l.Started = func(s remediate.Started) {
		r := remediate.Result{Outcome: remediate.OK, FirstGood: l.Now, Ref: "ref"}
		if s.Ask != nil {
			for _, q := range s.Ask.Questions {
				r.Answers = append(r.Answers, remediate.Answer{Kind: q.Kind, OK: true, Values: map[string]string{"state": "firing", "uid": "u", "template": "t", "replicas": "1", "available": "0"}})
			}
		}
		l.Answer(l.Now.Add(time.Second), s, func() (remediate.Result, bool) { return r, true })
	}
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	must(l.Load(book))
	labels := func(n int) remediate.Labels {
		return remediate.LabelsOf(map[string]string{"alertname": "Broken", "app": fmt.Sprint("app", n%500), "tier": fmt.Sprint(n % 10)})
	}
	ended := 0
	end := func(by time.Time) {
		for ; !start.Add(time.Duration(ended)*each + lasts).After(by); ended++ {
			must(l.Pass(start.Add(time.Duration(ended)*each + lasts)))
			must(l.Hear(remediate.Heard{Alert: remediate.Alert{Labels: labels(ended), EndsAt: l.Now}}))
		}
	}
	for n := range days * 1000 {
		at := start.Add(time.Duration(n) * each)
		end(at)
		must(l.Pass(at))
		must(l.Hear(remediate.Heard{Firing: true, Alert: remediate.Alert{Labels: labels(n), StartsAt: at}}))
	}
	return journalOf(b, facts)
}

// BenchmarkBacktest lives through busy days under a rulebook that acts where
// another observed. Its s/year is how long a year of them takes.
func BenchmarkBacktest(b *testing.B) {
	book, err := remediate.DecodeRulebook([]byte(benchBook))
	if err != nil {
		b.Fatal(err)
	}
	const days = 5
	records := busyDays(b, days, book)
	for b.Loop() {
		if c := backtest(b, records, book); len(c.Pairs) != days*1000 || c.Would.Acts != days*100 {
			b.Fatalf("%d incidents, %d acts", len(c.Pairs), c.Would.Acts)
		}
	}
	b.ReportMetric(float64(len(records))/days/1000, "facts/alert")
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)/days*365, "s/year")
}
