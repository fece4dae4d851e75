package etcd_test

import (
	"fmt"
	"testing"

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
	journaltest.BenchmarkAppend(b, j, size, "local", func(batch []remediate.Record) { journaltest.Append(b, alone, batch) })
}
