package journal_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
	"github.com/x0tta6bl4/remediated/remediate/journal/journaltest"
)

func TestReopen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "new? [folder]*#%")
	j := open(t, dir, journal.Options{})
	var c journaltest.Chain
	all := c.Next(t, append([]remediate.Body{journaltest.Founding()}, journaltest.Story(1)...)...)
	journaltest.Append(t, j, all)
	digest, err := j.Keep(t.Context(), []byte("evidence"))
	if err != nil {
		t.Fatal(err)
	}
	if err := j.SaveSnapshot(t.Context(), c.Checkpoint("state")); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := j.Append(t.Context(), c.Seq, nil); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("append after Close: %v, want ErrClosed", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "journal.db-wal")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a clean stop leaves a log behind: %v", err)
	}

	j = open(t, dir, journal.Options{})
	journaltest.Holds(t, j, 1, all)
	if b, err := j.Load(t.Context(), digest); err != nil || string(b) != "evidence" {
		t.Errorf("load: %q, %v", b, err)
	}
	if s, ok, err := j.Snapshot(t.Context()); !ok || err != nil || string(s.State) != "state" {
		t.Errorf("snapshot: %+v, %v", s, err)
	}
	journaltest.Append(t, j, c.Next(t, journaltest.Story(2)...))
	if err := j.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestPrivate shows that nobody else can read what is kept.
func TestPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	j := open(t, dir, journal.Options{})
	var c journaltest.Chain
	journaltest.Append(t, j, c.Next(t, journaltest.Founding()))
	if err := j.SaveSnapshot(t.Context(), c.Checkpoint("")); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 6 {
		t.Fatalf("%d files, %v, want 6", len(entries), err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v, want 0600", e.Name(), info.Mode(), err)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder has mode %v, %v, want 0700", info.Mode(), err)
	}
}

func TestLocked(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{})
	_, err := journal.Open(t.Context(), dir, journal.Options{})
	if !errors.Is(err, journal.ErrLocked) || !strings.Contains(err.Error(), fmt.Sprintf("process %d)", os.Getpid())) {
		t.Errorf("a second one: %v, want ErrLocked that names process %d", err, os.Getpid())
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, dir, journal.Options{}) // free again
}

// alter runs statements on the database of a journal that is not open.
func alter(t *testing.T, dir string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// TestTampered alters a sound journal by SQL: a changed row is a valid row to
// SQLite, so its own checks do not see it.
func TestTampered(t *testing.T) {
	for name, test := range map[string]struct {
		statement string
		seq       uint64 // 0: no DamageError
		is        error
		opens     bool // and reading shows it
	}{
		"a changed fact":       {statement: "UPDATE facts SET bytes = CAST(replace(CAST(bytes AS TEXT), 'resolved', 'resolvex') AS BLOB) WHERE seq = 12", seq: 12, opens: true},
		"a changed time":       {statement: "UPDATE facts SET at = at + 1 WHERE seq = 5", seq: 5, opens: true},
		"a changed sum":        {statement: "UPDATE facts SET sum = zeroblob(32) WHERE seq = 5", seq: 5, opens: true},
		"a short sum":          {statement: "UPDATE facts SET sum = x'00' WHERE seq = 5", seq: 5, opens: true},
		"a gap":                {statement: "DELETE FROM facts WHERE seq = 7", seq: 7, opens: true},
		"no beginning":         {statement: "DELETE FROM facts WHERE seq < 4", seq: 1},
		"no end":               {statement: "DELETE FROM facts WHERE seq > 9", seq: 10},
		"one too many":         {statement: "INSERT INTO facts SELECT 13, at, kind, bytes, sum, packed FROM facts WHERE seq = 12", seq: 13},
		"no head":              {statement: "DELETE FROM head", seq: 1},
		"a head moved back":    {statement: "UPDATE head SET seq = 11", seq: 12},
		"cut behind the acked": {statement: "DELETE FROM facts WHERE seq > 9; UPDATE head SET seq = 9, sum = (SELECT sum FROM facts WHERE seq = 9)", seq: 10},
		"a checkpoint":         {statement: "INSERT INTO checkpoint VALUES (1, 5, 0, zeroblob(32), 1, 0, zeroblob(32))", seq: 5},
		"a newer format":       {statement: "PRAGMA user_version = 3; CREATE TABLE more (id)", is: journal.ErrNewerFormat},
		"a changed version":    {statement: "PRAGMA user_version = 3", seq: 1},
		"the version before":   {statement: "PRAGMA user_version = 1", seq: 1},
		"a changed packing":    {statement: "UPDATE facts SET packed = 0 WHERE seq = (SELECT min(seq) FROM facts WHERE packed IS NULL)", seq: 1, opens: true},
		"another dictionary":   {statement: "UPDATE facts SET packed = 7 WHERE seq = 12", seq: 12, opens: true},
		"another application":  {statement: "PRAGMA application_id = 7", seq: 1},
		"a missing table":      {statement: "DROP TABLE blobs", seq: 1},
		"a trigger":            {statement: "CREATE TRIGGER t AFTER INSERT ON facts BEGIN DELETE FROM facts; END", seq: 1},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			j := open(t, dir, journal.Options{})
			var c journaltest.Chain
			journaltest.Append(t, j, c.Next(t, append([]remediate.Body{journaltest.Founding()}, journaltest.Story(1)...)...))
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			alter(t, dir, test.statement)
			j, err := journal.Open(t.Context(), dir, journal.Options{})
			if err == nil {
				defer j.Close()
				_, err = journaltest.Read(j, 1)
				if checked := j.Check(t.Context()); checked == nil {
					t.Error("Check does not see it")
				}
			}
			if opened := j != nil; test.opens != opened {
				t.Errorf("opened: %v (%v)", opened, err)
			}
			var d *remediate.DamageError
			if test.seq > 0 && (!errors.As(err, &d) || d.Seq != test.seq) {
				t.Errorf("%v, want one that names record %d", err, test.seq)
			}
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("%v, want %v", err, test.is)
			}
		})
	}
}

