package alertmanager

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// desk is what stands behind an intake in tests: it keeps what it is given.
type desk struct {
	mu          sync.Mutex
	batches     [][]remediate.Input
	quarantined []string
	whys        []string
	pulls       int
	deliveries  []Delivery
	submit      func(context.Context) error // before a batch is kept; nil: takes all
}

func (d *desk) options() IntakeOptions {
	return IntakeOptions{
		Submit: func(ctx context.Context, batch []remediate.Input) error {
			if d.submit != nil {
				if err := d.submit(ctx); err != nil {
					return err
				}
			}
			d.mu.Lock()
			defer d.mu.Unlock()
			d.batches = append(d.batches, batch)
			return nil
		},
		Quarantine: func(_ context.Context, body []byte, why string) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.quarantined, d.whys = append(d.quarantined, string(body)), append(d.whys, why)
		},
		Pull: func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.pulls++
		},
		Observe: func(n Delivery) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.deliveries = append(d.deliveries, n)
			if !slices.Contains(Outcomes(), n.Outcome) {
				panic(n.Outcome + " is an outcome that is not counted from the beginning")
			}
		},
	}
}

// heard returns all that was kept.
func (d *desk) heard(t *testing.T) []remediate.Heard {
	t.Helper()
	var out []remediate.Heard
	for _, batch := range d.batches {
		for _, in := range batch {
			out = append(out, in.(remediate.Heard))
		}
	}
	return out
}

