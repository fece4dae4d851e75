package pagerduty_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/x0tta6bl4/remediated/notify"
	"github.com/x0tta6bl4/remediated/notify/pagerduty"
	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/test/doubles/fault"
	double "github.com/x0tta6bl4/remediated/test/doubles/pagerduty"
)

// The canaries are routing keys of the right form.
const (
	oncallKey  = "canary00000000000000000000oncall"
	managerKey = "canary0000000000000000000manager"
	apiToken   = "canary-of-the-rest-api"
)

// bench is an account, a teller that pages through it, and the bodies that arrived.
type bench struct {
	*testing.T
	account *double.Account
	options pagerduty.Options
	service *pagerduty.PagerDuty
	teller  *notify.Teller

	mu     sync.Mutex
	bodies []string
	deaf   error // what Heard returns
	heard  []pagerduty.Event
	seen   map[string]int
}

func newBench(t *testing.T, change func(*pagerduty.Options)) *bench {
	t.Helper()
	return newBenchAt(t, double.Options{}, change)
}

// newBenchAt has an account of its own.
func newBenchAt(t *testing.T, at double.Options, change func(*pagerduty.Options)) *bench {
	t.Helper()
	at.Strict, at.Token = true, apiToken
	if at.RoutingKeys == nil {
		at.RoutingKeys = []string{oncallKey, managerKey}
	}
	b := &bench{T: t, account: double.New(at), seen: map[string]int{}}
	t.Cleanup(b.account.Close)
	server := httptest.NewServer(http.HandlerFunc(b.serve))
	t.Cleanup(server.Close)
	b.options = pagerduty.Options{
		RoutingKeys: map[string]notify.SecretFile{"oncall": keyFile(t, oncallKey), "manager": keyFile(t, managerKey)},
		EventsURL:   server.URL + "/v2/enqueue", APIURL: server.URL, Timeout: 5 * time.Second,
		Page:  func(uint64) string { return "https://remediated.example/i42" },
		Heard: b.hear, Observe: b.observe,
	}
	if change != nil {
		change(&b.options)
	}
	var err error
	if b.service, err = pagerduty.New(b.options); err != nil {
		t.Fatal(err)
	}
	if b.teller, err = notify.New(b.service); err != nil {
		t.Fatal(err)
	}
	return b
}

// asking lets the service ask the REST API.
func asking(t *testing.T) func(*pagerduty.Options) {
	return func(o *pagerduty.Options) { o.APIToken = keyFile(t, apiToken) }
}

// restart begins a new process that remembers nothing.
func (b *bench) restart() {
	b.Helper()
	var err error
	if b.service, err = pagerduty.New(b.options); err != nil {
		b.Fatal(err)
	}
	if b.teller, err = notify.New(b.service); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) hear(_ context.Context, e pagerduty.Event) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.deaf == nil {
		b.heard = append(b.heard, e)
	}
	return b.deaf
}

func (b *bench) observe(what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen[what]++
}

// sent is "<action> <key>" of every event that PagerDuty took.
func (b *bench) sent() (all []string) {
	for _, e := range b.account.Events() {
		all = append(all, e.Action+" "+e.DedupKey)
	}
	return all
}

func (b *bench) wantSent(want ...string) {
	b.Helper()
	if got := b.sent(); !slices.Equal(got, want) {
		b.Errorf("sent %q, want %q", got, want)
	}
}

// wantHeard compares "<type> <key> <by>" of what was heard.
func (b *bench) wantHeard(want ...string) {
	b.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	var got []string
	for _, e := range b.heard {
		got = append(got, strings.TrimSpace(string(e.Type)+" "+e.Key+" "+e.AgentName))
	}
	if !slices.Equal(got, want) {
		b.Errorf("heard %q, want %q", got, want)
	}
}

// do fails unless a person could do it.
func (b *bench) do(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bench) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err == nil {
		b.mu.Lock()
		b.bodies = append(b.bodies, string(body))
		b.mu.Unlock()
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	b.account.ServeHTTP(w, r)
}

func (b *bench) faults(fs ...fault.Fault) {
	b.Helper()
	if err := b.account.Faults.Add(fs...); err != nil {
		b.Fatal(err)
	}
}

// perform makes one try and checks how it ended.
func (b *bench) perform(s remediate.Started, outcome string) remediate.Result {
	b.Helper()
	r := b.teller.Perform(b.Context(), s)
	if r.Outcome != outcome {
		b.Fatalf("%s: %s, %q; want %s", s.ID, r.Outcome, r.Text, outcome)
	}
	if strings.Contains(r.Text+r.Ref, "canary") {
		b.Errorf("the result shows a routing key: %+v", r)
	}
	return r
}

