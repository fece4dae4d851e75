package probe

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/x0tta6bl4/remediated/remediate"
)

// patience is how long one look may take in these tests.
const patience = 150 * time.Millisecond

// dependingOn returns a Prober that asks one address for everything.
func dependingOn(t *testing.T, url string) *Prober {
	t.Helper()
	p, err := New(Options{Clusters: map[string]*rest.Config{"prod": {Host: url}}, Prometheus: url, Timeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// asks are what it is asked, of which each is put by a client of its own.
func asks(url string) map[string]remediate.Question {
	host := strings.TrimPrefix(url, "http://")
	one := func(kind string, target remediate.Target, args string, a ...any) remediate.Question {
		return remediate.Question{Kind: kind, Target: target, Args: fmt.Appendf(nil, args, a...)}
	}
	none := remediate.Target{}
	return map[string]remediate.Question{
		"kubernetes":    one("workload", db, `{}`),
		"control plane": one("cluster", remediate.Target{Cluster: "prod"}, `{"control_plane":true}`),
		"prometheus":    one("promql", none, `{"query":"up","min":1}`),
		"http":          one("http", none, `{"url":%q}`, url),
		"postgres":      one("postgres", none, `{"dsn":"postgres://me@%s/shop?sslmode=disable"}`, host),
		"redis":         one("redis", none, `{"address":%q}`, host),
	}
}

// unwell puts all questions, and fails for one that is answered with yes or
// after more time than one look has.
func unwell(t *testing.T, url string) map[string]remediate.Answer {
	t.Helper()
	p := dependingOn(t, url)
	out := map[string]remediate.Answer{}
	for what, q := range asks(url) {
		begun := time.Now()
		a := p.put(t.Context(), "", q)
		if took := time.Since(begun); took > 20*patience {
			t.Errorf("%s: answered after %s, a look has %s", what, took, patience)
		}
		if a.OK {
			t.Errorf("%s: all is said to be well: %+v", what, a)
		}
		out[what] = a
	}
	p.Wait()
	return out
}

// It takes the connection and says nothing, or a letter now and then.
func TestWhatAcceptsAndNeverAnswersIsNotWell(t *testing.T) {
	for name, say := range map[string]string{"nothing": "", "a letter now and then": "HTTP/1.1 200 OK\r\nX: "} {
		t.Run(name, func(t *testing.T) {
			address := listen(t, func(c net.Conn) {
				_, err := io.WriteString(c, say)
				for err == nil {
					time.Sleep(patience / 10)
					if say != "" {
						_, err = io.WriteString(c, "x")
					} else if _, err = c.Read(make([]byte, 1<<10)); err == io.EOF {
						return
					}
				}
			})
			for what, a := range unwell(t, "http://"+address) {
				if a.Err == "" && what != "http" && what != "postgres" && what != "redis" {
					t.Errorf("%s: it is known: %+v", what, a)
				}
			}
		})
	}
}

// Where names do not resolve nothing is known of what is behind them.
func TestWhatHasNoAddressIsNotWell(t *testing.T) {
	for what, a := range unwell(t, "http://nothing.invalid:80") {
		if a.Err == "" && (what == "kubernetes" || what == "control plane" || what == "prometheus") {
			t.Errorf("%s: it is known: %+v", what, a)
		}
	}
}

// What answers with something else than it should is not believed, and what
// leads elsewhere is not followed there with our credentials.
func TestWhatAnswersWithSomethingElseIsNotKnown(t *testing.T) {
	elsewhere := 0
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		elsewhere++
		io.WriteString(w, success("vector", series("1")))
	}))
	defer other.Close()
	for name, answer := range map[string]http.HandlerFunc{
		"a page": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			io.WriteString(w, "<html>Sign in</html>")
		},
		"half of it": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, `{"kind":"Deployment","status":"success"`)
		},
		"an object of another kind": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, `{"kind":"Secret","apiVersion":"v1","metadata":{"name":"db"}}`)
		},
		"500": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "out of order", 500) },
		"429": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "1")
			http.Error(w, "not now", 429)
		},
		"elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL+r.URL.Path, http.StatusTemporaryRedirect)
		},
		"without end": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, strings.Repeat(" ", 1<<12)); err != nil {
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(answer)
			defer s.Close()
			p := dependingOn(t, s.URL)
			defer p.Wait()
			elsewhere = 0
			for _, what := range []string{"kubernetes", "control plane", "prometheus"} {
				if name == "elsewhere" && what == "prometheus" {
					continue // its user says whether it is followed: follow_redirects
				}
				begun := time.Now()
				a := p.put(t.Context(), "", asks(s.URL)[what])
				if a.OK || a.Err == "" && a.Values[remediate.ValueControlPlane] == remediate.ControlPlaneReady {
					t.Errorf("%s: it is believed: %+v", what, a)
				}
				if took := time.Since(begun); took > 20*patience {
					t.Errorf("%s: answered after %s", what, took)
				}
			}
			if elsewhere != 0 {
				t.Errorf("it was followed elsewhere %d times", elsewhere)
			}
		})
	}
}
