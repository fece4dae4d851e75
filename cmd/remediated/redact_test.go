package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A refusal names no credentials; what is no refusal, and what is not theirs,
// stays what it is.
func TestRedacting(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/refuse" {
			w.WriteHeader(http.StatusForbidden)
		}
		_, password, _ := r.BasicAuth()
		fmt.Fprintf(w, "you said %s %s: no", r.Header.Get("Authorization"), password)
	}))
	defer server.Close()
	client := &http.Client{Transport: redacting{http.DefaultTransport}}
	for _, c := range []struct {
		path string
		set  func(*http.Request)
		want string
	}{
		{"/refuse", func(r *http.Request) { r.Header.Set("Authorization", "Bearer sesame") }, "you said Bearer [redacted] : no"},
		{"/refuse", func(r *http.Request) { r.SetBasicAuth("me", "sesame") }, "you said Basic [redacted] [redacted]: no"},
		{"/refuse", func(r *http.Request) {}, "you said  : no"},
		{"/refuse", func(r *http.Request) { r.Header.Set("Authorization", "Bearer  ") }, "you said Bearer : no"},
		{"/answer", func(r *http.Request) { r.Header.Set("Authorization", "Bearer sesame") }, "you said Bearer sesame : no"},
	} {
		r, err := http.NewRequest(http.MethodGet, server.URL+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		c.set(r)
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || strings.Join(strings.Fields(string(b)), " ") != strings.Join(strings.Fields(c.want), " ") {
			t.Errorf("%s: %q, %v; want %q", c.path, b, err, c.want)
		}
	}
}
