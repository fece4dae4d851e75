package docs

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Each alert of ours leads to what there is to be done about it, and the page has
// nothing about an alert that there is not.
func TestEachAlertHasARunbook(t *testing.T) {
	rules := read(t, "../deploy/prometheus/remediated.rules.yml")
	raised := regexp.MustCompile(`(?m)^\| `+"`"+`(Remediation\w+)`+"`").FindAllStringSubmatch(read(t, "alertmanager.md"), -1)
	var headings []string
	for _, m := range regexp.MustCompile(`(?m)^### (\w+)$`).FindAllStringSubmatch(read(t, "runbooks.md"), -1) {
		headings = append(headings, m[1])
	}
	var alerts []string
	for _, rule := range strings.Split(rules, "- alert: ")[1:] {
		name := regexp.MustCompile(`^\w+`).FindString(rule)
		alerts = append(alerts, name)
		const at = "runbook_url: https://github.com/x0tta6bl4/remediated/blob/main/docs/runbooks.md#"
		if !strings.Contains(rule, at+strings.ToLower(name)+"\n") {
			t.Errorf("%s does not lead to its runbook: give it the annotation %s%s", name, at, strings.ToLower(name))
		}
	}
	for _, m := range raised {
		alerts = append(alerts, m[1])
	}
	for _, name := range alerts {
		if !slices.Contains(headings, name) {
			t.Errorf("runbooks.md has no heading ### %s", name)
		}
	}
	for _, name := range headings {
		if !slices.Contains(alerts, name) {
			t.Errorf("runbooks.md is about %s, which nothing raises", name)
		}
	}
	if len(alerts) < 30 {
		t.Errorf("only %d alerts were found", len(alerts))
	}
}
