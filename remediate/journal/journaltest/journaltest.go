// Package journaltest is what every journal must do, as a test suite.
package journaltest

import (
	"context"
	"errors"
	"iter"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
)

// Journal is what the suite is about.
type Journal interface {
	Append(ctx context.Context, after uint64, records []remediate.Record) error
	Read(ctx context.Context, from uint64) iter.Seq2[remediate.Record, error]
	Keep(ctx context.Context, blob []byte) (digest string, err error)
	Load(ctx context.Context, digest string) ([]byte, error)
	Trim(ctx context.Context, checkpoint remediate.Checkpoint, needed []string) error
	Checkpoint(ctx context.Context) (remediate.Checkpoint, bool, error)
	SaveSnapshot(ctx context.Context, c remediate.Checkpoint) error
	Snapshot(ctx context.Context) (remediate.Checkpoint, bool, error)
	Evidence(ctx context.Context, before time.Time) ([]journal.Evidence, error)
	DropEvidence(ctx context.Context, all []journal.Evidence) error
}

// Run runs the suite. open returns an empty journal and has it closed when its
// test ends.
func Run(t *testing.T, open func(t *testing.T) Journal) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Journal)
	}{
		{"empty", testEmpty},
		{"order", testOrder},
		{"lost", testLost},
		{"all or nothing", testAllOrNothing},
		{"chain", testChain},
		{"read from", testReadFrom},
		{"records are its own", testOwnership},
		{"blobs", testBlobs},
		{"trim", testTrim},
		{"trim blobs", testTrimBlobs},
		{"evidence", testEvidence},
		{"trim refused", testTrimRefused},
		{"snapshot", testSnapshot},
		{"cancelled", testCancelled},
		{"readers beside a writer", testReaders},
		{"two writers", testTwoWriters},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

// Read returns all records from the one numbered from, and the error that
// ended the reading.
func Read(j Journal, from uint64) ([]remediate.Record, error) {
	var records []remediate.Record
	for r, err := range j.Read(context.Background(), from) {
		if err != nil {
			return records, err
		}
		records = append(records, r)
	}
	return records, nil
}

// Append appends and fails the test when that is refused.
func Append(t testing.TB, j Journal, records []remediate.Record) {
	t.Helper()
	if err := j.Append(t.Context(), records[0].Seq-1, records); err != nil {
		t.Fatalf("append %d records from %d: %v", len(records), records[0].Seq, err)
	}
}

// Holds fails the test when the journal's records from the one numbered from
// are not these.
func Holds(t testing.TB, j Journal, from uint64, want []remediate.Record) {
	t.Helper()
	have, err := Read(j, from)
	if err != nil {
		t.Fatalf("read from %d: %v", from, err)
	}
	if len(have) != len(want) {
		t.Fatalf("read from %d: %d records, want %d", from, len(have), len(want))
	}
	for i := range want {
		if !reflect.DeepEqual(have[i], want[i]) {
			t.Fatalf("record %d:\n%+v\nwant\n%+v", want[i].Seq, have[i], want[i])
		}
	}
}

func wantDamage(t *testing.T, err error, seq uint64) {
	t.Helper()
	var d *remediate.DamageError
	if !errors.As(err, &d) || d.Seq != seq {
		t.Errorf("error %v, want one that names record %d as damaged", err, seq)
	}
}

func testEmpty(t *testing.T, j Journal) {
	Holds(t, j, 0, nil)
	Holds(t, j, 1, nil)
	if err := j.Append(t.Context(), 0, nil); err != nil {
		t.Errorf("append nothing: %v", err)
	}
	if _, ok, err := j.Checkpoint(t.Context()); ok || err != nil {
		t.Errorf("checkpoint of an empty journal: %v, %v", ok, err)
	}
	if _, ok, err := j.Snapshot(t.Context()); ok || err != nil {
		t.Errorf("snapshot of an empty journal: %v, %v", ok, err)
	}
}

func testOrder(t *testing.T, j Journal) {
	var c Chain
	var all []remediate.Record
	for i := range 60 { // more than what is read at a time
		var batch []remediate.Record
		if i == 0 {
			batch = c.Next(t, Founding())
		}
		batch = append(batch, c.Next(t, Story(uint64(i+1))...)...)
		Append(t, j, batch)
		all = append(all, batch...)
	}
	Holds(t, j, 1, all)
}

func testLost(t *testing.T, j Journal) {
	var c Chain
	first := c.Next(t, Founding())
	Append(t, j, first)
	other := c
	Append(t, j, c.Next(t, Story(1)...))
	want, _ := Read(j, 1)

	for name, after := range map[string]uint64{"behind": 1, "ahead": 99} {
		late := other
		late.Seq = after
		if err := j.Append(t.Context(), after, late.Next(t, Story(2)...)); !errors.Is(err, journal.ErrLost) {
			t.Errorf("a writer that is %s: %v, want ErrLost", name, err)
		}
	}
	if err := j.Append(t.Context(), 3, nil); !errors.Is(err, journal.ErrLost) {
		t.Errorf("nothing, by a writer that is behind: %v, want ErrLost", err)
	}
	Holds(t, j, 1, want)
	Append(t, j, c.Next(t, Story(3)...)) // a refusal does not break it
}

func testAllOrNothing(t *testing.T, j Journal) {
	var c Chain
	first := c.Next(t, Founding())
	Append(t, j, first)
	batch := c.Next(t, Story(1)...)
	bad := batch[len(batch)-1]
	bad.Bytes = []byte(strings.Replace(string(bad.Bytes), "resolved", "resolve!", 1))
	batch[len(batch)-1] = bad
	wantDamage(t, j.Append(t.Context(), 1, batch), bad.Seq)
	Holds(t, j, 1, first)
}

func testChain(t *testing.T, j Journal) {
	var c Chain
	first := c.Next(t, Founding())
	Append(t, j, first)

	foreign := Chain{Seq: 1, At: c.At}
	wantDamage(t, j.Append(t.Context(), 1, foreign.Next(t, Story(1)...)), 2)

	gap := c
	batch := append(gap.Next(t, Story(1)[0]), gap.Next(t, Story(1)...)[1:]...)
	wantDamage(t, j.Append(t.Context(), 1, batch), 3)

	old := Chain{Seq: 1, Sum: c.Sum, At: c.At.Add(-1e10)}
	wantDamage(t, j.Append(t.Context(), 1, old.Next(t, Story(1)...)), 2)

	unknown := c.Next(t, Story(1)[0])
	unknown[0].Kind = "opened/99"
	if err := j.Append(t.Context(), 1, unknown); err == nil {
		t.Error("a kind that was changed after it was summed was taken")
	}
	Holds(t, j, 1, first)
}

func testReadFrom(t *testing.T, j Journal) {
	var c Chain
	all := c.Next(t, append([]remediate.Body{Founding()}, Story(1)...)...)
	Append(t, j, all)
	for from := range all {
		Holds(t, j, uint64(from)+1, all[from:])
	}
	Holds(t, j, c.Seq+1, nil)
	_, err := Read(j, c.Seq+2)
	wantDamage(t, err, c.Seq+1)

	for r, err := range j.Read(t.Context(), 1) { // a reader may stop early
		if err != nil {
			t.Fatal(err)
		}
		if r.Seq == 3 {
			break
		}
	}
	Holds(t, j, 1, all)
}

// testOwnership changes what it gave and what it got: neither is the journal's.
func testOwnership(t *testing.T, j Journal) {
	var c, same Chain
	given := c.Next(t, Founding())
	Append(t, j, given)
	given[0].Bytes[0] ^= 1
	got, err := Read(j, 1)
	if err != nil {
		t.Fatal(err)
	}
	got[0].Bytes[0] ^= 1
	Holds(t, j, 1, same.Next(t, Founding()))
}

func testBlobs(t *testing.T, j Journal) {
	for name, blob := range map[string][]byte{"text": []byte("evidence"), "empty": {}, "binary": {0, 0xff, '\''}, "large": make([]byte, 1<<20)} {
		digest, err := j.Keep(t.Context(), blob)
		if err != nil {
			t.Fatalf("keep %s: %v", name, err)
		}
		if again, err := j.Keep(t.Context(), blob); err != nil || again != digest {
			t.Errorf("keep %s again: %q, %v, want %q", name, again, err, digest)
		}
		have, err := j.Load(t.Context(), digest)
		if err != nil || string(have) != string(blob) {
			t.Errorf("load %s: %d bytes, %v", name, len(have), err)
		}
	}
	const ofNothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" // as FIPS 180-4 has it
	if digest, err := j.Keep(t.Context(), nil); err != nil || digest != ofNothing {
		t.Errorf("digest of nothing %q, %v, want %q", digest, err, ofNothing)
	}
	for _, digest := range []string{strings.Repeat("0", 64), "", "zz", "../../etc/passwd"} {
		if b, err := j.Load(t.Context(), digest); !errors.Is(err, journal.ErrNotKept) {
			t.Errorf("load %q: %q, %v, want ErrNotKept", digest, b, err)
		}
	}
}

func testTrim(t *testing.T, j Journal) {
	var c Chain
	Append(t, j, c.Next(t, append([]remediate.Body{Founding()}, Story(1)...)...))
	checkpoint := c.Checkpoint("state after the first incident")
	rest := c.Next(t, Story(2)...)
	Append(t, j, rest)

	for range 2 { // the second time says so again
		if err := j.Trim(t.Context(), checkpoint, nil); err != nil {
			t.Fatal(err)
		}
		have, ok, err := j.Checkpoint(t.Context())
		if !ok || err != nil || !reflect.DeepEqual(have, checkpoint) {
			t.Fatalf("checkpoint %+v, %v, %v, want %+v", have, ok, err, checkpoint)
		}
	}
	Holds(t, j, checkpoint.Seq+1, rest)
	for _, from := range []uint64{0, 1, checkpoint.Seq} {
		if records, err := Read(j, from); !errors.Is(err, journal.ErrTrimmed) || len(records) > 0 {
			t.Errorf("read from %d: %d records, %v, want ErrTrimmed", from, len(records), err)
		}
	}
	all := c.Checkpoint("state after all")
	if err := j.Trim(t.Context(), all, nil); err != nil {
		t.Fatal(err)
	}
	Holds(t, j, all.Seq+1, nil)
	Append(t, j, c.Next(t, Story(3)...)) // the chain goes on over the cut
}

// keeping keeps texts, and returns their digests.
func keeping(t *testing.T, j Journal) func(text string) string {
	return func(text string) string {
		t.Helper()
		digest, err := j.Keep(t.Context(), []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return digest
	}
}

// testTrimBlobs: a blob stays as long as a record names it, or may come to name
// it, or the checkpoint's state needs it.
func testTrimBlobs(t *testing.T, j Journal) {
	var c Chain
	keep := keeping(t, j)
	loaded := func(digest string) { Append(t, j, c.Next(t, remediate.RulebookLoaded{Digest: digest})) }
	Append(t, j, c.Next(t, Founding()))
	unnamed, first, needed, again := keep("named by none"), keep("the first"), keep("needed"), keep("the first, and once more")
	for _, digest := range []string{first, needed, again} {
		loaded(digest)
	}
	begin := c.Checkpoint("the second was loaded")
	if keep("the first, and once more") != again {
		t.Error("the same has another digest")
	}
	loaded(again)
	cut := c.Checkpoint("the first was loaded again")
	early := keep("before the record that names it")
	there := func(when string, want ...string) {
		t.Helper()
		for name, digest := range map[string]string{"unnamed": unnamed, "first": first, "needed": needed, "again": again, "early": early} {
			_, err := j.Load(t.Context(), digest)
			if is := slices.Contains(want, name); is && err != nil || !is && !errors.Is(err, journal.ErrNotKept) {
				t.Errorf("%s, the blob %s: %v, want it to be there: %t", when, name, err, is)
			}
		}
	}
	there("before", "unnamed", "first", "needed", "again", "early")
	if err := j.Trim(t.Context(), begin, []string{needed}); err != nil {
		t.Fatal(err)
	}
	there("trimmed", "needed", "again", "early")
	if err := j.Trim(t.Context(), cut, []string{again}); err != nil {
		t.Fatal(err)
	}
	there("trimmed to the end", "again", "early")
	loaded(early)
	there("and then named", "again", "early")
}

func testTrimRefused(t *testing.T, j Journal) {
	var c Chain
	Append(t, j, c.Next(t, append([]remediate.Body{Founding()}, Story(1)...)...))
	early := c.Checkpoint("early")
	Append(t, j, c.Next(t, Story(2)...))
	good := c.Checkpoint("good")
	Append(t, j, c.Next(t, Story(3)...))

	changed := good
	changed.State = []byte("evil")
	wantDamage(t, j.Trim(t.Context(), changed, nil), good.Seq)

	foreign := good
	foreign.Head[0] ^= 1
	wantDamage(t, j.Trim(t.Context(), foreign.Seal(), nil), good.Seq)

	ahead := Chain{Seq: c.Seq + 5, At: c.At}
	if err := j.Trim(t.Context(), ahead.Checkpoint(""), nil); !errors.Is(err, journal.ErrLost) {
		t.Errorf("a checkpoint ahead of the journal: %v, want ErrLost", err)
	}
	if _, ok, _ := j.Checkpoint(t.Context()); ok {
		t.Error("a refused checkpoint was kept")
	}
	if err := j.Trim(t.Context(), good, nil); err != nil {
		t.Fatal(err)
	}
	if err := j.Trim(t.Context(), early, nil); !errors.Is(err, journal.ErrTrimmed) {
		t.Errorf("a checkpoint behind the one there is: %v, want ErrTrimmed", err)
	}
	other := good
	other.State = []byte("another state")
	if err := j.Trim(t.Context(), other.Seal(), nil); !errors.Is(err, journal.ErrTrimmed) {
		t.Errorf("another checkpoint in its place: %v, want ErrTrimmed", err)
	}
}

func testSnapshot(t *testing.T, j Journal) {
	var c Chain
	Append(t, j, c.Next(t, append([]remediate.Body{Founding()}, Story(1)...)...))
	first := c.Checkpoint("first")
	Append(t, j, c.Next(t, Story(2)...))
	second := c.Checkpoint("second")

	unsealed := second
	unsealed.Sum[0] ^= 1
	wantDamage(t, j.SaveSnapshot(t.Context(), unsealed), second.Seq)

	for _, save := range []remediate.Checkpoint{first, second} {
		if err := j.SaveSnapshot(t.Context(), save); err != nil {
			t.Fatal(err)
		}
		have, ok, err := j.Snapshot(t.Context())
		if !ok || err != nil || !reflect.DeepEqual(have, save) {
			t.Fatalf("snapshot %+v, %v, %v, want %+v", have, ok, err, save)
		}
	}
	if err := j.Trim(t.Context(), second, nil); err != nil {
		t.Fatal(err)
	}
	if have, ok, err := j.Snapshot(t.Context()); ok || err != nil {
		t.Errorf("a snapshot at the checkpoint is of no use, have %+v, %v", have, err)
	}
	ahead := Chain{Seq: c.Seq + 5, At: c.At}
	if err := j.SaveSnapshot(t.Context(), ahead.Checkpoint("")); err != nil {
		t.Fatal(err)
	}
	if have, ok, _ := j.Snapshot(t.Context()); ok {
		t.Errorf("a snapshot of records that are not there was given: %+v", have)
	}
}

func testCancelled(t *testing.T, j Journal) {
	var c Chain
	all := c.Next(t, Founding())
	Append(t, j, all)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	next := c
	_, keep := j.Keep(ctx, []byte("x"))
	for name, err := range map[string]error{
		"append": j.Append(ctx, 1, next.Next(t, Story(1)...)),
		"trim":   j.Trim(ctx, c.Checkpoint(""), nil),
		"keep":   keep,
		"save":   j.SaveSnapshot(ctx, c.Checkpoint("")),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want context.Canceled", name, err)
		}
	}
	for r, err := range j.Read(ctx, 1) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("read: record %d, %v, want context.Canceled", r.Seq, err)
		}
	}
	Holds(t, j, 1, all)
	Append(t, j, c.Next(t, Story(1)...)) // and it goes on
}

