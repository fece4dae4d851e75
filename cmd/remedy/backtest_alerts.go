package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/client_golang/api"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/cmd/internal/flags"
	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/policies/lint"
	"github.com/x0tta6bl4/remediated/policies/replay"
	"github.com/x0tta6bl4/remediated/remediate"
)

// alertsJob is where alerts come from of a time before the daemon was there: the
// series in which a Prometheus writes down which of its alerts fire.
type alertsJob struct {
	prometheus string
	from, to   day
	step       flags.Span
}

// firingSeries is how they are asked for.
const firingSeries = `ALERTS{alertstate="firing"}`

// mostPoints is how many points of a series are asked for at a time. Prometheus
// refuses more than 11,000.
const mostPoints = 10_000

// hiccup is how many steps in a row an alert may be missing and be held to fire
// on: a rule that once could not be evaluated has not resolved.
const hiccup = 1

func (j *alertsJob) flags(cmd *kingpin.CmdClause) {
	cmd.Flag("prometheus", "Instead of a journal the address of a Prometheus: its series ALERTS says which alerts fired before the daemon was there.").PlaceHolder("URL").StringVar(&j.prometheus)
	cmd.Flag("from", "With --prometheus: from when on, such as 2026-11-01 or 2026-11-01T08:00:00Z, instead of --since.").SetValue(&j.from)
	cmd.Flag("to", "With --prometheus: until when. Default: now.").SetValue(&j.to)
	cmd.Flag("step", "With --prometheus: how closely it is looked. An alert is known to fire and to have resolved no better than that.").Default("1m").SetValue(&j.step)
}

// day is a time as the value of a flag.
type day time.Time

// Set reads it.
func (d *day) Set(text string) error {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			*d = day(t.UTC())
			return nil
		}
	}
	return fmt.Errorf("%q is not a time: write for example 2026-11-01 or 2026-11-01T08:00:00Z", text)
}

// String is how it is written.
func (d *day) String() string {
	if time.Time(*d).IsZero() {
		return ""
	}
	return time.Time(*d).Format(time.RFC3339)
}

// given names the flags that only make sense with a Prometheus.
func (j *alertsJob) given() string {
	switch {
	case !time.Time(j.from).IsZero():
		return "--from"
	case !time.Time(j.to).IsZero():
		return "--to"
	case j.step != flags.Span(time.Minute):
		return "--step"
	}
	return ""
}

// check refuses flags that do not go together.
func (j *alertsJob) check(from *source, sinceGiven bool) error {
	only := j.given()
	u, err := url.Parse(j.prometheus)
	switch {
	case j.prometheus == "" && only != "":
		return usagef("%s goes with --prometheus: of a journal all is read, and --since says what is shown", only)
	case j.prometheus == "":
		return nil
	case from.storage != "" || from.export != "":
		return usagef("--prometheus excludes --storage.path and --export: either a journal is read, or the alerts of a time without one")
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return usagef("%q is not an address; want for example http://127.0.0.1:9090", j.prometheus)
	case u.User != nil:
		return usagef("%q has a user in it: name the server in the configuration, with basic_auth beside its url", u.Redacted())
	case sinceGiven && !time.Time(j.from).IsZero():
		return usagef("--from and --since exclude each other: both say from when on")
	case time.Duration(j.step) < time.Second:
		return usagef("--step is %s: want 1s or more", j.step.String())
	}
	return nil
}

// span is the time that is looked at.
func (j *alertsJob) span(since time.Duration, now time.Time) (from, to time.Time, err error) {
	if to = time.Time(j.to); to.IsZero() {
		to = now
	}
	to = to.UTC().Truncate(time.Second)
	if from = time.Time(j.from); from.IsZero() {
		from = to.Add(-since)
	}
	from = from.UTC().Truncate(time.Second)
	switch {
	case since == 0 && time.Time(j.from).IsZero():
		return from, to, usagef("--since 0s is all of a journal: of a Prometheus say from when on, for example --since 30d")
	case to.Sub(from) < time.Duration(j.step):
		return from, to, usagef("from %s to %s there is not even one --step", from.Format(time.RFC3339), to.Format(time.RFC3339))
	}
	return from, to, nil
}

// alertsOnly lives through the alerts of a Prometheus.
func (j *alertsJob) alertsOnly(ctx context.Context, loaded *policies.Loaded, since time.Duration) (*replay.Comparison, error) {
	from, to, err := j.span(since, time.Now())
	if err != nil {
		return nil, err
	}
	client, err := clientFor(loaded.Config, j.prometheus)
	if err != nil {
		return nil, err
	}
	asked, err := api.NewClient(api.Config{Address: j.prometheus, Client: client})
	if err != nil {
		return nil, err
	}
	look := looking{api: promv1.NewAPI(asked), step: time.Duration(j.step), series: map[string]*looked{}}
	if err := look.all(ctx, from, to); err != nil {
		return nil, fmt.Errorf("ask Prometheus at %s for %s: %w", j.prometheus, firingSeries, cause(err))
	}
	if len(look.series) == 0 {
		return nil, fmt.Errorf("Prometheus at %s has no %s from %s to %s: want the one that evaluates the alerting rules, and a time that it still has (its flag --storage.tsdb.retention.time)",
			j.prometheus, firingSeries, from.Format(time.RFC3339), to.Format(time.RFC3339))
	}
	alerts := look.alerts(ctx)
	found, err := replay.BacktestAlerts(alerts, from, to, loaded.Rulebook)
	if err == nil {
		found.Caveats = look.caveats
	}
	return found, err
}

