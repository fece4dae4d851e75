package main

import (
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// BenchmarkAlertsOfNoPolicy takes new alerts that no policy concerns from the engine's
// door to the disk, 2,000 at a time: what the loop alone could do if nobody had to send
// and read them.
func BenchmarkAlertsOfNoPolicy(b *testing.B) {
	r, err := startEngine(b.Context(), b.TempDir(), nil)
	if err != nil {
		b.Fatal(err)
	}
	const size = 2000
	d := &decider{}
	for b.Loop() {
		d.now = time.Now().Add(time.Millisecond) // they fire after the beginning
		batch := make([]remediate.Input, size)
		for k := range batch {
			d.told++
			batch[k] = d.alert(other, true)
		}
		if err := r.Submit(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "alerts/s")
	if err := r.close(); err != nil {
		b.Fatal(err)
	}
}
