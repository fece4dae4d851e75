package main

import (
	"bytes"
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/remediate/web"
	"github.com/x0tta6bl4/remediated/remediate/web/webtest"
)

// What is amiss is said, each by whom it concerns, and is an exit code.
func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		checks []web.Check
		code   int
		says   []string
	}{
		"all is well":   {[]web.Check{{What: "slack"}, {What: "pagerduty"}}, exitOK, []string{"ok  slack", "ok  pagerduty"}},
		"nobody is set": {nil, exitOK, []string{"Neither Slack nor PagerDuty is configured"}},
		"something is amiss": {
			[]web.Check{{What: "slack"}, {What: "pagerduty", Findings: []string{"level 2 waits 30m, the runbook 15m", "nobody is on level 3"}}}, exitFailed,
			[]string{"ok  slack", "bad pagerduty", "    level 2 waits 30m, the runbook 15m", "    nobody is on level 3"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := webtest.Play(t, "")
			server := httptest.NewServer(web.New(web.Options{Live: w, History: w, Check: func(context.Context) []web.Check { return c.checks }}))
			defer server.Close()
			for _, output := range []string{"text", "json"} {
				var out, errs bytes.Buffer
				code := run(t.Context(), []string{"--url", server.URL, "-o", output, "check"}, func(string) string { return "" }, &out, &errs)
				if code != c.code || errs.Len() > 0 {
					t.Errorf("%s: exit code %d, want %d: %s", output, code, c.code, &errs)
				}
				for _, want := range c.says {
					if output == "text" && !strings.Contains(out.String(), want) {
						t.Errorf("it says\n%s\nwithout %q", &out, want)
					}
				}
				if output == "json" && !strings.HasPrefix(strings.TrimSpace(out.String()), `{"checks":[`) && !strings.Contains(out.String(), `"checks"`) {
					t.Errorf("as JSON it says %s", &out)
				}
			}
		})
	}
}
