package replay_test

import (
	"flag"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

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
		d, n, err := replay.Again(sequence(records), load(books))
		if err != nil || d != nil || n < uint64(len(records)) {
			t.Errorf("seed %d: %d of %d records are the same, %v\n%v", seed+1, n, len(records), err, d)
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
	d, n, err := replay.Again(sequence(records), load(other))
	if err != nil || d == nil || n == 0 || n >= uint64(len(records)) || d.Is == nil {
		t.Fatalf("by other rules: %v, %d, %v", d, n, err)
	}
	if s := d.String(); !strings.Contains(s, "was: ") || !strings.Contains(s, "is:  ") || !strings.Contains(s, fmt.Sprintf("record %d, of 2026-", d.Was.Seq)) {
		t.Errorf("it is told as\n%s", s)
	}
	heard := slices.IndexFunc(records, func(r remediate.Record) bool { return r.Kind == remediate.KindOf(remediate.AlertFiring{}) })
	if d, n, err := replay.Again(sequence(slices.Delete(slices.Clone(records), heard, heard+1)), load(books)); err != nil || d == nil || n > uint64(heard) {
		t.Errorf("without the first alert: %v, %d, %v", d, n, err)
	}
}

func TestAgainRefuses(t *testing.T) {
	records, books, err := simulate.Case{Seed: 2, Steps: 50}.Record()
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := replay.Again(sequence(records[10:]), load(books)); err == nil || !strings.Contains(err.Error(), "begins with record 11") {
		t.Errorf("of a trimmed journal: %v", err)
	}
	if _, _, err := replay.Again(sequence(records), load(nil)); err == nil || !strings.Contains(err.Error(), "there is no rulebook") {
		t.Errorf("without the rulebooks: %v", err)
	}
	broken := slices.Clone(records)
	broken[20].Bytes = []byte("{")
	if _, _, err := replay.Again(sequence(broken), load(books)); err == nil || !strings.Contains(err.Error(), "record 21") {
		t.Errorf("of a damaged record: %v", err)
	}
}
