package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The tests of the shipped policies pass, and between them reach each step and
// each refusal.
func TestShippedPolicies(t *testing.T) {
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"policy", "test", "--coverage", "../../policies/shipped"}, func(string) string { return "" }, &out, &errs)
	if code != exitOK {
		t.Errorf("exit code %d\n%s%s", code, &out, &errs)
	}
}

// Without most of them it fails, and says what nobody tests.
func TestShippedPoliciesAreAllNeeded(t *testing.T) {
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"policy", "test", "--coverage", "--run", "heals", "../../policies/shipped"}, func(string) string { return "" }, &out, &errs)
	if code != exitFailed || !bytes.Contains(out.Bytes(), []byte("not reached: postgres-down: budget refuses")) {
		t.Errorf("exit code %d\n%s%s", code, &out, &errs)
	}
}

// The shipped rules leave the labels that the shipped policies count on, and the
// policies' own PromQL can be read. A rule that sums them up is seen.
func TestShippedPoliciesFitTheShippedRules(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "policies"), os.DirFS("../../policies/shipped")); err != nil {
		t.Fatal(err)
	}
	copied := func(from, to string, change func(string) string) string {
		t.Helper()
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		to = filepath.Join(dir, to)
		if err := os.WriteFile(to, []byte(change(string(text))), 0o600); err != nil {
			t.Fatal(err)
		}
		return to
	}
	same := func(text string) string { return text }
	config := copied("../../deploy/remediated.example.yml", "remediated.yml", same)
	const shipped = "../../deploy/prometheus/remediated.rules.yml"
	summed := regexp.MustCompile(`(?s)(- alert: PodRestarts\n\s+expr: ).*?(\n\s+(?:for|labels):)`)
	wrong := regexp.MustCompile(`takes it away|leaves no label|cannot read|outside of quotes`)
	for rules, want := range map[string]string{
		copied(shipped, "shipped.yml", same): "",
		copied(shipped, "summed.yml", func(text string) string { return summed.ReplaceAllString(text, "${1}sum(restarts) > 3${2}") }): "no alert PodRestarts has a label",
	} {
		_, out, errs := calls(t, "policy", "lint", "--rules", rules, config)
		if !strings.Contains(out, "policies are fit to be loaded") {
			t.Fatalf("%s%s", out, errs)
		}
		if got := wrong.FindString(out); want == "" && got != "" || !strings.Contains(out, want) {
			t.Errorf("%s: it is said\n%s\nwant %q", filepath.Base(rules), out, want)
		}
	}
}