func intake(t testing.TB, o IntakeOptions) *Intake {
	t.Helper()
	in, err := NewIntake(o)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// post sends body as a program on this machine would.
func post(h http.Handler, body string) *httptest.ResponseRecorder {
	return postFrom(h, strings.NewReader(body))
}

// postFrom is post with a body that is yet to come.
func postFrom(h http.Handler, body io.Reader) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/api/v1/webhook/alertmanager", body)
	r.RemoteAddr = "127.0.0.1:40000"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func captured(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// webhook is a well-formed body with these alerts, given as JSON.
func webhook(alerts ...string) string {
	return `{"receiver":"hook","status":"firing","version":"4","groupKey":"{}:{}","truncatedAlerts":0,"alerts":[` + strings.Join(alerts, ",") + `]}`
}

const goodAlert = `{"status":"firing","labels":{"alertname":"Down","pod":"web-1"},"annotations":{"summary":"it is down"},"startsAt":"2026-11-22T02:10:40.4969Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://prometheus/graph","fingerprint":"ec76ead9256c32fc"}`

func TestCapturedWebhooks(t *testing.T) {
	for _, c := range []struct {
		file      string
		want      string // name of each alert, + firing, - resolved
		truncated uint64
	}{
		{"01-firing.json", "+PostgresDown", 0},
		{"02-resolved.json", "-PostgresDown", 0},
		{"03-grouped-firing-3.json", "+RedisDown +RedisDown +PostgresDown", 0},
		{"04-truncated-max_alerts-2-of-5.json", "+PodCrashLooping +PodCrashLooping", 3},
		{"05-grouped-partly-resolved.json", "+RedisDown +RedisDown -PostgresDown", 0},
		{"06-ha-duplicate-from-am-X.json", "+JustBroken", 0},
		{"06-ha-duplicate-from-am-Y.json", "+JustBroken", 0},
		{"07-ha-resolved-duplicate-from-am-X.json", "-LongBroken", 0},
		{"07-ha-resolved-duplicate-from-am-Y.json", "-LongBroken", 0},
		{"08-firing-alertmanager-0.25-debian.json", "+PostgresDown", 0},
		{"09-truncated-status-resolved-though-one-fires.json", "-PodCrashLooping -PodCrashLooping", 1},
	} {
		t.Run(c.file, func(t *testing.T) {
			var d desk
			w := post(intake(t, d.options()), captured(t, c.file))
			if w.Code != http.StatusOK {
				t.Fatalf("answered %d %s", w.Code, w.Body)
			}
			if len(d.batches) != 1 {
				t.Fatalf("%d batches, want 1: a webhook is kept as a whole", len(d.batches))
			}
			var got []string
			for _, h := range d.heard(t) {
				checkHeard(t, h)
				got = append(got, map[bool]string{true: "+", false: "-"}[h.Firing]+h.Alert.Name())
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("heard %s, want %s", s, c.want)
			}
			if n := d.deliveries[0]; n.Outcome != Accepted || n.Truncated != c.truncated || n.Garbage != 0 {
				t.Errorf("observed %+v, want accepted with %d truncated", n, c.truncated)
			}
			if pulled := d.pulls > 0; pulled != (c.truncated > 0) {
				t.Errorf("asked for a listing: %v, with %d alerts cut off", pulled, c.truncated)
			}
		})
	}
	if files, err := filepath.Glob("testdata/*.json"); err != nil || len(files) != 11 {
		t.Errorf("there are %d captured bodies, and 11 are tested (%v)", len(files), err)
	}
}

// checkHeard tells whether h is what the core may be given.
func checkHeard(t testing.TB, h remediate.Heard) {
	t.Helper()
	a := h.Alert
	if len(a.Labels) == 0 || len(a.Labels) > maxLabels {
		t.Errorf("%d labels", len(a.Labels))
	}
	for i, l := range a.Labels {
		if l.Name == "" || l.Value == "" || len(l.Name) > maxLabelName || len(l.Value) > maxLabelValue || i > 0 && a.Labels[i-1].Name >= l.Name {
			t.Errorf("label %d of %s", i, a.Labels)
		}
	}
	if a.StartsAt.IsZero() || h.Firing && !a.EndsAt.IsZero() {
		t.Errorf("from %s to %s, firing %v", a.StartsAt, a.EndsAt, h.Firing)
	}
	for _, at := range []time.Time{a.StartsAt, a.EndsAt} {
		if at.Location() != time.UTC || !at.Equal(at.Truncate(time.Millisecond)) {
			t.Errorf("%s is not UTC in whole milliseconds", at)
		}
	}
	b, err := json.Marshal(a)
	if err != nil {
		t.Fatalf("cannot be written down: %v", err)
	}
	var back remediate.Alert
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatalf("cannot be read back: %v", err)
	}
	if again, _ := json.Marshal(back); !bytes.Equal(b, again) {
		t.Errorf("read back as\n%s, was\n%s", again, b)
	}
}

func TestHeardInDetail(t *testing.T) {
	var d desk
	in := intake(t, d.options())
	post(in, captured(t, "02-resolved.json"))
	post(in, captured(t, "08-firing-alertmanager-0.25-debian.json"))
	got := d.heard(t)
	want := remediate.Alert{
		Labels: remediate.LabelsOf(map[string]string{
			"alertname": "PostgresDown", "cluster": "testbed", "instance": "127.0.0.1:19187", "job": "postgres",
			"namespace": "shop", "service": "db", "severity": "critical",
		}),
		Annotations:  map[string]string{"runbook_url": "https://example.invalid/db", "summary": "postgres behind 127.0.0.1:19187 is down"},
		StartsAt:     time.Date(2026, 11, 22, 2, 10, 40, 496e6, time.UTC),
		EndsAt:       time.Date(2026, 11, 22, 2, 10, 42, 496e6, time.UTC),
		GeneratorURL: "http://vm:19090/graph?g0.expr=pg_up+%3D%3D+0+or+up%7Bjob%3D%22postgres%22%7D+%3D%3D+0&g0.tab=1",
		Fingerprint:  "ec76ead9256c32fc",
	}
	if g, w := fmt.Sprintf("%+v", got[0].Alert), fmt.Sprintf("%+v", want); g != w {
		t.Errorf("heard\n%s, want\n%s", g, w)
	}
	if s := got[1].Alert.Annotations["summary"]; s != `5xx "ratio" < 50 % & rising, ünïcode` {
		t.Errorf("summary %q", s)
	}
	if at := got[1].Alert.StartsAt; at != time.Date(2026, 11, 22, 2, 17, 11, 100e6, time.UTC) {
		t.Errorf("startsAt %s, want whole milliseconds", at)
	}
}

func TestDuplicatesAreTheSameAlert(t *testing.T) {
	var d desk
	in := intake(t, d.options())
	for _, peer := range []string{"X", "Y"} {
		if w := post(in, captured(t, "06-ha-duplicate-from-am-"+peer+".json")); w.Code != http.StatusOK {
			t.Fatalf("from %s: answered %d", peer, w.Code)
		}
	}
	h := d.heard(t)
	if x, y := remediate.IdentityOf(h[0].Alert.Labels, nil), remediate.IdentityOf(h[1].Alert.Labels, nil); x != y {
		t.Errorf("identities %s and %s", x, y)
	}
}

func TestReceiverIsUnquoted(t *testing.T) {
	for quoted, want := range map[string]string{
		`hook`: "hook", `team\\.db`: "team.db", `a\\\\b`: `a\b`, `\\(x\\)\\$`: "(x)$",
		`team.db`: "team.db", `odd\\n`: `odd\n`, ``: "",
	} {
		var d desk
		w := post(intake(t, d.options()), strings.Replace(webhook(goodAlert), `"hook"`, `"`+quoted+`"`, 1))
		if w.Code != http.StatusOK || d.deliveries[0].Receiver != want {
			t.Errorf("%s: answered %d, receiver %q, want %q", quoted, w.Code, d.deliveries[0].Receiver, want)
		}
	}
}

func TestGarbageIsRefused(t *testing.T) {
	good := webhook(goodAlert)
	for name, body := range map[string]string{
		"empty":            "",
		"null":             "null",
		"not JSON":         "alert!",
		"cut off":          good[:len(good)-20],
		"trailing":         good + "x",
		"two":              good + good,
		"a list":           "[" + good + "]",
		"version 3":        strings.Replace(good, `"4"`, `"3"`, 1),
		"version a number": strings.Replace(good, `"4"`, `4`, 1),
		"no version":       strings.Replace(good, `"version":"4",`, ``, 1),
		"no alerts":        webhook(),
		"alerts null":      strings.Replace(good, goodAlert, ``, 1),
		"alerts no list":   `{"version":"4","alerts":{"a":1}}`,
		"receiver number":  strings.Replace(good, `"hook"`, `5`, 1),
		"truncated below":  strings.Replace(good, `"truncatedAlerts":0`, `"truncatedAlerts":-1`, 1),
		"not UTF-8":        strings.Replace(good, "web-1", "web-\xff", 1),
		"deep":             strings.Repeat(`{"alerts":[`, 20000),
		"only bad alerts":  webhook(`{}`, `null`),
	} {
		t.Run(name, func(t *testing.T) {
			var d desk
			w := post(intake(t, d.options()), body)
			if w.Code != http.StatusBadRequest || strings.TrimSpace(w.Body.String()) == "" {
				t.Errorf("answered %d %q, want 400 with a reason", w.Code, w.Body)
			}
			if len(d.batches) > 0 {
				t.Errorf("handed over %v", d.batches)
			}
			if len(d.quarantined) != 1 || d.whys[0] == "" {
				t.Errorf("in quarantine: %q, because of %q", d.quarantined, d.whys)
			}
			if n := d.deliveries[0]; n.Outcome != Garbage || n.Code != w.Code {
				t.Errorf("observed %+v", n)
			}
		})
	}
}

func TestOneBadAlertDoesNotTakeTheOthersWithIt(t *testing.T) {
	many := make(map[string]string)
	for i := range maxLabels + 1 {
		many[fmt.Sprintf("l%d", i)] = "v"
	}
	manyJSON, err := json.Marshal(many)
	if err != nil {
		t.Fatal(err)
	}
	labels := `{"alertname":"Down","pod":"web-1"}`
	with := func(ls string) string { return strings.Replace(goodAlert, labels, ls, 1) }
	for name, bad := range map[string]string{
		"null":                 `null`,
		"a string":             `"Down"`,
		"no labels":            with(`{}`),
		"labels null":          with(`null`),
		"only empty labels":    with(`{"alertname":""}`),
		"label is a number":    with(`{"alertname":"Down","port":5432}`),
		"label is null":        with(`{"alertname":"Down","pod":null}`),
		"label without a name": with(`{"":"Down"}`),
		"label name too long":  with(`{"` + strings.Repeat("n", maxLabelName+1) + `":"v"}`),
		"label value too long": with(`{"alertname":"` + strings.Repeat("v", maxLabelValue+1) + `"}`),
		"too many labels":      with(string(manyJSON)),
		"no status":            strings.Replace(goodAlert, `"firing"`, `""`, 1),
		"status of its own":    strings.Replace(goodAlert, `"firing"`, `"suppressed"`, 1),
		"status in capitals":   strings.Replace(goodAlert, `"firing"`, `"FIRING"`, 1),
		"startsAt no time":     strings.Replace(goodAlert, `2026-11-22T02:10:40.4969Z`, `yesterday`, 1),
		"startsAt missing":     strings.Replace(goodAlert, `"startsAt":"2026-11-22T02:10:40.4969Z",`, ``, 1),
		"before all clocks":    strings.Replace(goodAlert, `2026-11-22T02:10:40.4969Z`, `0000-01-01T00:00:00+23:59`, 1),
		"after all years":      strings.Replace(goodAlert, `2026-11-22T02:10:40.4969Z`, `9999-12-31T23:59:59-23:59`, 1),
		"resolved in year 0":   strings.NewReplacer(`"firing"`, `"resolved"`, `0001-01-01T00:00:00Z`, `0000-05-05T00:00:00Z`).Replace(goodAlert),
	} {
		t.Run(name, func(t *testing.T) {
			if bad == goodAlert {
				t.Fatal("the bad alert is the good one")
			}
			var d desk
			w := post(intake(t, d.options()), webhook(bad, goodAlert))
			if w.Code != http.StatusOK {
				t.Fatalf("answered %d %s", w.Code, w.Body)
			}
			if h := d.heard(t); len(h) != 1 || h[0].Alert.Name() != "Down" {
				t.Errorf("heard %v, want the good one", h)
			}
			if len(d.quarantined) != 1 || d.quarantined[0] != bad+"\n" || !strings.Contains(d.whys[0], "alert 1 of 2") {
				t.Errorf("in quarantine: %q, because of %q", d.quarantined, d.whys)
			}
			if n := d.deliveries[0]; n.Outcome != Accepted || n.Garbage != 1 || n.Firing != 1 || d.pulls != 1 {
				t.Errorf("observed %+v and %d pulls", n, d.pulls)
			}
		})
	}
}

// An alert that is well-formed is never refused for good, however large it is:
// thousands of labels, a megabyte in one.
func TestAnAlertThatIsTooLargeIsNotRefusedForGood(t *testing.T) {
	labels := `{"alertname":"Down","pod":"web-1"}`
	many := make(map[string]string)
	for i := range 10_000 {
		many[fmt.Sprintf("l%d", i)] = "v"
	}
	manyJSON, err := json.Marshal(many)
	if err != nil {
		t.Fatal(err)
	}
	for name, ls := range map[string]string{
		"thousands of labels": string(manyJSON),
		"a megabyte":          `{"alertname":"Down","pod":"` + strings.Repeat("v", 1<<20) + `"}`,
		"a long name":         `{"alertname":"Down","` + strings.Repeat("n", 1<<20) + `":"v"}`,
	} {
		t.Run(name, func(t *testing.T) {
			var d desk
			w := post(intake(t, d.options()), webhook(`{}`, strings.Replace(goodAlert, labels, ls, 1)))
			if w.Code != http.StatusServiceUnavailable || w.Body.Len() > 1000 {
				t.Errorf("answered %d with %d bytes: %.300s", w.Code, w.Body.Len(), w.Body)
			}
			if len(d.batches) > 0 || d.pulls != 1 || d.deliveries[0].Outcome != Oversized {
				t.Errorf("handed over %v, %d pulls, observed %.300s", d.batches, d.pulls, fmt.Sprint(d.deliveries[0]))
			}
			if len(d.quarantined) != 1 || len(d.quarantined[0]) != DefaultLimits().Quarantine {
				t.Errorf("%d in quarantine, want the first %d bytes", len(d.quarantined), DefaultLimits().Quarantine)
			}
		})
	}
}

// What JSON allows and no Alertmanager sends: the last of two values counts, and
// a name is a name whatever it is made of.
func TestOddJSONIsReadInOneWay(t *testing.T) {
	for name, c := range map[string]struct{ labels, want string }{
		"a label twice":      {`{"alertname":"Up","pod":"web-1","alertname":"Down"}`, `{alertname="Down", pod="web-1"}`},
		"a name in capitals": {`{"alertname":"Down","Pod":"web-2","pod":"web-1"}`, `{Pod="web-2", alertname="Down", pod="web-1"}`},
		"a lone surrogate":   {`{"alertname":"Down","pod":"web-\ud800"}`, `{alertname="Down", pod="web-` + "\ufffd" + `"}`},
	} {
		t.Run(name, func(t *testing.T) {
			var d desk
			w := post(intake(t, d.options()), webhook(strings.Replace(goodAlert, `{"alertname":"Down","pod":"web-1"}`, c.labels, 1)))
			if h := d.heard(t); w.Code != http.StatusOK || len(h) != 1 || h[0].Alert.Labels.String() != c.want {
				t.Errorf("answered %d, heard %v, want %s", w.Code, h, c.want)
			}
		})
	}
}

// No encoding is undone, so that a few bytes cannot become many.
func TestNothingIsUnpacked(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := io.WriteString(z, webhook(goodAlert)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	var d desk
	r := httptest.NewRequest(http.MethodPost, "/", &packed)
	r.RemoteAddr = "127.0.0.1:40000"
	r.Header.Set("Content-Encoding", "gzip")
	w := httptest.NewRecorder()
	intake(t, d.options()).ServeHTTP(w, r)
	if w.Code != http.StatusBadRequest || len(d.batches) > 0 {
		t.Errorf("answered %d %s, handed over %v", w.Code, w.Body, d.batches)
	}
}

func TestLongTextIsCutAndDoesNotRefuseItsAlert(t *testing.T) {
	long := strings.Repeat("ü", maxAnnotation)
	body := strings.Replace(webhook(goodAlert), "it is down", long, 1)
	body = strings.Replace(body, "http://prometheus/graph", "http://prometheus/"+long, 1)
	body = strings.Replace(body, "ec76ead9256c32fc", "<script>", 1)
	var d desk
	if w := post(intake(t, d.options()), body); w.Code != http.StatusOK {
		t.Fatalf("answered %d %s", w.Code, w.Body)
	}
	a := d.heard(t)[0].Alert
	if s := a.Annotations["summary"]; len(s) > maxAnnotation || !strings.HasSuffix(s, "ü...") {
		t.Errorf("the summary has %d bytes and ends in %q", len(s), s[len(s)-8:])
	}
	if a.GeneratorURL != "" || a.Fingerprint != "" {
		t.Errorf("kept link %.40q and fingerprint %q", a.GeneratorURL, a.Fingerprint)
	}
}

func TestEmptyLabelIsNoLabel(t *testing.T) {
	var d desk
	post(intake(t, d.options()), webhook(goodAlert, strings.Replace(goodAlert, `{"alertname"`, `{"zone":"","alertname"`, 1)))
	h := d.heard(t)
	if len(h) != 2 || h[0].Alert.Labels.String() != h[1].Alert.Labels.String() {
		t.Errorf("heard %v, want the same labels twice", h)
	}
}

func TestFiringHasNoEnd(t *testing.T) {
	var d desk
	post(intake(t, d.options()), webhook(strings.Replace(goodAlert, "0001-01-01T00:00:00Z", "2026-11-22T03:00:00Z", 1)))
	if h := d.heard(t); len(h) != 1 || !h[0].Firing || !h[0].Alert.EndsAt.IsZero() {
		t.Errorf("heard %+v", h)
	}
}

func TestQuarantineDoesNotEndWithItsSender(t *testing.T) {
	var d desk
	o := d.options()
	kept := false
	o.Quarantine = func(ctx context.Context, _ []byte, _ string) { kept = ctx.Err() == nil }
	hungUp, cancel := context.WithCancel(ctx)
	cancel()
	r := httptest.NewRequestWithContext(hungUp, http.MethodPost, "/", strings.NewReader("alert!"))
	r.RemoteAddr = "127.0.0.1:40000"
	intake(t, o).ServeHTTP(httptest.NewRecorder(), r)
	if !kept {
		t.Error("the copy was given up with the request")
	}
}

func TestNotKeptIsTriedAgain(t *testing.T) {
	d := desk{submit: func(context.Context) error { return errors.New("the disk is full") }}
	w := post(intake(t, d.options()), webhook(goodAlert))
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "the disk is full") {
		t.Errorf("answered %d %v %q, want 503, when to try again, and the reason", w.Code, w.Header(), w.Body)
	}
	if n := d.deliveries[0]; n.Outcome != NotKept || n.Firing != 0 || n.Err == nil {
		t.Errorf("observed %+v", n)
	}
	if len(d.quarantined) > 0 {
		t.Errorf("in quarantine: %q", d.quarantined)
	}
}

func TestNoAnswerBeforeItIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept, answered := make(chan error), make(chan int, 1)
		d := desk{submit: func(context.Context) error { return <-kept }}
		in := intake(t, d.options())
		go func() { answered <- post(in, webhook(goodAlert)).Code }()
		synctest.Wait()
		if len(answered) > 0 {
			t.Fatal("answered before it was kept")
		}
		kept <- nil
		if code := <-answered; code != http.StatusOK {
			t.Errorf("answered %d", code)
		}
	})
}

func TestHandingOverHasAnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := desk{submit: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}
		begun := time.Now()
		w := post(intake(t, d.options()), webhook(goodAlert))
		if took := time.Since(begun); w.Code != http.StatusServiceUnavailable || took != DefaultLimits().Submit {
			t.Errorf("answered %d after %s", w.Code, took)
		}
	})
}

// So many webhooks are read at a time. The next waits for a second, and is refused
// unread.
func TestOverloadIsRefusedSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d desk
		o := d.options()
		o.Limits.Concurrent = 1
		in := intake(t, o)
		body, sent := io.Pipe()
		answered := make(chan int, 2)
		go func() { answered <- postFrom(in, body).Code }()
		synctest.Wait()

		begun := time.Now()
		r := httptest.NewRequest(http.MethodPost, "/", unreadable{t})
		r.RemoteAddr = "127.0.0.1:40000"
		w := httptest.NewRecorder()
		in.ServeHTTP(w, r)
		if took := time.Since(begun); w.Code != http.StatusServiceUnavailable || w.Header().Get("Connection") != "close" || d.deliveries[0].Outcome != Overloaded || took != DefaultLimits().Turn {
			t.Errorf("answered %d %v after %s, observed %+v", w.Code, w.Header(), took, d.deliveries[0])
		}

		go func() { answered <- post(in, webhook(goodAlert)).Code }()
		synctest.Wait()
		io.WriteString(sent, webhook(goodAlert))
		sent.Close()
		for range 2 {
			if code := <-answered; code != http.StatusOK {
				t.Errorf("when there was room again: answered %d", code)
			}
		}
	})
}

