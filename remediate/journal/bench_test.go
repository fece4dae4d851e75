package journal_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
	"github.com/x0tta6bl4/remediated/remediate/journal/journaltest"
)

// BenchmarkAppend appends batches, each followed by a bare write and sync of
// the same bytes to a file beside it: what the disk asks at the least, in the
// same moment of the same machine. The metric "floor" is how many times that
// an append costs.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{1, 16, 256} {
		b.Run(fmt.Sprint(size), func(b *testing.B) { benchmarkAppend(b, size) })
	}
}

func benchmarkAppend(b *testing.B, size int) {
	dir := b.TempDir()
	j := open(b, filepath.Join(dir, "journal"), journal.Options{})
	bare, err := os.Create(filepath.Join(dir, "bare"))
	if err != nil {
		b.Fatal(err)
	}
	defer bare.Close()
	journaltest.BenchmarkAppend(b, j, size, "floor", func(batch []remediate.Record) {
		if err := writeBare(bare, batch); err != nil {
			b.Fatal(err)
		}
	})
}

func writeBare(f *os.File, batch []remediate.Record) error {
	var all []byte
	for _, r := range batch {
		all = append(append(all, r.Sum[:]...), r.Bytes...)
	}
	if _, err := f.Write(all); err != nil {
		return err
	}
	return unix.Fdatasync(int(f.Fd()))
}

// BenchmarkRead reads and verifies a journal of 20,000 records.
func BenchmarkRead(b *testing.B) {
	dir := b.TempDir()
	j := open(b, dir, journal.Options{})
	var c journaltest.Chain
	for i := range uint64(1819) {
		journaltest.Append(b, j, c.Next(b, journaltest.Story(i+1)...))
	}
	for b.Loop() {
		if records, err := journaltest.Read(j, 1); err != nil || uint64(len(records)) != c.Seq {
			b.Fatal(len(records), err)
		}
	}
	b.ReportMetric(float64(c.Seq)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkReadExport reads and verifies an export of 20,000 records.
func BenchmarkReadExport(b *testing.B) {
	dir := b.TempDir()
	j := open(b, dir, journal.Options{})
	var c journaltest.Chain
	for i := range uint64(1819) {
		journaltest.Append(b, j, c.Next(b, journaltest.Story(i+1)...))
	}
	export, _ := exported(b, dir, journal.ExportOptions{})
	path := filepath.Join(dir, "export")
	for b.Loop() {
		if records, _, err := importedAt(b, path, export); err != nil || uint64(len(records)) != c.Seq {
			b.Fatal(len(records), err)
		}
	}
	b.ReportMetric(float64(c.Seq)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkTrim cuts 500 records off journals of 11,000 and of 110,000: nobody
// can write meanwhile, however much there is that stays.
func BenchmarkTrim(b *testing.B) {
	for _, incidents := range []uint64{1_000, 10_000} {
		b.Run(fmt.Sprint(incidents*11), func(b *testing.B) {
			j := open(b, b.TempDir(), journal.Options{})
			var c journaltest.Chain
			var cuts []remediate.Checkpoint
			for i := range incidents {
				journaltest.Append(b, j, c.Next(b, journaltest.Story(i+1)...))
				if i%45 == 44 {
					cuts = append(cuts, c.Checkpoint("{}"))
				}
			}
			b.ResetTimer()
			for n := range b.N {
				if n == len(cuts) {
					b.Fatal("there is nothing left: run it with fewer rounds, -benchtime 20x")
				}
				if err := j.Trim(b.Context(), cuts[n], nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkAppendWhileTrimmed appends one record at a time, while 253 records are cut
// off, behind states as there are with few alerts that fire and with 100,000, and then
// as many while nothing else is done. The metrics are the longest that one waited.
func BenchmarkAppendWhileTrimmed(b *testing.B) {
	for _, state := range []int{128 << 10, 16 << 20} {
		b.Run(fmt.Sprint(state), func(b *testing.B) {
			j := open(b, b.TempDir(), journal.Options{})
			var c journaltest.Chain
			longest := func(until func(n int) bool) (longest time.Duration, n int) {
				for ; !until(n); n++ {
					record := c.Next(b, journaltest.Story(c.Seq)[0])
					begun := time.Now()
					journaltest.Append(b, j, record)
					longest = max(longest, time.Since(begun))
				}
				return longest, n
			}
			var quiet, trimmed time.Duration
			for n := range b.N {
				for k := range uint64(23) {
					journaltest.Append(b, j, c.Next(b, journaltest.Story(uint64(n)*23+k+1)...))
				}
				text := make([]byte, state)
				for k := range text { // nothing that would be packed to nothing
					text[k] = "0123456789abcdef"[(k*k>>7+k)%16]
				}
				cut := c.Checkpoint(string(text))
				done := make(chan error, 1)
				go func() { done <- j.Trim(b.Context(), cut, nil) }()
				wait, appends := longest(func(int) bool { return len(done) > 0 })
				trimmed += wait
				if err := <-done; err != nil {
					b.Fatal(err)
				}
				wait, _ = longest(func(n int) bool { return n == appends })
				quiet += wait
			}
			b.ReportMetric(quiet.Seconds()*1e3/float64(b.N), "ms-quiet")
			b.ReportMetric(trimmed.Seconds()*1e3/float64(b.N), "ms-trimmed")
		})
	}
}

// BenchmarkOpen opens a journal of 20,000 records, with a look at its whole
// structure and without.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	j := open(b, dir, journal.Options{})
	var c journaltest.Chain
	for i := range uint64(1819) {
		journaltest.Append(b, j, c.Next(b, journaltest.Story(i+1)...))
	}
	if err := j.Close(); err != nil {
		b.Fatal(err)
	}
	for name, options := range map[string]journal.Options{"checked": {}, "unchecked": {CheckUpTo: -1}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				j, err := journal.Open(b.Context(), dir, options)
				if err != nil {
					b.Fatal(err)
				}
				if err := j.Close(); err != nil {
					b.Fatal(err)
				}
			}
			info, err := os.Stat(filepath.Join(dir, "journal.db"))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(info.Size())/1e6, "MB")
		})
	}
}