func keyFile(t *testing.T, key string) notify.SecretFile {
	t.Helper()
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return notify.SecretFile(file)
}

var opened = time.Date(2025, 11, 22, 14, 2, 11, 0, time.UTC)

func page(rung, action string, change func(*remediate.Notice)) remediate.Started {
	n := remediate.Notice{
		Key: "q4m2x7kd-i42", Incident: 42, Action: action, Status: remediate.StatusDenied, Policy: "postgres-down", Severity: remediate.P1,
		Target: remediate.Target{Cluster: "prod", Kind: "deployment", Namespace: "shop", Name: "db"},
		Alert:  "PostgresDown", Labels: remediate.LabelsOf(map[string]string{"alertname": "PostgresDown", "job": "database"}),
		Summary: "Postgres does not answer", Firing: 1, Opened: opened, Rung: rung, Why: "breaker: 2 of 2 verifications failed",
		Attempts: []remediate.Attempt{{ID: "q4m2x7kd-i42-a1", Step: "restart it", Act: "restart prod/deployment/shop/db",
			At: opened, Result: "ok", Verify: "connection refused after 3m"}},
	}
	if change != nil {
		change(&n)
	}
	return remediate.Started{ID: "q4m2x7kd-i42-t1", Incident: 42, Deadline: time.Now().Add(time.Hour),
		Tell: &remediate.Tell{Destination: pagerduty.Prefix + rung, Notice: n}}
}

func TestAPageSaysWhatItIsAboutAndWhatWasTried(t *testing.T) {
	b := newBench(t, nil)
	r := b.perform(page("oncall", "trigger", nil), remediate.OK)
	if r.Ref != "q4m2x7kd-i42" {
		t.Errorf("reference %q, want the dedup key", r.Ref)
	}
	events := b.account.Events()
	if len(events) != 1 || len(b.account.Pages()) != 1 {
		t.Fatalf("events %+v, pages %+v; want one of each", events, b.account.Pages())
	}
	e := events[0]
	if e.RoutingKey != oncallKey || e.ClientURL != "https://remediated.example/i42" || len(e.Links) != 1 {
		t.Errorf("event %+v", e)
	}
	p := e.Payload
	p.Details = nil
	want := double.Payload{
		Summary: "i42 P1 denied: postgres-down on prod/deployment/shop/db: breaker: 2 of 2 verifications failed",
		Source:  "prod/deployment/shop/db", Severity: "critical", Timestamp: "2025-11-22T14:02:11Z",
		Component: "prod/deployment/shop/db", Group: "postgres-down", Class: "PostgresDown",
	}
	if string(must(json.Marshal(p))) != string(must(json.Marshal(want))) {
		t.Errorf("payload %+v, want %+v", p, want)
	}
	for _, w := range []string{"connection refused after 3m", "breaker: 2 of 2", "remedy incident ack i42", `"job":"database"`, "Postgres does not answer"} {
		if !strings.Contains(string(e.Payload.Details), w) {
			t.Errorf("the details do not say %q: %s", w, e.Payload.Details)
		}
	}
}

func TestTheAddressMayComeWithoutItsPath(t *testing.T) {
	for _, tail := range []string{"", "/"} {
		b := newBench(t, func(o *pagerduty.Options) { o.EventsURL = strings.TrimSuffix(o.EventsURL, "/v2/enqueue") + tail })
		b.perform(page("oncall", "trigger", nil), remediate.OK)
	}
	b := newBench(t, func(o *pagerduty.Options) { o.EventsURL += "/else" })
	if r := b.perform(page("oncall", "trigger", nil), remediate.Failed); !strings.Contains(r.Text, "events_url") {
		t.Errorf("%q", r.Text)
	}
}

func TestTriggerAcknowledgeAndResolveAreOneIncident(t *testing.T) {
	b := newBench(t, nil)
	for _, action := range []string{"trigger", "acknowledge", "trigger", "resolve"} {
		b.perform(page("oncall", action, nil), remediate.OK)
	}
	is := b.account.Incidents()
	if len(is) != 1 || is[0].DedupKey != "q4m2x7kd-i42" || string(is[0].Status) != "resolved" || len(b.account.Pages()) != 1 {
		t.Errorf("incidents %+v, %d pages; want one, resolved, that woke somebody once", is, len(b.account.Pages()))
	}
}

