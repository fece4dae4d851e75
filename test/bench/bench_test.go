package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
)

func TestMedianAndQuantile(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 2, 9}, 3}} {
		if got := median(c.values); got != c.want {
			t.Errorf("median of %v: %v, want %v", c.values, got, c.want)
		}
	}
	var sorted []time.Duration
	for k := range 100 {
		sorted = append(sorted, time.Duration(k))
	}
	if p50, p99 := quantile(sorted, 0.5), quantile(sorted, 0.99); p50 != 50 || p99 != 99 {
		t.Errorf("p50 %d, p99 %d", p50, p99)
	}
	if quantile(sorted[:1], 0.99) != 0 || quantile(nil, 0.5) != 0 {
		t.Error("of one and of none")
	}
}

// A ratio is that of two measurements of the same round: a machine that was
// slower for one round does not show in it.
func TestRatioIsByRound(t *testing.T) {
	slow := []float64{1, 10, 100}
	of := func(factor float64) func(context.Context) (sample, error) {
		round := 0
		return func(context.Context) (sample, error) { round++; return sample{value: factor * slow[round-1]}, nil }
	}
	rows, err := options{rounds: 3}.hold(t.Context(), []contest{{"s", "c", "u", []contestant{{"ours", of(2)}, {"theirs", of(6)}}}})
	if err != nil {
		t.Fatal(err)
	}
	if rows[0].Ratio != 0 || rows[0].Value != 20 || rows[0].Min != 2 || rows[0].Max != 200 {
		t.Errorf("ours: %+v", rows[0])
	}
	if rows[1].Ratio != 3 || rows[1].Against != "ours" || rows[1].Value != 60 {
		t.Errorf("theirs: %+v", rows[1])
	}
}

// A contestant that fails ends it all: there is no table of what worked.
func TestContestantThatFails(t *testing.T) {
	broken := errors.New("broken")
	_, err := options{rounds: 1}.hold(t.Context(), []contest{{"s", "c", "u", []contestant{
		{"ours", func(context.Context) (sample, error) { return sample{}, broken }},
	}}})
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "c, ours") {
		t.Errorf("%v", err)
	}
}

// Each webhook's alerts are new ones, and the intake reads all of them.
func TestWebhooksAreNew(t *testing.T) {
	w, err := newWebhook([]string{down, other, other}, time.Now(), false)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[remediate.AlertID]string{}
	in, err := newIntake(func(_ context.Context, batch []remediate.Input) error {
		for _, one := range batch {
			ls := one.(remediate.Heard).Alert.Labels
			seen[remediate.IdentityOf(ls, nil)] = ls.Get("alertname") + " " + ls.Get("instance")
		}
		return nil
	}, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, first := range []uint64{0, 3, 99_999_997} {
		r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(w.number(first)))
		r.RemoteAddr = "127.0.0.1:40000"
		answer := httptest.NewRecorder()
		if in.ServeHTTP(answer, r); answer.Code != http.StatusOK {
			t.Fatalf("answered %d: %s", answer.Code, answer.Body)
		}
	}
	if len(seen) != 9 {
		t.Errorf("%d different alerts in 9: %v", len(seen), seen)
	}
	names := map[string]bool{}
	for _, s := range seen {
		names[s] = true
	}
	for _, want := range []string{down + " i00000000", other + " i00000004", down + " i99999997", other + " i99999999"} {
		if !names[want] {
			t.Errorf("there is no %q in %v", want, names)
		}
	}
}

// What was not taken was not measured.
func TestRefusedWebhookIsNoMeasurement(t *testing.T) {
	l := &load{senders: 2, alerts: 1}
	stop, err := l.listen(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "too many at a time", http.StatusServiceUnavailable)
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	_, err = l.send(t.Context(), time.Millisecond, func() error {
		t.Error("it began though the first webhooks were refused")
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), "503") || !strings.Contains(err.Error(), "too many at a time") {
		t.Errorf("%v", err)
	}
}

// Those that are measured beside the daemon take all that they are sent: Alertmanager
// has the alerts, and what it would refuse is no measurement.
func TestPeersTakeTheLoad(t *testing.T) {
	for _, p := range []peer{alertmanagerPeer, webhookPeer} {
		s, err := p.measure(t.Context(), options{dir: t.TempDir(), sample: time.Millisecond}, &load{senders: 2, alerts: 3})
		if err != nil || s.value <= 0 || s.p50 <= 0 {
			t.Errorf("%s: %+v, %v", p.program, s, err)
		}
		p.path = "/nowhere"
		if _, err := p.measure(t.Context(), options{dir: t.TempDir(), sample: time.Millisecond}, &load{senders: 1, alerts: 1}); err == nil {
			t.Errorf("%s: nobody took what was sent, and it was measured", p.program)
		}
	}
}

