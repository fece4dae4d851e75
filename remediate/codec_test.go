package remediate_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	. "github.com/x0tta6bl4/remediated/remediate"
)

// samples is one fact of every kind with every field set; fields that came
// later are set in facts of their own, at the end.
func samples() []Body {
	at := epoch.Add(1234 * time.Millisecond)
	target := Target{Cluster: "prod", Kind: "deployment", Namespace: "shop", Name: "db"}
	labels := LabelsOf(map[string]string{"alertname": "DbDown", "namespace": "shop"})
	id := IdentityOf(labels, nil)
	minute := model.Duration(time.Minute)
	act := Act{Attempt: "q4m2x7kd-i1-a1", Step: 1, Index: 2, Kind: "restart", Target: target, Args: json.RawMessage(`{"grace":"30s"}`), UID: "uid-1", Template: "hash-1"}
	undo := act
	undo.Undo = true
	line := Line{At: at, Text: "restart <db>"}
	answer := Answer{Kind: "workload", OK: true, Text: "0 of 1", Err: "none", Values: map[string]string{ValueUID: "uid-1"}}
	notice := Notice{
		Key: "q4m2x7kd-i1", Incident: 1, Action: "show", Status: StatusActing, Policy: "db-down", Severity: P2, Target: target,
		Alert: "DbDown", Labels: labels, Summary: "it is down", Firing: 2, Opened: at, Healed: at, Closed: at, Took: minute, Objective: minute,
		Attempts: []Attempt{{ID: "q4m2x7kd-i1-a1", Step: "restart", Act: "restart it", At: at, Result: "ok", Verify: "held", OK: true}},
		Why:      "busy", Rung: "oncall", Acked: "anna", Plan: "a1610bcd8bd0", Lines: []Line{line},
	}
	question := Question{Kind: "alert", Target: target, Labels: labels, Args: json.RawMessage(`{"query":"up"}`)}
	return []Body{
		Founded{Journal: "q4m2x7kd"},
		RulebookLoaded{Digest: "d1", Policies: []string{"db-down"}},
		ClockJumped{By: -Shift(90 * time.Minute)},
		AlertFiring{ID: id, Alert: Alert{Labels: labels, Annotations: map[string]string{"summary": "s"}, StartsAt: at, EndsAt: at, GeneratorURL: "http://p", Fingerprint: "f"}, Via: ViaWebhook, Suppressed: []string{"s1"}, Found: true},
		AlertResolved{ID: id, EndsAt: at, Via: ViaListing},
		AlertSuppressed{ID: id, By: []string{"s1"}},
		AlertReleased{ID: id},
		CommandGiven{Command: Approve, By: "anna", Incident: 1, Plan: "a161", Scope: "all", Reason: "why"},
		Opened{Incident: 1, Alert: id, Policy: "db-down", Rulebook: "d1", Key: "k", Severity: P2, Target: target, ToldOnly: "no name", Found: true},
		Joined{Incident: 1, Alert: id, Found: true},
		Left{Incident: 1, Alert: id, Firing: 3},
		Judged{Incident: 1, Step: 1, Decision: Waiting, Verdicts: []Verdict{{Guard: "busy", Decision: Waiting, Reason: "i2", Until: at, For: "target/x"}}, Target: target, Plan: &Plan{Step: "restart", Acts: []Act{act}, Observed: "0 of 1"}, Hash: "a1610bcd8bd0", Until: at},
		BreakerCounted{Incident: 1, Breaker: "b", Success: true, State: "open", Shared: json.RawMessage(`{"state":2}`), Until: at},
		Healed{Incident: 1, Attempt: "q4m2x7kd-i1-a1", FirstGood: at, Took: minute, Objective: minute, Met: true},
		Reopened{Incident: 1, Why: "refused"},
		Exhausted{Incident: 1, Attempts: 2},
		Escalated{Incident: 1, Rung: 2, Tell: "manager", Why: "denied", Skipped: 1},
		Closed{Incident: 1, Why: "over", Verified: true, Took: minute},
		Filed{Incident: 1},
		Started{ID: "q4m2x7kd-i1-q1", Incident: 1, Deadline: at, Ask: &Ask{Purpose: ForGuards, Questions: []Question{question}, Hold: minute, Within: minute, Every: minute}},
		Started{ID: "q4m2x7kd-i1-a1", Incident: 1, Deadline: at, Act: &act},
		Started{ID: "q4m2x7kd-i1-t1", Incident: 1, Deadline: at, Tell: &Tell{Destination: Slack, Notice: notice, Digest: "d", Ref: "r"}},
		Delayed{ID: "q4m2x7kd-i1-t1", Incident: 1, Until: at, Why: "429"},
		Finished{ID: "q4m2x7kd-i1-q1", Incident: 1, Result: Result{Outcome: OK, Text: "t", Until: at, Answers: []Answer{answer}, FirstGood: at, Held: minute, Samples: 3, Ref: "r"}},
		AlertDoubted{ID: id, StartsAt: at, Resolved: true},
		Rated{Incident: 1, From: P2, To: P1, Why: "60 % of the traffic is lost"},
		CommandGiven{Command: Override, By: "anna", Incident: 1, Reason: "why", Guard: "cooldown", Value: "P3"},
		Judged{Incident: 1, Decision: Allowed, Verdicts: []Verdict{{Guard: "budget", Decision: Allowed, Reason: "none"}}, Plan: &Plan{Step: "drain", Acts: []Act{act}, Undo: []Act{undo}}, Hash: "a1610bcd8bd0"},
		Started{ID: "q4m2x7kd-i1-a1-u1", Incident: 1, Deadline: at, Act: &undo},
		Started{ID: "q4m2x7kd-i1-q2", Incident: 1, Deadline: at, Ask: &Ask{Purpose: ForConfirmation, Questions: []Question{question}, Counts: true}},
		Started{ID: "q4m2x7kd-i1-t2", Incident: 1, Deadline: at, Tell: &Tell{Destination: Slack, Digest: "d", Notice: Notice{Key: "q4m2x7kd-i1", Impact: "0.7", Attempts: []Attempt{{ID: "q4m2x7kd-i1-a1", Evidence: "e1"}}}}},
		Rerouted{Incident: 1, Rung: 0, Tell: "oncall", To: []string{"slack/page/oncall"}, Why: "503"},
		Late{Incident: 1, What: "rung 2: manager", Due: at, Why: "we were away"},
		Updated{Incident: 1, Text: "10m of 30m: verifying"},
		Warned{Incident: 1, Objective: minute, Left: minute},
		Breached{Incident: 1, Objective: minute},
		Digested{Number: 2, Since: at, Why: "of a storm that is over", Lines: []string{"pod-restarts (P3): 2 open"}},
		CommandRefused{CommandGiven: CommandGiven{Command: Approve, By: "mallory (Slack U9)", Incident: 1, Plan: "a161", Via: "slack"}, Why: "not among the people"},
		AlertFiring{ID: id, Alert: Alert{Labels: labels, StartsAt: at, Group: "0a0b0c"}, Via: ViaWebhook},
		Escalated{Incident: 1, Rung: 1, Tell: "manager", Why: "oncall could not be told", Early: minute},
		CommandGiven{Command: Ack, By: "anna", Incident: 1, Via: "slack"},
		Started{ID: "q4m2x7kd-i1-t3", Incident: 1, Deadline: at, Tell: &Tell{Destination: "pagerduty/oncall", Digest: "d", Notice: Notice{Key: "q4m2x7kd-i1-2", Replaces: "q4m2x7kd-i1", Action: "trigger", Due: at}}},
		Upgraded{From: "1.4", To: "1.5", Held: true},
		Compared{Release: "1.5", From: "1.4", Since: at, Facts: 1204, Changed: 3, Details: "d1", Why: "stopped", Lifts: true},
		CommandGiven{Command: Accept, By: "anna", Value: "1.5", Reason: "read"},
		CommandGiven{Command: Pause, By: "anna", Scope: "all", Reason: "rack 7", Until: at},
		PauseEnded{Scope: "all", By: "anna"},
		Finished{ID: "q4m2x7kd-i1-t1", Incident: 1, Result: Result{Outcome: OK, Ref: "C1/1.2", Link: "https://acme.slack.com/archives/C1/p12"}},
	}
}

