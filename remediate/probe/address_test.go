package probe

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/remediate"
)

// here adds to arguments that this machine is meant.
func here(args string) string {
	return strings.Replace(args, "{", `{"allow_loopback":true,`, 1)
}

// Whatever a label made of an address, nothing is asked of this machine, nor of
// where clouds give out credentials: that is looked at again when the value is
// known, and again when a name is resolved.
func TestAddressesThatAreNotAsked(t *testing.T) {
	asked := make(chan string, 100)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r.URL.String() }))
	defer s.Close()
	port := s.URL[strings.LastIndex(s.URL, ":")+1:]
	for _, tc := range []struct{ kind, args, err string }{
		{"http", `{"url":"http://127.0.0.1:PORT/"}`, "this machine's own"},
		{"http", `{"url":"http://localhost:PORT/"}`, "this machine's own"},
		{"http", `{"url":"http://[::ffff:127.0.0.1]:PORT/"}`, "this machine's own"},
		{"http", `{"url":"http://127.1:PORT/"}`, "a number"},
		{"http", `{"url":"http://2130706433:PORT/"}`, "a number"},
		{"http", `{"url":"http://0177.0.0.1:PORT/"}`, "a number"},
		{"http", `{"url":"http://127.0.0.1.:PORT/"}`, "a number"},
		{"http", `{"url":"http://shop.shop@127.0.0.1:PORT/"}`, "must not carry a user"},
		{"http", `{"url":"http://169.254.169.254/latest/meta-data/"}`, "link-local"},
		{"http", `{"url":"http://[fd00:ec2::254]/latest/meta-data/"}`, "credentials"},
		{"tcp", `{"address":"localhost:PORT"}`, "this machine's own"},
		{"tcp", `{"address":"0.0.0.0:PORT"}`, "no one host's"},
		{"tcp", `{"address":"[::]:PORT"}`, "no one host's"},
		{"redis", `{"address":"localhost:PORT"}`, "this machine's own"},
		{"redis", `{"address":"localhost:PORT","tls":true}`, "this machine's own"},
		{"redis", `{"address":"169.254.169.254:80"}`, "link-local"},
		{"dns", `{"name":"shop.example","server":"localhost:PORT"}`, "this machine's own"},
		{"dns", `{"name":"shop.example","server":"[fe80::1]:53"}`, "link-local"},
	} {
		a := quick(t).one(t, tc.kind, remediate.Target{}, strings.ReplaceAll(tc.args, "PORT", port))
		if a.OK || a.Text != "not known" || !strings.Contains(a.Err, tc.err) {
			t.Errorf("%s %s: %+v, want %q", tc.kind, tc.args, a, tc.err)
		}
	}
	dsn := file(t, "host=169.254.169.254 user=u password=hunter2 dbname=d sslmode=disable")
	if a := quick(t).one(t, "postgres", remediate.Target{}, fmt.Sprintf(`{"dsn_file":%q}`, dsn)); a.OK || !strings.Contains(a.Text, "link-local") || strings.Contains(a.Text, "hunter2") {
		t.Errorf("postgres: %+v", a)
	}
	close(asked)
	for url := range asked {
		t.Errorf("%s was asked for", url)
	}
}

// A proxy of the environment would be told whom to ask, and asks whom it likes.
func TestNoProxyIsAsked(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { t.Errorf("the proxy was asked for %s", r.URL) }))
	defer proxy.Close()
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"} {
		t.Setenv(name, proxy.URL)
	}
	a := &httpGet{URL: "http://shop.example/"}
	client, err := a.client()
	if err != nil {
		t.Fatal(err)
	}
	if client.Transport.(*http.Transport).Proxy != nil {
		t.Error("a proxy would be asked")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if answer, _ := a.put(ctx, nil, remediate.Question{}); answer.OK {
		t.Errorf("got %+v", answer)
	}
}