// What was read and waits to be kept does not keep others from being read: what is
// worse is to come before it.
func TestWhatWaitsToBeKeptLeavesRoomToRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept := make(chan error)
		d := desk{submit: func(context.Context) error { return <-kept }}
		o := d.options()
		o.Limits.Concurrent = 1
		in := intake(t, o)
		answered := make(chan int, 3)
		for range 3 {
			go func() { answered <- post(in, webhook(goodAlert)).Code }()
		}
		synctest.Wait()
		for range 3 {
			kept <- nil
			if code := <-answered; code != http.StatusOK {
				t.Errorf("answered %d", code)
			}
		}
	})
}

// unreadable is a body that must not be read.
type unreadable struct{ t *testing.T }

func (u unreadable) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

func TestOverTheLimitsIsTriedAgainAndListed(t *testing.T) {
	big := webhook(strings.Replace(goodAlert, "it is down", strings.Repeat("x", 5000), 1))
	for name, c := range map[string]struct {
		limits Limits
		body   string
	}{
		"body":      {Limits{Body: 4000, Quarantine: 100}, big},
		"no length": {Limits{Body: 4000, Quarantine: 100}, big},
		"alerts":    {Limits{Alerts: 2, Quarantine: 100}, webhook(goodAlert, goodAlert, goodAlert)},
	} {
		t.Run(name, func(t *testing.T) {
			var d desk
			o := d.options()
			o.Limits = c.limits
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(c.body))
			r.RemoteAddr = "[::1]:40000"
			if name == "no length" {
				r.ContentLength = -1
			}
			w := httptest.NewRecorder()
			intake(t, o).ServeHTTP(w, r)
			if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "max_alerts") {
				t.Errorf("answered %d %q, want 503 and what to do", w.Code, w.Body)
			}
			if len(d.batches) > 0 || d.pulls != 1 || d.deliveries[0].Outcome != Oversized {
				t.Errorf("handed over %v, %d pulls, observed %+v", d.batches, d.pulls, d.deliveries[0])
			}
			if len(d.quarantined) != 1 || d.quarantined[0] != c.body[:100] {
				t.Errorf("in quarantine: %q, want the first 100 bytes", d.quarantined)
			}
		})
	}
}

