package main

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/x0tta6bl4/remediated/remediate/journal"
)

// journalMetrics reads from the journal in use, when it is asked, how much it
// takes and where it ends. Of one that is not open, or broke off, there is
// nothing to be had.
type journalMetrics struct{ inUse func() *journal.SQLite }

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

// Collect reads them. A disk that hangs must not keep the other metrics from
// being read.
func (m journalMetrics) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	j := m.inUse()
	if j == nil {
		return
	}
	gauge := func(d *prometheus.Desc, value float64) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value)
	}
	if s, err := j.Space(ctx); err == nil {
		gauge(journalUsed, float64(s.Used))
		gauge(journalRoom, float64(s.Room))
	}
	if seq, sum, err := j.Head(ctx); err == nil {
		gauge(journalLast, float64(seq))
		gauge(journalHead, float64(sum.Mark()))
	}
}
