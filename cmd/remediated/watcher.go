package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	cversion "github.com/prometheus/client_golang/prometheus/collectors/version"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/alertmanager"
)

// watcher is the one place that logs and counts what happens.
type watcher struct {
	log      *slog.Logger
	registry *prometheus.Registry

	facts      *prometheus.CounterVec
	lastFact   prometheus.Gauge
	open       *prometheus.GaugeVec
	opened     map[uint64]remediate.Opened // the open incidents, with the severity that they have now
	paused     *prometheus.GaugeVec
	verdicts   *prometheus.CounterVec
	acts       *prometheus.CounterVec
	healing    *prometheus.HistogramVec
	webhooks   *prometheus.CounterVec
	garbage    prometheus.Counter
	truncated  prometheus.Counter
	requests   *prometheus.CounterVec
	listing    prometheus.Gauge
	breakers   *prometheus.GaugeVec
	reloadOK   prometheus.Gauge
	reloadTime prometheus.Gauge
	late       *prometheus.CounterVec
	pagerduty  *prometheus.CounterVec
	socket     prometheus.Gauge
	wordless   prometheus.Counter
	beaten     prometheus.Gauge
	held       prometheus.Gauge
	changed    prometheus.Gauge
	appends    prometheus.Histogram
	notices    *notices
	accounts   *accounts
	leads      prometheus.Gauge
	leaders    prometheus.Counter
	passed     *prometheus.CounterVec
	remedies   *remedies
}

func newWatcher(log *slog.Logger) *watcher {
	w := &watcher{log: log, registry: prometheus.NewRegistry(), opened: map[uint64]remediate.Opened{}, notices: newNotices(),
		remedies: &remedies{now: time.Now, until: map[string]time.Time{}}}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "remediated_" + name, Help: help}, labels)
		w.registry.MustRegister(v)
		return v
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "remediated_" + name, Help: help}, labels)
		w.registry.MustRegister(v)
		return v
	}
	w.facts = counter("facts_total", "Facts written to the journal.", "kind")
	w.lastFact = gauge("last_fact_timestamp_seconds", "When the last fact was written.").WithLabelValues()
	w.open = gauge("incidents_open", "Incidents that are open.", "severity")
	w.paused = gauge("paused", "Whether automation is paused in a scope (1) or was and is no longer (0).", "scope")
	w.paused.WithLabelValues("all").Set(0)
	w.verdicts = counter("judgements_total", "Judgements, by what came of them.", "decision")
	w.acts = counter("acts_total", "Acts that were started.", "kind")
	w.healing = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "remediated_healing_seconds", Help: "From the opening of an incident to the first good sample.",
		Buckets: []float64{1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 7200},
	}, []string{"policy", "objective"})
	w.registry.MustRegister(w.healing)
	w.webhooks = counter("webhooks_total", "Webhooks, by what became of them.", "outcome")
	for _, o := range alertmanager.Outcomes() {
		w.webhooks.WithLabelValues(string(o)) // an alert rule sees the first of each
	}
	w.accounts = newAccounts(w.registry)
	w.garbage = counter("webhook_garbage_alerts_total", "Alerts in webhooks that could not be read.").WithLabelValues()
	w.truncated = counter("webhook_truncated_alerts_total", "Alerts that Alertmanager left out of webhooks (max_alerts).").WithLabelValues()
	w.requests = counter("alertmanager_requests_total", "Requests to Alertmanagers.", "alertmanager", "operation", "ok")
	w.listing = gauge("listing_complete", "Whether the last listing proves absence (1) or not (0).").WithLabelValues()
	w.breakers = gauge("outbound_breaker_open", "Whether the circuit breaker of an outbound client is open (1), half-open (0.5) or closed (0).", "name")
	w.reloadOK = gauge("config_last_reload_successful", "Whether the last reload of the configuration was without problems.").WithLabelValues()
	w.reloadTime = gauge("config_last_reload_success_timestamp_seconds", "When it last was.").WithLabelValues()
	w.pagerduty = counter("pagerduty_events_total", "What was heard of PagerDuty, and what became of it.", "what")
	w.socket = gauge("slack_socket_connected", "Whether a socket to Slack is open, by which buttons are pressed.").WithLabelValues()
	w.wordless = counter("template_failures_total", "Templates of notices that failed when they were used; the default words were used.").WithLabelValues()
	w.beaten = gauge("heartbeat_timestamp_seconds", "When our heartbeat was last heard; 0 when none was.").WithLabelValues()
	w.held = gauge("upgrade_held", "Whether this release only observes until it is accepted (1) or not (0).").WithLabelValues()
	w.changed = gauge("upgrade_changed_decisions", "How many decisions of the last days this release comes to otherwise than the one before; -1: it is not known.").WithLabelValues()
	w.leads = gauge("leader", "Whether this replica leads, which one that is alone does (1), or follows another (0).").WithLabelValues()
	w.leaders = counter("leader_changes_total", "How often another replica than before was seen to lead.").WithLabelValues()
	w.passed = counter("forwarded_requests_total", "Requests that were passed on to the replica that leads, by the listener that they came to, and whether they were answered.", "listener", "ok")
	w.appends = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "remediated_journal_append_seconds", Help: "How long a write to the journal took until it was on the disk, or failed.",
		Buckets: []float64{0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5, 30},
	})
	w.registry.MustRegister(w.appends)
	w.late = counter("late_total", "Calls and updates that came more than a minute late.", "what")
	for _, what := range []string{"call", "update"} {
		w.late.WithLabelValues(what)
	}
	w.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "remediated_notice_oldest_age_seconds", Help: "How long the oldest notice has waited to arrive where people see it; 0 when none waits.",
	}, func() float64 { return w.notices.oldest(time.Now()).Seconds() }))
	w.registry.MustRegister(w.remedies)
	w.registry.MustRegister(cversion.NewCollector("remediated"), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return w
}

