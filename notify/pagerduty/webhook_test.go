package pagerduty_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/x0tta6bl4/remediated/notify"
	"github.com/x0tta6bl4/remediated/notify/pagerduty"
	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/test/doubles/fault"
	double "github.com/x0tta6bl4/remediated/test/doubles/pagerduty"
)

const hookSecret = "canary-of-webhooks"

// listening lets the service take webhooks.
func listening(t *testing.T) func(*pagerduty.Options) {
	return func(o *pagerduty.Options) { o.WebhookSecrets = []notify.SecretFile{keyFile(t, hookSecret)} }
}

// object is a JSON object.
type object = map[string]any

// hook is a webhook by which Anna acknowledges, changed by the function.
func hook(change func(event, data object)) string {
	data := object{"id": "Q1", "type": "incident", "incident_key": key1, "html_url": "https://acme.pagerduty.com/incidents/Q1", "status": "acknowledged"}
	event := object{"id": "01EVENT", "event_type": "incident.acknowledged", "resource_type": "incident",
		"occurred_at": time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), "client": object{"name": "PagerDuty"},
		"agent": object{"id": "PANNA00", "type": "user_reference", "summary": "Anna", "html_url": "https://acme.pagerduty.com/users/PANNA00"}, "data": data}
	if change != nil {
		change(event, data)
	}
	return string(must(json.Marshal(object{"event": event})))
}

// deliver posts a webhook and returns the answer. Headers come in pairs.
func (b *bench) deliver(body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "/webhooks", strings.NewReader(body))
	r.Header.Set("X-PagerDuty-Signature", double.Sign([]byte(body), hookSecret))
	for n := 0; n < len(header); n += 2 {
		r.Header.Set(header[n], header[n+1])
	}
	w := httptest.NewRecorder()
	b.service.Webhooks().ServeHTTP(w, r)
	return w
}

func (b *bench) wantSeen(want ...string) {
	b.Helper()
	counts := map[string]int{}
	for _, w := range want {
		counts[w]++
	}
	if fmt.Sprint(b.seen) != fmt.Sprint(counts) {
		b.Errorf("seen %v, want %v", b.seen, counts)
	}
}

func TestAWebhookIsHeard(t *testing.T) {
	b := newBench(t, listening(t))
	if w := b.deliver(hook(nil)); w.Code != http.StatusAccepted || w.Body.Len() > 0 {
		t.Errorf("answered %d %s", w.Code, w.Body)
	}
	b.wantHeard("acknowledged " + key1 + " Anna")
	e := b.heard[0]
	if e.ID != "01EVENT" || e.AgentID != "PANNA00" || e.Incident != "Q1" || e.URL != "https://acme.pagerduty.com/incidents/Q1" || time.Since(e.At) > time.Minute {
		t.Errorf("heard %+v", e)
	}
	b.wantSeen(pagerduty.SeenHeard)
}

func TestWhatPeopleDoInPagerDutyArrives(t *testing.T) {
	heard := make(chan pagerduty.Event, 10)
	b := newBench(t, func(o *pagerduty.Options) {
		listening(t)(o)
		o.Heard = func(_ context.Context, e pagerduty.Event) error { heard <- e; return nil }
	})
	server := httptest.NewServer(b.service.Webhooks())
	defer server.Close()
	b.account.Subscribe(double.Webhook{URL: server.URL, Secrets: []string{hookSecret}})
	b.perform(page("oncall", "trigger", nil), remediate.OK)
	b.perform(page("oncall", "acknowledge", nil), remediate.OK) // our echo
	b.do(b.account.Acknowledge(key1, "Anna"))
	b.do(b.account.Unacknowledge(key1, "")) // after a time
	b.do(b.account.Escalate(key1, "", 2))   // PagerDuty's own
	b.do(b.account.Escalate(key1, "Boris", 3))
	b.do(b.account.Resolve(key1, "Clara"))
	b.do(b.account.Reopen(key1, "Clara"))
	b.account.Ping()
	for _, want := range []string{"acknowledged Anna", "unacknowledged ", "escalated Boris", "resolved Clara", "reopened Clara"} {
		select {
		case e := <-heard:
			if got := string(e.Type) + " " + e.AgentName; got != want || e.Key != key1 {
				t.Errorf("heard %+v, want %s", e, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s does not arrive: %+v", want, b.account.Deliveries())
		}
	}
}

func TestForgedWebhooksAreRefused(t *testing.T) {
	body := hook(nil)
	good := double.Sign([]byte(body), hookSecret)
	for name, signature := range map[string]string{
		"none": "", "of another secret": double.Sign([]byte(body), "else"), "of another body": double.Sign([]byte(body+" "), hookSecret),
		"no secret": double.Sign([]byte(body), ""), "cut": good[:len(good)-2], "longer": good + "00", "no version": good[3:], "another version": "v2=" + good[3:],
		"not hex": "v1=" + strings.Repeat("z", 64), "commas": ",,,v1=,", "many": strings.Repeat("v1="+strings.Repeat("00", 32)+",", 500),
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, listening(t))
			if w := b.deliver(body, "X-PagerDuty-Signature", signature); w.Code != http.StatusUnauthorized || strings.Contains(w.Body.String(), "canary") {
				t.Errorf("answered %d %s", w.Code, w.Body)
			}
			b.wantHeard()
			b.wantSeen(pagerduty.SeenForged)
		})
	}
}