func TestOtherDatabase(t *testing.T) {
	dir := t.TempDir()
	alter(t, dir, "CREATE TABLE mine (id)")
	if _, err := journal.Open(t.Context(), dir, journal.Options{}); err == nil || !strings.Contains(err.Error(), "not a journal") {
		t.Errorf("somebody else's database: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "journal.db"), []byte(strings.Repeat("hello ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := journal.Open(t.Context(), dir, journal.Options{}); err == nil {
		t.Error("a text file was taken for a journal")
	}
	if _, err := journal.Open(t.Context(), filepath.Join(dir, "journal.db"), journal.Options{}); err == nil {
		t.Error("a file was taken for a folder")
	}
}

func TestHistoryDamage(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{})
	var c journaltest.Chain
	journaltest.Append(t, j, c.Next(t, append([]remediate.Body{journaltest.Founding()}, journaltest.Story(1)...)...))
	want, err := j.Incidents(t.Context(), journal.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		"UPDATE incidents SET row = CAST(replace(CAST(row AS TEXT), 'P2', 'P1') AS BLOB)",
		"DELETE FROM incidents",
	} {
		alter(t, dir, statement)
		j = open(t, dir, journal.Options{})
		if err := j.Check(t.Context()); !errors.Is(err, journal.ErrDamagedHistory) {
			t.Errorf("%s: Check: %v, want ErrDamagedHistory", statement, err)
		}
		if rows, err := j.Incidents(t.Context(), journal.Filter{}); err == nil && len(rows) > 0 {
			t.Errorf("%s: a wrong row was listed: %+v", statement, rows)
		}
		journaltest.Append(t, j, c.Next(t, remediate.CommandGiven{Command: remediate.Ack, By: "anna", Incident: 1})) // facts are taken all the same
		if err := j.Rebuild(t.Context()); err != nil {
			t.Fatal(err)
		}
		want[0].LastSeq = c.Seq
		if rows, err := j.Incidents(t.Context(), journal.Filter{}); err != nil || len(rows) != 1 || rows[0] != want[0] {
			t.Errorf("rebuilt: %+v, %v, want %+v", rows, err, want)
		}
		if err := j.Check(t.Context()); err != nil {
			t.Errorf("rebuilt: %v", err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBlobDamage(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{})
	digest, err := j.Keep(t.Context(), []byte("evidence"))
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	alter(t, dir, "UPDATE blobs SET bytes = x'65'")
	j = open(t, dir, journal.Options{})
	if b, err := j.Load(t.Context(), digest); !errors.Is(err, journal.ErrDamagedBlob) {
		t.Errorf("load: %q, %v, want ErrDamagedBlob", b, err)
	}
	if err := j.Check(t.Context()); !errors.Is(err, journal.ErrDamagedBlob) {
		t.Errorf("check: %v, want ErrDamagedBlob", err)
	}
	if _, err := j.Keep(t.Context(), []byte("evidence")); err != nil {
		t.Fatal(err)
	}
	if b, err := j.Load(t.Context(), digest); err != nil || string(b) != "evidence" {
		t.Errorf("kept again: %q, %v", b, err)
	}
}

func TestSnapshotDamage(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{})
	var c journaltest.Chain
	for i := range uint64(4) {
		var batch []remediate.Record
		if i == 0 {
			batch = c.Next(t, journaltest.Founding())
		}
		journaltest.Append(t, j, append(batch, c.Next(t, journaltest.Story(i+1)...)...))
		if err := j.SaveSnapshot(t.Context(), c.Checkpoint(fmt.Sprint("state ", i))); err != nil {
			t.Fatal(err)
		}
	}
	names, err := filepath.Glob(filepath.Join(dir, "snapshot-*"))
	if err != nil || len(names) != 2 {
		t.Fatalf("%d snapshots are kept, %v, want 2", len(names), err)
	}
	b, err := os.ReadFile(names[1])
	if err != nil {
		t.Fatal(err)
	}
	for at := range b {
		b[at] ^= 4
		if err := os.WriteFile(names[1], b, 0o600); err != nil {
			t.Fatal(err)
		}
		b[at] ^= 4
		s, ok, err := j.Snapshot(t.Context())
		if !ok || err != nil || string(s.State) != "state 2" {
			t.Fatalf("the newest flipped at %d: %q, %v, %v, want the one before", at, s.State, ok, err)
		}
	}
}

// Each daemon that dies while it saves a snapshot leaves half of one behind. The
// next that saves one removes them.
func TestHalfASnapshotIsRemoved(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{})
	var c journaltest.Chain
	journaltest.Append(t, j, c.Next(t, journaltest.Founding()))
	for _, half := range []string{"snapshot-00000000000000000001.json.new", "snapshot-00000000000000000007.json.new"} {
		if err := os.WriteFile(filepath.Join(dir, half), []byte(`{"seq":`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.SaveSnapshot(t.Context(), c.Checkpoint("state")); err != nil {
		t.Fatal(err)
	}
	if names, err := filepath.Glob(filepath.Join(dir, "snapshot-*")); err != nil || len(names) != 1 || strings.HasSuffix(names[0], ".new") {
		t.Errorf("there are %q, %v", names, err)
	}
}

// A snapshot that an earlier release saved is still used: all in one line of JSON.
func TestSnapshotOfEarlierReleases(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{})
	var c journaltest.Chain
	journaltest.Append(t, j, c.Next(t, journaltest.Founding()))
	want := c.Checkpoint("{\"a\": \"state\"}\n")
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "snapshot-00000000000000000001.json"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	if s, ok, err := j.Snapshot(t.Context()); !ok || err != nil || !reflect.DeepEqual(s, want) {
		t.Errorf("%+v, %v, %v, want %+v", s, ok, err, want)
	}
}

// TestReaderInTheWay has a reader hold the log while it should be moved: the
// journal goes on, and moves it when the reader is gone.
func TestReaderInTheWay(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{MoveAt: 1 << 16})
	var c journaltest.Chain
	journaltest.Append(t, j, c.Next(t, journaltest.Founding()))
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "journal.db")+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(context.Background(), "SELECT seq FROM facts")
	if err != nil || !rows.Next() {
		t.Fatalf("%v", err)
	}
	for i := range uint64(40) {
		journaltest.Append(t, j, c.Next(t, journaltest.Story(i+1)...))
	}
	log := filepath.Join(dir, "journal.db-wal")
	if info, err := os.Stat(log); err != nil || info.Size() < 1<<16 {
		t.Fatalf("the reader was not in the way: %v", err)
	}
	rows.Close()
	for i := uint64(41); ; i++ {
		journaltest.Append(t, j, c.Next(t, journaltest.Story(i)...))
		if info, err := os.Stat(log); err == nil && info.Size() < 1<<16 {
			break
		}
		if i > 2000 {
			t.Fatal("the log is never moved")
		}
	}
	if records, err := journaltest.Read(j, 1); err != nil || uint64(len(records)) != c.Seq {
		t.Errorf("%d records, %v, want %d", len(records), err, c.Seq)
	}
}
