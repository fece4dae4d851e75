package journal_test

import (
	"reflect"
	"testing"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
	"github.com/x0tta6bl4/remediated/remediate/journal/journaltest"
)

// plainStories are the records of so many incidents, as they are read.
func plainStories(t testing.TB, incidents uint64) (records []remediate.Record) {
	t.Helper()
	var c journaltest.Chain
	for n := range incidents {
		for _, r := range c.Next(t, journaltest.Story(n+1)...) {
			records = append(records, r.Plain())
		}
	}
	return records
}

func TestPackedRecords(t *testing.T) {
	records := plainStories(t, 20)[40:]
	p := journal.PackRecords(records)
	if p.First != 41 || p.Last != 220 {
		t.Errorf("packed %d to %d", p.First, p.Last)
	}
	got, err := p.Records()
	if err != nil || !reflect.DeepEqual(got, records) {
		t.Errorf("unpacked %d of %d: %v", len(got), len(records), err)
	}
}

func TestDecodeRecordsRefuses(t *testing.T) {
	whole := journal.EncodeRecords(plainStories(t, 1)[:1])
	for n := 1; n < len(whole); n++ {
		if got, err := journal.DecodeRecords(1, whole[:n]); err == nil {
			t.Errorf("%d of %d bytes are %+v", n, len(whole), got)
		}
	}
}

// Whatever it reads, it ends, and what it takes for records it writes again as such.
func FuzzRecords(f *testing.F) {
	f.Add(journal.EncodeRecords(plainStories(f, 1)))
	f.Fuzz(func(t *testing.T, b []byte) {
		records, err := journal.DecodeRecords(1, b)
		if err != nil {
			return
		}
		again, err := journal.DecodeRecords(1, journal.EncodeRecords(records))
		if err != nil || !reflect.DeepEqual(again, records) {
			t.Errorf("%+v, %v, want %+v", again, err, records)
		}
	})
}
