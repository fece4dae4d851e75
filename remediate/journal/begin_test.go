package journal_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
	"github.com/x0tta6bl4/remediated/remediate/journal/journaltest"
)

// A journal that begins behind a checkpoint goes on as one that was trimmed to it.
func TestBegin(t *testing.T) {
	dir := t.TempDir()
	var c journaltest.Chain
	c.Next(t, append([]remediate.Body{journaltest.Founding()}, journaltest.Story(1)...)...)
	checkpoint := c.Checkpoint("state")
	j := open(t, dir, journal.Options{})
	needed, err := j.Keep(t.Context(), []byte("needed"))
	if err != nil {
		t.Fatal(err)
	}

	changed := checkpoint
	changed.State = []byte("evil")
	var damage *remediate.DamageError
	if err := j.Begin(t.Context(), changed, nil); !errors.As(err, &damage) {
		t.Errorf("begin behind what was not sealed: %v, want damage", err)
	}
	if err := j.Begin(t.Context(), checkpoint, []string{needed}); err != nil {
		t.Fatal(err)
	}
	if err := j.Begin(t.Context(), checkpoint, nil); err == nil {
		t.Error("a journal began twice")
	}
	if end, err := j.End(t.Context()); err != nil || end != (journal.End{Seq: c.Seq, At: c.At, Sum: c.Sum}) {
		t.Errorf("it ends with %+v, %v", end, err)
	}
	rest := c.Next(t, journaltest.Story(2)...)
	journaltest.Append(t, j, rest)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, dir, journal.Options{})
	journaltest.Holds(t, j, checkpoint.Seq+1, rest)
	if have, ok, err := j.Checkpoint(t.Context()); !ok || err != nil || !reflect.DeepEqual(have, checkpoint) {
		t.Errorf("checkpoint %+v, %v", have, err)
	}
	if all, err := j.Blobs(t.Context()); err != nil || !reflect.DeepEqual(all, []string{needed}) {
		t.Errorf("kept: %v, %v, want what is needed", all, err)
	}
	if err := j.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// What is moved aside is as it was, and another journal begins in its place.
func TestMoveAside(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{})
	var c journaltest.Chain
	records := c.Next(t, journaltest.Founding())
	journaltest.Append(t, j, records)
	if err := j.SaveSnapshot(t.Context(), c.Checkpoint("state")); err != nil {
		t.Fatal(err)
	}
	if to, err := journal.MoveAside(dir); !errors.Is(err, journal.ErrLocked) {
		t.Errorf("a journal in use was moved to %q: %v, want ErrLocked", to, err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "other"), []byte("another's"), 0o600); err != nil {
		t.Fatal(err)
	}
	to, err := journal.MoveAside(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "other")); err != nil {
		t.Errorf("what is not the journal's: %v", err)
	}
	journaltest.Holds(t, open(t, dir, journal.Options{}), 1, nil)
	aside := open(t, to, journal.Options{})
	journaltest.Holds(t, aside, 1, records)
	if _, ok, err := aside.Snapshot(t.Context()); !ok || err != nil {
		t.Errorf("its snapshot: %t, %v", ok, err)
	}
}

func TestEnd(t *testing.T) {
	var c journaltest.Chain
	first := c.Next(t, journaltest.Founding())
	end, facts, err := journal.End{}.Extend(first)
	if err != nil || len(facts) != 1 || end != (journal.End{Seq: 1, At: c.At, Sum: c.Sum}) {
		t.Fatalf("%+v, %d facts, %v", end, len(facts), err)
	}
	next := c.Next(t, journaltest.Story(1)...)
	var damage *remediate.DamageError
	if same, _, err := end.Extend(next[1:]); !errors.As(err, &damage) || damage.Seq != 2 || same != end {
		t.Errorf("a gap: %+v, %v, want damage to record 2", same, err)
	}
}
