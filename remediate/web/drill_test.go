package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/web"
	"github.com/x0tta6bl4/remediated/remediate/web/webtest"
)

// practising is a world with a policy to practise, and its pages.
func practising(t *testing.T, more string) (*webtest.World, http.Handler) {
	t.Helper()
	w, o := play(t, "")
	book, err := webtest.Rulebook(more + `policies:
- {name: db, when: ['alertname="DbDown"'], per: [namespace], severity: P1, mode: act, target: deployment/$namespace/db, steps: [{name: restart, do: [{kind: restart}], verify: {all: [{kind: postgres}], within: 1m}}]}
`)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Load(book); err != nil {
		t.Fatal(err)
	}
	return w, web.New(o)
}

// shows checks that a page has all of these, and returns it.
func shows(t *testing.T, h http.Handler, path string, want []string) string {
	t.Helper()
	body := ask(t, h, get(path)).Body.String()
	for _, part := range want {
		if !strings.Contains(body, part) {
			t.Errorf("%s does not show %q:\n%s", path, part, body)
		}
	}
	return body
}

// Wherever what was broken on purpose is shown it is seen that it was.
func TestALiveDrillIsSeenToBeOne(t *testing.T) {
	w, h := practising(t, "")
	if rec := ask(t, h, post("/api/v1/live-drill", `{"by":"anna","scope":"policy/db","value":"20m","labels":{"namespace":"shop","remediated_drill":"db-stops"}}`)); rec.Code != 200 {
		t.Fatalf("%d: %s", rec.Code, rec.Body)
	}
	if err := w.Play("pass 1m\nalert DbDown namespace=shop\npass 1m"); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string][]string{
		"/":                   {"A live drill of db is on until 10:20:00</strong>, by anna", "broken on purpose, and nobody is called for it", "a live drill: "},
		"/incidents/1":        {"live drill db-stops", "it was broken on purpose, and is mended in earnest"},
		"/api/v1/incidents":   {`"live": "db-stops"`},
		"/api/v1/incidents/1": {`"live": "db-stops"`},
		"/api/v1/status":      {`"policy": "db"`, `"name": "db-stops"`, `"live": true`},
	} {
		shows(t, h, path, want)
	}
	if rec := ask(t, h, post("/api/v1/end-drill", `{"by":"anna","scope":"policy/db"}`)); rec.Code != 200 {
		t.Errorf("%d: %s", rec.Code, rec.Body)
	}
	if body := ask(t, h, get("/")).Body.String(); strings.Contains(body, "drill of db is on") {
		t.Error("it is over, and is said to be on")
	}
}

// Wherever a drill is shown it is seen to be one, and nobody is offered to run it.
func TestADrillIsSeenToBeOne(t *testing.T) {
	w, h := practising(t, "destinations: [slack, slack/drill]\n")
	if rec := ask(t, h, post("/api/v1/drill", `{"by":"anna","scope":"policy/db","value":"20m","reason":"monthly","labels":{"namespace":"shop","remediated_drill":"d7"}}`)); rec.Code != 200 {
		t.Fatalf("%d: %s", rec.Code, rec.Body)
	}
	if err := w.Play("alert DbDown namespace=shop remediated_drill=d7\npass 1m"); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string][]string{
		"/":                   {"A drill of db is on until 10:20:00</strong>, by anna: monthly", "a drill: mode: it is a drill", "would have called oncall"},
		"/incidents/1":        {"drill d7", "It is a drill: what would be done is written down"},
		"/api/v1/incidents":   {`"drill": "d7"`},
		"/api/v1/incidents/1": {`"drill": "d7"`},
		"/api/v1/status":      {`"policy": "db"`, `"name": "d7"`, `"until": "2026-01-14T10:20:00Z"`},
	} {
		body := shows(t, h, path, want)
		if strings.Contains(body, `action="/api/v1/incidents/1/run"`) || strings.Contains(body, "\""+remediate.Run+"\"") {
			t.Errorf("%s offers to run it", path)
		}
	}
	if rec := ask(t, h, post("/api/v1/end-drill", `{"by":"anna","scope":"policy/db"}`)); rec.Code != 200 {
		t.Errorf("%d: %s", rec.Code, rec.Body)
	}
	if body := ask(t, h, get("/")).Body.String(); strings.Contains(body, "A drill of db is on") {
		t.Error("it is over, and is said to be on")
	}
	if err := w.Play("resolve DbDown namespace=shop remediated_drill=d7\npass 1m"); err != nil {
		t.Fatal(err)
	}
	if body := ask(t, h, get("/")).Body.String(); !strings.Contains(body, "a drill: its alerts resolved") {
		t.Errorf("when it is closed nobody sees that it was a drill:\n%s", body)
	}
}