// chainOf encodes bodies one after the other.
func chainOf(t testing.TB, bodies []Body) []Record {
	t.Helper()
	var rs []Record
	var before Sum
	for n, b := range bodies {
		r, err := Encode(uint64(n), before, epoch.Add(time.Duration(n)*time.Second), b)
		if err != nil {
			t.Fatal(err)
		}
		rs, before = append(rs, r), r.Sum
	}
	return rs
}

// TestGolden holds the encoding of every kind against what it always was.
// Facts are for ever: when this fails, the change is wrong, not the file. A new
// kind is added at the end of samples and written with -update.
func TestGolden(t *testing.T) {
	var b strings.Builder
	kinds := map[string]bool{}
	for _, r := range chainOf(t, samples()) {
		kinds[r.Kind] = true
		fmt.Fprintf(&b, "%d %s %s %s %s\n", r.Seq, r.At.Format(time.RFC3339Nano), r.Kind, r.Sum, r.Bytes)
	}
	if n := KindCount(); len(kinds) != n {
		t.Errorf("samples has %d kinds, there are %d", len(kinds), n)
	}
	const file = "testdata/records.golden"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(b.String(), "\n")
	for n, line := range strings.Split(string(want), "\n") {
		if n >= len(got) || got[n] != line {
			t.Fatalf("record %d is no longer encoded as it was\ngot  %s\nwant %s", n+1, append(got, "")[min(n, len(got))], line)
		}
	}
}

