package httpclient_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/common/config"

	"github.com/x0tta6bl4/remediated/cmd/internal/httpclient"
)

// A redirect is followed to the same server, and nowhere else, whatever it carries.
func TestRedirects(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("another server was asked for %s with %q", r.URL, r.Header)
	}))
	defer elsewhere.Close()
	ours := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/near":
			http.Redirect(w, r, "/there", http.StatusFound)
		case "/there":
			fmt.Fprint(w, r.Header.Get("Authorization"))
		case "/round":
			http.Redirect(w, r, "/round", http.StatusFound)
		case "/secure":
			http.Redirect(w, r, "https://"+r.Host+"/there", http.StatusFound)
		default:
			http.Redirect(w, r, elsewhere.URL+"/latest/meta-data/", http.StatusTemporaryRedirect)
		}
	}))
	defer ours.Close()
	withToken := config.DefaultHTTPClientConfig
	withToken.Authorization = &config.Authorization{Type: "Bearer", Credentials: "sesame"}
	followingNone := config.DefaultHTTPClientConfig
	followingNone.FollowRedirects = false
	for _, c := range []struct {
		settings   config.HTTPClientConfig
		path       string
		body, fail string
	}{
		{withToken, "/near", "Bearer sesame", ""},
		{withToken, "/far", "", "no redirect to another server is followed"},
		{config.DefaultHTTPClientConfig, "/far", "", "no redirect to another server is followed"},
		{withToken, "/secure", "", "no redirect to another server is followed"},
		{withToken, "/round", "", "redirects in a row"},
		{followingNone, "/near", "<a href=\"/there\">Found</a>.\n\n", ""},
	} {
		client, err := httpclient.New(c.settings, "test")
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Get(ours.URL + c.path)
		if (err != nil) != (c.fail != "") || err != nil && !strings.Contains(err.Error(), c.fail) {
			t.Errorf("%s: %v, want %q", c.path, err, c.fail)
		}
		if err != nil {
			continue
		}
		defer resp.Body.Close()
		if b, err := io.ReadAll(resp.Body); err != nil || string(b) != c.body {
			t.Errorf("%s: %q, %v, want %q", c.path, b, err, c.body)
		}
	}
}
