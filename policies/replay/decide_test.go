package replay_test

import (
	"bytes"
	"testing"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/test/simulate"
)

// TestDecideIsHandle lives through random days twice at once, the one written
// down and the other not, and comes to the same state.
func TestDecideIsHandle(t *testing.T) {
	facts := 0
	for seed := uint64(1); seed <= 10; seed++ {
		records, books, err := simulate.Case{Seed: seed, Steps: 150}.Record()
		if err != nil {
			t.Fatal(err)
		}
		kept, passing := remediate.NewState(), remediate.NewState()
		for _, s := range []*remediate.State{kept, passing} {
			if _, err := remediate.Found(s, records[0].At, "simulate"); err != nil {
				t.Fatal(err)
			}
		}
		for more := true; more && kept.Seq < uint64(len(records)); {
			f, err := records[kept.Seq].Decode()
			if err != nil {
				t.Fatal(err)
			}
			in := remediate.Input(remediate.Tick{})
			if kept.FromOutside(f.Body) {
				in = remediate.Happened{Facts: []remediate.Fact{f}}
			}
			written, err := remediate.Handle(books, kept, f.At, in)
			decided, err2 := remediate.Decide(books, passing, f.At, in)
			if len(written) != len(decided) || (err == nil) != (err2 == nil) {
				t.Fatalf("seed %d, record %d: %d facts, %v; not written down %d, %v", seed, f.Seq, len(written), err, len(decided), err2)
			}
			more = len(written) > 0 // a listing that is heard in parts makes another day of it, which may come to rest
		}
		facts += int(kept.Seq)
		if differ := difference(t, kept, passing); differ != "" {
			t.Errorf("seed %d: after %d facts the states differ: %s", seed, kept.Seq, differ)
		}
	}
	if facts < 1000 {
		t.Errorf("%d facts: the days show too little", facts)
	}
}

// difference is where two states differ that are the same but for their heads.
func difference(t *testing.T, a, b *remediate.State) string {
	t.Helper()
	a.Head, b.Head = remediate.Sum{}, remediate.Sum{}
	x, err := a.Snapshot()
	y, err2 := b.Snapshot()
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	k := 0
	for k < min(len(x), len(y)) && x[k] == y[k] {
		k++
	}
	if bytes.Equal(x, y) {
		return ""
	}
	return string(x[max(0, k-60):min(len(x), k+60)]) + "\n" + string(y[max(0, k-60):min(len(y), k+60)])
}
