package pagerduty_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/test/doubles/pagerduty"
)

// object is a JSON object.
type object = map[string]any

// whole is a trigger that uses every field of the schema, changed by the function.
func whole(change func(event, payload object)) object {
	payload := object{
		"summary": strings.Repeat("ü", pagerduty.MaxSummary), "source": "db1", "severity": "warning",
		"timestamp": "2015-07-17T08:42:58.315+0000", "component": "mysql", "group": "prod", "class": "disk",
		"custom_details": object{"free": "1%"},
	}
	event := object{
		"routing_key": pagerduty.DefaultRoutingKey, "event_action": "trigger", "dedup_key": strings.Repeat("k", 255),
		"client": "remediated", "client_url": "https://r.example", "payload": payload,
		"links":  []object{{"href": "https://r.example/i42", "text": "the incident"}},
		"images": []object{{"src": "https://r.example/i42.png", "href": "https://r.example", "alt": "graph"}},
	}
	change(event, payload)
	return event
}

func enqueue(t *testing.T, a *pagerduty.Account, event any) *httptest.ResponseRecorder {
	t.Helper()
	body, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	a.ServeHTTP(w, httptest.NewRequest("POST", "/v2/enqueue", strings.NewReader(string(body))))
	return w
}

func TestWholeEventIsAccepted(t *testing.T) {
	a := pagerduty.New(pagerduty.Options{Strict: true})
	if w := enqueue(t, a, whole(func(_, _ object) {})); w.Code != http.StatusAccepted {
		t.Fatalf("answered %d %s", w.Code, w.Body)
	}
	e := a.Events()[0]
	if e.Client != "remediated" || len(e.Links) != 1 || e.Images[0].Alt != "graph" || string(e.Payload.Details) != `{"free":"1%"}` {
		t.Errorf("kept %+v", e)
	}
}

func TestMalformedEventsAreRefusedWithTheReason(t *testing.T) {
	for name, c := range map[string]struct {
		reason string
		change func(event, payload object)
	}{
		"routing key, short":      {"Length of 'routing_key'", func(e, _ object) { e["routing_key"] = "short" }},
		"routing key, characters": {"non-alphanumeric", func(e, _ object) { e["routing_key"] = strings.Repeat("-", 32) }},
		"routing key, unknown":    {"Invalid routing key", func(e, _ object) { e["routing_key"] = strings.Repeat("f", 32) }},
		"no action":               {"'event_action' is missing", func(e, _ object) { delete(e, "event_action") }},
		"odd action":              {"'event_action' is invalid", func(e, _ object) { e["event_action"] = "page" }},
		"long key":                {"'dedup_key' is too long", func(e, _ object) { e["dedup_key"] = strings.Repeat("k", 256) }},
		"resolve without key":     {"'dedup_key' is missing", func(e, _ object) { e["event_action"] = "resolve"; delete(e, "dedup_key") }},
		"no payload":              {"'payload.summary' is missing", func(e, _ object) { delete(e, "payload") }},
		"blank summary":           {"'payload.summary' is missing", func(_, p object) { p["summary"] = " " }},
		"long summary":            {"'payload.summary' is too long", func(_, p object) { p["summary"] = strings.Repeat("ü", 1025) }},
		"no source":               {"'payload.source' is missing", func(_, p object) { delete(p, "source") }},
		"source, no text":         {"source", func(_, p object) { p["source"] = 1 }},
		"no severity":             {"'payload.severity' is missing", func(_, p object) { delete(p, "severity") }},
		"odd severity":            {"'payload.severity' is invalid", func(_, p object) { p["severity"] = "page" }},
		"odd timestamp":           {"'payload.timestamp'", func(_, p object) { p["timestamp"] = "yesterday" }},
		"link without href":       {"'links[0].href' is missing", func(e, _ object) { e["links"] = []object{{"text": "x"}} }},
		"links, no list":          {"links", func(e, _ object) { e["links"] = "https://r.example" }},
		"image without https":     {"'images[0].src' must be served", func(e, _ object) { e["images"] = []object{{"src": "http://r.example"}} }},
		"client_url, no URL":      {"'client_url' is not a URL", func(e, _ object) { e["client_url"] = "here" }},
		"too large":               {"512 KB", func(_, p object) { p["custom_details"] = object{"x": strings.Repeat("x", pagerduty.MaxEvent)} }},
	} {
		t.Run(name, func(t *testing.T) {
			a := pagerduty.New(pagerduty.Options{})
			w := enqueue(t, a, whole(c.change))
			var answer struct {
				Status, Message string
				Errors          []string
			}
			if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != http.StatusBadRequest {
				t.Fatalf("answered %d %s", w.Code, w.Body)
			}
			if answer.Status != "invalid event" || answer.Message != "Event object is invalid" || !strings.Contains(strings.Join(answer.Errors, "; "), c.reason) {
				t.Errorf("answered %+v, want %q", answer, c.reason)
			}
			if len(a.Events())+len(a.Pages()) != 0 {
				t.Errorf("accepted all the same: %+v", a.Events())
			}
		})
	}
}

func TestAcknowledgeNeedsNoPayload(t *testing.T) {
	w := enqueue(t, pagerduty.New(pagerduty.Options{}), whole(func(e, _ object) { e["event_action"] = "acknowledge"; delete(e, "payload") }))
	if w.Code != http.StatusAccepted {
		t.Errorf("answered %d %s", w.Code, w.Body)
	}
}

func TestBodyThatIsNoJSONIsRefused(t *testing.T) {
	w := httptest.NewRecorder()
	pagerduty.New(pagerduty.Options{}).ServeHTTP(w, httptest.NewRequest("POST", "/v2/enqueue", strings.NewReader("{")))
	if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "JSON parse error") {
		t.Errorf("answered %d %s", w.Code, w.Body)
	}
}

func TestOnlyAStrictAccountRefusesWhatTheSchemaDoesNotDescribe(t *testing.T) {
	for name, change := range map[string]func(event, payload object){
		"unknown field":      func(e, _ object) { e["severity"] = "critical" },
		"unknown in payload": func(_, p object) { p["details"] = "x" },
		"details, no object": func(_, p object) { p["custom_details"] = "x" },
	} {
		if w := enqueue(t, pagerduty.New(pagerduty.Options{}), whole(change)); w.Code != http.StatusAccepted {
			t.Errorf("%s: answered %d %s", name, w.Code, w.Body)
		}
		if w := enqueue(t, pagerduty.New(pagerduty.Options{Strict: true}), whole(change)); w.Code != http.StatusBadRequest {
			t.Errorf("%s, strict: answered %d %s", name, w.Code, w.Body)
		}
	}
}
