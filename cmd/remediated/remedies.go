package main

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/x0tta6bl4/remediated/remediate"
)

// remedies counts the remedies that a breaker has stopped since they did not help: of a
// policy, on how many targets.
type remedies struct {
	now func() time.Time

	mu    sync.Mutex
	until map[string]time.Time // by the breaker's name; those that are over go when it is asked
}

var remediesStopped = prometheus.NewDesc("remediated_remedy_breakers_open",
	"On how many targets the remedy of a policy is left alone for a while, since it did not help there.", []string{"policy"}, nil)

// Describe names it.
func (r *remedies) Describe(to chan<- *prometheus.Desc) { to <- remediesStopped }

// Collect counts. A policy whose remedy nothing stops is not there.
func (r *remedies) Collect(to chan<- prometheus.Metric) {
	r.mu.Lock()
	defer r.mu.Unlock()
	of, now := map[string]float64{}, r.now()
	for name, until := range r.until {
		if !until.After(now) {
			delete(r.until, name)
			continue
		}
		policy, _ := remediate.SplitBreaker(name)
		of[policy]++
	}
	for policy, n := range of {
		to <- prometheus.MustNewConstMetric(remediesStopped, prometheus.GaugeValue, n, policy)
	}
}

// count hears what a breaker has come to.
func (r *remedies) count(name string, until time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.until, name)
	if !until.IsZero() { // of one that is closed it is
		r.until[name] = until
	}
}

// resume takes up those that were stopped when the daemon started.
func (r *remedies) resume(s *remediate.State) {
	for name, b := range s.Breakers {
		r.count(name, b.Until)
	}
}
