package web_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/x0tta6bl4/remediated/remediate/web"
	"github.com/x0tta6bl4/remediated/remediate/web/webtest"
)

// play returns a world under the rulebook webtest.Postgres in which script
// happened, and its options.
func play(t testing.TB, script string) (*webtest.World, web.Options) {
	t.Helper()
	w := webtest.Play(t, script)
	return w, web.Options{Live: w, History: w, Now: w.Now, Version: "1.2.3"}
}

// ask sends a request to h as it stands in memory.
func ask(t testing.TB, h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}
