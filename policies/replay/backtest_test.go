package replay_test

import (
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/policies/replay"
	"github.com/x0tta6bl4/remediated/remediate"
)

// journalOf is the records of facts, as a journal has them.
func journalOf(t testing.TB, facts []remediate.Fact) []remediate.Record {
	t.Helper()
	var seq uint64
	var head remediate.Sum
	var out []remediate.Record
	for _, f := range facts {
		r, err := remediate.Encode(seq, head, f.At, f.Body)
		if err != nil {
			t.Fatal(err)
		}
		seq, head = r.Seq, r.Sum
		out = append(out, r)
	}
	return out
}

func backtest(t testing.TB, records []remediate.Record, book *remediate.Rulebook) *replay.Comparison {
	t.Helper()
	c, err := replay.Backtest(sequence(records), book)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestBacktestOfTheSame lives through all policy tests once more, under the
// rulebook that governed in them: nothing would have been otherwise.
func TestBacktestOfTheSame(t *testing.T) {
	for _, file := range []string{"lives.test.yaml", "installed.test.yaml"} {
		for _, o := range outcomes(t, file) {
			c := backtest(t, journalOf(t, o.Facts), o.Book)
			if len(c.Pairs) == 0 {
				t.Errorf("%s: %s: no incident is compared", file, o.Case.Name)
			}
			for _, p := range c.Pairs {
				if p.Result != replay.Same {
					t.Errorf("%s: %s: %s\n was   %+v\n would %+v", file, o.Case.Name, p.Result, p.Was, p.Would)
				}
			}
		}
	}
}

var _ = time.Second
var _ policies.Case