func TestAtTheLimitIsTaken(t *testing.T) {
	body := webhook(goodAlert, goodAlert)
	var d desk
	o := d.options()
	o.Limits = Limits{Body: int64(len(body)), Alerts: 2}
	if w := post(intake(t, o), body); w.Code != http.StatusOK {
		t.Errorf("answered %d %s", w.Code, w.Body)
	}
}

func TestNotPosted(t *testing.T) {
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete} {
		var d desk
		r := httptest.NewRequest(method, "/", unreadable{t})
		r.RemoteAddr = "127.0.0.1:40000"
		w := httptest.NewRecorder()
		intake(t, d.options()).ServeHTTP(w, r)
		if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != http.MethodPost {
			t.Errorf("%s: answered %d %v", method, w.Code, w.Header())
		}
	}
}

func TestIntakeOptionsAreChecked(t *testing.T) {
	var d desk
	for want, change := range map[string]func(*IntakeOptions){
		"Submit":     func(o *IntakeOptions) { o.Submit = nil },
		"Quarantine": func(o *IntakeOptions) { o.Quarantine = nil },
		"negative":   func(o *IntakeOptions) { o.Limits.Submit = -1 },
		"no-such":    func(o *IntakeOptions) { o.TokenFiles = []string{filepath.Join(t.TempDir(), "no-such")} },
	} {
		o := d.options()
		change(&o)
		if _, err := NewIntake(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	o := d.options()
	o.Pull, o.Observe = nil, nil
	if w := post(intake(t, o), captured(t, "04-truncated-max_alerts-2-of-5.json")); w.Code != http.StatusOK {
		t.Errorf("with nobody to pull: answered %d", w.Code)
	}
}
