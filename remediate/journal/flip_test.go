package journal_test

import (
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
	"github.com/x0tta6bl4/remediated/remediate/journal/journaltest"
)

var (
	flips    = flag.Int("flips", 150, "how many places of each file the damage tests try")
	flipSeed = flag.Uint64("flipseed", 1, "where the damage tests begin to draw from")
)

// crashed is what a journal's folder holds after its process was killed, and
// the records that it acknowledged.
type crashed struct {
	files   map[string][]byte
	records []remediate.Record
	before  int // how many of them there were before the last transaction
}

// crash makes a journal, some of it moved into the database and some still in
// the log, and copies its files while it is open.
func crash(t *testing.T) crashed {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{})
	var c journaltest.Chain
	var s crashed
	add := func(batch []remediate.Record) {
		journaltest.Append(t, j, batch)
		s.before = len(s.records)
		s.records = append(s.records, batch...)
	}
	add(c.Next(t, journaltest.Founding()))
	for i := range uint64(27) {
		if i == 20 { // closing moves
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			j = open(t, dir, journal.Options{})
		}
		add(c.Next(t, journaltest.Story(i+1)...))
	}
	if _, err := j.Keep(t.Context(), []byte("evidence")); err != nil {
		t.Fatal(err)
	}
	add(c.Next(t, journaltest.Story(28)[:3]...))

	// Another process copies them: to close a file here would drop SQLite's locks.
	to := t.TempDir()
	if out, err := exec.Command("cp", "-r", dir+"/.", to).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s.files = map[string][]byte{}
	for _, name := range []string{"journal.db", "journal.db-wal", "journal.acked"} {
		b, err := os.ReadFile(filepath.Join(to, name))
		if err != nil {
			t.Fatal(err)
		}
		s.files[name] = b
	}
	return s
}

// inLog tells whether the log has a page anew, so that the database's own is not
// looked at.
func (s crashed) inLog(page uint32) bool {
	log := s.files["journal.db-wal"]
	for at := 32; at < len(log); at += 24 + 4096 {
		if binary.BigEndian.Uint32(log[at:]) == page {
			return true
		}
	}
	return false
}

// with returns the files with one of them replaced, nil for none.
func (s crashed) with(name string, b []byte) map[string][]byte {
	files := map[string][]byte{}
	for n, have := range s.files {
		files[n] = have
	}
	files[name] = b
	return files
}