// TestRoundTrip: what was encoded decodes to itself.
func TestRoundTrip(t *testing.T) {
	for _, r := range chainOf(t, samples()) {
		f, err := r.Decode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Encode(r.Seq-1, Sum{}, r.At, f.Body)
		if err != nil || !bytes.Equal(again.Bytes, r.Bytes) || again.Kind != r.Kind {
			t.Errorf("%s\nbecomes %s, %v", r.Bytes, again.Bytes, err)
		}
	}
}

// TestDamageIsNamed changes each part of a record in the middle of a chain, and
// takes it away: the fold stops there and names its number, and the state is
// what it was.
func TestDamageIsNamed(t *testing.T) {
	const hit = 5 // record 6
	for name, damage := range map[string]func([]Record) []Record{
		"byte":    func(rs []Record) []Record { rs[hit].Bytes[3] ^= 1; return rs },
		"kind":    func(rs []Record) []Record { rs[hit].Kind = "opened/1"; return rs },
		"time":    func(rs []Record) []Record { rs[hit].At = rs[hit].At.Add(time.Millisecond); return rs },
		"sum":     func(rs []Record) []Record { rs[hit].Sum[0] ^= 1; return rs },
		"missing": func(rs []Record) []Record { return append(rs[:hit], rs[hit+1:]...) },
		"swapped": func(rs []Record) []Record { rs[hit], rs[hit+1] = rs[hit+1], rs[hit]; return rs },
		"twice":   func(rs []Record) []Record { rs[hit] = rs[hit-1]; return rs },
		"shorter": func(rs []Record) []Record { rs[hit].Bytes = rs[hit].Bytes[:len(rs[hit].Bytes)-1]; return rs },
	} {
		s := NewState()
		var err error
		for _, r := range damage(chainOf(t, samples())) {
			if err = s.Fold(r); err != nil {
				break
			}
		}
		var found *DamageError
		if !errors.As(err, &found) || found.Seq != hit+1 || s.Seq != hit {
			t.Errorf("%s: %v; folded to %d, want damage of record %d", name, err, s.Seq, hit+1)
		}
	}
}