// testReaders reads the whole journal again and again while it grows: each
// reading must be a whole beginning of it.
func testReaders(t *testing.T, j Journal) {
	var c Chain
	Append(t, j, c.Next(t, Founding()))
	written := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for last, done := 0, false; !done; {
				select {
				case <-written:
					done = true
				default:
				}
				records, err := Read(j, 1)
				if err != nil || len(records) < last {
					t.Errorf("read %d records after %d: %v", len(records), last, err)
					return
				}
				last = len(records)
			}
		})
	}
	for i := range uint64(20) {
		Append(t, j, c.Next(t, Story(i+1)...))
	}
	close(written)
	readers.Wait()
}

// testTwoWriters has two append at the same place: one of them wins each time.
func testTwoWriters(t *testing.T, j Journal) {
	var c Chain
	Append(t, j, c.Next(t, Founding()))
	for i := range uint64(10) {
		var got [2]error
		var writers sync.WaitGroup
		batch := c.Next(t, Story(i+1)...)
		for w := range got {
			writers.Go(func() { got[w] = j.Append(context.Background(), batch[0].Seq-1, batch) })
		}
		writers.Wait()
		if (got[0] == nil) == (got[1] == nil) || !errors.Is(errors.Join(got[:]...), journal.ErrLost) {
			t.Fatalf("two writers after %d: %v and %v, want one ErrLost", batch[0].Seq-1, got[0], got[1])
		}
	}
	if records, err := Read(j, 1); err != nil || uint64(len(records)) != c.Seq {
		t.Errorf("%d records, %v, want %d", len(records), err, c.Seq)
	}
}
