package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/engine"
	"github.com/x0tta6bl4/remediated/remediate/journal"
)

// The storm whose size is measured: alerts that were never sent before, with labels
// as long as kube-state-metrics and a Prometheus operator make them, of which one in
// so many concerns a policy.
const (
	sizeAlerts = 5000
	sizeBatch  = 50
	sizeOneIn  = 50
	// sizeKnown is how many alerts fire, all of which the state is of that stands for
	// what is trimmed, in the case that shows whether its size is waited for.
	sizeKnown = 100_000
)

// size is what one storm came to. All but Facts are bytes, or milliseconds.
type size struct {
	facts         float64
	disk          float64 // the database, when the log was moved into it
	records       float64 // of that, what the facts themselves say
	quiet, during float64 // the longest that one alert waited, before and while the journal was trimmed
	trimmed       float64 // facts that were
	known         waits   // with so many alerts that are known
}

// waits are the longest that one alert waited, in milliseconds.
type waits struct{ quiet, during float64 }

// measureSize measures what facts take on the disk, and how long an alert waits
// while they are trimmed.
func measureSize(ctx context.Context, o options) ([]row, error) {
	var all []size
	for range min(o.rounds, 3) {
		s, err := sizeOnce(ctx, o)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	figure := func(c, what, unit string, of func(size) float64) row {
		values := make([]float64, len(all))
		for k, s := range all {
			values[k] = of(s)
		}
		return figureOf(row{Subject: "size", Case: c, What: what, Unit: unit}, values)
	}
	storm := fmt.Sprintf("storm, 1 in %d matched", sizeOneIn)
	rows := []row{
		figure(storm, "on disk, per fact", "bytes", func(s size) float64 { return s.disk / s.facts }),
		figure(storm, "the fact itself", "bytes", func(s size) float64 { return s.records / s.facts }),
		figure("longest wait", "quiet", "ms", func(s size) float64 { return s.quiet }),
		figure("longest wait", "while trimmed", "ms", func(s size) float64 { return s.during }),
		figure("longest wait", "facts trimmed meanwhile", "", func(s size) float64 { return s.trimmed }),
		figure(fmt.Sprintf("longest wait, %d known", sizeKnown), "quiet", "ms", func(s size) float64 { return s.known.quiet }),
		figure(fmt.Sprintf("longest wait, %d known", sizeKnown), "while trimmed", "ms", func(s size) float64 { return s.known.during }),
	}
	rows[1].Ratio, rows[1].Against = rows[1].Value/rows[0].Value, rows[0].What
	rows[3].Ratio, rows[3].Against = rows[3].Value/rows[2].Value, rows[2].What
	rows[6].Ratio, rows[6].Against = rows[6].Value/rows[5].Value, rows[5].What
	return rows, nil
}

// sizeOnce has one storm go by, looks what it left, and trims it while alerts come.
func sizeOnce(ctx context.Context, o options) (s size, err error) {
	dir, err := os.MkdirTemp(o.dir, "size-")
	if err != nil {
		return s, err
	}
	defer os.RemoveAll(dir)
	dir = filepath.Join(dir, "journal")
	var closed atomic.Int64
	r, err := startEngine(ctx, dir, func(f remediate.Fact) {
		if _, ok := f.Body.(remediate.Closed); ok {
			closed.Add(1)
		}
	})
	if err != nil {
		return s, err
	}
	err = stormOf(ctx, r, &closed)
	if also := r.close(); err == nil {
		err = also
	}
	if err != nil {
		return s, err
	}
	if err := s.look(ctx, dir); err != nil {
		return s, err
	}
	if err := s.trim(ctx, dir); err != nil {
		return s, err
	}
	s.known, err = waitsOfKnown(ctx, dir+"-known")
	return s, err
}

// waitsOfKnown measures how long an alert waits while all of a journal is trimmed of
// which the alerts still fire.
func waitsOfKnown(ctx context.Context, dir string) (w waits, err error) {
	r, err := startEngine(ctx, dir, nil)
	if err != nil {
		return w, err
	}
	for from := 0; from < sizeKnown && err == nil; from += sizeBatch {
		var batch []remediate.Input
		for n := from; n < from+sizeBatch; n++ {
			batch = append(batch, stormAlert(unmatched(n), true))
		}
		err = r.Submit(ctx, batch)
	}
	if also := r.close(); err == nil {
		err = also
	}
	if err != nil {
		return w, err
	}
	if w.quiet, err = longestWait(ctx, dir, engine.Retention{}); err != nil {
		return w, err
	}
	w.during, err = longestWait(ctx, dir, engine.Retention{Size: 1})
	return w, err
}

// unmatched numbers the alerts of the storm that no policy concerns.
func unmatched(n int) int { return n + n/(sizeOneIn-1) + 1 }

// stormOf submits the storm, and has what was opened by it end.
func stormOf(ctx context.Context, r *rig, closed *atomic.Int64) error {
	for from := 0; from < sizeAlerts; from += sizeBatch {
		var batch []remediate.Input
		for n := from; n < from+sizeBatch; n++ {
			batch = append(batch, stormAlert(n, true))
		}
		if err := r.Submit(ctx, batch); err != nil {
			return err
		}
	}
	for n := 0; n < sizeAlerts; n += sizeOneIn {
		if err := r.Submit(ctx, []remediate.Input{stormAlert(n, false)}); err != nil {
			return err
		}
	}
	for closed.Load() < sizeAlerts/sizeOneIn {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	return nil
}

// stormAlert is one alert of the storm.
func stormAlert(n int, firing bool) remediate.Heard {
	name, job := fmt.Sprintf("KubePod%dCrashLooping", n%40), "kube-state-metrics"
	if n%sizeOneIn == 0 {
		name, job = down, "bench"
	}
	pod := fmt.Sprintf("checkout-worker-%08x-%05x", uint32(n)*2654435761, n)
	a := remediate.Alert{
		Labels: remediate.LabelsOf(map[string]string{
			"alertname": name, "cluster": "prod-eu-west-1", "namespace": fmt.Sprintf("team-%02d", n%30), "pod": pod, "container": "worker",
			"instance": fmt.Sprintf("node-%d", n), "job": job, "service": "kube-state-metrics", "severity": "warning", "prometheus": "monitoring/k8s",
		}),
		Annotations: map[string]string{
			"summary":     "Pod " + pod + " restarts again and again",
			"runbook_url": "https://runbooks.example.com/kubernetes/" + name,
		},
		StartsAt:     time.Now().Add(time.Second),
		GeneratorURL: "http://prometheus.monitoring.svc:9090/graph?g0.expr=increase%28kube_pod_container_status_restarts_total%5B10m%5D%29+%3E+3&g0.tab=1",
	}
	return remediate.Heard{Firing: firing, Alert: a}
}

// look measures the journal that a storm left, which is closed.
func (s *size) look(ctx context.Context, dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "journal.db*"))
	if err != nil {
		return err
	}
	for _, name := range files {
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		s.disk += float64(info.Size())
	}
	j, err := journal.OpenReading(ctx, dir)
	if err != nil {
		return err
	}
	defer j.Close()
	for record, err := range j.Read(ctx) {
		if err != nil {
			return err
		}
		s.facts++
		s.records += float64(len(record.Bytes))
	}
	return nil
}