// TestNewerReleaseIsRefused: a kind or a version of it that is not known, and a
// field that is not known, are another release's.
func TestNewerReleaseIsRefused(t *testing.T) {
	for _, kind := range []string{"opened/2", "dreamt/1", ""} {
		if _, err := (Record{Seq: 7, Kind: kind, Bytes: []byte(`{}`)}).Decode(); !errors.Is(err, ErrUnknownKind) || !strings.Contains(err.Error(), "7") {
			t.Errorf("%q: %v, want ErrUnknownKind of record 7", kind, err)
		}
	}
	for _, bad := range []string{`{}`, `{"id":"a","tell":{},"ask":{}}`} {
		var damage *DamageError
		if _, err := (Record{Seq: 7, Kind: "started/1", Bytes: []byte(bad)}).Decode(); !errors.As(err, &damage) {
			t.Errorf("started %s: %v, want damage: it must be one of ask, act and tell", bad, err)
		}
	}
	if _, err := (Record{Seq: 7, Kind: "filed/1", Bytes: []byte(`{"incident":1,"mood":"good"}`)}).Decode(); !errors.Is(err, ErrUnknownKind) || !strings.Contains(err.Error(), `"mood"`) {
		t.Errorf("a field that is not known: %v, want ErrUnknownKind that names it", err)
	}
	for _, bad := range []string{`{"incident":"one"}`, `{`, ``, `{"incident":1}{}`} {
		var damage *DamageError
		if _, err := (Record{Seq: 7, Kind: "filed/1", Bytes: []byte(bad)}).Decode(); !errors.As(err, &damage) || damage.Seq != 7 {
			t.Errorf("%s: %v, want damage of record 7", bad, err)
		}
	}
}

// TestWhatCannotBeReadIsNotWritten: clocks that go back make durations
// negative, which must not reach the journal as something it cannot read.
func TestWhatCannotBeReadIsNotWritten(t *testing.T) {
	w := newWorld(t)
	w.load(bookOf(t, "policies: [{name: p, when: ['alertname=\"A\"'], severity: P2, mode: act, target: deployment/shop/db, steps: [{name: s, do: [{kind: restart}], verify: {all: [{kind: http}], within: 1m}}]}]"))
	w.set["verify"] = "silent"
	w.must(w.hear(Jumped{By: -time.Hour}))
	w.must(w.hear(Heard{Alert: w.alert([]string{"A"}), Firing: true}))
	w.settle()
	w.must(w.hear(Reported{ID: "q4m2x7kd-i1-q2", Incident: 1, At: w.now, Result: Result{
		Outcome: OK, FirstGood: w.now.Add(-time.Hour), Held: -model.Duration(time.Second),
	}}))
	if i := w.state.Incidents.Get(1); i.Status != StatusHealed {
		t.Fatalf("it is %s, want healed", i.Status)
	}
	w.checkLaws()
}

func TestCheckpointSeal(t *testing.T) {
	c := Checkpoint{Seq: 9, At: epoch, Head: Sum{1}, State: []byte(`{"seq":9}`)}.Seal()
	if err := c.Verify(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Checkpoint){
		"seq":   func(c *Checkpoint) { c.Seq++ },
		"at":    func(c *Checkpoint) { c.At = c.At.Add(time.Second) },
		"head":  func(c *Checkpoint) { c.Head[3]++ },
		"state": func(c *Checkpoint) { c.State = []byte(`{"seq":8}`) },
		"sum":   func(c *Checkpoint) { c.Sum[3]++ },
	} {
		changed := c
		change(&changed)
		var damage *DamageError
		if err := changed.Verify(); !errors.As(err, &damage) {
			t.Errorf("another %s: %v, want damage", name, err)
		}
	}
}

