package web_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/remediate/web"
)

// A replica that another one answers for answers about itself, and has all else
// answered there.
func TestForwarding(t *testing.T) {
	forwarded := []string{}
	h := web.NewForwarding(web.Options{}, func(w http.ResponseWriter, r *http.Request) error {
		forwarded = append(forwarded, r.Method+" "+r.URL.Path)
		w.Header().Add("Cache-Control", "max-age=300")
		w.WriteHeader(http.StatusTeapot)
		return nil
	})
	own := []string{"GET /-/healthy", "GET /-/ready", "GET /metrics"}
	for _, route := range append(web.Routes(), "GET /nothing", "POST /metrics") {
		method, path, _ := strings.Cut(route, " ")
		r := get(path)
		r.Method = method
		before := len(forwarded)
		rec := ask(t, h, r)
		switch passed := len(forwarded) > before; {
		case strings.HasSuffix(route, " /metrics"), slices.Contains(own, route):
			if passed || rec.Code == http.StatusTeapot || rec.Header().Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s was passed on: %v", route, rec)
			}
		case !passed || rec.Code != http.StatusTeapot || strings.Join(rec.Header().Values("Cache-Control"), " ") != "max-age=300":
			t.Errorf("%s: %d %v", route, rec.Code, rec.Header())
		}
	}
}

// What could not be passed on is refused as everything is, and to be tried again.
func TestNotForwarded(t *testing.T) {
	nobody := errors.New("no replica leads just now")
	h := web.NewForwarding(web.Options{}, func(http.ResponseWriter, *http.Request) error { return nobody })
	rec := ask(t, h, get("/api/v1/incidents"))
	if rec.Code != http.StatusServiceUnavailable || rec.Header().Get("Retry-After") == "" || !strings.Contains(rec.Body.String(), `"error": "no replica leads just now"`) {
		t.Errorf("%d %v %s", rec.Code, rec.Header(), rec.Body)
	}
	browser := get("/")
	browser.Header.Set("Accept", "text/html")
	rec = ask(t, h, browser)
	if !strings.Contains(rec.Body.String(), "<h1>Service Unavailable</h1>") || !strings.Contains(rec.Header().Get("Content-Security-Policy"), "frame-ancestors 'none'") {
		t.Errorf("to a browser: %v %s", rec.Header(), rec.Body)
	}
}

// A stranger, or another site's browser, does not get past a replica that passes on.
func TestStrangersAreNotForwarded(t *testing.T) {
	o := web.Options{Admit: func(*http.Request) (string, error) { return "", errors.New("say who you are") }}
	forward := func(_ http.ResponseWriter, r *http.Request) error {
		t.Errorf("%s was passed on", r.URL.Path)
		return nil
	}
	for _, route := range web.Routes() {
		method, path, _ := strings.Cut(route, " ")
		r := get(path)
		r.Method = method
		if rec := ask(t, web.NewForwarding(o, forward), r); rec.Code != http.StatusUnauthorized && !slices.Contains(web.OpenPaths, path) {
			t.Errorf("%s by a stranger: %d", route, rec.Code)
		}
	}
	site := post("/api/v1/pause", `{"by":"anna","scope":"all"}`)
	site.Header.Set("Sec-Fetch-Site", "cross-site")
	if rec := ask(t, web.NewForwarding(web.Options{}, forward), site); rec.Code != http.StatusForbidden {
		t.Errorf("by another site's browser: %d", rec.Code)
	}
}