// looking is a look at which alerts fired.
type looking struct {
	api     promv1.API
	step    time.Duration
	last    time.Time // the last time that was looked at
	series  map[string]*looked
	caveats []string
}

// looked is what was seen of one series.
type looked struct {
	labels map[string]string
	spans  []replay.Firing
	last   time.Time // when it was seen last
}

// all asks for all of the time, in parts that Prometheus answers.
func (l *looking) all(ctx context.Context, from, to time.Time) error {
	for begin := from; !begin.After(to); {
		end := begin.Add((mostPoints - 1) * l.step)
		if end.After(to) {
			end = to
		}
		if err := l.part(ctx, promv1.Range{Start: begin, End: end, Step: l.step}, begin.Equal(from)); err != nil {
			return err
		}
		l.last = begin.Add(end.Sub(begin).Truncate(l.step))
		begin = l.last.Add(l.step)
	}
	return nil
}

// part asks for a part of the time.
func (l *looking) part(ctx context.Context, r promv1.Range, first bool) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute) // Prometheus gives up after two
	defer cancel()
	value, warnings, err := l.api.QueryRange(ctx, firingSeries, r)
	if err != nil {
		return err
	}
	for _, w := range warnings {
		l.caveat("Prometheus warns, so alerts may be missing: " + w)
	}
	matrix, ok := value.(model.Matrix)
	if !ok {
		return fmt.Errorf("the answer is a %s, want a matrix: is it a Prometheus?", value.Type())
	}
	for _, s := range matrix {
		for _, p := range s.Values {
			at := p.Timestamp.Time().UTC()
			l.see(s.Metric, at, first && at.Equal(r.Start))
		}
	}
	return nil
}

// caveat notes something, once.
func (l *looking) caveat(text string) {
	if !slices.Contains(l.caveats, text) {
		l.caveats = append(l.caveats, text)
	}
}

// see takes up that an alert fired at a time.
func (l *looking) see(metric model.Metric, at time.Time, found bool) {
	key := metric.String()
	s := l.series[key]
	if s == nil {
		s = &looked{labels: map[string]string{}}
		for name, value := range metric {
			if name != model.MetricNameLabel && name != "alertstate" {
				s.labels[string(name)] = string(value)
			}
		}
		l.series[key] = s
	}
	n := len(s.spans) - 1
	if n >= 0 && at.Sub(s.last) > (hiccup+1)*l.step {
		s.spans[n].Until = s.last.Add(l.step)
		n = -1
	}
	if n < 0 {
		s.spans = append(s.spans, replay.Firing{From: at, Found: found})
	}
	s.last = at
}

// alerts are the alerts that were seen, with the labels with which Alertmanager
// hears of them.
func (l *looking) alerts(ctx context.Context) (all []replay.Firing) {
	sent := l.sent(ctx)
	found := false
	for _, key := range slices.Sorted(maps.Keys(l.series)) {
		s := l.series[key]
		if !sent(s.labels) {
			l.caveat("Prometheus changes labels on the way to Alertmanager (alert_relabel_configs), which is not worked out: policies may match other alerts than they would.")
		}
		if n := len(s.spans) - 1; s.last.Before(l.last) {
			s.spans[n].Until = s.last.Add(l.step)
		}
		for _, f := range s.spans {
			f.Labels = remediate.LabelsOf(s.labels)
			found = found || f.Found
			all = append(all, f)
		}
	}
	l.caveat(fmt.Sprintf("Known is which alerts fired, each %s, with their labels: nothing of annotations, silences and inhibitions, and nothing of what the world would have answered. What is not known is taken to have gone well for the incidents after it: cooldowns, budgets and flapping count it.", model.Duration(l.step)))
	if found {
		l.caveat("What fired already at the beginning is only listed, as it is when the daemon starts for the first time.")
	}
	return all
}

// sent adds the labels that Prometheus adds when it sends an alert. One that is
// not asked for its configuration, such as a Thanos, may add others.
func (l *looking) sent(ctx context.Context) func(map[string]string) bool {
	configuration, err := l.api.Config(ctx)
	var sent func(map[string]string) bool
	if err == nil {
		sent, err = lint.Sent(configuration.YAML)
	}
	if err != nil {
		var refused *promv1.Error
		if errors.As(err, &refused) {
			err = errors.New(refused.Msg)
		}
		l.caveat("External labels are not counted in: the configuration cannot be had: " + strings.TrimSpace(cause(err).Error()))
		return func(map[string]string) bool { return true }
	}
	return sent
}
