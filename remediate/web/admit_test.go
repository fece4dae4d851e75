package web_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/web"
)

// Whoever is not let in reaches none of the routes, whatever they are, but for
// the two that only say that the daemon runs.
func TestEveryRouteAsksWhoItIs(t *testing.T) {
	w, o := play(t, healedAndOthers)
	o.Admit = func(*http.Request) (string, error) { return "", errors.New("say who you are") }
	o.Reload = func(context.Context, string) error { t.Error("it was reloaded"); return nil }
	h := web.New(o)
	before := w.Now()
	var open []string
	for _, route := range append(web.Routes(), "GET /nothing", "PUT /api/v1/pause", "POST /", "DELETE /api/v1/incidents/2") {
		method, path, _ := strings.Cut(route, " ")
		path = strings.NewReplacer("{id}", "2", "{digest}", strings.Repeat("0", 64)).Replace(path)
		r := post(path, `{"by":"anna","scope":"all"}`)
		r.Method = method
		rec := ask(t, h, r)
		switch {
		case rec.Code == http.StatusOK:
			open = append(open, path)
		case rec.Code != http.StatusUnauthorized || !strings.Contains(rec.Body.String(), "say who you are") || rec.Header().Get("WWW-Authenticate") == "":
			t.Errorf("%s: %d %s", route, rec.Code, rec.Body)
		}
	}
	if !slices.Equal(open, web.OpenPaths) {
		t.Errorf("open to anybody: %v, want %v", open, web.OpenPaths)
	}
	if !w.Now().Equal(before) {
		t.Error("something was said")
	}
}

// Why somebody is kept out says with which status.
func TestKeptOut(t *testing.T) {
	_, o := play(t, healedAndOthers)
	for code, header := range map[int]string{429: "Retry-After", 503: "Retry-After", 403: "", 401: "WWW-Authenticate"} {
		o.Admit = func(*http.Request) (string, error) { return "", &web.NotAdmittedError{Code: code, Why: "not now"} }
		rec := ask(t, web.New(o), get("/api/v1/incidents"))
		if rec.Code != code || !strings.Contains(rec.Body.String(), `"error": "not now"`) || header != "" && rec.Header().Get(header) == "" {
			t.Errorf("%d: %d %v %s", code, rec.Code, rec.Header(), rec.Body)
		}
	}
	r := get("/")
	r.Header.Set("Accept", "text/html")
	if rec := ask(t, web.New(o), r); !strings.Contains(rec.Header().Get("Content-Security-Policy"), "frame-ancestors 'none'") || strings.Contains(rec.Body.String(), "postgres") {
		t.Errorf("who is kept out by the page: %v %s", rec.Header(), rec.Body)
	}
}

// What is not theirs to say is forbidden, which is not that it does not fit.
func TestForbidden(t *testing.T) {
	_, o := play(t, healedAndOthers)
	no := &remediate.RefusedError{Forbidden: true, Why: "ben may not"}
	var asked string
	o.Admit = func(*http.Request) (string, error) { return "ben", nil }
	o.Reload = func(_ context.Context, by string) error { asked = by; return no }
	if rec := ask(t, web.New(o), post("/-/reload", "")); rec.Code != http.StatusForbidden || asked != "ben" || !strings.Contains(rec.Body.String(), "ben may not") {
		t.Errorf("a reload by %q: %d %s", asked, rec.Code, rec.Body)
	}
}