// inMemory returns a folder on a file system that need not be waited for.
func inMemory(t testing.TB) string {
	const tmpfs = "/dev/shm"
	if info, err := os.Stat(tmpfs); err != nil || !info.IsDir() {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp(tmpfs, "journal")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// reopen opens files as a journal and reads it: what it yields, and the error
// of opening or reading. It also tells whether opening went well.
func reopen(t *testing.T, dir string, files map[string][]byte) (records []remediate.Record, opened bool, err error) {
	t.Helper()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, b := range files {
		if b == nil {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	j, err := journal.Open(context.Background(), dir, journal.Options{})
	if err != nil {
		return nil, false, err
	}
	defer j.Close()
	records, err = journaltest.Read(j, 1)
	return records, true, err
}

// judge fails the test unless the records are what was written, all of them
// from the first to least or more, or the error names the first that is not.
func (s crashed) judge(t *testing.T, what string, records []remediate.Record, opened bool, err error, least int) (named bool) {
	t.Helper()
	if len(records) > len(s.records) || !reflect.DeepEqual(records, s.records[:len(records)]) && len(records) > 0 {
		t.Errorf("%s: a wrong record was read", what)
		return false
	}
	var d *remediate.DamageError
	switch {
	case err == nil && len(records) < least:
		t.Errorf("%s: %d of %d records are lost, silently", what, len(s.records)-len(records), len(s.records))
	case err == nil:
		return false
	case !errors.As(err, &d):
		t.Errorf("%s: the error names no record: %v", what, err)
	case d.Seq < 1 || d.Seq > uint64(len(s.records))+1:
		t.Errorf("%s: the error names record %d of %d: %v", what, d.Seq, len(s.records), err)
	case opened && d.Seq != uint64(len(records))+1:
		t.Errorf("%s: the error names record %d after %d were read: %v", what, d.Seq, len(records), err)
	}
	return true
}

// places returns n numbers below size in order: all of them when they are few.
func places(random *rand.Rand, size, n int) []int {
	if n >= size {
		n = size
	}
	return slices.Sorted(slices.Values(random.Perm(size)[:n]))
}

func TestDamage(t *testing.T) {
	s := crash(t)
	dir := filepath.Join(inMemory(t), "journal")
	if records, _, err := reopen(t, dir, s.files); err != nil || !reflect.DeepEqual(records, s.records) {
		t.Fatalf("without damage: %d of %d records, %v", len(records), len(s.records), err)
	}
	all := len(s.records)
	for _, name := range []string{"journal.db", "journal.db-wal", "journal.acked"} {
		t.Run(name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(*flipSeed, 0))
			file, named := s.files[name], 0
			t.Logf("%d bytes, seed %d", len(file), *flipSeed)
			for _, at := range places(random, len(file), *flips) {
				bit := byte(1) << random.IntN(8)
				b := slices.Clone(file)
				b[at] ^= bit
				records, opened, err := reopen(t, dir, s.with(name, b))
				if s.judge(t, fmt.Sprintf("bit %#x flipped at %d", bit, at), records, opened, err, all) {
					named++
				}
			}
			t.Logf("flips: %d of %d named", named, min(*flips, len(file)))
			if name == "journal.acked" {
				return
			}
			for _, at := range places(random, len(file), *flips/3) {
				records, opened, err := reopen(t, dir, s.with(name, file[:at]))
				if !s.judge(t, fmt.Sprintf("cut at %d", at), records, opened, err, all) && !s.inLog(uint32(at/4096)+1) {
					t.Errorf("cut at %d: not noticed", at)
				}
			}
			for at := 0; at < len(file); at += 4096 {
				b := slices.Clone(file)
				clear(b[at:min(at+4096, len(b))])
				records, opened, err := reopen(t, dir, s.with(name, b))
				s.judge(t, fmt.Sprintf("4 KiB zeroed at %d", at), records, opened, err, all)
			}
			records, opened, err := reopen(t, dir, s.with(name, nil))
			if !s.judge(t, "removed", records, opened, err, all) {
				t.Error("removed: not noticed")
			}
		})
	}
}

// TestDamageAfterPowerCut is the same for a log whose acknowledgement did not
// reach the disk: then the last transaction, and it alone, may be taken for
// one that was never acknowledged.
func TestDamageAfterPowerCut(t *testing.T) {
	s := crash(t)
	dir := filepath.Join(inMemory(t), "journal")
	random := rand.New(rand.NewPCG(*flipSeed, 1))
	s.files["journal.acked"] = nil
	log := s.files["journal.db-wal"]
	t.Logf("%d bytes, seed %d", len(log), *flipSeed)
	ambiguous := 0
	for _, at := range places(random, len(log), *flips) {
		bit := byte(1) << random.IntN(8)
		b := slices.Clone(log)
		b[at] ^= bit
		records, opened, err := reopen(t, dir, s.with("journal.db-wal", b))
		if !s.judge(t, fmt.Sprintf("bit %#x flipped at %d", bit, at), records, opened, err, s.before) && len(records) < len(s.records) {
			ambiguous++
		}
	}
	t.Logf("%d flips were taken for a write that was cut short", ambiguous)

	// A log that is cut where nothing was acknowledged yet is no damage.
	const frame = 24 + 4096
	for at := len(log) - frame + 1; at < len(log); at += 997 {
		records, _, err := reopen(t, dir, s.with("journal.db-wal", log[:at]))
		if err != nil || len(records) != s.before {
			t.Errorf("torn at %d: %d records, %v, want %d", at, len(records), err, s.before)
		}
	}
}

// TestDamageLeavesEvidence shows that a journal that does not open is left as
// it lies, so that it can be looked into.
func TestDamageLeavesEvidence(t *testing.T) {
	s := crash(t)
	dir := filepath.Join(inMemory(t), "journal")
	log := slices.Clone(s.files["journal.db-wal"])
	log[len(log)/2] ^= 1
	for range 2 {
		if _, _, err := reopen(t, dir, s.with("journal.db-wal", log)); err == nil {
			t.Fatal("it opened")
		}
		for name, want := range s.with("journal.db-wal", log) {
			have, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil || !slices.Equal(have, want) {
				t.Errorf("%s was changed: %v", name, err)
			}
		}
	}
}
