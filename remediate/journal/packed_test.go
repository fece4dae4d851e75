package journal_test

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
	"github.com/x0tta6bl4/remediated/remediate/journal/journaltest"
)

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// number asks the database of a journal, which may be open, for a number.
func number(t *testing.T, dir, query string) (n int) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "journal.db")+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRow(query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// alerts are facts as a storm has them; another kind of storm says other things.
func alerts(from, n int, kind string) (all []remediate.Body) {
	for k := from; k < from+n; k++ {
		labels := remediate.LabelsOf(map[string]string{
			"alertname": "Down" + kind, "namespace": fmt.Sprint("team-", k%7), "pod": fmt.Sprintf("%s-%08x", kind, uint32(k)*2654435761),
			strings.Repeat(kind, 3): strings.Repeat("what is said of "+kind, 5),
		})
		all = append(all, remediate.AlertFiring{ID: remediate.IdentityOf(labels, nil), Alert: remediate.Alert{Labels: labels}, Via: "webhook"})
	}
	return all
}

// packedStories are the records and the blob of the journal in testdata/format-2,
// enough of them for a dictionary, and the checkpoint that it is trimmed behind.
func packedStories(t testing.TB) (records []remediate.Record, blob []byte, cut remediate.Checkpoint) {
	records, _ = stories(t)
	at := records[100]
	cut = remediate.Checkpoint{Seq: at.Seq, At: at.At, Head: at.Sum, State: []byte(`{"journal":"q4m2x7kd"}`)}.Seal()
	return records, bytes.Repeat([]byte("the last logs\n"), 40), cut
}

// stories are enough of them for a dictionary, and the chain to go on with.
func stories(t testing.TB) ([]remediate.Record, *journaltest.Chain) {
	c := &journaltest.Chain{}
	records := c.Next(t, journaltest.Founding())
	for n := range uint64(24) {
		records = append(records, c.Next(t, journaltest.Story(n+1)...)...)
	}
	return records, c
}

// A dictionary is made when it pays: soon after the first facts, when they say other
// things than before, and not otherwise, however many there are.
func TestDictionaries(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{})
	var c journaltest.Chain
	journaltest.Append(t, j, c.Next(t, journaltest.Founding()))
	storm := func(from, n int, kind string) (dictionaries int) {
		for k := from; k < from+n; k += 50 {
			journaltest.Append(t, j, c.Next(t, alerts(k, 50, kind)...))
		}
		return number(t, dir, "SELECT count(*) FROM dictionaries")
	}
	if n := storm(0, 200, "database"); n != 1 {
		t.Errorf("%d dictionaries after the first facts, want 1", n)
	}
	if n := storm(200, 5000, "database"); n != 1 {
		t.Errorf("%d dictionaries after more of the same, want 1", n)
	}
	if n := storm(5200, 2500, "network"); n != 2 {
		t.Errorf("%d dictionaries after others, want 2", n)
	}
	if plain, all := number(t, dir, "SELECT sum(length(bytes)) FROM facts WHERE packed > 0"), number(t, dir, "SELECT count(*) FROM facts WHERE packed > 0"); plain > 130*all {
		t.Errorf("%d bytes for %d facts", plain, all)
	}
	records, err := journaltest.Read(j, 1)
	if err != nil || uint64(len(records)) != c.Seq {
		t.Fatalf("%d records, %v", len(records), err)
	}

	// One goes with the last record that is packed with it.
	for _, cut := range []struct{ seq, left int }{{100, 2}, {5300, 2}, {7650, 1}} {
		r := records[cut.seq-1]
		if err := j.Trim(t.Context(), remediate.Checkpoint{Seq: r.Seq, At: r.At, Head: r.Sum}.Seal(), nil); err != nil {
			t.Fatal(err)
		}
		if n := number(t, dir, "SELECT count(*) FROM dictionaries"); n != cut.left {
			t.Errorf("%d dictionaries behind record %d, want %d", n, cut.seq, cut.left)
		}
		journaltest.Holds(t, j, r.Seq+1, records[cut.seq:])
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, dir, journal.Options{})
	if n := storm(7700, 1000, "network"); n != 1 {
		t.Errorf("%d dictionaries after a start, want the one that was there", n)
	}
	if err := j.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// The same facts make the same journal, to the byte, whatever is read meanwhile.
func TestPackingIsTheSameAgain(t *testing.T) {
	packings := func() int {
		dir := t.TempDir()
		j := open(t, dir, journal.Options{})
		records, _, _ := packedStories(t)
		journaltest.Append(t, j, records)
		return number(t, dir, "SELECT sum(length(bytes) * (1 + seq)) FROM facts")
	}
	if a, b := packings(), packings(); a != b {
		t.Errorf("%d and %d", a, b)
	}
}

// A dictionary that is damaged is damage to the records that are packed with it, and
// their numbers are named.
func TestDictionaryDamage(t *testing.T) {
	for name, test := range map[string]struct {
		statement string
		opens     bool // what is damaged is not what is packed with now
	}{
		"of old records":     {"UPDATE dictionaries SET bytes = CAST(replace(CAST(bytes AS TEXT), 'shop', 'shoq') AS BLOB) WHERE id = 1", true},
		"gone":               {"DELETE FROM dictionaries WHERE id = 1", true},
		"its sum":            {"UPDATE dictionaries SET sum = zeroblob(32) WHERE id = 1", true},
		"of the records now": {"UPDATE dictionaries SET bytes = x'00' WHERE id = 2", false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			j := open(t, dir, journal.Options{})
			records, c := stories(t)
			journaltest.Append(t, j, records)
			journaltest.Append(t, j, c.Next(t, alerts(0, 2300, "network")...))
			first := number(t, dir, "SELECT min(seq) FROM facts WHERE packed = 1")
			if !test.opens {
				first = number(t, dir, "SELECT min(seq) FROM facts WHERE packed = 2")
			}
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			alter(t, dir, test.statement)
			r, err := journal.OpenReading(t.Context(), dir)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			named := func(err error) {
				var d *remediate.DamageError
				if !errors.As(err, &d) || d.Seq != uint64(first) || !strings.Contains(d.Why, "records of "+fmt.Sprint(first)+" to ") {
					t.Errorf("%v, want one that names record %d", err, first)
				}
			}
			e, err := r.Check(t.Context())
			named(err)
			if e.Last != uint64(first)-1 {
				t.Errorf("it is said to be sound up to record %d, want %d", e.Last, first-1)
			}
			j, err = journal.Open(t.Context(), dir, journal.Options{})
			if test.opens {
				if err != nil {
					t.Fatal(err)
				}
				defer j.Close()
				_, err = journaltest.Read(j, 1)
			}
			named(err)
		})
	}
}

