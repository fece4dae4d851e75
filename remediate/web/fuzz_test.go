package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/remediate/web"
)

// FuzzCommand posts anything at all as a command. It is taken or refused, and what
// is taken is plain text.
func FuzzCommand(f *testing.F) {
	for _, s := range []string{`{"by":"anna","scope":"all"}`, `{"by":"anna","reason":"\u001b[2J","scope":"all"}`, `{"by":"a","scope":"policy/\u202e"}`, `{"by":"a"}{}`, `[[[[`, "null", `{"by":"a","labels":{"x":"\n"}}`} {
		f.Add(s, "application/json")
		f.Add(s, "application/x-www-form-urlencoded")
	}
	f.Add("by=anna&scope=all&by=ben", "application/x-www-form-urlencoded")
	f.Fuzz(func(t *testing.T, body, contentType string) {
		_, o := play(t, "")
		r := post("/api/v1/pause", body)
		r.Header.Set("Content-Type", strings.Map(func(c rune) rune { return max(c, ' ') }, contentType))
		rec := ask(t, web.New(o), r)
		switch rec.Code {
		case http.StatusOK, http.StatusSeeOther:
			st := answer[web.Status](t, web.New(o), get("/api/v1/status"))
			if len(st.Paused) != 1 || strings.ContainsAny(st.Paused[0].By+st.Paused[0].Reason+st.Paused[0].Scope, "\x1b\n\u202e") {
				t.Errorf("%q: %+v", body, st.Paused)
			}
		case 400, 409, 413, 415:
		default:
			t.Errorf("%q as %q: %d %s", body, contentType, rec.Code, rec.Body)
		}
	})
}
