package web_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/web"
	"github.com/x0tta6bl4/remediated/remediate/web/webtest"
)

func TestPoliciesShowHowTheyFare(t *testing.T) {
	_, o := play(t, everything)
	for path, want := range map[string][]string{
		"/policies": {
			"go back to the previous revision", "with approval", "3 of 3 in 1h", "breaker open", "100% of 1 helped", "median 12s to good",
			"paused", "no remedy: nothing is done", `href="/incidents/5"`,
		},
		"/policies/postgres-down": {"One incident per namespace", "prod/deployment/billing/db", "10m between incidents on one target", `value="policy/postgres-down"`, "Resume", `id="i1"`, "&#34;restart&#34;"},
		"/policies/nothing":       {"404", "there is no policy &#34;nothing&#34;"},
	} {
		body := shown(t, o, path)
		for _, w := range want {
			if !strings.Contains(body, w) {
				t.Errorf("%s does not say %q", path, w)
			}
		}
	}
}

func TestAPolicyIsShownAsItWas(t *testing.T) {
	w, o := play(t, "alert PostgresDown namespace=shop\npass 1m")
	was := answer[web.Status](t, web.New(o), get("/api/v1/status")).Rulebook
	book, err := webtest.Rulebook(strings.ReplaceAll(webtest.Postgres, "restart the database", "do something else"))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Load(book); err != nil {
		t.Fatal(err)
	}
	if body := shown(t, o, "/policies/postgres-down"); !strings.Contains(body, "do something else") {
		t.Error("it is not shown as it is")
	}
	link := "/policies/postgres-down?rulebook=" + was
	if body := shown(t, o, "/incidents/1"); !strings.Contains(body, link) {
		t.Error("the incident does not lead to it")
	}
	body := shown(t, o, link)
	if !strings.Contains(body, "restart the database") || !strings.Contains(body, "As it was in rulebook") || strings.Contains(body, "Set the mode") {
		t.Error("it is not shown as it was")
	}
	if rec := ask(t, web.New(o), get("/policies/postgres-down?rulebook=none")); rec.Code != http.StatusNotFound {
		t.Errorf("an unknown rulebook: %d", rec.Code)
	}
}

func TestWhatSomebodyMayNotDoIsNotOffered(t *testing.T) {
	_, o := play(t, everything)
	o.Admit = func(*http.Request) (string, error) { return "vera", nil }
	o.May = func(_ context.Context, c remediate.Command) error {
		if c.By != "vera" || c.Command != remediate.Note {
			return &remediate.RefusedError{Forbidden: true, Why: c.By + " may not " + c.Command}
		}
		return nil
	}
	for _, path := range []string{"/", "/incidents/2", "/incidents/5", "/automation", "/policies/postgres-down"} {
		body := shown(t, o, path)
		for _, line := range strings.SplitAfter(body, "</button>") {
			_, button, found := strings.Cut(line, "<button")
			if found && !strings.Contains(button, " disabled") && !strings.Contains(button, "Keep it") && !strings.Contains(button, `type="button"`) {
				t.Errorf("%s offers <button%s", path, button)
			}
		}
		if !strings.Contains(body, "vera may not ") {
			t.Errorf("%s does not say why", path)
		}
	}
}
