package journaltest

import (
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// BenchmarkAppend measures appends to j of so many records at a time, and in turn with
// each what is otherwise done with the same. The metric called name is how many times that
// an append costs.
func BenchmarkAppend(b *testing.B, j Journal, size int, name string, otherwise func([]remediate.Record)) {
	b.Helper()
	var c Chain
	var ours, others time.Duration
	n := uint64(0)
	for b.Loop() {
		b.StopTimer()
		var bodies []remediate.Body
		for ; len(bodies) < size; n++ {
			bodies = append(bodies, Story(n + 1)[1]) // an incident opens
		}
		batch := c.Next(b, bodies...)
		begun := time.Now()
		otherwise(batch)
		others += time.Since(begun)
		b.StartTimer()
		begun = time.Now()
		Append(b, j, batch)
		ours += time.Since(begun)
	}
	b.ReportMetric(float64(ours)/float64(others), name)
	b.ReportMetric(float64(size)*float64(b.N)/ours.Seconds(), "records/s")
}