// What Alertmanager is sent are alerts that it knows afterwards.
func TestAlertmanagerKnowsWhatItIsSent(t *testing.T) {
	url, stop, err := alertmanagerPeer.start(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	l := &load{url: url + alertmanagerPeer.path, senders: 1, alerts: 5, bare: true}
	if _, err := l.send(t.Context(), 0, func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get(url + alertmanagerPeer.path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var known []struct{ Labels map[string]string }
	if err := json.NewDecoder(resp.Body).Decode(&known); err != nil || len(known) != 5 || known[0].Labels["job"] != "bench" {
		t.Errorf("%d alerts are known: %v, %v", len(known), known, err)
	}
}

// An engine that kept less than it was told is not measured.
func TestForgottenAlertsAreNoMeasurement(t *testing.T) {
	kept := uint64(0)
	forgetful := server(func(ctx context.Context, dir string, senders int) (http.Handler, counter, func() error, error) {
		h, _, end, err := serveDecoder(ctx, dir, senders)
		return h, func(context.Context) (uint64, error) { kept++; return kept, nil }, end, err
	})
	_, err := forgetful.measure(t.Context(), options{dir: t.TempDir(), sample: time.Millisecond}, &load{senders: 1, alerts: 50})
	if err == nil || !strings.Contains(err.Error(), "shorter time") {
		t.Errorf("%v", err)
	}
}

// What the floor acknowledged is in its file, whole.
func TestFloorKeepsWhatItAcknowledges(t *testing.T) {
	name := filepath.Join(t.TempDir(), "floor")
	f, err := newFloor(name)
	if err != nil {
		t.Fatal(err)
	}
	l := &load{senders: 4, alerts: 2}
	stop, err := l.listen(f)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.send(t.Context(), 20*time.Millisecond, func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	stop()
	if err := f.close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(b, []byte(`"groupKey"`)); uint64(n*l.alerts) != l.last.Load() {
		t.Errorf("%d webhooks are in the file, %d alerts were acknowledged", n, l.last.Load())
	}
}

// A floor that cannot write says so to all who wait.
func TestFloorThatCannotWrite(t *testing.T) {
	f, err := newFloor(filepath.Join(t.TempDir(), "floor"))
	if err != nil {
		t.Fatal(err)
	}
	f.file.Close()
	r := httptest.NewRecorder()
	f.ServeHTTP(r, httptest.NewRequest(http.MethodPost, "/", strings.NewReader("x")))
	if r.Code != http.StatusServiceUnavailable {
		t.Errorf("answered %d", r.Code)
	}
}

// A story is a whole one: an incident is opened, healed, closed and filed.
func TestStoryIsWhole(t *testing.T) {
	d, err := newDecider(3)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.reload(); err != nil {
		t.Fatal(err)
	}
	n, err := d.story()
	if err != nil {
		t.Fatal(err)
	}
	if n < 12 || len(d.state.Acts[""]) != 1 || d.state.Last != 4 {
		t.Errorf("a story of %d facts, %d acts, %d incidents", n, len(d.state.Acts[""]), d.state.Last)
	}
}

// Both matchers find the policy of each alert, and one that does not is not
// measured.
func TestMatchersAgree(t *testing.T) {
	if _, err := measureMatch(t.Context(), options{rounds: 1, sample: time.Millisecond}); err != nil {
		t.Error(err)
	}
	m, err := newMatchable(40, expressions)
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{"", "Bench00001Down"} {
		m.alerts = nil
		m.add("Bench00000Down", wrong)
		for name, finds := range map[string]func() (int, error){"ours": m.ours, "theirs": m.theirs} {
			if _, err := matcher(options{sample: time.Millisecond}, name, 0, finds).measure(t.Context()); err == nil {
				t.Errorf("%s found another policy than %q, and was measured", name, wrong)
			}
		}
	}
}

// The cost of one grows as the size to some power.
func TestExponent(t *testing.T) {
	for _, c := range []struct{ rate, size, want float64 }{{1, 10, 0}, {0.1, 10, 1}, {0.01, 10, 2}, {2, 1, 0}, {0.5, math.NaN(), 0}} {
		if got := exponent(c.rate, c.size); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%v times the rate at %v times the size: %v, want %v", c.rate, c.size, got, c.want)
		}
	}
}

// A program that does not run all of the tests is not measured.
func TestTestsThatDidNotRunAreNoMeasurement(t *testing.T) {
	dir := t.TempDir()
	if err := writePolicyTests(dir, 2); err != nil {
		t.Fatal(err)
	}
	for _, program := range [][]string{{"echo", "1 of 2 tests passed"}, {"sh", "-c", "echo 2 of 2 tests passed; exit 1"}, {"./none"}} {
		if s, err := tester("x", dir, "2 of 2 tests passed", nil, program...).measure(t.Context()); err == nil {
			t.Errorf("%v was measured: %v", program, s)
		}
	}
	if s, err := tester("x", dir, "2 of 2 tests passed", nil, "echo", "2 of 2 tests passed").measure(t.Context()); err != nil || s.value <= 0 {
		t.Errorf("%v, %v", s, err)
	}
}

// A program that does not say that all is good is not measured.
func TestLintThatDidNotPassIsNoMeasurement(t *testing.T) {
	dir := t.TempDir()
	if err := writeLinted(dir, 3); err != nil {
		t.Fatal(err)
	}
	for _, program := range [][]string{{"echo", "2 policies are fit"}, {"sh", "-c", "echo 3 policies are fit; exit 1"}, {"./none"}} {
		if s, err := linter("x", dir, 3, "3 policies are fit", program...).measure(t.Context()); err == nil {
			t.Errorf("%v was measured: %v", program, s)
		}
	}
	if s, err := linter("x", dir, 3, "3 policies are fit", "echo", "3 policies are fit").measure(t.Context()); err != nil || s.value <= 0 || s.size != 3 {
		t.Errorf("%v, %v", s, err)
	}
}

// One process opens incidents, another finds them, and says so when it finds
// others.
func TestMemoryOfOpenIncidents(t *testing.T) {
	dir := t.TempDir()
	m, err := openMany(t.Context(), dir, 120)
	if err != nil {
		t.Fatal(err)
	}
	if m.Idle <= 0 || m.Loaded <= 0 || m.Opened <= 0 {
		t.Errorf("%+v", m)
	}
	again, err := readMany(t.Context(), dir, 120)
	if err != nil || again.Again <= 0 || again.Ready <= 0 {
		t.Errorf("%+v, %v", again, err)
	}
	if _, err := readMany(t.Context(), dir, 121); err == nil {
		t.Error("an incident that is not there was not missed")
	}
}

// A journal that was filled has about as many facts as it should, seven of ten of
// them edges, and what should be open and under way is.
func TestFilledJournal(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	book, err := rulebook()
	if err != nil {
		t.Fatal(err)
	}
	const facts = 3000
	if _, err := fill(t.Context(), dir, facts, kept(facts), book, "v1"); err != nil {
		t.Fatal(err)
	}
	j, err := journal.OpenReading(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	s, edges, others := remediate.NewState(), 0, 0
	var first time.Time
	for f, err := range journal.Facts(j.Read(t.Context())) {
		if err != nil {
			t.Fatal(err)
		}
		if first.IsZero() {
			first = f.At
		}
		switch s.Apply(f); f.Body.(type) {
		case remediate.AlertFiring, remediate.AlertResolved:
			edges++
		default:
			others++
		}
	}
	if n := edges + others; n < facts*9/10 || n > facts*11/10 || edges < n*5/10 || edges > n*8/10 {
		t.Errorf("%d facts, of which %d edges", n, edges)
	}
	if lasted := s.At.Sub(first); kept(1_000_000) != 90*24*time.Hour || lasted < kept(facts)*9/10 || lasted > kept(facts)*11/10 {
		t.Errorf("they are of %s, want %s", lasted, kept(facts))
	}
	if s.Incidents.Len() != leftOpen(facts) || len(s.Started()) != underWay(facts) || underWay(facts) == 0 || s.At.Before(time.Now()) {
		t.Errorf("%d open, %d under way, until %s", s.Incidents.Len(), len(s.Started()), s.At)
	}
}

// The daemon itself is started on copies of a journal, and each start is seen to
// look after what was under way: perhaps before it is seen to be ready, since that is
// asked for again and again.
func TestStartsOfTheDaemon(t *testing.T) {
	program := filepath.Join(t.TempDir(), "remediated")
	if out, err := exec.Command("go", "build", "-o", program, "../../cmd/remediated").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	outside, err := newOutside()
	if err != nil {
		t.Fatal(err)
	}
	defer outside.close()
	s := starting{program: program, dir: t.TempDir(), outside: outside}
	book, release, err := s.decides(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const facts = leastFacts / 100
	filled := filepath.Join(t.TempDir(), "filled")
	if _, err := fill(t.Context(), filepath.Join(filled, journalName), facts, kept(facts), book, release); err != nil {
		t.Fatal(err)
	}
	for _, k := range []*startCase{{name: "empty"}, {filled: filled, facts: facts}, {filled: filled, facts: facts, snapshot: true}} {
		m, err := s.once(t.Context(), k)
		if err != nil || m.ready <= 0 || k.filled != "" && (m.looked <= 0 || m.page <= 0 || m.one <= 0) {
			t.Errorf("%+v: %+v, %v", k, m, err)
		}
	}
}

// Each view that is measured shows what it is measured for.
func TestViewsOfTheDaemon(t *testing.T) {
	program := filepath.Join(t.TempDir(), "remediated")
	if out, err := exec.Command("go", "build", "-o", program, "../../cmd/remediated").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s := starting{program: program, dir: t.TempDir(), outside: &outside{url: "http://127.0.0.1:1"}}
	d, err := s.withHistory(t.Context(), 60)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Kill() //nolint:errcheck // what it has is thrown away
	for _, v := range viewed {
		first, whole, err := viewTook(t.Context(), "http://"+d.Web, v.path, v.shows)
		if err != nil || first <= 0 || whole < first {
			t.Errorf("%s: %s, %s, %v", v.name, first, whole, err)
		}
	}
}

// A program is as large as its file.
func TestBinary(t *testing.T) {
	name := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(name, make([]byte, 3<<19), 0o600); err != nil {
		t.Fatal(err)
	}
	rows, err := measureBinary(t.Context(), options{daemon: name, remedy: name})
	if err != nil || len(rows) != 4 || rows[0].Value != 1.5 || rows[3].Value != remedyLimit || rows[3].Ratio != remedyLimit/1.5 {
		t.Errorf("%+v, %v", rows, err)
	}
}

// What the most incidents take is held against what they may, and how it grows is seen
// by the least and the most.
func TestMemoryRows(t *testing.T) {
	few, many := memory{Live: 1e6}, memory{Loaded: loadedLimit, Peak: 2 * peakLimit, Live: 1e8}
	rows := memoryRows([]memory{many}, 100_000)
	if rows[0].Ratio != 1 || rows[1].Ratio != 2 || math.Round(rows[3].Value) != 1000 || rows[0].Case != "100000 open incidents" {
		t.Errorf("%+v", rows)
	}
	measured := make([][]memory, len(openIncidents))
	measured[0], measured[len(measured)-1] = []memory{few, few}, []memory{many}
	if r := heapGrowth(measured); math.Abs(r.Value-1) > 1e-9 {
		t.Errorf("%+v", r)
	}
}

func TestResidentIn(t *testing.T) {
	if b, err := residentIn("Name:\tbench\nVmRSS:\t   52312 kB\nRssAnon:\t 1 kB\n", "VmRSS"); err != nil || b != 52312*1024 {
		t.Errorf("%v, %v", b, err)
	}
	for _, bad := range []string{"", "VmSize:\t1 kB\n", "VmRSS:\t12 MB\n", "VmRSS:\tmuch kB\n"} {
		if _, err := residentIn(bad, "VmRSS"); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func TestComputedIn(t *testing.T) {
	if ms, err := computedIn("7 (a (b) c) S 1 7 7 0 -1 4194560 101 0 0 0 12 3 0 0 20 0 9 0 100 1000 50"); err != nil || ms != 150 {
		t.Errorf("%v, %v", ms, err)
	}
	for _, bad := range []string{"", "7 (a) S 1 7", "7 (a) S 1 7 7 0 -1 4194560 101 0 0 0 much 3 0"} {
		if _, err := computedIn(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

// The same rows as a table, as lines for benchstat, and as JSON, which is what a run
// keeps and what is read again.
func TestPrint(t *testing.T) {
	rows := []row{
		{Subject: "a", Case: "c", What: "ours", Unit: "x/s", Value: 12345.6, Min: 1.234, Max: 99999, P50: 0.0123, P99: 4, Values: []float64{1.234, 12345.6, 99999}},
		{Subject: "b", Case: "two words", What: "theirs", Value: 2, Min: 2, Max: 2, Values: []float64{2}, Ratio: 0.5, Against: "ours"},
	}
	printed := func(format string) string {
		var b bytes.Buffer
		if err := print(&b, format, rows); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	table := printed("table")
	for _, want := range []string{"12346", "1.23-99999", "0.0123", "4.00", "0.500 x ours"} {
		if !strings.Contains(table, want) {
			t.Errorf("%q is not in\n%s", want, table)
		}
	}
	if got, want := printed("benchstat"), "BenchmarkA/c/ours 1 1.234 x/s\nBenchmarkA/c/ours 1 12345.6 x/s\nBenchmarkA/c/ours 1 99999 x/s\nBenchmarkB/two_words/theirs 1 2 1\n"; got != want {
		t.Errorf("for benchstat:\n%s\nwant\n%s", got, want)
	}
	file := filepath.Join(t.TempDir(), "kept.json")
	if err := keepRows(file, rows); err != nil {
		t.Fatal(err)
	}
	var again bytes.Buffer
	if err := run(t.Context(), []string{"--output=table", "show", file}, &again); err != nil || again.String() != table {
		t.Errorf("%v\n%s", err, &again)
	}
	if err := os.WriteFile(file, []byte("12346"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), []string{"show", file}, io.Discard); err == nil || !strings.Contains(err.Error(), "bench --keep") {
		t.Errorf("what no run kept was shown: %v", err)
	}
}

func TestArgumentsAreChecked(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"run", "weather"}, "no subject \"weather\""},
		{[]string{"--rounds=0"}, "at least one round"},
		{[]string{"--sample=0s"}, "some time"},
		{[]string{"--output=xml"}, "xml"},
		{[]string{"--daemon=/no/such", "run", "bed"}, "make build"},
		{[]string{"--remedy=/no/such", "run", "tests"}, "make build"},
		{[]string{"--remedy=/no/such", "run", "lint"}, "make build"},
		{[]string{"--daemon=/no/such", "run", "start"}, "make build"},
		{[]string{"--daemon=/bin/true", "--facts=100", "run", "start"}, "at least 250000"},
		{[]string{"--daemon=/no/such", "run", "binary"}, "make build"},
		{[]string{"in-bed"}, "REMEDIATED_BED"},
		{[]string{"--dir=" + os.DevNull + "/x", "run", "match"}, "folder"},
	} {
		t.Setenv("REMEDIATED_BED", "")
		if err := run(t.Context(), c.args, io.Discard); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %q", c.args, err, c.want)
		}
	}
}

// The storm whose size is measured is of alerts that are all new, of which one in so
// many concerns a policy.
func TestTheStormIsNew(t *testing.T) {
	book, err := rulebook()
	if err != nil {
		t.Fatal(err)
	}
	seen, matched := map[remediate.AlertID]bool{}, 0
	for n := range 10 * sizeOneIn {
		heard := stormAlert(n, true)
		a := heard.Alert
		seen[remediate.IdentityOf(a.Labels, nil)] = true
		if a.Labels.Get("alertname") == down && a.Labels.Get("job") == "bench" && book.Policy(down) != nil {
			matched++
		}
	}
	if len(seen) != 10*sizeOneIn || matched != 10 {
		t.Errorf("%d alerts are new of %d, %d concern a policy", len(seen), 10*sizeOneIn, matched)
	}
}

// What is called a storm is one: 70 % of its facts are edges of alerts, the others
// an incident's life.
func TestStormIsAsItIsCalled(t *testing.T) {
	d, err := newDecider(3)
	if err != nil {
		t.Fatal(err)
	}
	edges, all := 0, 0
	d.keep = func(records []remediate.Record) error {
		for _, r := range records {
			if all++; strings.HasPrefix(r.Kind, "alert-") {
				edges++
			}
		}
		return nil
	}
	if n, err := d.storm(); err != nil || n != all || 10*edges != 7*all {
		t.Errorf("%d of %d facts are edges of alerts, %d were told, %v", edges, all, n, err)
	}
}

// A sender that repeats sends what it sent first.
func TestRepeats(t *testing.T) {
	for _, repeats := range []bool{true, false} {
		bodies := map[string]bool{}
		l := &load{senders: 1, alerts: 2, repeats: repeats}
		stop, err := l.listen(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			b, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			bodies[string(b)] = true
		}))
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		got, err := l.send(t.Context(), 20*time.Millisecond, func() error { return nil })
		if err != nil || got.webhooks == 0 {
			t.Fatalf("%d webhooks, %v", got.webhooks, err)
		}
		if (len(bodies) == 1) != repeats {
			t.Errorf("repeats %v: %d bodies of %d webhooks", repeats, len(bodies), got.webhooks)
		}
	}
}

// The bare loop writes what whole incidents leave behind.
func TestBareLoopWritesIncidents(t *testing.T) {
	records, err := storyRecords(20)
	if err != nil || len(records) != 28 || records[0].Kind != remediate.KindOf(remediate.AlertFiring{}) {
		t.Fatalf("%d records, %v", len(records), err)
	}
	s, err := options{dir: t.TempDir(), sample: time.Millisecond}.bareSQLite(t.Context())
	if err != nil || s.value <= 0 {
		t.Errorf("%v facts a second, %v", s.value, err)
	}
}