// trim sends alerts one at a time, first while nothing is trimmed, then while half
// of the journal is.
func (s *size) trim(ctx context.Context, dir string) (err error) {
	if s.quiet, err = longestWait(ctx, dir, engine.Retention{}); err != nil {
		return err
	}
	if s.during, err = longestWait(ctx, dir, engine.Retention{Size: int64(s.disk / 2)}); err != nil {
		return err
	}
	j, err := journal.OpenReading(ctx, dir)
	if err != nil {
		return err
	}
	defer j.Close()
	begin, err := j.Begin(ctx)
	s.trimmed = float64(begin.After)
	return err
}

// longestWait is the longest that one edge of an alert waited, in milliseconds, of 300
// or of as many as there are until what is to be trimmed was. The alerts are known:
// each resolves, and fires again.
func longestWait(ctx context.Context, dir string, keep engine.Retention) (longest float64, err error) {
	r, err := startKeeping(ctx, dir, nil, keep)
	if err != nil {
		return 0, err
	}
	trims := keep != engine.Retention{}
	for n := 0; (n < 300 || trims && !r.trimmed.Load()) && err == nil; n++ {
		edge := []remediate.Input{stormAlert(unmatched(n/2%(sizeAlerts/2)), n%2 == 1)}
		begun := time.Now()
		if err = r.Submit(ctx, edge); err == nil {
			longest = max(longest, time.Since(begun).Seconds()*1000)
		}
	}
	if also := r.close(); err == nil {
		err = also
	}
	return longest, err
}
