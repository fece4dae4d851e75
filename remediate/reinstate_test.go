package remediate_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"testing"

	. "github.com/x0tta6bl4/remediated/remediate"
)

// waiting is the state in the middle of a story: a plan of which one of two people
// said yes, and what led to it.
func waiting(t *testing.T) *State {
	w := newWorld(t)
	tell(w, "testdata/approval-people.txt", false)
	state := NewState()
	for _, r := range w.records {
		w.must(state.Fold(r))
		if i := state.Incidents.Get(1); i != nil && len(i.Approvals) == 1 && i.Status == StatusApproval {
			return state
		}
	}
	t.Fatal("nobody waits for a second person")
	return nil
}

// A journal that an older release trimmed begins with its state, for ever:
// testdata/state has one of each format. Today's is written with -update, and
// must not be changed any more once a release has it.
func TestReinstate(t *testing.T) {
	for format := FirstTrimmed; format <= StateFormat; format++ {
		file := fmt.Sprintf("testdata/state/%d.json", format)
		if *update && format == StateFormat {
			b, err := waiting(t).Snapshot()
			if err == nil {
				err = os.WriteFile(file, b, 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatalf("%v: there is none of format %d: run this test with -update", err, format)
		}
		s, err := Reinstate(b)
		if err != nil {
			t.Fatal(err)
		}
		again, err := s.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		was := bytes.Replace(b, fmt.Appendf(nil, `{"format":%d,`, format), fmt.Appendf(nil, `{"format":%d,`, StateFormat), 1)
		if !bytes.Equal(again, was) {
			t.Errorf("%s comes to\n%s\nwant\n%s", file, again, was)
		}
		i := s.Incidents.Get(1)
		if i == nil || len(i.Approvals) != 1 || i.Status != StatusApproval || len(s.Blobs()) != 1 || s.Blobs()[0] != (Blob{Digest: s.Rulebook, Is: BlobRulebook}) || !s.OldestOpen().Equal(i.Opened) {
			t.Errorf("%s: incident 1 is %+v; blobs %v", file, i, s.Blobs())
		}
	}
}

// What is of no format, of one before journals were trimmed, or of a newer
// release, is refused.
func TestReinstateRefuses(t *testing.T) {
	for _, text := range []string{`{}`, `{"format":6}`, `{"format":9000}`} {
		if _, err := Reinstate([]byte(text)); !errors.Is(err, ErrOtherFormat) {
			t.Errorf("%s: %v, want ErrOtherFormat", text, err)
		}
	}
	if _, err := Reinstate([]byte(`no state`)); err == nil || errors.Is(err, ErrOtherFormat) {
		t.Errorf("what is none: %v", err)
	}
	if _, err := Restore([]byte(`{"format":7}`)); !errors.Is(err, ErrOtherFormat) {
		t.Errorf("a cache of an older release: %v, want ErrOtherFormat: it is folded anew", err)
	}
}
