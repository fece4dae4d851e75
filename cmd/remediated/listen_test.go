package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A webhook is never redirected: what follows would be a GET without a body.
func TestWebhooksAreNeverRedirected(t *testing.T) {
	d := new(daemon)
	d.outside.Store(new(outside))
	h := d.webhooks(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {}))
	for path, want := range map[string]int{
		"/api/v1/webhook/alertmanager":   http.StatusOK,
		"/api/v1/webhook/alertmanager/":  http.StatusNotFound,
		"//api/v1/webhook/alertmanager":  http.StatusNotFound,
		"/api/v1/../v1/webhook/":         http.StatusNotFound,
		"/":                              http.StatusNotFound,
		"/api/v1/webhook/slack":          http.StatusNotFound, // they are not configured
		"/api/v1/webhook/pagerduty":      http.StatusNotFound,
		"/api/v1/webhook//alertmanager":  http.StatusNotFound,
		"/api/v1/webhook/alertmanager/x": http.StatusNotFound,
	} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.URL.Path = path
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("POST %s: %d, want %d", path, w.Code, want)
		}
		if want != http.StatusOK && !strings.Contains(w.Body.String(), "webhooks go to /api/v1/webhook/alertmanager") {
			t.Errorf("POST %s does not say where to: %s", path, w.Body)
		}
	}
}
