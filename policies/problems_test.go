package policies

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// Two configurations and two policies that nothing is wrong with, beside which
// each case stands.
const (
	goodConfig = `cluster: prod
policies:
  - files: [policies/*.yml]
  - {files: [team/*.yml], namespaces: [shop, shop-test]}
alertmanagers: [{url: http://localhost:9093}]
prometheus: {url: http://localhost:9090}
name_servers: [{name: primary, address: ns1.example.com, key: {name: remediated, secret_file: dns.key}, zones: [shop.example.com]}]
people: [{name: anna, slack: U1, roles: [operator, approver]}]
notify:
  slack: {token_file: slack-token, channel: "#incidents"}
  pagerduty:
    routing_keys: {oncall: {file: oncall}, manager: {file: manager}, director: {file: director}}
`
	goodPolicy = `policies:
  - name: NAME
    when: ['alertname="NAME"']
    per: [namespace]
    severity: P3
    mode: approve
    target: deployment/shop/NAME
    steps:
      - name: restart
        do: [{restart: {}}]
        verify: {all: [{rollout: $target}], within: 3m}
`
	queryPolicy = `policies:
  - name: slow
    when: ['alertname="Slow"']
    severity: {default: P3, impact: [{query: lost, p1: 1}]}
    target: deployment/shop/web
    guards:
      healthy: {query: 'sum(up)', min: 2}
      depends: [{query: 'sum(up)', min: 2}]
      backup: {newest: 'max(backup_time)', max: 24h}
    steps:
      - name: restart
        do: [{restart: {}}]
        verify: {all: [{promql: {query: 'sum(up)'}}], within: 3m}
`
	approvalPolicy = `policies:
  - name: restart-by-hand
    when: ['alertname="Slow"']
    severity: P3
    target: deployment/shop/web
    steps:
      - name: restart
        approval: {by: [approver], within: 10m}
        do: [{restart: {}}]
        verify: {all: [{rollout: $target}], within: 3m}
`
)

// lay writes files below the current folder.
func lay(t *testing.T, files map[string]string) {
	t.Helper()
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// inFolder moves the test into an empty folder, so that problems name files
// without a path that differs from run to run.
func inFolder(t *testing.T, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	lay(t, files)
}

func named(name string) string { return strings.ReplaceAll(goodPolicy, "NAME", name) }

// loadCase loads a case: a configuration, a policy file, or one of a team's.
func loadCase(t *testing.T, name, text string) (*Loaded, []Problem) {
	t.Helper()
	files := map[string]string{"remediated.yml": goodConfig, "policies/p.yml": named("good"), "team/t.yml": named("team")}
	switch {
	case strings.HasPrefix(name, "config-"):
		files["remediated.yml"] = text
		files["approval/a.yml"] = approvalPolicy
		files["query/q.yml"] = queryPolicy
	case strings.HasPrefix(name, "policy-"):
		files["policies/p.yml"] = text
	case strings.HasPrefix(name, "team-"):
		files["team/t.yml"] = text
	default:
		t.Fatalf("%s: the name of a case begins with config-, policy- or team-", name)
	}
	inFolder(t, files)
	return Load("remediated.yml", testCatalogue())
}

// TestProblems shows what is said about each file in testdata/bad, and that its
// neighbour of the same name in testdata/good has no problem at all.
func TestProblems(t *testing.T) {
	cases, err := filepath.Glob("testdata/bad/*.yml")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases in testdata/bad: %v", err)
	}
	for _, path := range cases {
		path, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(path), ".yml")
		t.Run(name, func(t *testing.T) {
			l, problems := loadCase(t, name, read(t, path))
			if (l == nil) != HasErrors(problems) {
				t.Errorf("Load returned nil: %v, with errors: %v", l == nil, HasErrors(problems))
			}
			golden(t, strings.TrimSuffix(path, ".yml")+".golden", render(t, problems))
		})
		t.Run(name+"-good-neighbour", func(t *testing.T) {
			neighbour := filepath.Join(filepath.Dir(path), "../good", name+".yml")
			l, problems := loadCase(t, name, read(t, neighbour))
			if l == nil || len(problems) > 0 {
				t.Errorf("%s has problems:\n%s", neighbour, render(t, problems))
			}
		})
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func render(t *testing.T, problems []Problem) string {
	t.Helper()
	var b strings.Builder
	if err := Render(&b, problems); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if got == "" {
		t.Errorf("nothing is wrong with %s", path)
	}
	if strings.Contains(got, "hunter2") {
		t.Errorf("the secret is shown:\n%s", got)
	}
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want := read(t, path); want != got {
		t.Errorf("%s differs; look at it, then rewrite it with -update\nwant:\n%s\ngot:\n%s", path, want, got)
	}
}
