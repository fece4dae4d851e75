package journal_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
	"github.com/x0tta6bl4/remediated/remediate/journal/journaltest"
)

// Of trims at the same time, each is done as a whole or is refused, and what stays
// is sound.
func TestTrimsAtTheSameTime(t *testing.T) {
	j := open(t, t.TempDir(), journal.Options{})
	var c journaltest.Chain
	journaltest.Append(t, j, c.Next(t, journaltest.Founding()))
	var cuts []remediate.Checkpoint
	for n := range 8 {
		journaltest.Append(t, j, c.Next(t, journaltest.Story(uint64(n+1))...))
		cuts = append(cuts, c.Checkpoint(fmt.Sprint("state ", n)))
	}
	journaltest.Append(t, j, c.Next(t, journaltest.Story(9)...))
	var trims sync.WaitGroup
	for _, cut := range cuts {
		trims.Go(func() {
			if err := j.Trim(t.Context(), cut, nil); err != nil && !errors.Is(err, journal.ErrTrimmed) {
				t.Error(err)
			}
		})
	}
	trims.Wait()
	if err := j.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if behind, ok, err := j.Checkpoint(t.Context()); !ok || err != nil || behind.Seq < cuts[0].Seq {
		t.Errorf("it begins behind %d, %v", behind.Seq, err)
	}
	journaltest.Append(t, j, c.Next(t, journaltest.Story(10)...))
}

// brokenOff is a context that ends when it has been looked at so many times: each
// transaction looks once before it begins.
type brokenOff struct {
	context.Context
	left *atomic.Int64
}

func breakOff(ctx context.Context, after int) brokenOff {
	b := brokenOff{ctx, new(atomic.Int64)}
	b.left.Store(int64(after))
	return b
}