func TestRungsHaveTheirOwnKeys(t *testing.T) {
	b := newBench(t, nil)
	if got := b.teller.Destinations(); !slices.Equal(got, []string{"pagerduty/manager", "pagerduty/oncall"}) {
		t.Errorf("destinations %q", got)
	}
	b.perform(page("oncall", "trigger", nil), remediate.OK)
	b.perform(page("manager", "trigger", nil), remediate.OK)
	es := b.account.Events()
	if len(es) != 2 || es[0].RoutingKey != oncallKey || es[1].RoutingKey != managerKey {
		t.Errorf("events %+v", es)
	}
}

func TestEachTryOfAPageHasItsBody(t *testing.T) {
	b := newBench(t, nil)
	b.faults(fault.Answer("/v2/enqueue", 500), double.RateLimited("/v2/enqueue"), fault.Drop("/v2/enqueue"), fault.LoseReply("/v2/enqueue"))
	s := page("oncall", "trigger", nil)
	for range 4 {
		b.perform(s, remediate.Later)
		s.Again = true
	}
	b.perform(s, remediate.OK)
	if len(b.bodies) < 5 {
		t.Fatalf("%d requests, want 5", len(b.bodies))
	}
	for i, body := range b.bodies {
		if body != b.bodies[0] || !strings.Contains(body, `"event_action":"trigger"`) {
			t.Errorf("request %d had the body %.200q", i, body)
		}
	}
	if n := len(b.account.Pages()); n != 1 {
		t.Errorf("%d pages, want one, though the event arrived twice", n)
	}
}

func TestWhatMayGetThroughLaterIsTriedLater(t *testing.T) {
	for name, c := range map[string]struct {
		fault fault.Fault
		wait  time.Duration
		want  string
	}{
		"500":                         {fault.Answer("", 500), time.Second, "HTTP 500"},
		"408":                         {fault.Answer("", 408), time.Second, "HTTP 408"},
		"429":                         {double.RateLimited(""), 30 * time.Second, "throttle exceeded"},
		"429 with seconds":            {double.RateLimited("").With("Retry-After", "90"), 90 * time.Second, "throttle exceeded"},
		"429 with a nonsense":         {double.RateLimited("").With("Retry-After", "soon"), 30 * time.Second, "429"},
		"429 for ever":                {double.RateLimited("").With("Retry-After", "99999999999999999"), notify.MaxAsked, "429"},
		"connection reset":            {fault.Drop(""), time.Second, "trigger of q4m2x7kd-i42"},
		"some other server's yes":     {fault.Fault{Status: 200, Body: "<html>Welcome</html>"}, time.Second, "events_url"},
		"PagerDuty is slower than we": {fault.Delay("", time.Minute), time.Second, "Timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(o *pagerduty.Options) { o.Timeout = 200 * time.Millisecond })
			b.faults(c.fault)
			r := b.perform(page("oncall", "trigger", nil), remediate.Later)
			if got := time.Until(r.Until); got > c.wait || got < c.wait-time.Second {
				t.Errorf("next try in %s, want %s", got, c.wait)
			}
			if !strings.Contains(r.Text, c.want) || !strings.Contains(r.Text, "rung oncall") {
				t.Errorf("%q does not say %q and which rung", r.Text, c.want)
			}
		})
	}
}

func TestAWrongRoutingKeyFailsAndIsNotShown(t *testing.T) {
	for name, key := range map[string]string{
		"too short": "canary", "unknown": "canary00000000000000000000000000", "not alphanumeric": "canary-0000000000000000000000000",
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(o *pagerduty.Options) { o.RoutingKeys["oncall"] = keyFile(t, key) })
			r := b.perform(page("oncall", "trigger", nil), remediate.Failed)
			for _, w := range []string{"rung oncall", "HTTP 400", "outing", "check that " + string(b.options.RoutingKeys["oncall"])} {
				if !strings.Contains(r.Text, w) {
					t.Errorf("%q does not say %q", r.Text, w)
				}
			}
		})
	}
}

func TestAKeyThatTheServerRepeatsIsRedacted(t *testing.T) {
	b := newBench(t, nil)
	for _, status := range []int{400, 403, 500} {
		b.faults(fault.Fault{Status: status, Body: `{"status":"invalid","message":"bad key ` + oncallKey + `","errors":["` + oncallKey + `"]}`})
	}
	for _, outcome := range []string{remediate.Failed, remediate.Failed, remediate.Later} {
		if r := b.perform(page("oncall", "trigger", nil), outcome); !strings.Contains(r.Text, "bad key [redacted]") {
			t.Errorf("%q; want the reasons without the key", r.Text)
		}
	}
}

func TestARedirectionIsNotFollowedWithTheKey(t *testing.T) {
	b := newBench(t, nil)
	b.faults(fault.Answer("", 307).With("Location", "/v2/elsewhere"))
	r := b.perform(page("oncall", "trigger", nil), remediate.Failed)
	if len(b.bodies) != 1 || !strings.Contains(r.Text, "events_url") {
		t.Errorf("%d requests, %q", len(b.bodies), r.Text)
	}
}