// A row that claims to unpack to more than was ever packed takes no memory for it.
func TestNoBombs(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{})
	records, blob, _ := packedStories(t)
	journaltest.Append(t, j, records)
	digest, err := j.Keep(t.Context(), blob)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	alter(t, dir, "UPDATE facts SET bytes = x'ffffffff0f00', packed = 0 WHERE seq = 12", "UPDATE blobs SET bytes = x'ffffffff0f00'")
	j = open(t, dir, journal.Options{})
	var d *remediate.DamageError
	if _, err := journaltest.Read(j, 1); !errors.As(err, &d) || d.Seq != 12 || !strings.Contains(d.Why, "at most") {
		t.Errorf("%v", err)
	}
	if _, err := j.Load(t.Context(), digest); !errors.Is(err, journal.ErrDamagedBlob) {
		t.Errorf("%v", err)
	}
}

// Blobs of all sizes and sorts are given back as they were, and logs take less.
func TestPackedBlobs(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{})
	noise := make([]byte, 100_000)
	random := rand.New(rand.NewPCG(1, 1))
	for k := range noise {
		noise[k] = byte(random.Uint32())
	}
	logs := bytes.Repeat([]byte("10.244.0.7 - - GET /healthz HTTP/1.1 200 2 kube-probe/1.33\n"), 2000)
	for name, blob := range map[string][]byte{"nothing": {}, "short": []byte("x"), "noise": noise, "logs": logs, "large": make([]byte, 17<<20)} {
		digest, err := j.Keep(t.Context(), blob)
		if err != nil {
			t.Fatal(name, err)
		}
		if b, err := j.Load(t.Context(), digest); err != nil || !bytes.Equal(b, blob) {
			t.Errorf("%s: %d bytes of %d, %v", name, len(b), len(blob), err)
		}
	}
	if n := number(t, dir, "SELECT min(length(bytes)) FROM blobs WHERE packed = 0"); n > len(logs)/10 {
		t.Errorf("%d bytes of logs take %d", len(logs), n)
	}
	if err := j.Check(t.Context()); err != nil {
		t.Error(err)
	}
}
