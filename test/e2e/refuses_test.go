//go:build e2e

package e2e

import (
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Two daemons must never lead with one journal: the second says who has it and
// stops, and the first does not notice.
func TestSecondDaemonStops(t *testing.T) {
	d := startDaemon(t, connect(t), setup{policies: postedPolicies})
	second := d.twin("--web.listen-address=127.0.0.1:9195", "--intake.listen-address=127.0.0.1:9196")
	second.refusesToLead(fmt.Sprintf("in use by another process (process %d)", d.command.Process.Pid), "stop it first")
	if why := notReady(); why != "" {
		t.Errorf("the first daemon is not ready any more: %s", why)
	}
	d.stop()
}

// A journal that this release does not understand is left alone.
func TestForeignJournalIsNotLed(t *testing.T) {
	b := connect(t)
	for _, c := range []struct {
		name   string
		change func(*testing.T, *sql.DB)
		says   []string
	}{
		{"of a newer format", makeNewer, []string{"written by a newer release", "format 3"}},
		{"with a fact of an unknown kind", addUnknown, []string{`"dreamt/1"`, "unknown kind"}},
		{"with a record that was changed", changeRecord, []string{"record 3 is damaged"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := startDaemon(t, b, setup{policies: postedPolicies})
			d.stop()
			db, err := sql.Open("sqlite", filepath.Join(d.storage, "journal.db"))
			if err != nil {
				t.Fatal(err)
			}
			c.change(t, db)
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			d.refusesToLead(c.says...)
		})
	}
}

func makeNewer(t *testing.T, db *sql.DB) {
	do(t, db, "CREATE TABLE dreams (id INTEGER PRIMARY KEY) STRICT")
	do(t, db, "PRAGMA user_version = 3")
}

func changeRecord(t *testing.T, db *sql.DB) {
	do(t, db, "UPDATE facts SET bytes = CAST('{}' AS BLOB), packed = NULL WHERE seq = 3")
}

// addUnknown appends a fact as a release would write it that knows one more.
func addUnknown(t *testing.T, db *sql.DB) {
	var seq uint64
	var at int64
	var before []byte
	if err := db.QueryRow("SELECT seq, at, sum FROM head").Scan(&seq, &at, &before); err != nil {
		t.Fatal(err)
	}
	r := remediate.Record{Seq: seq + 1, At: time.UnixMilli(at).UTC(), Kind: "dreamt/1", Bytes: []byte("{}")}
	r.Sum = linked(before, r)
	if err := r.Verify(seq, remediate.Sum(before)); err != nil {
		t.Fatalf("the test links records in another way than the journal: %v", err)
	}
	do(t, db, "INSERT INTO facts (seq, at, kind, bytes, sum) VALUES (?, ?, ?, ?, ?)", r.Seq, at, r.Kind, r.Bytes, r.Sum[:])
	do(t, db, "UPDATE head SET seq = ?, sum = ?, writes = writes + 1", r.Seq, r.Sum[:])
}

// linked is the sum of a record that follows one with the sum before.
func linked(before []byte, r remediate.Record) remediate.Sum {
	h := sha256.New()
	h.Write(before)
	number := func(n uint64) { h.Write(binary.BigEndian.AppendUint64(nil, n)) }
	number(r.Seq)
	number(uint64(r.At.UnixMilli()))
	number(uint64(len(r.Kind)))
	h.Write([]byte(r.Kind))
	number(uint64(len(r.Bytes)))
	h.Write(r.Bytes)
	return remediate.Sum(h.Sum(nil))
}

func do(t *testing.T, db *sql.DB, statement string, args ...any) {
	t.Helper()
	if _, err := db.Exec(statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// brokenPolicies misspell a name on line 5.
var brokenPolicies = strings.Replace(postedPolicies, "per: [job]", "pre: [job]", 1)

// A configuration that is broken is shown with its lines, and nothing starts.
func TestBrokenConfigurationDoesNotStart(t *testing.T) {
	d := startDaemon(t, connect(t), setup{policies: brokenPolicies, keep: true})
	d.refusesToLead("policies.yaml:5:3: error: ", "|   pre: [job]", "remedy policy lint")
	if d.log.contains("listen") {
		t.Error("it listened before its configuration was read")
	}
}

// A reload that fails leaves what is in force in force, and says so; one that
// succeeds changes it and loses nothing that is open.
func TestReload(t *testing.T) {
	b := connect(t)
	quiet(t, b)
	begun := time.Now()
	d := startDaemon(t, b, setup{policies: postedPolicies})
	first := newPosted(t, map[string]string{"job": "first"})
	fire(t, b, first)
	d.await("healed/1", 1)

	d.reload(brokenPolicies)
	d.awaitLog("policies.yaml:5:3: error: ")
	second := newPosted(t, map[string]string{"job": "second"}) // the old ones still act
	fire(t, b, second)
	d.await("healed/1", 2)
	if n := d.logged("rulebook-loaded/1"); n != 1 {
		t.Errorf("%d rulebooks were loaded, want the first only", n)
	}

	d.reload(strings.Replace(postedPolicies, "mode: act", "mode: observe", 1))
	d.await("rulebook-loaded/1", 2)
	third := newPosted(t, map[string]string{"job": "third"}) // the new ones only look on
	fire(t, b, third)
	d.awaitLog("step 1: observe")
	resolve(t, b, first, second, third)
	d.awaitFiled(3)
	d.stop()
	d.checkAttempts(begun, "i1-a1", "i2-a1")
	verified := map[uint64]bool{}
	for _, f := range d.facts() {
		if c, ok := f.Body.(remediate.Closed); ok {
			verified[c.Incident] = c.Verified
		}
	}
	if !verified[1] || !verified[2] || verified[3] {
		t.Errorf("closed as verified: %v, want the first two", verified)
	}
}

// reload puts other policies in place and asks for them to be read.
func (d *daemon) reload(policies string) {
	d.t.Helper()
	d.writePolicies(policies)
	if err := d.command.Process.Signal(syscall.SIGHUP); err != nil {
		d.t.Fatal(err)
	}
}

// refusesToLead wants that the daemon ends by itself with 1, and says why.
func (d *daemon) refusesToLead(words ...string) {
	d.t.Helper()
	d.launch()
	select {
	case <-d.ended:
	case <-time.After(30 * time.Second):
		d.t.Fatal("it runs")
	}
	if code := d.command.ProcessState.ExitCode(); code != 1 {
		d.t.Errorf("it ended with %s, want exit status 1", d.command.ProcessState)
	}
	d.command = nil
	for _, w := range words {
		if !d.log.contains(w) {
			d.t.Errorf("it does not say %q:\n%s", w, d.log)
		}
	}
}

// twin is a second daemon with the same configuration and storage.
func (d *daemon) twin(flags ...string) *daemon {
	return &daemon{
		t: d.t, bed: d.bed, people: d.people, dir: d.dir, storage: d.storage,
		flags: append(append([]string(nil), d.flags...), flags...), env: d.env, log: new(lockedBuffer),
	}
}
