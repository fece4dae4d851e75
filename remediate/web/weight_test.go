package web_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/remediate/web"
	"github.com/x0tta6bl4/remediated/remediate/web/webtest"
)

// A page is light however much there is to show: with what it loads it stays below
// 150 KiB, which the browser's tests see over the network.
func TestPagesStayLight(t *testing.T) {
	var script, policies strings.Builder
	for n := range 110 {
		fmt.Fprintf(&script, "alert %s namespace=a-namespace-with-a-long-name-%d\n", []string{"PostgresDown", "ErrorsAfterDeploy", "ShopSlow"}[n%3], n)
	}
	script.WriteString("set verify=failed/1s\npass 40m\n")
	policies.WriteString(webtest.Postgres)
	for n := range 200 {
		fmt.Fprintf(&policies, "- name: another-policy-%d\n  source: policies/another.yaml:%d\n  when: ['alertname=\"Another%d\"', 'team=~\"shop|bank\"']\n  severity: P3\n  mode: act\n  target: deployment/a/b\n  steps: [{name: restart it, do: [{kind: restart}], verify: {all: [{kind: rollout}], within: 1m, every: 1s}}]\n", n, n, n)
	}
	w, o := play(t, script.String())
	book, err := webtest.Rulebook(policies.String())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Load(book); err != nil {
		t.Fatal(err)
	}
	h := web.New(o)
	beside := 0
	for _, path := range []string{"/style.css", "/live.js", "/icon.svg"} {
		beside += ask(t, h, get(path)).Body.Len()
	}
	for path, says := range map[string]string{
		"/": "Only the 100 most urgent of 110", "/policies": "155 more are not shown", "/policies?q=another-policy-199": "another-policy-199",
		"/history": "No incident was closed", "/incidents/1": "Looking again and again", "/reports": "Reports", "/automation": "Automation",
	} {
		body := ask(t, h, get(path)).Body.String()
		if n := len(body) + beside; n > 150<<10 {
			t.Errorf("%s weighs %d KiB", path, n>>10)
		}
		if !strings.Contains(body, says) {
			t.Errorf("%s does not say %q", path, says)
		}
	}
}
