package main

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/x0tta6bl4/remediated/remediate"
)

// accounts hold the alerts that were accepted against what became of them. What
// was answered with 200 has an outcome; when one has none, Alertmanager believes
// that we have it and we do not.
type accounts struct {
	accepted, settled, lost atomic.Uint64
	outcomes                *prometheus.CounterVec
}

func newAccounts(registry *prometheus.Registry) *accounts {
	a := &accounts{outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "remediated_alert_outcomes_total", Help: "Alerts of webhooks, by what became of them.",
	}, []string{"outcome"})}
	for _, o := range remediate.AlertOutcomes() {
		a.outcomes.WithLabelValues(string(o))
	}
	registry.MustRegister(a.outcomes, prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "remediated_alerts_accepted_total", Help: "Alerts of the webhooks that were answered with 200.",
	}, func() float64 { return float64(a.accepted.Load()) }), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "remediated_alerts_without_outcome", Help: "Alerts that were accepted, less those of which it is known what became of them: 0, or something was lost.",
	}, a.missing))
	return a
}

// settle hears what became of an alert, before its webhook is answered.
func (a *accounts) settle(o remediate.AlertOutcome) {
	a.outcomes.WithLabelValues(string(o)).Inc()
	a.settled.Add(1)
	if o == remediate.AlertLost {
		a.lost.Add(1)
	}
}

// accept hears that so many alerts were accepted.
func (a *accounts) accept(alerts int) { a.accepted.Add(uint64(alerts)) }

// missing is how many have no outcome: those that are known to be lost, and those
// that nobody heard of again. It may be too few of the latter by those of webhooks
// whose senders hung up before their 200, and never too many.
func (a *accounts) missing() float64 {
	accepted := a.accepted.Load() // before what is settled, or one that comes now would be missed
	return float64(a.lost.Load()) + max(0, float64(accepted)-float64(a.settled.Load()))
}