// waiting shows how long the oldest input has waited.
func (w *watcher) waiting(oldest func() time.Duration) {
	w.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "remediated_intake_oldest_waiting_seconds",
		Help: "How long the oldest input (an alert, a command, an answer) has waited to be written down; 0 when none waits.",
	}, func() float64 { return oldest().Seconds() }))
}

// fact hears of every fact after it is durable. It is called by the loop only.
func (w *watcher) fact(f remediate.Fact) {
	kind := remediate.KindOf(f.Body)
	w.facts.WithLabelValues(kind).Inc()
	w.lastFact.Set(float64(f.At.UnixMilli()) / 1000)
	w.count(f.Body)
	w.notices.fact(f)
	attrs := []any{"seq", f.Seq, "kind", kind}
	if n := remediate.IncidentOf(f.Body); n != 0 {
		attrs = append(attrs, "incident", n)
	}
	w.log.Log(context.Background(), levelOf(f.Body), remediate.Describe(f.Body), attrs...)
}

// levelOf tells what an operator wants to read from what is only to be looked
// up.
func levelOf(b remediate.Body) slog.Level {
	switch b := b.(type) {
	case remediate.Upgraded:
		if b.Held {
			return slog.LevelWarn
		}
	case remediate.Compared:
		if b.Changed > 0 || b.Why != "" {
			return slog.LevelWarn
		}
	case remediate.Exhausted, remediate.Escalated, remediate.Reopened, remediate.ClockJumped, remediate.Rerouted, remediate.Late, remediate.Breached:
		return slog.LevelWarn
	case remediate.CommandGiven:
		if b.Command == remediate.Pause || b.Command == remediate.Override || b.Command == remediate.Accept {
			return slog.LevelWarn
		}
	case remediate.Started:
		if b.Act == nil {
			return slog.LevelDebug
		}
	case remediate.Finished, remediate.Filed:
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

func (w *watcher) count(b remediate.Body) {
	switch b := b.(type) {
	case remediate.Opened:
		if b.Drill != "" {
			return // nothing is broken
		}
		w.opened[b.Incident] = b
		w.open.WithLabelValues(string(b.Severity)).Inc()
	case remediate.Closed:
		if o, ok := w.opened[b.Incident]; ok {
			w.open.WithLabelValues(string(o.Severity)).Dec()
			delete(w.opened, b.Incident)
		}
	case remediate.Rated:
		w.rated(b)
	case remediate.CommandGiven:
		w.commanded(b)
	case remediate.PauseEnded:
		w.paused.WithLabelValues(b.Scope).Set(0)
	case remediate.Compared:
		w.compared(b)
	case remediate.BreakerCounted:
		w.remedies.count(b.Breaker, b.Until)
	case remediate.Judged:
		w.verdicts.WithLabelValues(string(b.Decision)).Inc()
	case remediate.Started:
		if b.Act != nil {
			w.acts.WithLabelValues(b.Act.Kind).Inc()
		}
	case remediate.Late:
		what := "call"
		if b.What == remediate.LateUpdate {
			what = "update"
		}
		w.late.WithLabelValues(what).Inc()
	case remediate.Healed:
		o, ok := w.opened[b.Incident]
		if !ok {
			return
		}
		met := "missed"
		if b.Met {
			met = "met"
		}
		w.healing.WithLabelValues(o.Policy, met).Observe(time.Duration(b.Took).Seconds())
	}
}

// rated moves an open incident from one severity to another.
func (w *watcher) rated(b remediate.Rated) {
	o, ok := w.opened[b.Incident]
	if !ok {
		return
	}
	w.open.WithLabelValues(string(o.Severity)).Dec()
	o.Severity = b.To
	w.open.WithLabelValues(string(o.Severity)).Inc()
	w.opened[b.Incident] = o
}

// commanded follows the kill switch, and who lets a release act.
func (w *watcher) commanded(b remediate.CommandGiven) {
	switch b.Command {
	case remediate.Pause:
		w.paused.WithLabelValues(b.Scope).Set(1)
	case remediate.Resume:
		w.paused.WithLabelValues(b.Scope).Set(0)
	case remediate.Accept:
		w.held.Set(0)
	}
}

// resume takes up what was paused or stopped and which incidents were open when the
// daemon started.
func (w *watcher) resume(s *remediate.State) {
	w.notices.resume(s)
	w.remedies.resume(s)
	for scope := range s.Paused {
		w.paused.WithLabelValues(scope).Set(1)
	}
	for _, i := range s.Incidents.All() {
		if i.Closed.IsZero() && i.Drill == "" {
			w.opened[i.ID] = remediate.Opened{Incident: i.ID, Policy: i.Policy, Severity: i.Severity}
			w.open.WithLabelValues(string(i.Severity)).Inc()
		}
	}
}

func (w *watcher) delivered(d alertmanager.Delivery) {
	w.webhooks.WithLabelValues(string(d.Outcome)).Inc()
	w.garbage.Add(float64(d.Garbage))
	w.truncated.Add(float64(d.Truncated))
	if d.Outcome == alertmanager.Accepted {
		w.accounts.accept(d.Firing + d.Resolved)
	} else {
		w.log.Warn("webhook not accepted", "outcome", d.Outcome, "code", d.Code, "why", d.Why, "err", d.Err, "receiver", d.Receiver)
	}
	if d.Truncated > 0 {
		w.log.Warn("Alertmanager left alerts out of a webhook: set max_alerts to 0 in its receiver", "receiver", d.Receiver, "left_out", d.Truncated)
	}
}

func (w *watcher) asked(r alertmanager.Request) {
	ok := "true"
	if r.Err != nil {
		ok = "false"
	}
	w.requests.WithLabelValues(r.Alertmanager, r.Operation, ok).Inc()
}

func (w *watcher) listed(r alertmanager.Round) {
	w.listing.Set(0)
	if r.Complete {
		w.listing.Set(1)
	}
	if r.Err != nil {
		w.log.Warn("a listing was not kept", "err", r.Err)
	}
}

// pagerDuty counts what was heard of PagerDuty.
func (w *watcher) pagerDuty(what string) { w.pagerduty.WithLabelValues(what).Inc() }

// beat hears that our heartbeat was heard.
func (w *watcher) beat(at time.Time) { w.beaten.Set(float64(at.UnixMilli()) / 1000) }

// silent hears that it was not.
func (w *watcher) silent(err error) { w.log.Warn("no heartbeat", "err", err) }

// slackSocket hears that a socket to Slack is open, or why none is.
func (w *watcher) slackSocket(err error) {
	w.socket.Set(1)
	if err != nil {
		w.socket.Set(0)
		w.log.Warn("no socket to Slack is open; buttons do not work until one is", "err", err)
	}
}

// breaker hears of an outbound circuit breaker.
func (w *watcher) breaker(name, _, to string) {
	w.breakers.WithLabelValues(name).Set(map[string]float64{"open": 1, "half-open": 0.5}[to])
	w.log.Warn("outbound circuit breaker", "name", name, "state", to)
}

func (w *watcher) reloaded(ok bool) {
	w.reloadOK.Set(0)
	if ok {
		w.reloadOK.Set(1)
		w.reloadTime.SetToCurrentTime()
	}
}

// release shows how it stands with the release that decides, at the start.
func (w *watcher) release(r remediate.Release) {
	w.held.Set(0)
	if r.Held {
		w.held.Set(1)
	}
	switch {
	case r.Compared != nil:
		w.changes(*r.Compared)
	case r.Unchecked():
		w.changed.Set(-1)
	}
}

// compared hears what came of deciding again what others decided.
func (w *watcher) compared(b remediate.Compared) {
	w.changes(b)
	if b.Lifts {
		w.held.Set(0)
	}
}

func (w *watcher) changes(b remediate.Compared) {
	w.changed.Set(float64(b.Changed))
	if b.Why != "" {
		w.changed.Set(-1)
	}
}