func TestARotatedSecretIsTaken(t *testing.T) {
	b := newBench(t, func(o *pagerduty.Options) {
		o.WebhookSecrets = []notify.SecretFile{keyFile(t, "old"), keyFile(t, "gone") + ".none", keyFile(t, "new")}
	})
	n := 0
	for _, c := range []struct {
		status  int
		secrets []string
	}{{202, []string{"old"}}, {202, []string{"new"}}, {202, []string{"old", "new"}}, {202, []string{"newer", "new"}}, {401, []string{"newer"}}} {
		n++
		body := hook(func(e, _ object) { e["id"] = fmt.Sprint(n) })
		signature := strings.ReplaceAll(double.Sign([]byte(body), c.secrets...), ",", ", ")
		if w := b.deliver(body, "X-PagerDuty-Signature", signature); w.Code != c.status {
			t.Errorf("signed by %q: answered %d", c.secrets, w.Code)
		}
	}
	// The file is read at each use.
	if err := os.WriteFile(string(b.options.WebhookSecrets[0]), []byte("newer\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	body := hook(func(e, _ object) { e["id"] = "after" })
	if w := b.deliver(body, "X-PagerDuty-Signature", double.Sign([]byte(body), "newer")); w.Code != 202 {
		t.Errorf("after the rotation: answered %d", w.Code)
	}
}

func TestWithoutASecretWebhooksAreSentAgainLater(t *testing.T) {
	for name, files := range map[string][]notify.SecretFile{"none": nil, "unreadable": {keyFile(t, "x") + ".none"}} {
		b := newBench(t, func(o *pagerduty.Options) { o.WebhookSecrets = files })
		if w := b.deliver(hook(nil), "X-PagerDuty-Signature", double.Sign([]byte(hook(nil)), "")); w.Code != http.StatusServiceUnavailable {
			t.Errorf("%s: answered %d", name, w.Code)
		}
		b.wantSeen(pagerduty.SeenUnready)
	}
}

func TestARepeatedWebhookIsHeardOnce(t *testing.T) {
	b := newBench(t, listening(t))
	body := hook(nil)
	for _, id := range []string{"delivery-1", "delivery-1", "delivery-2", ""} { // a retry, another subscription, a replay
		if w := b.deliver(body, "X-Webhook-Id", id); w.Code != http.StatusAccepted {
			t.Errorf("%s: answered %d", id, w.Code)
		}
	}
	// The ID of a delivery is not signed: one that was not heard must not hush another.
	b.deliver(hook(func(e, _ object) { e["id"] = "02EVENT"; e["agent"] = nil }), "X-Webhook-Id", "delivery-3")
	b.deliver(hook(func(e, _ object) { e["id"] = "03EVENT" }), "X-Webhook-Id", "delivery-3")
	b.wantHeard("acknowledged "+key1+" Anna", "acknowledged "+key1+" Anna")
	b.deliver(hook(func(e, _ object) { e["id"] = "04EVENT" }), "X-Webhook-Id", "delivery-3") // now it was
	b.wantSeen(pagerduty.SeenRepeated, pagerduty.SeenHeard, pagerduty.SeenRepeated, pagerduty.SeenRepeated, pagerduty.SeenRepeated, pagerduty.SeenEcho, pagerduty.SeenHeard)
}

func TestAWebhookThatCouldNotBeWrittenDownComesAgain(t *testing.T) {
	b := newBench(t, listening(t))
	b.deaf = errors.New("the disk is full")
	if w := b.deliver(hook(nil), "X-Webhook-Id", "d"); w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "disk") {
		t.Errorf("answered %d %s", w.Code, w.Body)
	}
	b.deaf = nil
	if w := b.deliver(hook(nil), "X-Webhook-Id", "d"); w.Code != http.StatusAccepted {
		t.Errorf("answered %d", w.Code)
	}
	b.wantHeard("acknowledged " + key1 + " Anna")
}

func TestAWebhookIsAnsweredInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := pagerduty.New(pagerduty.Options{
			RoutingKeys:    map[string]notify.SecretFile{"oncall": "f"},
			WebhookSecrets: []notify.SecretFile{keyFile(t, hookSecret)},
			Heard:          func(ctx context.Context, _ pagerduty.Event) error { <-ctx.Done(); return ctx.Err() },
		})
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		w := (&bench{T: t, service: p}).deliver(hook(nil))
		if took := time.Since(begun); w.Code != http.StatusServiceUnavailable || took >= 5*time.Second {
			t.Errorf("answered %d after %s", w.Code, took)
		}
	})
}

