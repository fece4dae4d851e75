package main

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/netutil"
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

// Strangers who say nothing, or a letter now and then, hold connections as long
// as they are let; then it is somebody else's turn.
func TestNobodyHoldsAListenerForLong(t *testing.T) {
	b := usual
	b.connections, b.headerWithin = 4, 200*time.Millisecond
	address := serve(t, b, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "served") })
	for n := range 3 * b.connections {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if n%2 == 0 {
			continue // it says nothing: half a connection
		}
		go func() {
			_, err := io.WriteString(c, "POST / HTTP/1.1\r\n")
			for n := 0; err == nil; n++ {
				time.Sleep(b.headerWithin / 10)
				_, err = fmt.Fprintf(c, "X-%d: y\r\n", n)
			}
		}()
	}
	begun := time.Now()
	resp, err := (&http.Client{Timeout: 20 * time.Second}).Get("http://" + address)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); string(body) != "served" || err != nil {
		t.Errorf("served %q, %v after %s", body, err, time.Since(begun))
	}
	if took := time.Since(begun); took < b.headerWithin/2 {
		t.Errorf("served after %s: as many connections as there may be were not held", took)
	}
}

// A header is no longer than it has to be, and no part of it becomes a line of
// the log.
func TestLongHeadersAreRefused(t *testing.T) {
	b := usual
	b.header = 1 << 10
	served := 0
	address := serve(t, b, func(http.ResponseWriter, *http.Request) { served++ })
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+strings.Repeat("x", 1<<16))
	resp, err := http.DefaultClient.Do(r)
	if err == nil {
		resp.Body.Close()
	}
	if served != 0 || err == nil && resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("served %d times: %v, %v", served, resp, err)
	}
}

// What a server says by itself of a connection is one line of the log for each,
// whatever words of a stranger are in it.
func TestAServersOwnWordsAreLinesOfTheLog(t *testing.T) {
	var out bytes.Buffer
	s := usual.server(nil, slog.New(slog.NewTextHandler(&out, nil)))
	s.ErrorLog.Print("TLS handshake error from \x1b[2J\nlevel=ERROR msg=forged")
	if text := out.String(); strings.Count(text, "\n") != 1 || strings.Contains(text, "\x1b") || !strings.Contains(text, "level=WARN") {
		t.Errorf("logged %q", text)
	}
}

// serve serves h on a loopback port within bounds, until the test ends.
func serve(t *testing.T, b bounds, h http.HandlerFunc) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := b.server(h, slog.New(slog.DiscardHandler))
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(netutil.LimitListener(l, b.connections)) }()
	t.Cleanup(func() { server.Close(); <-ended })
	return l.Addr().String()
}
