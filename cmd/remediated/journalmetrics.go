package main

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/engine"
	"github.com/x0tta6bl4/remediated/remediate/journal"
)

// journalMetrics reads from the journal in use, when it is asked, how much it
// takes and where it ends. Of one that is not open, or broke off, there is
// nothing to be had. Nor is there of a disk that hangs: what the other metrics
// tell of it must not wait for it.
type journalMetrics struct {
	inUse func() *journal.SQLite
	turn  chan struct{} // has one in it while the journal is read
}

// journalWait is how long a reading may take.
const journalWait = 2 * time.Second

func newJournalMetrics(inUse func() *journal.SQLite) journalMetrics {
	return journalMetrics{inUse, make(chan struct{}, 1)}
}

var (
	journalUsed = prometheus.NewDesc("remediated_journal_used_bytes", "What the journal takes of its disk; what a trim gave back is not counted in.", nil, nil)
	journalRoom = prometheus.NewDesc("remediated_journal_room_bytes", "What the journal can still write: what is free on its disk, and what a trim gave back.", nil, nil)
	journalLast = prometheus.NewDesc("remediated_journal_last_record", "Number of the last record of the journal.", nil, nil)
	journalHead = prometheus.NewDesc("remediated_journal_head", "The first six bytes of the checksum of the last record, as a number: see remedy journal check --was.", nil, nil)
)

// Describe names them.
func (m journalMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{journalUsed, journalRoom, journalLast, journalHead} {
		to <- d
	}
}

// Collect gives what could be read in time.
func (m journalMetrics) Collect(to chan<- prometheus.Metric) {
	late := time.After(journalWait)
	select {
	case m.turn <- struct{}{}:
	case <-late: // the reading before hangs still
		return
	}
	read := make(chan []prometheus.Metric, 1)
	go func() {
		defer func() { <-m.turn }()
		read <- m.read()
	}()
	select {
	case all := <-read:
		for _, metric := range all {
			to <- metric
		}
	case <-late:
	}
}

// timed is a journal of which is seen how long it takes to write.
type timed struct {
	engine.Journal
	took prometheus.Observer
}

// Append appends, and tells how long that took.
func (j timed) Append(ctx context.Context, after uint64, records []remediate.Record) error {
	begun := time.Now()
	defer func() { j.took.Observe(time.Since(begun).Seconds()) }()
	return j.Journal.Append(ctx, after, records)
}

func (m journalMetrics) read() (all []prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), journalWait)
	defer cancel()
	gauge := func(d *prometheus.Desc, value float64) {
		all = append(all, prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value))
	}
	j := m.inUse()
	if j == nil {
		return nil
	}
	if s, err := j.Space(ctx); err == nil {
		gauge(journalUsed, float64(s.Used))
		gauge(journalRoom, float64(s.Room))
	}
	if end, err := j.End(ctx); err == nil {
		gauge(journalLast, float64(end.Seq))
		gauge(journalHead, float64(end.Sum.Mark()))
	}
	return all
}
