package replay_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/policies/replay"
	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/test/simulate"
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

// TestBacktestOfRandomDays lives through random days under each of their
// rulebooks: nothing is said of an incident after the moment from which on it is
// not known, nothing is done twice of what was done once, and it is the same
// each time.
func TestBacktestOfRandomDays(t *testing.T) {
	unknown, differs := 0, 0
	for seed := uint64(1); seed <= 20; seed++ {
		records, books, err := simulate.Case{Seed: seed, Steps: 100}.Record()
		if err != nil {
			t.Fatal(err)
		}
		for _, book := range books {
			c := backtest(t, records, book)
			one, _ := json.Marshal(c)
			if two, _ := json.Marshal(backtest(t, records, book)); !bytes.Equal(one, two) {
				t.Errorf("seed %d: it is another the second time", seed)
			}
			for _, p := range c.Pairs {
				if p.Result != replay.Same {
					differs++
				}
				if p.Would == nil || p.Would.Unknown == nil {
					continue
				}
				unknown++
				if after := lastOf(p.Would); after.After(p.Would.Unknown.At) {
					t.Errorf("seed %d: something is said at %s of %+v", seed, after, p.Would)
				}
			}
		}
	}
	if unknown == 0 || differs == unknown {
		t.Errorf("%d incidents differ, %d are not known: the days show too little", differs, unknown)
	}
}

// lastOf is when the last happens that is said of an incident.
func lastOf(i *replay.Course) (last time.Time) {
	times := []time.Time{i.Healed, i.Closed}
	for _, a := range i.Acts {
		times = append(times, a.At)
	}
	for _, r := range i.Refusals {
		times = append(times, r.At)
	}
	for _, c := range i.Calls {
		times = append(times, c.At)
	}
	return slices.MaxFunc(times, time.Time.Compare)
}
