package replay_test

import (
	"flag"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/policies/replay"
	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/test/simulate"
)

func sequence(records []remediate.Record) iter.Seq2[remediate.Record, error] {
	return func(yield func(remediate.Record, error) bool) {
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func load(books remediate.Rulebooks) func(string) (*remediate.Rulebook, error) {
	return func(digest string) (*remediate.Rulebook, error) {
		if b := books[digest]; b != nil {
			return b, nil
		}
		return nil, fmt.Errorf("there is no rulebook %s", digest)
	}
}

var seeds = flag.Uint64("seeds", 10, "how many random days are decided again")

// TestAgainIsTheSame lives through random days, and decides the journal of each
// again: the records are the same to the last byte. make simulation asks for
// more of them.
func TestAgainIsTheSame(t *testing.T) {
	for seed := range *seeds {
		records, books, err := simulate.Case{Seed: seed + 1, Steps: 150}.Record()
		if err != nil {
			t.Fatal(err)
		}
		for _, since := range []time.Time{{}, records[len(records)/3].At, records[2*len(records)/3].At} {
			d, err := replay.Again(replay.Past{Records: sequence(records), Books: load(books), Since: since})
			if err != nil || d.Changed > 0 || d.Facts != after(records, since) {
				t.Errorf("seed %d, since %s: of %d records %d were decided again, %d otherwise, %v\n%v", seed+1, since, len(records), d.Facts, d.Changed, err, d.Differences)
			}
		}
	}
}

// after counts the records from a time on.
func after(records []remediate.Record, since time.Time) (n uint64) {
	for _, r := range records {
		if !r.At.Before(since) {
			n++
		}
	}
	return n
}

// rechained returns records after something was done to their facts: each links
// to the one before it again, as in a journal that was written so.
func rechained(t *testing.T, records []remediate.Record, change func(*remediate.Fact) bool) []remediate.Record {
	t.Helper()
	var out []remediate.Record
	var before remediate.Sum
	for _, r := range records {
		f, err := r.Decode()
		if err != nil {
			t.Fatal(err)
		}
		if !change(&f) {
			continue
		}
		r, err := remediate.Encode(uint64(len(out)), before, f.At, f.Body)
		if err != nil {
			t.Fatal(err)
		}
		out, before = append(out, r), r.Sum
	}
	return out
}

// TestAgainCountsOnce changes single decisions in a journal: each is found, each
// once, and all between and after them is compared as if nothing had been.
func TestAgainCountsOnce(t *testing.T) {
	for seed := range *seeds {
		records, books, err := simulate.Case{Seed: seed + 1, Steps: 150}.Record()
		if err != nil {
			t.Fatal(err)
		}
		var planted []uint64
		judged := 0
		changed := rechained(t, records, func(f *remediate.Fact) bool {
			b, ok := f.Body.(remediate.Judged)
			if !ok {
				return true
			}
			if judged++; judged%5 == 0 && b.Verdicts[0].Decision == remediate.Allowed { // what stands in the way is told, too
				b.Verdicts = slices.Clone(b.Verdicts)
				b.Verdicts[0].Reason += ", says another release"
				f.Body, planted = b, append(planted, f.Seq)
			}
			return true
		})
		d, err := replay.Again(replay.Past{Records: sequence(changed), Books: load(books), Most: 1000})
		var found []uint64
		for _, one := range d.Differences {
			found = append(found, one.Seq)
		}
		if err != nil || d.Changed != len(planted) || !slices.Equal(found, planted) || d.Facts != uint64(len(records)) {
			t.Errorf("seed %d: of %d records %d were compared, %d are others, %v\nfound   %v\nplanted %v\n%v", seed+1, len(records), d.Facts, d.Changed, err, found, planted, d.Differences)
		}
	}
}

// TestAgainDiffers takes other rules for those that governed, as another release
// might, and a journal in which something is missing.
func TestAgainDiffers(t *testing.T) {
	records, books, err := simulate.Case{Seed: 2, Steps: 150}.Record()
	if err != nil {
		t.Fatal(err)
	}
	other := remediate.Rulebooks{}
	for digest, b := range books {
		hasty := *b
		hasty.Policies = slices.Clone(b.Policies)
		for i := range hasty.Policies {
			hasty.Policies[i].Guards.Healthy = nil
		}
		if err := hasty.Compile(); err != nil {
			t.Fatal(err)
		}
		other[digest] = &hasty
	}
	d, err := replay.Again(replay.Past{Records: sequence(records), Books: load(other), Most: 2})
	if err != nil || d.Changed <= 2 || len(d.Differences) != 2 || d.Facts != uint64(len(records)) {
		t.Fatalf("by other rules: %+v, %v", d, err)
	}
	first := d.Differences[0]
	if s := first.String(); !strings.Contains(s, "was: ") || !strings.Contains(s, "is:  ") || !strings.Contains(s, fmt.Sprintf("record %d, of 2026-", first.Seq)) {
		t.Errorf("it is told as\n%s", s)
	}
	is := func(b remediate.Body) func(remediate.Record) bool {
		return func(r remediate.Record) bool { return r.Kind == remediate.KindOf(b) }
	}
	heard := slices.IndexFunc(records, is(remediate.Opened{})) - 1
	for !is(remediate.AlertFiring{})(records[heard]) {
		heard--
	}
	without := rechained(t, records, func(f *remediate.Fact) bool { return f.Seq != uint64(heard+1) })
	if d, err := replay.Again(replay.Past{Records: sequence(without), Books: load(books)}); err != nil || d.Changed == 0 || d.Differences[0].Seq > uint64(heard+1) {
		t.Errorf("without the first alert of an incident: %+v, %v", d, err)
	}
}

// A journal that was trimmed is decided again from where it begins.
func TestAgainOfATrimmedJournal(t *testing.T) {
	records, books, err := simulate.Case{Seed: 3, Steps: 150}.Record()
	if err != nil {
		t.Fatal(err)
	}
	begin, cut := remediate.NewState(), len(records)/2
	for ; records[cut].At.Equal(records[cut-1].At); cut++ {
	}
	for _, r := range records[:cut] {
		if err := begin.Fold(r); err != nil {
			t.Fatal(err)
		}
	}
	d, err := replay.Again(replay.Past{Records: sequence(records[cut:]), Books: load(books), Begin: begin})
	if err != nil || d.Changed > 0 || d.Facts != uint64(len(records)-cut) || !d.Since.Equal(records[cut].At) {
		t.Errorf("of %d records: %+v, %v", len(records)-cut, d, err)
	}
	if _, err := replay.Again(replay.Past{Records: sequence(records[cut+1:]), Books: load(books), Begin: begin}); err == nil || !strings.Contains(err.Error(), "begins with record") {
		t.Errorf("with one record missing: %v", err)
	}
}

func TestAgainRefuses(t *testing.T) {
	records, books, err := simulate.Case{Seed: 2, Steps: 50}.Record()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := replay.Again(replay.Past{Records: sequence(records[10:]), Books: load(books)}); err == nil || !strings.Contains(err.Error(), "begins with record 11") {
		t.Errorf("of a trimmed journal: %v", err)
	}
	if _, err := replay.Again(replay.Past{Records: sequence(records), Books: load(nil)}); err == nil || !strings.Contains(err.Error(), "there is no rulebook") {
		t.Errorf("without the rulebooks: %v", err)
	}
	broken := slices.Clone(records)
	broken[20].Bytes = []byte("{")
	if _, err := replay.Again(replay.Past{Records: sequence(broken), Books: load(books)}); err == nil || !strings.Contains(err.Error(), "record 21") {
		t.Errorf("of a damaged record: %v", err)
	}
}
