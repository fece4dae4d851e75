package remediate_test

import (
	"bytes"
	"errors"
	"os"
	"testing"

	. "github.com/x0tta6bl4/remediated/remediate"
)

// What was packed before incidents were packed as they rest is read for ever. What is
// packed now is read by all releases of the same layout: where its fields are the
// same, what they are written as must be too. After a change of the fields, -update
// keeps another one.
func TestPackedIsRead(t *testing.T) {
	s := NewState()
	for _, k := range readJournal(t, oldJournals+"/restart.jsonl") {
		if err := s.Fold(Record{Seq: k.Seq, At: k.At, Kind: k.Kind, Bytes: k.Fact, Sum: k.Sum}); err != nil {
			t.Fatal(err)
		}
	}
	now, want := "testdata/packed-12.json", snapshotOf(t, s)
	if *update {
		c, err := s.Freeze().Checkpoint()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(now, c.State, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"testdata/packed-11.json", now} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		read, err := Restore(b)
		if errors.Is(err, ErrOtherFormat) && file == now {
			t.Fatalf("%s: %v: run this test with -update", file, err)
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if is := snapshotOf(t, read); !bytes.Equal(is, want) {
			t.Errorf("%s is read as\n%s\nwant\n%s", file, is, want)
		}
	}
}
