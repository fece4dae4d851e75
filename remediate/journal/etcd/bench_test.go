package etcd_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
	"github.com/x0tta6bl4/remediated/remediate/journal/journaltest"
	etcdprocess "github.com/x0tta6bl4/remediated/test/etcd"
)

// BenchmarkAppend appends batches through three members on this machine, each followed by
// the same to a journal in a file alone. The metric "local" is how many times that an
// append costs.
func BenchmarkAppend(b *testing.B) {
	w, _ := newCluster(b, etcdprocess.Options{Members: 3})
	for _, size := range []int{1, 16, 256} {
		b.Run(fmt.Sprint(size), func(b *testing.B) { benchmarkAppend(b, w, size) })
	}
}

func benchmarkAppend(b *testing.B, w world, size int) {
	w.t, w.prefix = b, fmt.Sprintf("/bench-%d/", prefixes.Add(1))
	_, j := w.leader("a")
	alone, err := journal.Open(b.Context(), b.TempDir(), journal.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer alone.Close()
	var c journaltest.Chain
	var inEtcd, local time.Duration
	n := uint64(0)
	for b.Loop() {
		b.StopTimer()
		var bodies []remediate.Body
		for ; len(bodies) < size; n++ {
			bodies = append(bodies, journaltest.Story(n + 1)[1]) // an incident opens
		}
		batch := c.Next(b, bodies...)
		begun := time.Now()
		journaltest.Append(b, alone, batch)
		local += time.Since(begun)
		b.StartTimer()
		begun = time.Now()
		journaltest.Append(b, j, batch)
		inEtcd += time.Since(begun)
	}
	b.ReportMetric(float64(inEtcd)/float64(local), "local")
	b.ReportMetric(float64(size)*float64(b.N)/inEtcd.Seconds(), "records/s")
}
