package main

import (
	"log/slog"
	"testing"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/alertmanager"
)

// What was accepted is held against what became of it. That some of it was
// accepted by nobody does not make up for what was lost.
func TestAccounts(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	d := &daemon{watch: newWatcher(log), raiser: newRaiser(nil, nil, log)}
	shows(t, d, "remediated_alerts_without_outcome 0", `remediated_alert_outcomes_total{outcome="lost"} 0`, `remediated_webhooks_total{outcome="oversized"} 0`)
	for _, o := range []remediate.AlertOutcome{remediate.AlertTaken, remediate.AlertUnmatched, remediate.AlertEnded} {
		d.watch.accounts.settle(o)
	}
	d.watch.delivered(alertmanager.Delivery{Outcome: alertmanager.Accepted, Firing: 2, Resolved: 1, Garbage: 4})
	d.watch.delivered(alertmanager.Delivery{Outcome: alertmanager.NotKept, Firing: 7})
	shows(t, d, "remediated_alerts_accepted_total 3", `remediated_alert_outcomes_total{outcome="incident"} 1`, "remediated_alerts_without_outcome 0")

	d.watch.delivered(alertmanager.Delivery{Outcome: alertmanager.Accepted, Firing: 1})
	shows(t, d, "remediated_alerts_without_outcome 1")

	d.watch.accounts.settle(remediate.AlertTaken) // of a sender that hung up
	d.watch.accounts.settle(remediate.AlertTaken)
	d.watch.accounts.settle(remediate.AlertLost)
	shows(t, d, "remediated_alerts_without_outcome 1", `remediated_alert_outcomes_total{outcome="lost"} 1`)
}