func (b brokenOff) Err() error {
	if b.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// longTrim is a journal with everything that a trim looks at, of which most was cut
// off before, and the checkpoints of that and of the trim to come.
type longTrim struct {
	dir      string
	records  []remediate.Record
	old, cut remediate.Checkpoint
	needed   []string
}

func prepareTrim(t *testing.T) longTrim {
	p := longTrim{dir: t.TempDir()}
	j := open(t, p.dir, journal.Options{})
	var c journaltest.Chain
	add := func(batch []remediate.Record) {
		journaltest.Append(t, j, batch)
		p.records = append(p.records, batch...)
	}
	add(c.Next(t, journaltest.Founding()))
	for n := range 60 {
		digest, err := j.Keep(t.Context(), fmt.Appendf(nil, "evidence %d", n))
		if err != nil {
			t.Fatal(err)
		}
		add(c.Next(t, append(journaltest.Story(uint64(n+1)), journaltest.Gathered(digest))...))
		switch n {
		case 4:
			p.old = c.Checkpoint(`{"journal":"q4m2x7kd","was":"` + strings.Repeat("what was before ", 20_000) + `"}`)
		case 30:
			p.needed = []string{digest}
		case 50:
			p.cut = c.Checkpoint(`{"journal":"q4m2x7kd","is":"` + strings.Repeat("what it comes to ", 30_000) + `"}`)
		}
	}
	if err := j.Trim(t.Context(), p.old, nil); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return p
}

// leftOver is what is in a journal and stands for nothing any more.
func leftOver(t *testing.T, dir string) int {
	t.Helper()
	return number(t, dir, `SELECT (SELECT count(*) FROM facts, checkpoint WHERE facts.seq <= checkpoint.seq)
		+ (SELECT count(*) FROM blobs, checkpoint WHERE blobs.seq < checkpoint.seq)
		+ (SELECT count(*) FROM incident_facts, checkpoint WHERE incident_facts.seq <= checkpoint.seq)
		+ (SELECT count(*) FROM states, checkpoint WHERE states.id NOT BETWEEN first AND last)`)
}

// copyFolder has another process copy a folder: to close a file here would drop
// SQLite's locks.
func copyFolder(t *testing.T, dir string) string {
	t.Helper()
	to := inMemory(t)
	if out, err := exec.Command("cp", "-r", dir+"/.", to).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return to
}

// A trim that is broken off at any point leaves the old checkpoint or the new one,
// with all that follows it and all that it needs. Whoever opens the journal then
// goes on sweeping.
func TestTrimBrokenOff(t *testing.T) {
	p := prepareTrim(t)
	seen := map[uint64]int{}
	for n := 0; ; n++ {
		dir := copyFolder(t, p.dir)
		j := open(t, dir, journal.Options{})
		err := j.Trim(breakOff(t.Context(), n), p.cut, p.needed)
		crash := copyFolder(t, dir) // as a kill leaves it
		if also := j.Close(); also != nil {
			t.Fatal(also)
		}
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Fatalf("broken off at %d: %v", n, err)
		}
		seen[p.goesOn(t, n, crash)]++
		if err == nil {
			break
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	if seen[p.old.Seq] < 3 || seen[p.cut.Seq] < 3 {
		t.Errorf("it was broken off at few places: %v", seen)
	}
}

// goesOn holds a journal whose trim was broken off to its promises, and returns
// behind which record it begins.
func (p longTrim) goesOn(t *testing.T, n int, dir string) uint64 {
	t.Helper()
	r, err := journal.OpenReading(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if e, err := r.Check(t.Context()); err != nil || e.Last != uint64(len(p.records)) {
		t.Errorf("broken off at %d: %+v, %v", n, e, err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	j := open(t, dir, journal.Options{})
	defer j.Close()
	c, ok, err := j.Checkpoint(t.Context())
	if !ok || err != nil || !reflect.DeepEqual(c, p.old) && !reflect.DeepEqual(c, p.cut) {
		t.Fatalf("broken off at %d: the checkpoint is at %d, %v", n, c.Seq, err)
	}
	journaltest.Holds(t, j, c.Seq+1, p.records[c.Seq:])
	if _, err := j.Load(t.Context(), p.needed[0]); err != nil {
		t.Errorf("broken off at %d: what the state needs: %v", n, err)
	}
	if err := j.Check(t.Context()); err != nil {
		t.Errorf("broken off at %d: %v", n, err)
	}
	for deadline := time.Now().Add(time.Minute); leftOver(t, dir) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("broken off at %d: %d rows are left over", n, leftOver(t, dir))
		}
	}
	if err := j.Check(t.Context()); err != nil {
		t.Errorf("broken off at %d, and swept: %v", n, err)
	}
	return c.Seq
}

// What is left over may lie before the state that is in force and behind it: when a
// trim was broken off while it swept, and the next while it wrote its state.
func TestTrimsBrokenOff(t *testing.T) {
	p := prepareTrim(t)
	j := open(t, p.dir, journal.Options{})
	p.breakOffWhenInForce(t, j)
	end := p.records[len(p.records)-1]
	next := remediate.Checkpoint{Seq: end.Seq, At: end.At, Head: end.Sum, State: p.old.State}.Seal()
	for left := 1; number(t, p.dir, "SELECT count(*) FROM states, checkpoint WHERE states.id > last") == 0; left++ {
		if err := j.Trim(breakOff(t.Context(), left), next, nil); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	if number(t, p.dir, "SELECT count(*) FROM states, checkpoint WHERE states.id < first") == 0 {
		t.Fatal("nothing is left over of the first")
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if seq := p.goesOn(t, 0, p.dir); seq != p.cut.Seq {
		t.Errorf("it begins behind %d", seq)
	}
}

// breakOffWhenInForce breaks a trim off when its checkpoint is in force, and nothing
// was swept yet.
func (p longTrim) breakOffWhenInForce(t *testing.T, j *journal.SQLite) {
	t.Helper()
	for n, in := 0, p.old; in.Seq != p.cut.Seq; n++ {
		if err := j.Trim(breakOff(t.Context(), n), p.cut, p.needed); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		in, _, _ = j.Checkpoint(t.Context())
	}
	if leftOver(t, p.dir) == 0 {
		t.Fatal("nothing is left over")
	}
}

// What is yet to be swept is not shown, nor given out as evidence.
func TestNotYetSwept(t *testing.T) {
	p := prepareTrim(t)
	j := open(t, p.dir, journal.Options{})
	p.breakOffWhenInForce(t, j)
	if _, err := journaltest.Read(j, p.cut.Seq); !errors.Is(err, journal.ErrTrimmed) {
		t.Errorf("a record that was trimmed: %v", err)
	}
	if facts, err := j.Facts(t.Context(), 50); err != nil || len(facts) != 0 {
		t.Errorf("%d facts of an incident that was trimmed, %v", len(facts), err)
	}
	for _, e := range must(j.Evidence(t.Context(), time.Now().AddDate(10, 0, 0))) {
		if e.Seq <= p.cut.Seq {
			t.Errorf("evidence of record %d", e.Seq)
		}
	}
	if err := j.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if err := j.Trim(t.Context(), p.cut, p.needed); err != nil || leftOver(t, p.dir) != 0 {
		t.Errorf("the same trim again: %d left over, %v", leftOver(t, p.dir), err)
	}
}

// Who reads the checkpoint sees one state as a whole, whatever is trimmed meanwhile.
func TestCheckpointIsReadAsAWhole(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{})
	var c journaltest.Chain
	journaltest.Append(t, j, c.Next(t, journaltest.Founding()))
	r, err := journal.OpenReading(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	done := make(chan error, 1)
	go func() {
		var err error
		for n := range uint64(60) {
			records := c.Next(fataler{}, journaltest.Story(n+1)...)
			err = errors.Join(err, j.Append(t.Context(), records[0].Seq-1, records),
				j.Trim(t.Context(), c.Checkpoint(fmt.Sprintf(`{"journal":"q4m2x7kd","n":%d}`, n)), nil))
		}
		done <- err
	}()
	for len(done) == 0 {
		if _, err := r.Begin(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A state that is not what was written is damage, wherever it is.
func TestStateDamage(t *testing.T) {
	p := prepareTrim(t)
	for _, statement := range []string{
		"UPDATE states SET bytes = zeroblob(length(bytes)) WHERE id = (SELECT max(id) FROM states)",
		"DELETE FROM states WHERE id = (SELECT max(id) FROM states)",
		"UPDATE states SET packed = NULL",
		"UPDATE checkpoint SET last = last - 1",
		"UPDATE checkpoint SET first = 1, last = 0",
	} {
		dir := copyFolder(t, p.dir)
		alter(t, dir, statement)
		r, err := journal.OpenReading(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		var d *remediate.DamageError
		if _, err := r.Check(t.Context()); !errors.As(err, &d) || d.Seq != p.old.Seq {
			t.Errorf("%s: checked: %v", statement, err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if j, err := journal.Open(t.Context(), dir, journal.Options{}); !errors.As(err, &d) || d.Seq != p.old.Seq {
			t.Errorf("%s: opened: %v", statement, err)
			if err == nil {
				_ = j.Close()
			}
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
