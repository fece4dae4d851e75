package remediate_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/x0tta6bl4/remediated/remediate"
)

const oldJournals = "testdata/journals"

// kept is a line of a journal that was kept: a record, and after some of them what
// all so far came to in the release that wrote it.
type kept struct {
	Seq   uint64          `json:"seq"`
	At    time.Time       `json:"at"`
	Kind  string          `json:"kind"`
	Fact  json.RawMessage `json:"fact"`
	Sum   Sum             `json:"sum"`
	State json.RawMessage `json:"state,omitempty"`
}

// What a journal of an earlier release comes to is the same for ever. A state may
// remember more than it did then, but nothing else.
//
// testdata/journals has lives that hold every kind of fact. For a kind that is new,
// -update adds the life of a story in which it occurs; those that are there are
// never written again.
func TestOldJournals(t *testing.T) {
	if *update {
		keepJournals(t)
	}
	kinds := map[string]bool{}
	for _, file := range journalFiles(t) {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".jsonl"), func(t *testing.T) {
			states, s := 0, NewState()
			for _, k := range readJournal(t, file) {
				if err := s.Fold(Record{Seq: k.Seq, At: k.At, Kind: k.Kind, Bytes: k.Fact, Sum: k.Sum}); err != nil {
					t.Fatal(err)
				}
				kinds[k.Kind] = true
				if k.State == nil {
					continue
				}
				states++
				if why := lacks(snapshotOf(t, s), k.State); why != "" {
					t.Fatalf("after record %d %s", k.Seq, why)
				}
			}
			if states < 2 {
				t.Errorf("it says %d times what the records came to, want it in the middle and at the end", states)
			}
		})
	}
	if len(kinds) != KindCount() {
		t.Errorf("%d of %d kinds of facts occur in %s: for those that are new run this test with -update", len(kinds), KindCount(), oldJournals)
	}
}

// A state that lost something, or has something else in its place, is noticed.
func TestLacks(t *testing.T) {
	was := `{"format":1,"seq":3,"incidents":{"1":{"id":1,"holds":["a","b"]}}}`
	for is, want := range map[string]string{
		was: "",
		`{"format":2,"seq":3,"new":1,"incidents":{"1":{"id":1,"holds":["a","b"],"more":{}}}}`: "",
		`{"format":1,"seq":4,"incidents":{"1":{"id":1,"holds":["a","b"]}}}`:                   "seq is 4, was 3",
		`{"format":1,"seq":3,"incidents":{}}`:                                                 `incidents.1 is not there, was {"holds":["a","b"],"id":1}`,
		`{"format":1,"seq":3,"incidents":{"1":{"id":1,"holds":["a"]}}}`:                       `incidents.1.holds is ["a"], was ["a","b"]`,
		`{"format":1,"seq":3,"incidents":{"1":{"id":1,"holds":["a","c"]}}}`:                   `incidents.1.holds.1 is "c", was "b"`,
		`{"format":1,"seq":3,"incidents":{"1":2}}`:                                            `incidents.1 is 2, was {"holds":["a","b"],"id":1}`,
	} {
		if got := lacks([]byte(is), []byte(was)); got != want {
			t.Errorf("%s: %q, want %q", is, got, want)
		}
	}
}

func journalFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(oldJournals + "/*.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func readJournal(t *testing.T, file string) (lines []kept) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(b) {
		var k kept
		if err := json.Unmarshal(line, &k); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		lines = append(lines, k)
	}
	return lines
}

func snapshotOf(t *testing.T, s *State) []byte {
	t.Helper()
	b, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// lacks is what a state does not have of what it was, "" when it has all.
func lacks(is, was []byte) string {
	var i, w map[string]any
	if err := cmp.Or(json.Unmarshal(is, &i), json.Unmarshal(was, &w)); err != nil {
		return err.Error()
	}
	delete(w, "format") // which says who wrote it
	return lacking("", i, w)
}

func lacking(where string, is, was any) string {
	wasMap, _ := was.(map[string]any)
	isMap, both := is.(map[string]any)
	wasList, _ := was.([]any)
	isList, _ := is.([]any)
	switch {
	case wasMap != nil && both:
		for _, key := range slices.Sorted(maps.Keys(wasMap)) {
			v, there := isMap[key]
			at := strings.TrimPrefix(where+"."+key, ".")
			if !there {
				return fmt.Sprintf("%s is not there, was %s", at, asJSON(wasMap[key]))
			}
			if why := lacking(at, v, wasMap[key]); why != "" {
				return why
			}
		}
	case wasList != nil && len(wasList) == len(isList):
		for k := range wasList {
			if why := lacking(fmt.Sprintf("%s.%d", where, k), isList[k], wasList[k]); why != "" {
				return why
			}
		}
	case !reflect.DeepEqual(is, was):
		return fmt.Sprintf("%s is %s, was %s", where, asJSON(is), asJSON(was))
	}
	return ""
}

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// keepJournals keeps the lives of as few stories as have the kinds of facts that no
// kept journal has: always the one that has most of them for its length.
func keepJournals(t *testing.T) {
	known := map[string]bool{}
	for _, file := range journalFiles(t) {
		for _, k := range readJournal(t, file) {
			known[k.Kind] = true
		}
	}
	lives := map[string][]Record{}
	stories, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, story := range stories {
		w := newWorld(t)
		tell(w, story, false)
		lives[strings.TrimSuffix(filepath.Base(story), ".txt")] = w.records
	}
	adds := func(name string) int {
		kinds := map[string]bool{}
		for _, r := range lives[name] {
			kinds[r.Kind] = !known[r.Kind]
		}
		n := 0
		for _, isNew := range kinds {
			if isNew {
				n++
			}
		}
		return n
	}
	for {
		best := slices.MaxFunc(slices.Sorted(maps.Keys(lives)), func(a, b string) int {
			return cmp.Compare(float64(adds(a))/float64(len(lives[a])), float64(adds(b))/float64(len(lives[b])))
		})
		if adds(best) == 0 {
			return
		}
		keepJournal(t, best, lives[best])
		for _, r := range lives[best] {
			known[r.Kind] = true
		}
	}
}

// keepJournal writes a life down, with what it came to when most was remembered and
// at its end.
func keepJournal(t *testing.T, name string, life []Record) {
	t.Helper()
	s, full, lines := NewState(), 0, make([]kept, len(life))
	states := make([]json.RawMessage, len(life))
	for k, r := range life {
		if err := s.Fold(r); err != nil {
			t.Fatal(err)
		}
		lines[k] = kept{Seq: r.Seq, At: r.At, Kind: r.Kind, Fact: r.Bytes, Sum: r.Sum}
		if states[k] = snapshotOf(t, s); k < len(life)-1 && len(states[k]) > len(states[full]) {
			full = k
		}
	}
	lines[full].State, lines[len(life)-1].State = states[full], states[len(life)-1]
	var b bytes.Buffer
	for _, k := range lines {
		if err := json.NewEncoder(&b).Encode(k); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(oldJournals, name+".jsonl"), b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