func TestMalformedNoticesAreRefusedUnsent(t *testing.T) {
	b := newBench(t, nil)
	for name, s := range map[string]remediate.Started{
		"no key":         page("oncall", "trigger", func(n *remediate.Notice) { n.Key = "" }),
		"too long a key": page("oncall", "trigger", func(n *remediate.Notice) { n.Key = strings.Repeat("k", 256) }),
		"show":           page("oncall", "show", nil),
		"no action":      page("oncall", "", nil),
	} {
		t.Run(name, func(t *testing.T) {
			if r := b.perform(s, remediate.Failed); !strings.Contains(r.Text, "report it") {
				t.Errorf("%q", r.Text)
			}
		})
	}
	if r := b.perform(page("nobody", "trigger", nil), remediate.Failed); !strings.Contains(r.Text, "pagerduty/manager, pagerduty/oncall") {
		t.Errorf("%q does not say which rungs there are", r.Text)
	}
	if len(b.bodies) != 0 {
		t.Errorf("sent: %q", b.bodies)
	}
}

func TestAMissingKeyFileIsTriedLater(t *testing.T) {
	b := newBench(t, func(o *pagerduty.Options) { o.RoutingKeys["oncall"] += ".none" })
	r := b.perform(page("oncall", "trigger", nil), remediate.Later)
	if !strings.Contains(r.Text, "key.none") || !strings.Contains(r.Text, "routing_keys.oncall") {
		t.Errorf("%q does not name the file and the setting", r.Text)
	}
}

func TestHostileTextFitsAndIsTaken(t *testing.T) {
	for _, text := range []string{"\x00\x1b[31m\u202e", strings.Repeat("数", 100_000), strings.Repeat("<&>\"\\\u202e", 20_000), "\xff\xfe", ""} {
		b := newBench(t, nil)
		b.perform(page("oncall", "trigger", func(n *remediate.Notice) {
			n.Policy, n.Alert, n.Summary, n.Why, n.Rung, n.Acked, n.Plan = text, text, text, text, text, text, text
			n.Severity, n.Status = remediate.Severity(text), remediate.Status(text)
			n.Target = remediate.Target{Cluster: text, Kind: text, Namespace: text, Name: text}
			labels := map[string]string{"instance": text}
			for i := range 500 {
				labels[strings.Repeat("l", i+1)] = text
				n.Attempts = append(n.Attempts, remediate.Attempt{ID: text, Step: text, Act: text, Result: text, Verify: text})
			}
			n.Labels = remediate.LabelsOf(labels)
		}), remediate.OK)
		if n := utf8.RuneCountInString(b.account.Events()[0].Payload.Summary); n > 1024 {
			t.Errorf("a summary of %d characters", n)
		}
		if n := len(b.bodies[0]); n > 512_000 {
			t.Errorf("an event of %d bytes", n)
		}
	}
}

func TestSeverityAndSourceAreNeverEmpty(t *testing.T) {
	b := newBench(t, nil)
	for severity, want := range map[remediate.Severity]string{remediate.P1: "critical", remediate.P2: "error", remediate.P3: "warning", "": "error", "P9": "error"} {
		b.account.Reset()
		b.perform(page("oncall", "trigger", func(n *remediate.Notice) { *n = remediate.Notice{Key: n.Key, Action: n.Action, Severity: severity} }), remediate.OK)
		if p := b.account.Events()[0].Payload; p.Severity != want || p.Source != "remediated" {
			t.Errorf("%q: severity %q, source %q", severity, p.Severity, p.Source)
		}
	}
}

func TestOptionsAreRefusedByName(t *testing.T) {
	keys := func(rung string, file notify.SecretFile) map[string]notify.SecretFile {
		return map[string]notify.SecretFile{rung: file}
	}
	for want, o := range map[string]pagerduty.Options{
		"routing_keys: want the file": {},
		"routing_keys: want a name":   {RoutingKeys: keys("", "f")},
		"routing_keys.oncall":         {RoutingKeys: keys("oncall", "")},
		"events_url":                  {RoutingKeys: keys("oncall", "f"), EventsURL: "events.pagerduty.com"},
	} {
		if _, err := pagerduty.New(o); err == nil || !strings.Contains(err.Error(), "notify.pagerduty."+want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := pagerduty.New(pagerduty.Options{RoutingKeys: keys("oncall", "f")}); err != nil {
		t.Errorf("good options were refused: %v", err)
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}
