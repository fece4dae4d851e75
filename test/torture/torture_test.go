package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
	"github.com/x0tta6bl4/remediated/remediate/journal/journaltest"
)

// programs is the folder of the daemons that are built.
var programs string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if programs, err = os.MkdirTemp("", "torture-programs-"); err != nil {
			panic(err)
		}
		defer os.RemoveAll(programs)
		return m.Run()
	}())
}

// built is the daemon, built once with these tags.
func built(t *testing.T, tags string) string {
	t.Helper()
	program := filepath.Join(programs, "remediated"+tags)
	if _, err := os.Stat(program); err == nil {
		return program
	}
	if out, err := exec.Command("go", "build", "-tags", tags, "-o", program, "../../cmd/remediated").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return program
}

// A daemon that is killed a few times under load loses nothing and does nothing
// twice. make torture is the long one.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	var out bytes.Buffer
	err := run(t.Context(), []string{"--daemon", built(t, ""), "--kills", "6", "--cuts", "0", "--dir", dir}, &out)
	if err != nil || !strings.Contains(out.String(), "kills 6, lost 0, twice 0\n") {
		t.Errorf("%v\n%s", err, out.String())
	}
}

// One whose power is cut has all that it acknowledged; one that does not sync has
// not, which shows that the power was cut.
func TestPowerCut(t *testing.T) {
	dir := t.TempDir()
	d, err := newDisk(filepath.Join(dir, "probe"))
	if err != nil {
		t.Skipf("power cannot be cut here, which needs root, mkfs.ext4 and loop devices: %v", err)
	}
	if err := d.remove(); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err = run(t.Context(), []string{"--daemon", built(t, ""), "--unsync", built(t, "nosync"), "--kills", "0", "--cuts", "4", "--dir", dir}, &out)
	if err != nil || !strings.Contains(out.String(), "that it acknowledged, as it must") || !strings.Contains(out.String(), "kills 4, lost 0, twice 0\n") {
		t.Errorf("%v\n%s", err, out.String())
	}
}

// A count is no success when something is missing, or came twice, or when
// nothing was done at all.
func TestCountFails(t *testing.T) {
	for want, c := range map[string]count{
		"lost: Broken 7 is not in the journal": {acts: 1, lost: []string{"Broken 7 is not in the journal"}},
		"twice: attempt x, 2 times":            {acts: 1, twice: []string{"attempt x, 2 times"}},
		"nothing was done at all":              {},
	} {
		if err := c.err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", c, err, want)
		}
	}
	if err := (count{acts: 1}).err(); err != nil {
		t.Error(err)
	}
}

// The audit sees an alert that is not there, and one of which nothing came.
func TestAuditSees(t *testing.T) {
	dir := t.TempDir()
	j, err := journal.Open(t.Context(), dir, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var c journaltest.Chain
	fires := func(name, n string) remediate.AlertFiring {
		labels := remediate.LabelsOf(map[string]string{"alertname": name, "n": n})
		return remediate.AlertFiring{ID: remediate.IdentityOf(labels, nil), Alert: remediate.Alert{Labels: labels}, Via: remediate.ViaWebhook}
	}
	acted := fires(broken, "1")
	act := remediate.Started{ID: "q4m2x7kd-i1-a1", Incident: 1, Act: &remediate.Act{Attempt: "q4m2x7kd-i1-a1", Kind: "http_call"}}
	ends := remediate.Finished{ID: act.ID, Incident: 1, Result: remediate.Result{Outcome: remediate.OK}}
	journaltest.Append(t, j, c.Next(t, journaltest.Founding(), acted, remediate.Opened{Incident: 1, Alert: acted.ID}, fires(broken, "2"), fires(other, "1a"),
		act, ends, ends, remediate.Started{ID: "q4m2x7kd-i1-a2", Incident: 1, Act: &remediate.Act{Attempt: "q4m2x7kd-i1-a2", Kind: "http_call"}}))
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := count{acked: map[string]bool{"Broken 1": true, "Broken 2": true, "Broken 3": true, "Other 1a": true}}.audit(t.Context(), dir)
	slices.Sort(got.lost)
	want := []string{"Broken 2 is in the journal, and nothing came of it", "Broken 3 is not in the journal", "q4m2x7kd-i1-a2 was begun and never ended"}
	if err != nil || !slices.Equal(got.lost, want) || len(got.twice) != 1 {
		t.Errorf("lost %q, twice %q, %v; want %q", got.lost, got.twice, err, want)
	}
	if _, err := (count{}).audit(t.Context(), filepath.Join(dir, "nowhere")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of no journal: %v", err)
	}
}

// What was under way when the daemon died waits from the next start until something
// is heard of it, however often the daemon dies meanwhile.
func TestAuditSeesWhatWaits(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	under := remediate.Started{ID: "q4m2x7kd-i1-q1", Incident: 1, Ask: &remediate.Ask{}}
	b := book{open: map[string]remediate.Started{under.ID: under}, waits: map[uint64]time.Time{}, starts: []time.Time{at(10), at(20)}}
	b.look(remediate.Fact{At: at(5), Body: remediate.Healed{Incident: 1}}) // before it died
	b.look(remediate.Fact{At: at(21), Body: remediate.Healed{Incident: 2}})
	b.look(remediate.Fact{At: at(25), Body: remediate.Finished{ID: under.ID, Incident: 1}})
	b.look(remediate.Fact{At: at(90), Body: remediate.Closed{Incident: 1}})
	if b.looked != 15*time.Second {
		t.Errorf("waited %s, want 15s: from the first start after it was left", b.looked)
	}
}

// What starts took is told of the first and of the last, so that growth shows.
func TestCountSaysWhatADeathCosts(t *testing.T) {
	var c count
	for k := range 8 {
		c.starts = append(c.starts, start{took: time.Duration(k+1) * time.Second})
	}
	if got, want := c.String(), "took alerts after 5s in the median (first quarter 2s, last 8s) and 8s at most"; !strings.Contains(got, want) {
		t.Errorf("%s, want %s", got, want)
	}
}

// Who interrupts it hears what was counted until then, and that it proves nothing.
func TestInterrupted(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	var out bytes.Buffer
	err := run(ctx, []string{"--daemon", built(t, ""), "--dir", t.TempDir()}, &out)
	if !errors.Is(err, context.Canceled) || !strings.Contains(out.String(), "killed: 0 times; ") || !strings.Contains(out.String(), "before its journal was asked") {
		t.Errorf("%v\n%s", err, out.String())
	}
}

// A world that is called twice says so.
func TestWorldCounts(t *testing.T) {
	w, err := newWorld()
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	for _, call := range []struct{ key, n string }{{"a", "1"}, {"b", "2"}, {"b", "2"}, {"c", "1"}} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/heal", strings.NewReader(`{"n": "`+call.n+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Idempotency-Key", call.key)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
	}
	got := w.twice()
	slices.Sort(got)
	if want := []string{"alert 1, by a, c", "attempt b, 2 times"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
