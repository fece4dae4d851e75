package replay_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/policies"
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

// TestBacktestLeavesDrillsOut lives through a day of drills and one incident: what
// was only practised would neither be better nor worse by another policy.
func TestBacktestLeavesDrillsOut(t *testing.T) {
	o := outcomes(t, "lives.test.yaml")[0]
	c := o.Case
	c.Moves = slices.Clone(c.Moves)
	drills := 0
	for _, m := range o.Case.Moves {
		if m.Alert == nil {
			continue
		}
		practised := *m.Alert
		practised.Labels = remediate.LabelsOf(map[string]string{remediate.DrillLabel: "d1"})
		practised.Labels = append(practised.Labels, m.Alert.Labels...)
		slices.SortFunc(practised.Labels, func(a, b remediate.Label) int { return strings.Compare(a.Name, b.Name) })
		m.Alert = &practised
		c.Moves = append(c.Moves, m)
		drills++
	}
	slices.SortStableFunc(c.Moves, func(a, b policies.Move) int { return cmp.Compare(a.At, b.At) })
	with := replay.Run(o.Book, c)
	if with.Err != nil || drills == 0 {
		t.Fatalf("%d drills: %v", drills, with.Err)
	}
	opened := 0
	for _, f := range with.Facts {
		if b, ok := f.Body.(remediate.Opened); ok && b.Drill != "" {
			opened++
		}
	}
	pairs, without := backtest(t, journalOf(t, with.Facts), o.Book).Pairs, backtest(t, journalOf(t, o.Facts), o.Book).Pairs
	if opened == 0 || len(pairs) != len(without) {
		t.Errorf("of %d drills, %d incidents are compared, and without them %d", opened, len(pairs), len(without))
	}
	for _, p := range pairs {
		if p.Result != replay.Same {
			t.Errorf("%s\n was   %+v\n would %+v", p.Result, p.Was, p.Would)
		}
	}
}