func TestWebhooksThatDoNotCountAreAccepted(t *testing.T) {
	at := func(d time.Duration) func(e, _ object) {
		return func(e, _ object) { e["occurred_at"] = time.Now().Add(d).UTC().Format(time.RFC3339) }
	}
	for name, c := range map[string]struct {
		seen   string
		change func(event, data object)
	}{
		"old":                {pagerduty.SeenOld, at(-61 * time.Minute)},
		"not quite old":      {pagerduty.SeenHeard, at(-59 * time.Minute)},
		"our clock is late":  {pagerduty.SeenHeard, at(10 * time.Minute)},
		"ping":               {pagerduty.SeenPing, func(e, _ object) { e["event_type"], e["data"] = "pagey.ping", object{"type": "ping"} }},
		"unknown":            {pagerduty.SeenOther, func(e, _ object) { e["event_type"], e["data"] = "incident.sang", nil }},
		"note":               {pagerduty.SeenOther, func(e, _ object) { e["event_type"], e["data"] = "incident.annotated", object{"type": "incident_note"} }},
		"triggered":          {pagerduty.SeenOther, func(e, _ object) { e["event_type"] = "incident.triggered" }},
		"no agent":           {pagerduty.SeenEcho, func(e, _ object) { e["agent"] = nil }},
		"agent left out":     {pagerduty.SeenEcho, func(e, _ object) { delete(e, "agent") }},
		"an integration":     {pagerduty.SeenEcho, func(e, _ object) { e["agent"] = object{"id": "P1", "type": "integration_reference"} }},
		"a service":          {pagerduty.SeenEcho, func(e, _ object) { e["agent"] = object{"id": "P1", "type": "service_reference"} }},
		"resolved by time":   {pagerduty.SeenEcho, func(e, _ object) { e["event_type"], e["agent"] = "incident.resolved", nil }},
		"escalated by time":  {pagerduty.SeenEcho, func(e, _ object) { e["event_type"], e["agent"] = "incident.escalated", nil }},
		"taken back by time": {pagerduty.SeenHeard, func(e, _ object) { e["event_type"], e["agent"] = "incident.unacknowledged", nil }},
		"without a key":      {pagerduty.SeenKeyless, func(_, d object) { delete(d, "incident_key") }},
		"a null key":         {pagerduty.SeenKeyless, func(_, d object) { d["incident_key"] = nil }},
		"too long a key":     {pagerduty.SeenKeyless, func(_, d object) { d["incident_key"] = strings.Repeat("k", 256) }},
		"a hostile key":      {pagerduty.SeenKeyless, func(_, d object) { d["incident_key"] = "q\x00-i1\u202e" }},
		"a new field":        {pagerduty.SeenHeard, func(e, d object) { e["mood"], d["mood"] = "good", 1 }},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, listening(t))
			if w := b.deliver(hook(c.change)); w.Code != http.StatusAccepted {
				t.Errorf("answered %d %s", w.Code, w.Body)
			}
			b.wantSeen(c.seen)
			if (len(b.heard) == 1) != (c.seen == pagerduty.SeenHeard) {
				t.Errorf("heard %+v", b.heard)
			}
		})
	}
}

func TestMalformedWebhooksAreRefused(t *testing.T) {
	bodies := map[string]string{
		"empty": "", "no JSON": "hello", "cut": hook(nil)[:100], "two": hook(nil) + hook(nil), "no event": `{}`, "null": `{"event":null}`,
		"list": `[]`, "version 2": `{"messages":[{"event":"incident.acknowledge"}]}`,
	}
	for name, change := range map[string]func(event, data object){
		"no id": func(e, _ object) { delete(e, "id") }, "long id": func(e, _ object) { e["id"] = strings.Repeat("x", 201) },
		"number id": func(e, _ object) { e["id"] = 1 }, "no type": func(e, _ object) { delete(e, "event_type") },
		"no time": func(e, _ object) { delete(e, "occurred_at") }, "odd time": func(e, _ object) { e["occurred_at"] = "yesterday" },
		"agent, a text": func(e, _ object) { e["agent"] = "Anna" }, "no data": func(e, _ object) { delete(e, "data") },
		"data, a list": func(e, _ object) { e["data"] = []int{} }, "no incident": func(_, d object) { d["type"] = "service" },
		"no incident id": func(_, d object) { delete(d, "id") }, "key, a number": func(_, d object) { d["incident_key"] = 4 },
		"another resource": func(e, _ object) { e["resource_type"] = "service" },
	} {
		bodies[name] = hook(change)
	}
	for name, body := range bodies {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, listening(t))
			if w := b.deliver(body); w.Code != http.StatusBadRequest {
				t.Errorf("answered %d %s", w.Code, w.Body)
			}
			b.wantHeard()
			b.wantSeen(pagerduty.SeenMalformed)
		})
	}
}

