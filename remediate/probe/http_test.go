package probe

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/remediate"
)

func TestHTTP(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "all is well") })
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/secret", http.StatusFound) })
	mux.HandleFunc("/secret", func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") })
	mux.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	})
	s := httptest.NewServer(mux)
	defer s.Close()
	p, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]struct {
		ok   bool
		text string
	}{
		`{"url":"BASE/ok"}`:                               {true, "status 200"},
		`{"url":"BASE/ok","contains":"well"}`:             {true, "status 200"},
		`{"url":"BASE/none","status":404}`:                {true, "status 404"},
		`{"url":"BASE/ok","status":204}`:                  {false, "status 200, want 204"},
		`{"url":"BASE/ok","contains":"broken"}`:           {false, `lacks "broken"`},
		`{"url":"BASE/moved"}`:                            {false, "status 302, want 200"},
		`{"url":"BASE/endless","contains":"never there"}`: {false, "lacks"},
		`{"url":"http://127.0.0.1:1/"}`:                   {false, "no answer after"},
	} {
		a := p.one(t, "http", remediate.Target{}, here(strings.Replace(args, "BASE", s.URL, 1)))
		if a.OK != want.ok || !strings.Contains(a.Text, want.text) || a.Err != "" {
			t.Errorf("%s: %+v", args, a)
		}
	}
}