// FuzzRecord decodes arbitrary bytes. What decodes encodes, and what that gives
// decodes to the same again; nothing panics.
func FuzzRecord(f *testing.F) {
	for _, r := range chainOf(f, samples()) {
		f.Add(r.Kind, r.Bytes)
	}
	f.Add("dreamt/1", []byte(`null`))
	f.Fuzz(func(t *testing.T, kind string, b []byte) {
		readAlike(t, kind, b)
		fact, err := Record{Seq: 1, At: epoch, Kind: kind, Bytes: b}.Decode()
		if err != nil {
			return
		}
		writtenAlike(t, fact.Body)
		once, err := Encode(0, Sum{}, epoch, fact.Body)
		if err != nil {
			return // a value that cannot be encoded, such as raw JSON that is none, is never written
		}
		again, err := once.Decode()
		if err != nil {
			t.Fatalf("%s\nwas encoded as\n%s\nwhich does not decode: %v", b, once.Bytes, err)
		}
		twice, err := Encode(0, Sum{}, epoch, again.Body)
		if err != nil || !bytes.Equal(once.Bytes, twice.Bytes) {
			t.Fatalf("%s\nbecomes\n%s, %v", once.Bytes, twice.Bytes, err)
		}
		NewState().Apply(again)
		_ = Explain(again.Body)
	})
}

// What Handle has made is decoded once: the engine, the journal and the observer
// are told by the record what it says.
func TestFactIsDecodedOnce(t *testing.T) {
	w := newWorld(t)
	rs, err := Handle(w.books, w.state, w.now, Heard{Alert: benchAlert(1, w.now), Firing: true})
	w.must(err)
	if len(rs) != 1 {
		t.Fatalf("%d records of one edge", len(rs))
	}
	firing, err := rs[0].Fact()
	w.must(err)
	again, err := rs[0].Fact()
	w.must(err)
	a, b := firing.Body.(AlertFiring), again.Body.(AlertFiring)
	if &a.Alert.Labels[0] != &b.Alert.Labels[0] {
		t.Error("it was decoded again")
	}
	plain, err := rs[0].Plain().Fact()
	w.must(err)
	if c := plain.Body.(AlertFiring); &a.Alert.Labels[0] == &c.Alert.Labels[0] {
		t.Error("what is plain carries nothing")
	}

	other, err := Encode(rs[0].Seq-1, Sum{}, w.now, AlertReleased{ID: a.ID})
	w.must(err)
	rs[0].Kind, rs[0].Bytes, rs[0].Sum = other.Kind, other.Bytes, other.Sum
	if f, err := rs[0].Fact(); err != nil || KindOf(f.Body) != other.Kind {
		t.Errorf("a record that was made another says %v, %v", f.Body, err)
	}
}

// An incident keeps its last judgement: what reading leaves behind is let go of,
// and nothing else.
func TestJudgementsAreCompact(t *testing.T) {
	acts := []Act{{Kind: "cordon"}, {Kind: "drain"}, {Kind: "delete"}, {Kind: "uncordon"}, {Kind: "scale"}}
	verdicts := []Verdict{{Guard: "paused", Decision: Allowed}, {Guard: "busy", Decision: Waiting, For: "x"}, {Guard: "mode"}, {Guard: "of another release", Decision: "so so"}, {}}
	for _, want := range []Judged{
		{Incident: 1, Verdicts: verdicts, Plan: &Plan{Acts: acts, Undo: acts}},
		{Incident: 1, Verdicts: []Verdict{}, Plan: &Plan{}},
		{Incident: 1},
	} {
		r, err := Encode(0, Sum{}, epoch, want)
		if err != nil {
			t.Fatal(err)
		}
		f, err := r.Decode()
		if err != nil || !reflect.DeepEqual(f.Body, want) {
			t.Errorf("is  %+v, %v\nwant %+v", f.Body, err, want)
		}
		got := f.Body.(Judged)
		if cap(got.Verdicts) > len(got.Verdicts) || got.Plan != nil && cap(got.Plan.Acts) > len(got.Plan.Acts) {
			t.Errorf("there is room for %d verdicts of %d", cap(got.Verdicts), len(got.Verdicts))
		}
	}
}