// TestBacktestOfRandomDays lives through random days under each of their
// rulebooks: nothing is said of an incident after the moment from which on it is
// not known, nothing is done twice of what was done once, and it is the same
// each time.
func TestBacktestOfRandomDays(t *testing.T) {
	unknown, differs := 0, 0
	for seed := uint64(1); seed <= 6; seed++ {
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

// changed is a rulebook whose first policy was changed.
func changed(t *testing.T, book *remediate.Rulebook, change func(*remediate.Policy)) *remediate.Rulebook {
	t.Helper()
	text, err := book.Encode()
	if err != nil {
		t.Fatal(err)
	}
	other, err := remediate.DecodeRulebook(text)
	if err != nil {
		t.Fatal(err)
	}
	if change(&other.Policies[0]); other.Compile() != nil {
		t.Fatal(other.Compile())
	}
	return other
}

// TestBacktestOfChanges changes a policy in one thing, and sees what would have
// become of the first incident of a life.
func TestBacktestOfChanges(t *testing.T) {
	const healed, waits = "healed, joined, reopened, and closed by a human", "the root is mended, not the leaf"
	for _, c := range []struct {
		name, life string
		change     func(*remediate.Policy)
		result     replay.Result
		unknown    string // a part of why
		acts       int
		guards     string
	}{
		{"nothing", healed, func(*remediate.Policy) {}, replay.Same, "", 4, "approval settle"},
		{"less time, but enough", healed, func(p *remediate.Policy) { p.Steps[0].Verify.Within = model.Duration(16 * time.Second) }, replay.Same, "", 4, "approval settle"},
		{"too little time", healed, func(p *remediate.Policy) { p.Steps[0].Verify.Within = model.Duration(12 * time.Second) }, replay.Differs, "a human would have approved", 2, "approval settle"},
		{"a longer hold", healed, func(p *remediate.Policy) { p.Steps[0].Verify.For = model.Duration(20 * time.Second) }, replay.NotKnown, "a verification with other times", 2, ""},
		{"another check", healed, func(p *remediate.Policy) { p.Steps[0].Verify.All = p.Steps[0].Verify.All[:1] }, replay.NotKnown, "whether it was well was not recorded", 2, ""},
		{"another act", healed, func(p *remediate.Policy) { p.Steps[0].Do[0].Kind = "scale" }, replay.Differs, "how scale", 1, ""},
		{"another query", healed, func(p *remediate.Policy) { p.Guards.Healthy.Query = "other" }, replay.Differs, "the guard healthy judges by was not recorded", 0, ""},
		{"a human is asked first", healed, func(p *remediate.Policy) { p.Mode = remediate.ModeApprove }, replay.Differs, "a human would have approved was not recorded", 0, "approval"},
		{"it only observes", healed, func(p *remediate.Policy) { p.Mode = remediate.ModeObserve }, replay.Differs, "which would not have been done", 0, "mode"},
		{"another alert", healed, func(p *remediate.Policy) { p.When = []string{`alertname="Other"`} }, replay.OnlyWas, "", 0, ""},
		{"sooner, and near enough", waits, func(p *remediate.Policy) { p.Guards.Depends = nil }, replay.Differs, "", 2, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, o := range outcomes(t, "lives.test.yaml") {
				if o.Case.Name != c.life {
					continue
				}
				p := backtest(t, journalOf(t, o.Facts), changed(t, o.Book, c.change)).Pairs[0]
				would := p.Would
				if would == nil {
					would = new(replay.Course)
				}
				why, guards := "", map[string]bool{}
				if would.Unknown != nil {
					why = would.Unknown.Why
				}
				for _, r := range would.Refusals {
					guards[r.Guard] = true
				}
				stood := strings.Join(slices.Sorted(maps.Keys(guards)), " ")
				if p.Result != c.result || !strings.Contains(why, c.unknown) || (why == "") != (c.unknown == "") || len(would.Acts) != c.acts || stood != c.guards {
					t.Errorf("%s, unknown %q, %d acts, %q stood in the way\n was   %+v\n would %+v", p.Result, why, len(would.Acts), stood, p.Was, would)
				}
			}
		})
	}
}

// TestAgainNotices leaves one fact that came from outside out of a journal: what
// followed from it does not follow any more.
func TestAgainNotices(t *testing.T) {
	for _, o := range outcomes(t, "lives.test.yaml")[:1] {
		for k, f := range o.Facts {
			if _, ok := f.Body.(remediate.AlertFiring); !ok {
				continue
			}
			records := journalOf(t, slices.Delete(slices.Clone(o.Facts), k, k+1))
			d, err := replay.Again(replay.Past{Records: sequence(records), Books: load(remediate.Rulebooks{o.Book.Digest(): o.Book})})
			if err != nil || d.Changed == 0 {
				t.Errorf("without record %d: %d records are the same, %v", f.Seq, d.Facts, err)
			}
		}
	}
}

// TestBacktestWhenNobodyCouldAsk has a journal in which Alertmanager could not be
// asked at first. That is so under any policies, though it is known which alerts
// fired.
func TestBacktestWhenNobodyCouldAsk(t *testing.T) {
	o := outcomes(t, "lives.test.yaml")[0]
	stood := func() bool {
		for _, r := range backtest(t, journalOf(t, o.Facts), o.Book).Pairs[0].Would.Refusals {
			if r.Guard == "firing" {
				return true
			}
		}
		return false
	}
	if stood() {
		t.Error("the guard firing stood in the way of an alert that fires")
	}
	for k, f := range o.Facts {
		b, ok := f.Body.(remediate.Finished)
		if !ok || len(b.Answers) == 0 || b.Answers[0].Kind != "alert" {
			continue
		}
		b.Answers = slices.Clone(b.Answers)
		b.Answers[0] = remediate.Answer{Kind: "alert", Err: "connection refused"}
		o.Facts[k].Body = b
		break
	}
	if !stood() {
		t.Error("the guard firing did not stand in the way when nobody could ask")
	}
}
