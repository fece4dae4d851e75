package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/web"
)

func get(path string) *http.Request { return httptest.NewRequest("GET", path, nil) }

// post is what a program sends.
func post(path, body string) *http.Request {
	r := httptest.NewRequest("POST", path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return r
}

// form is what a browser sends from our own page.
func form(path, body string) *http.Request {
	r := httptest.NewRequest("POST", path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return r
}

// answer asks h and reads its JSON into a T.
func answer[T any](t *testing.T, h http.Handler, r *http.Request) (v T) {
	t.Helper()
	rec := ask(t, h, r)
	if rec.Code != http.StatusOK || rec.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("%s %s: %d, %s: %s", r.Method, r.URL, rec.Code, rec.Header().Get("Content-Type"), rec.Body)
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// healedAndOthers is one incident that is closed, one that waits for a human
// and one that is being acted on.
const healedAndOthers = `set verify=ok/42s
alert PostgresDown namespace=shop
pass 50s
resolve PostgresDown namespace=shop
pass 1m
set act=silent
alert ErrorsAfterDeploy namespace=shop summary=5xx_over_12%
alert PostgresDown namespace=billing
pass 10s`

func numbers(rows []web.Row) (ns []uint64) {
	for _, r := range rows {
		ns = append(ns, r.Number)
	}
	return ns
}

func TestIncidentsAreListedNewestFirst(t *testing.T) {
	_, o := play(t, healedAndOthers)
	h := web.New(o)
	for _, c := range []struct {
		query  string
		want   []uint64
		before uint64
	}{
		{"", []uint64{3, 2, 1}, 0},
		{"?status=open", []uint64{3, 2}, 0},
		{"?status=closed", []uint64{1}, 0},
		{"?status=approval", []uint64{2}, 0},
		{"?status=healed", nil, 0},
		{"?limit=2", []uint64{3, 2}, 2},
		{"?limit=2&before=2", []uint64{1}, 0},
		{"?limit=1&before=i3", []uint64{2}, 2},
		{"?limit=1&status=open", []uint64{3}, 3},
		{"?before=1", nil, 0},
	} {
		l := answer[web.IncidentList](t, h, get("/api/v1/incidents"+c.query))
		if got := numbers(l.Incidents); !reflect.DeepEqual(got, c.want) || l.Before != c.before || l.Note != "" {
			t.Errorf("%q: incidents %v, before %d, note %q; want %v and %d", c.query, got, l.Before, l.Note, c.want, c.before)
		}
	}
}

func TestAnIncidentIsTheSameByBothOfItsNames(t *testing.T) {
	_, o := play(t, healedAndOthers)
	h := web.New(o)
	a, b := answer[web.Incident](t, h, get("/api/v1/incidents/1")), answer[web.Incident](t, h, get("/api/v1/incidents/i1"))
	if !reflect.DeepEqual(a, b) {
		t.Errorf("1 and i1 differ:\n%+v\n%+v", a, b)
	}
}

func TestClosedIncidentFromItsFacts(t *testing.T) {
	_, o := play(t, healedAndOthers)
	i := answer[web.Incident](t, web.New(o), get("/api/v1/incidents/1"))
	switch {
	case i.Status != remediate.StatusClosed || i.Why != "verified, and its alerts resolved" || !i.Verified:
		t.Errorf("status %s, why %q, verified %v", i.Status, i.Why, i.Verified)
	case i.Took.String() != "12s" || i.Objective.String() != "5m" || i.Met == nil || !*i.Met:
		t.Errorf("took %s of %s, met %v; want 12s of 5m", i.Took, i.Objective, i.Met)
	case i.Alert != "PostgresDown" || i.Labels.Get("namespace") != "shop" || i.Summary != "PostgresDown for one minute":
		t.Errorf("alert %q %s %q", i.Alert, i.Labels, i.Summary)
	case len(i.Tries) != 1 || i.Tries[0].ID != "q4m2x7kd-i1-a1" || !i.Tries[0].OK:
		t.Errorf("tries %+v", i.Tries)
	case !slices.Equal(i.Commands, []string{remediate.Note}) || len(i.Pending) != 0 || i.Approval != nil:
		t.Errorf("closed, but there are commands %v, pending %v, approval %v", i.Commands, i.Pending, i.Approval)
	case len(i.ToldTo) == 0 || i.ToldTo[0].Destination != "slack" || i.ToldTo[0].Outcome != remediate.OK:
		t.Errorf("told %+v", i.ToldTo)
	}
}

func TestApprovalNamesThePlan(t *testing.T) {
	w, o := play(t, healedAndOthers)
	h := web.New(o)
	i := answer[web.Incident](t, h, get("/api/v1/incidents/2"))
	if i.Approval == nil || i.Approval.Hash != w.Plan(2) || len(i.Approval.Plan.Acts) != 1 || i.Approval.Plan.Acts[0].Kind != "rollback" {
		t.Fatalf("approval %+v, want plan %s with one rollback", i.Approval, w.Plan(2))
	}
	given := answer[web.Given](t, h, post("/api/v1/incidents/i2/approve", `{"by": "anna", "plan": "`+i.Approval.Hash+`", "reason": "bad deploy"}`))
	if given != (web.Given{Command: "approve", By: "anna", Incident: 2}) {
		t.Errorf("given %+v", given)
	}
	i = answer[web.Incident](t, h, get("/api/v1/incidents/2"))
	if i.Status != remediate.StatusActing || i.Approval != nil || len(i.Pending) == 0 {
		t.Errorf("after the approval: %s, approval %v, pending %v", i.Status, i.Approval, i.Pending)
	}
}

func TestFactsInWordsAndAsKept(t *testing.T) {
	_, o := play(t, healedAndOthers)
	l := answer[web.FactList](t, web.New(o), get("/api/v1/incidents/1/facts"))
	first, last := l.Facts[0], l.Facts[len(l.Facts)-1]
	var b remediate.Opened
	if err := json.Unmarshal(first.Body, &b); err != nil || first.Kind != "opened/1" || b.Policy != "postgres-down" || b.Incident != 1 {
		t.Errorf("first fact %+v, %v", first, err)
	}
	if last.Kind != "filed/1" || !reflect.DeepEqual(last.Text, []string{"filed: all was told"}) {
		t.Errorf("last fact %+v", last)
	}
	for k := range l.Facts[1:] {
		if l.Facts[k].Seq >= l.Facts[k+1].Seq {
			t.Errorf("fact %d comes before %d", l.Facts[k].Seq, l.Facts[k+1].Seq)
		}
	}
}

func TestPoliciesBreakersStatus(t *testing.T) {
	_, o := play(t, "set verify=failed/3m\nalert PostgresDown namespace=shop\npass 7m\npause policy/shop-slow by=anna reason=noise")
	h := web.New(o)
	ps := answer[web.PolicyList](t, h, get("/api/v1/policies")).Policies
	if len(ps) != 5 || ps[0].Name != "postgres-down" || ps[0].Acts != 2 || !reflect.DeepEqual(ps[0].Open, []uint64{1}) || ps[0].Paused || !ps[1].Paused || !ps[2].Steps[0].Approval {
		t.Errorf("policies %+v", ps)
	}
	bs := answer[web.BreakerList](t, h, get("/api/v1/breakers")).Breakers
	if len(bs) != 1 || bs[0].Policy != "postgres-down" || bs[0].Target != "prod/deployment/shop/db" || bs[0].State != "open" || bs[0].Until.IsZero() {
		t.Errorf("breakers %+v", bs)
	}
	s := answer[web.Status](t, h, get("/api/v1/status"))
	if s.Journal != "q4m2x7kd" || s.Open != 1 || s.ByStatus[remediate.StatusDenied] != 1 || s.Policies != 5 || s.Version != "1.2.3" || len(s.Paused) != 1 || s.Paused[0] != (web.Paused{Scope: "policy/shop-slow", By: "anna", Reason: "noise"}) {
		t.Errorf("status %+v", s)
	}
}

// Which of several replicas leads is in the status and on each page.
func TestWhoLeads(t *testing.T) {
	_, o := play(t, "")
	for leader, shown := range map[string]bool{"replica-1": true, "": false} {
		o.Leader = leader
		h := web.New(o)
		if s := answer[web.Status](t, h, get("/api/v1/status")); s.Leader != leader {
			t.Errorf("status says %q, want %q", s.Leader, leader)
		}
		if page := ask(t, h, get("/")).Body.String(); strings.Contains(page, "<span>replica "+leader+" leads</span>") != shown {
			t.Errorf("the page, led by %q:\n%s", leader, page)
		}
	}
}

func TestAnOpenBreakerWhoseTimeIsOverLetsOneTryThrough(t *testing.T) {
	w, o := play(t, "set verify=failed/3m\nalert PostgresDown namespace=shop\npass 7m\nresolve PostgresDown namespace=shop\npass 2h")
	if b := answer[web.BreakerList](t, web.New(o), get("/api/v1/breakers")).Breakers; len(b) != 1 || b[0].State != "half-open" || !b[0].Until.IsZero() {
		t.Errorf("breakers at %s: %+v; want half-open", w.Now(), b)
	}
}

// refusal is a request, and how it is answered.
type refusal struct {
	name string
	r    *http.Request
	code int
	want string
}

// doesNotFit are requests that are understood.
func doesNotFit() []refusal {
	return []refusal{
		{"no such incident", get("/api/v1/incidents/77"), 404, "i77 is not known here"},
		{"no such facts", get("/api/v1/incidents/77/facts"), 404, "i77"},
		{"no such path", get("/api/v1/incident"), 404, "/api/v1/openapi.yaml"},
		{"a command on what is over", post("/api/v1/incidents/1/ack", `{"by":"anna"}`), 404, "i1 is not open"},
		{"approval of what waits for none", post("/api/v1/incidents/3/approve", `{"by":"anna","plan":"0123456789ab"}`), 409, "no plan that waits"},
		{"approval of another plan", post("/api/v1/incidents/2/approve", `{"by":"anna","plan":"0123456789ab"}`), 409, "not the one that waits"},
		{"a scope that is none", post("/api/v1/pause", `{"by":"anna","scope":"shop"}`), 409, "want all, policy/NAME"},
		{"resume of what goes on", post("/api/v1/resume", `{"by":"anna","scope":"all"}`), 409, "is not paused"},
		{"reload without one", post("/-/reload", ""), 404, "cannot reload"},
	}
}

// malformed are requests that are not.
func malformed() []refusal {
	text := post("/api/v1/pause", `{"by":"anna","scope":"all"}`)
	text.Header.Set("Content-Type", "text/plain")
	return []refusal{
		{"no number", get("/api/v1/incidents/seven"), 400, "want its number, 42 or i42"},
		{"zero", get("/api/v1/incidents/0"), 400, "want its number"},
		{"a status that is none", get("/api/v1/incidents?status=sad"), 400, "want open or one of listed"},
		{"a limit that is none", get("/api/v1/incidents?limit=5000"), 400, "from 1 to 1000"},
		{"reading by POST", post("/api/v1/incidents", "{}"), 405, "use GET"},
		{"a command by GET", get("/api/v1/incidents/2/ack"), 405, "use POST"},
		{"nobody", post("/api/v1/pause", `{"scope":"all"}`), 400, "who gives the command"},
		{"a name that turns the writing", post("/api/v1/pause", `{"by":"a\u202eb","scope":"all"}`), 400, "plain text"},
		{"a name too long", post("/api/v1/pause", `{"by":"`+strings.Repeat("x", 201)+`","scope":"all"}`), 400, "at most 200"},
		{"a reason too long", post("/api/v1/pause", `{"by":"a","reason":"`+strings.Repeat("x", 1001)+`","scope":"all"}`), 400, "at most 1000"},
		{"a misspelt field", post("/api/v1/pause", `{"by":"anna","scope":"all","reson":"x"}`), 400, "reson"},
		{"two values", post("/api/v1/pause", `{"by":"anna","scope":"all"} {}`), 400, "more than one"},
		{"no JSON", post("/api/v1/pause", `by=anna`), 400, "read the command"},
		{"a plan for ack", post("/api/v1/incidents/2/ack", `{"by":"anna","plan":"0123456789ab"}`), 400, "plan is for approve and deny"},
		{"a scope for ack", post("/api/v1/incidents/2/ack", `{"by":"anna","scope":"all"}`), 400, "scope is for pause"},
		{"a plan for pause", post("/api/v1/pause", `{"by":"anna","scope":"all","plan":"0123456789ab"}`), 400, "plan is for approve"},
		{"a guard for ack", post("/api/v1/incidents/2/ack", `{"by":"anna","guard":"cooldown"}`), 400, "guard is for override; ack takes none"},
		{"a value for override", post("/api/v1/incidents/2/override", `{"by":"anna","guard":"cooldown","reason":"x","value":"P1"}`), 400, "value is for mode, severity, accept, drill and live-drill"},
		{"override of no guard", post("/api/v1/incidents/2/override", `{"by":"anna","reason":"x"}`), 400, "which guard may pass"},
		{"override without a reason", post("/api/v1/incidents/2/override", `{"by":"anna","guard":"cooldown","reason":" \n"}`), 400, "why the guard may pass"},
		{"override by nobody", post("/api/v1/incidents/2/override", `{"guard":"cooldown","reason":"x"}`), 400, "who gives the command"},
		{"a guard on two lines", post("/api/v1/incidents/2/override", `{"by":"anna","guard":"cool\ndown","reason":"x"}`), 400, "guard is plain text on one line"},
		{"a guard too long", post("/api/v1/incidents/2/override", `{"by":"anna","guard":"`+strings.Repeat("x", 101)+`","reason":"x"}`), 400, "guard: at most 100"},
		{"a severity that is none", post("/api/v1/incidents/2/severity", `{"by":"anna","value":"P4"}`), 400, "severity wants one of P1, P2, P3"},
		{"no severity", post("/api/v1/incidents/2/severity", `{"by":"anna"}`), 400, "severity wants one of P1, P2, P3"},
		{"a scope for severity", post("/api/v1/incidents/2/severity", `{"by":"anna","value":"P1","scope":"all"}`), 400, "scope is for pause, resume, mode, drill, live-drill and end-drill; severity takes none"},
		{"an end for resume", post("/api/v1/resume", `{"by":"anna","scope":"all","for":"2h"}`), 400, "for is for pause; resume takes none"},
		{"an end for a mode", post("/api/v1/mode", `{"by":"anna","scope":"all","value":"observe","until":"2026-01-14T14:00:00Z"}`), 400, "until is for pause; mode takes none"},
		{"an end in two ways", post("/api/v1/pause", `{"by":"anna","scope":"all","for":"2h","until":"2026-01-14T14:00:00Z"}`), 400, "give one of them"},
		{"an end that is no time", post("/api/v1/pause", `{"by":"anna","scope":"all","until":"14:00"}`), 400, "want a time with its zone, for example 2026-01-14T14:00:00Z"},
		{"an end that is no span", post("/api/v1/pause", `{"by":"anna","scope":"all","for":"an hour"}`), 409, "want for example 30m, 2h or 3d"},
		{"an end that is past", post("/api/v1/pause", `{"by":"anna","scope":"all","until":"2026-01-14T09:00:00Z"}`), 409, "would be over"},
		{"an end that is far", post("/api/v1/pause", `{"by":"anna","scope":"all","for":"1y"}`), 409, "lasts 30d at most"},
		{"labels for pause", post("/api/v1/pause", `{"by":"anna","scope":"all","labels":{"a":"b"}}`), 400, "labels is for drill and live-drill; pause takes none"},
		{"a drill of nothing", post("/api/v1/drill", `{"by":"anna"}`), 400, "which policy is practised"},
		{"a page for a drill on the table", post("/api/v1/drill", `{"by":"anna","scope":"policy/p","page":true}`), 400, "page is for live-drill; drill takes none"},
		{"a live drill of nothing", post("/api/v1/live-drill", `{"by":"anna"}`), 400, "which policy is practised"},
		{"the end of no drill", post("/api/v1/end-drill", `{"by":"anna"}`), 400, "which policy is practised"},
		{"a label that turns the writing", post("/api/v1/drill", `{"by":"anna","scope":"policy/p","labels":{"a":"b\u202ec"}}`), 400, "plain text"},
		{"a label too long", post("/api/v1/drill", `{"by":"anna","scope":"policy/p","labels":{"a":"`+strings.Repeat("x", 1001)+`"}}`), 400, "at most 1000"},
		{"a mode nowhere", post("/api/v1/mode", `{"by":"anna","value":"observe"}`), 400, "where: all, policy/NAME"},
		{"a mode that is none", post("/api/v1/mode", `{"by":"anna","scope":"all","value":"P1"}`), 400, "mode wants one of observe, approve, act"},
		{"a scope too long", post("/api/v1/mode", `{"by":"anna","value":"observe","scope":"policy/`+strings.Repeat("x", 300)+`"}`), 400, "scope: at most 300"},
		{"a mode by GET", get("/api/v1/mode"), 405, "use POST"},
		{"too much", post("/api/v1/pause", `{"by":"`+strings.Repeat("x", 70_000)+`"}`), 413, "at most 65536 bytes"},
		{"another type", text, 415, "send application/json"},
	}
}

// fromElsewhere are requests that another web site makes a browser send.
func fromElsewhere() []refusal {
	site := post("/api/v1/pause", `{"by":"anna","scope":"all"}`)
	site.Header.Set("Sec-Fetch-Site", "cross-site")
	origin := post("/api/v1/pause", `{"by":"anna","scope":"all"}`)
	origin.Header.Set("Origin", "https://evil.example")
	null := form("/api/v1/pause", "by=anna&scope=all")
	null.Header.Del("Sec-Fetch-Site")
	null.Header.Set("Origin", "null")
	return []refusal{
		{"another site", site, 403, "another web site"},
		{"another origin", origin, 403, "another web site"},
		{"no origin at all", null, 403, "another web site"},
	}
}

func TestRefusals(t *testing.T) {
	w, o := play(t, healedAndOthers)
	h := web.New(o)
	for _, c := range slices.Concat(doesNotFit(), malformed(), fromElsewhere()) {
		t.Run(c.name, func(t *testing.T) {
			before, _ := w.Facts(t.Context(), 2)
			rec := ask(t, h, c.r)
			if rec.Code != c.code || !strings.Contains(rec.Body.String(), c.want) {
				t.Errorf("%d: %s\nwant %d and %q", rec.Code, rec.Body, c.code, c.want)
			}
			if after, _ := w.Facts(t.Context(), 2); len(after) != len(before) {
				t.Errorf("it was refused, and facts followed: %+v", after[len(before):])
			}
		})
	}
	if s := answer[web.Status](t, h, get("/api/v1/status")); len(s.Paused) != 0 {
		t.Errorf("everything was refused, and %v is paused", s.Paused)
	}
}

func TestEveryRouteRefusesOtherMethods(t *testing.T) {
	_, o := play(t, "")
	h := web.New(o)
	for _, route := range web.Routes() {
		method, path, _ := strings.Cut(route, " ")
		other := map[string]string{"GET": "DELETE", "POST": "GET"}[method]
		rec := ask(t, h, httptest.NewRequest(other, strings.ReplaceAll(path, "{id}", "1"), nil))
		if rec.Code != http.StatusMethodNotAllowed || !strings.Contains(rec.Header().Get("Allow"), method) {
			t.Errorf("%s %s: %d, Allow: %q", other, path, rec.Code, rec.Header().Get("Allow"))
		}
	}
}

// words hears what is handed to the decider, in place of it.
type words struct {
	web.Live
	heard []remediate.Command
}

func (w *words) Command(_ context.Context, c remediate.Command) error {
	w.heard = append(w.heard, c)
	return nil
}

// Whatever a word says arrives, one line each, and is answered or leads back to
// where its effect can be seen.
func TestWordsArriveWhole(t *testing.T) {
	_, o := play(t, healedAndOthers)
	for _, c := range []struct {
		r    *http.Request
		want remediate.Command
		to   string // of a form
	}{
		{post("/api/v1/incidents/i2/override", `{"by":"anna","guard":" cooldown ","reason":"the disk\n is full"}`),
			remediate.Command{Command: "override", By: "anna", Incident: 2, Guard: "cooldown", Reason: "the disk is full"}, ""},
		{form("/api/v1/incidents/2/override", "by=anna&guard=cooldown&reason=full"),
			remediate.Command{Command: "override", By: "anna", Incident: 2, Guard: "cooldown", Reason: "full"}, "/incidents/2"},
		{post("/api/v1/incidents/2/severity", `{"by":"anna","value":"P3","reason":"only the backup"}`),
			remediate.Command{Command: "severity", By: "anna", Incident: 2, Value: "P3", Reason: "only the backup"}, ""},
		{form("/api/v1/incidents/2/severity", "by=anna&value=P1&reason="),
			remediate.Command{Command: "severity", By: "anna", Incident: 2, Value: "P1"}, "/incidents/2"},
		{post("/api/v1/mode", `{"by":"anna","scope":"policy/postgres-down","value":"observe","reason":"it restarts too much"}`),
			remediate.Command{Command: "mode", By: "anna", Scope: "policy/postgres-down", Value: "observe", Reason: "it restarts too much"}, ""},
		{form("/api/v1/mode", "by=anna&scope=all&value=act&reason=over"),
			remediate.Command{Command: "mode", By: "anna", Scope: "all", Value: "act", Reason: "over"}, "/automation"},
		{post("/api/v1/pause", `{"by":"anna","scope":"all"}`), remediate.Command{Command: "pause", By: "anna", Scope: "all"}, ""},
		{post("/api/v1/pause", `{"by":"anna","scope":"all","for":"2h"}`), remediate.Command{Command: "pause", By: "anna", Scope: "all", Value: "2h"}, ""},
		{post("/api/v1/pause", `{"by":"anna","scope":"all","until":"2026-01-14T14:00:00Z"}`),
			remediate.Command{Command: "pause", By: "anna", Scope: "all", Until: time.Date(2026, 1, 14, 14, 0, 0, 0, time.UTC)}, ""},
		{form("/api/v1/pause", "by=anna&scope=all&for=30m"), remediate.Command{Command: "pause", By: "anna", Scope: "all", Value: "30m"}, "/automation"},
		{form("/api/v1/pause", "by=anna&scope=all&for="), remediate.Command{Command: "pause", By: "anna", Scope: "all"}, "/automation"},
		{post("/api/v1/incidents/2/deny", `{"by":"anna","plan":"0123456"}`), remediate.Command{Command: "deny", By: "anna", Incident: 2, Plan: "0123456"}, ""},
	} {
		w := &words{Live: o.Live}
		h := web.New(web.Options{Live: w, History: o.History, Now: o.Now})
		if c.to == "" {
			given := answer[web.Given](t, h, c.r)
			want := web.Given{Command: c.want.Command, By: "anna", Incident: c.want.Incident, Scope: c.want.Scope, Guard: c.want.Guard, Value: c.want.Value}
			if want.Command == remediate.Pause {
				want.For, want.Value = want.Value, ""
			}
			if !c.want.Until.IsZero() {
				want.Until = c.want.Until.Format(time.RFC3339)
			}
			if given != want {
				t.Errorf("answered %+v, want %+v", given, want)
			}
		} else if rec := ask(t, h, c.r); rec.Code != http.StatusSeeOther || rec.Header().Get("Location") != c.to {
			t.Errorf("%s: %d to %q, want %q", c.r.URL, rec.Code, rec.Header().Get("Location"), c.to)
		}
		if !reflect.DeepEqual(w.heard, []remediate.Command{c.want}) {
			t.Errorf("%s: handed over %+v, want %+v", c.r.URL, w.heard, c.want)
		}
	}
}

func TestWhileTheDaemonCannotKeepOrAnswer(t *testing.T) {
	w, o := play(t, healedAndOthers)
	h := web.New(o)
	w.Break("journal", errors.New("no space left on device"))
	rec := ask(t, h, post("/api/v1/incidents/2/ack", `{"by":"anna"}`))
	if rec.Code != 503 || rec.Header().Get("Retry-After") == "" || !strings.Contains(rec.Body.String(), "no space left on device; look how things stand") {
		t.Errorf("a command: %d %s", rec.Code, rec.Body)
	}
	if s := answer[web.Status](t, h, get("/api/v1/status")); s.Degraded != "no space left on device" {
		t.Errorf("degraded %q", s.Degraded)
	}
	w.Break("history", errors.New("input/output error"))
	l := answer[web.IncidentList](t, h, get("/api/v1/incidents"))
	if !reflect.DeepEqual(numbers(l.Incidents), []uint64{3, 2}) || !strings.Contains(l.Note, "closed incidents are missing here") {
		t.Errorf("without the history: %v, note %q", numbers(l.Incidents), l.Note)
	}
	i := answer[web.Incident](t, h, get("/api/v1/incidents/2"))
	if i.Status != remediate.StatusApproval || i.Labels.Get("namespace") != "shop" || !strings.Contains(i.Note, "the story is missing here") {
		t.Errorf("an open incident without the history: %+v", i)
	}
	if rec := ask(t, h, get("/api/v1/incidents/1")); rec.Code != 503 {
		t.Errorf("a closed incident without the history: %d %s", rec.Code, rec.Body)
	}
	w.Break("live", errors.New("the engine has stopped"))
	for _, path := range []string{"/api/v1/incidents", "/api/v1/incidents/2", "/api/v1/status", "/api/v1/policies", "/api/v1/breakers", "/", "/incidents/2", "/automation"} {
		if rec := ask(t, h, get(path)); rec.Code != 503 || !strings.Contains(rec.Body.String(), "the engine has stopped") {
			t.Errorf("%s while the engine is gone: %d %s", path, rec.Code, rec.Body)
		}
	}
}

func TestWhoGivesTheWord(t *testing.T) {
	w, o := play(t, healedAndOthers)
	o.Admit = func(*http.Request) (string, error) { return "anna", nil }
	r := post("/api/v1/incidents/2/ack", `{"by":"somebody else"}`)
	if given := answer[web.Given](t, web.New(o), r); given.By != "anna" {
		t.Errorf("given by %q, want whom the request has proven to be of", given.By)
	}
	o.Admit = nil
	r = post("/api/v1/incidents/2/takeover", `{"by":"bert"}`)
	r.SetBasicAuth("anna", "not checked by anybody")
	if given := answer[web.Given](t, web.New(o), r); given.By != "bert" {
		t.Errorf("given by %q, want whom the request names: nobody checked the password", given.By)
	}
	if i := answer[web.Incident](t, web.New(o), get("/api/v1/incidents/2")); i.Acked != "bert" || i.Taken != "bert" || w.Plan(2) == "" {
		t.Errorf("acked by %q, taken by %q", i.Acked, i.Taken)
	}
}

func TestOnLoopbackOnlyKnownNamesAreServed(t *testing.T) {
	_, o := play(t, "")
	o.Hosts = []string{"remediated.example.com"}
	server := httptest.NewServer(web.New(o))
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]int{
		"127.0.0.1:" + port: 200, "localhost:" + port: 200, "[::1]:" + port: 200, "LOCALHOST": 200, "remediated.example.com": 200,
		"rebound.evil.example:" + port: 421, "localhost.evil.example": 421, "127.0.0.1.evil.example": 421,
	} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+"/api/v1/status", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		resp, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("Host %s: %d, want %d", host, resp.StatusCode, want)
		}
	}
}

func TestHealthReadyReloadMetrics(t *testing.T) {
	_, o := play(t, "")
	ready := errors.New("the journal is being read")
	reload := error(nil)
	o.Ready = func() error { return ready }
	o.Reload = func(context.Context, string) error { return reload }
	o.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("remediated_up 1\n")) })
	h := web.New(o)
	want := func(r *http.Request, code int, text string) {
		t.Helper()
		if rec := ask(t, h, r); rec.Code != code || !strings.Contains(rec.Body.String(), text) {
			t.Errorf("%s %s: %d %q, want %d %q", r.Method, r.URL, rec.Code, rec.Body, code, text)
		}
	}
	want(get("/-/healthy"), 200, "healthy")
	want(get("/-/ready"), 503, "the journal is being read")
	ready = nil
	want(get("/-/ready"), 200, "ready")
	want(get("/metrics"), 200, "remediated_up 1")
	want(post("/-/reload", ""), 200, "reloaded")
	reload = errors.New("policies/a.yaml:3: unknown key")
	want(post("/-/reload", ""), 500, "the configuration from before goes on: policies/a.yaml:3")
	want(get("/-/reload"), 405, "use POST")
}