func TestOversizedAndOtherRequestsAreRefused(t *testing.T) {
	b := newBench(t, listening(t))
	big := func(n int) string { return hook(func(e, _ object) { e["pad"] = strings.Repeat("x", n) }) }
	if w := b.deliver(big(256<<10 - 1000)); w.Code != http.StatusAccepted {
		t.Errorf("256 KB: answered %d", w.Code)
	}
	if w := b.deliver(big(258 << 10)); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("more: answered %d", w.Code)
	}
	w := httptest.NewRecorder()
	b.service.Webhooks().ServeHTTP(w, httptest.NewRequest("GET", "/webhooks", nil))
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "POST" {
		t.Errorf("GET: answered %d", w.Code)
	}
	r := httptest.NewRequest("POST", "/webhooks", brokenBody{})
	w = httptest.NewRecorder()
	b.service.Webhooks().ServeHTTP(w, r)
	if w.Code != http.StatusBadRequest || len(b.heard) != 1 {
		t.Errorf("a broken body: answered %d", w.Code)
	}
}

type brokenBody struct{}

func (brokenBody) Read([]byte) (int, error) { return 0, errors.New("reset") }

func TestTheKeyOfAnIncidentOfAlertsIsFound(t *testing.T) {
	b := newBenchAt(t, double.Options{Keyless: true}, func(o *pagerduty.Options) { asking(t)(o); listening(t)(o) })
	b.perform(page("oncall", "trigger", nil), remediate.OK)
	id := b.account.Incidents()[0].ID
	body := hook(func(_, d object) { d["id"] = id; delete(d, "incident_key") })
	b.faults(fault.Answer("/incidents/"+id+"/alerts", 500))
	if w := b.deliver(body); w.Code != http.StatusServiceUnavailable {
		t.Errorf("answered %d while the keys cannot be found", w.Code)
	}
	if w := b.deliver(body); w.Code != http.StatusAccepted {
		t.Errorf("answered %d", w.Code)
	}
	b.wantHeard("acknowledged " + key1 + " Anna")
}

func TestAnAddressFromOutsideIsShownOnlyIfItIsOne(t *testing.T) {
	for given, want := range map[string]string{
		"javascript:alert(1)": "", "http://acme.pagerduty.com/": "", "https://": "", "https://a.example/\x00": "",
		"https://acme.pagerduty.com/incidents/Q1": "https://acme.pagerduty.com/incidents/Q1",
	} {
		b := newBench(t, listening(t))
		b.deliver(hook(func(_, d object) { d["html_url"] = given }))
		if len(b.heard) != 1 || b.heard[0].URL != want {
			t.Errorf("%q: heard %+v", given, b.heard)
		}
	}
}

func FuzzWebhook(f *testing.F) {
	f.Add(hook(nil), "d")
	f.Add(hook(func(e, _ object) { e["agent"] = nil }), "")
	f.Add(`{"event":{"id":"1","event_type":"pagey.ping","occurred_at":"2026-01-02T03:04:05Z","data":{}}}`, "\x00")
	f.Add(`{"event":{"id":"1","event_type":"incident.resolved","resource_type":"incident","occurred_at":"2026-01-02T03:04:05Z","data":{"id":"\u202e"}}}`, "x")
	f.Add(`[[[[`, strings.Repeat("d", 300))
	dir := f.TempDir()
	file := dir + "/secret"
	if err := os.WriteFile(file, []byte(hookSecret), 0o600); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body, delivery string) {
		var heard []pagerduty.Event
		p, err := pagerduty.New(pagerduty.Options{
			RoutingKeys: map[string]notify.SecretFile{"oncall": "f"}, WebhookSecrets: []notify.SecretFile{notify.SecretFile(file)},
			Heard: func(_ context.Context, e pagerduty.Event) error { heard = append(heard, e); return nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		w := (&bench{service: p}).deliver(body, "X-Webhook-Id", delivery)
		if w.Code != 202 && w.Code != 400 && w.Code != 413 {
			t.Errorf("answered %d", w.Code)
		}
		for _, e := range heard {
			if w.Code != 202 || e.Key == "" || e.Key != notify.Clean(e.Key, 255) || e.ID == "" || e.Type == "" || e.At.IsZero() ||
				e.AgentName != notify.Clean(e.AgentName, 120) || e.Incident != notify.Clean(e.Incident, 200) {
				t.Errorf("answered %d, heard %+v", w.Code, e)
			}
		}
	})
}
