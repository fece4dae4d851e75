package language_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/x0tta6bl4/remediated/policies/language"
)

// The kinds that the loader's own tests know.
var kinds = language.Kinds{
	Actions: []language.Kind{
		{Name: "restart", Doc: "restarts"}, {Name: "evict_pod", Doc: "evicts"}, {Name: "delete_pod", Doc: "deletes"},
		{Name: "job", Doc: "runs", Arguments: []language.Argument{{Name: "from", Type: "string", Required: true}}},
		{Name: "scale", Doc: "scales", Arguments: []language.Argument{{Name: "replicas", Type: "integer", Required: true}}},
		{Name: "cordon", Doc: "cordons"}, {Name: "uncordon", Doc: "uncordons"},
		{Name: "silence", Doc: "silences", Arguments: []language.Argument{{Name: "alert", Type: "array", Required: true}, {Name: "for", Type: "string", Required: true}}}, {Name: "unsilence", Doc: "ends that"},
		{Name: "drain", Doc: "drains", Arguments: []language.Argument{{Name: "force", Type: "boolean"}, {Name: "delete_empty_dir", Type: "boolean"}, {Name: "max_parallel", Type: "integer"}}},
		{Name: "dns_update", Doc: "leads elsewhere", Arguments: []language.Argument{{Name: "server", Type: "string", Required: true}, {Name: "name", Type: "string", Required: true}, {Name: "from", Type: "array"}, {Name: "to", Type: "array"}}},
	},
	Probes: []language.Kind{
		{Name: "rollout", Doc: "is rolled out"}, {Name: "pods", Doc: "are ready"},
		{Name: "backup", Doc: "is there", Arguments: []language.Argument{{Name: "dir", Type: "string", Required: true}}},
		{Name: "promql", Doc: "is measured", Arguments: []language.Argument{{Name: "query", Type: "string", Required: true}}},
		{Name: "postgres", Doc: "answers", Arguments: []language.Argument{{Name: "dsn_file", Type: "string", Required: true}}},
		{Name: "redis", Doc: "answers", Arguments: []language.Argument{{Name: "address", Type: "string", Required: true}}},
	},
}

// schemas are those of all files, by name.
func schemas(t *testing.T) map[string]*jsonschema.Schema {
	t.Helper()
	out := map[string]*jsonschema.Schema{}
	for _, f := range language.Files() {
		text, err := f.Schema(kinds)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		c := jsonschema.NewCompiler()
		if err := c.AddResource(f.Name, doc); err != nil {
			t.Fatal(err)
		}
		if out[f.Name], err = c.Compile(f.Name); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// parse reads YAML as editors do, for which a point in time is a text.
func parse(t *testing.T, text string) any {
	t.Helper()
	var node yaml.Node
	if err := yaml.Unmarshal([]byte(text), &node); err != nil {
		t.Fatal(err)
	}
	timesAreTexts(&node)
	var doc any
	if err := node.Decode(&doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

func timesAreTexts(node *yaml.Node) {
	if node.Kind == yaml.ScalarNode && node.ShortTag() == "!!timestamp" {
		node.Tag = "!!str"
	}
	for _, child := range node.Content {
		timesAreTexts(child)
	}
}

// kindOf is the kind of file that a case of the loader's tests is.
func kindOf(name string) string {
	switch base := filepath.Base(name); {
	case strings.HasPrefix(base, "config"):
		return "config"
	case strings.HasPrefix(base, "tests"), strings.HasSuffix(base, ".test.yaml"):
		return "tests"
	}
	return "policies"
}

// What the loader takes satisfies the schema.
func TestGoodFilesSatisfyTheSchema(t *testing.T) {
	all := schemas(t)
	var seen int
	for _, pattern := range []string{"../testdata/good/*.yml", "../testdata/language/*.yml", "../replay/testdata/*.test.yaml"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if err := all[kindOf(name)].Validate(parse(t, string(text))); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			seen++
		}
	}
	if seen < 200 {
		t.Errorf("only %d files were looked at", seen)
	}
}

// Of what the loader refuses, the schema refuses what is built wrong.
func TestBadFilesDoNot(t *testing.T) {
	all := schemas(t)
	for _, name := range []string{
		"config-cluster-a-number", "config-cluster-bad-name", "config-digest-day", "config-digest-time", "config-escalation-level",
		"config-guard-unknown", "config-heartbeat-method", "config-http-settings-key", "config-mention-nobody", "config-mention-not-an-id",
		"config-namespaces-empty", "config-no-alertmanagers", "config-no-cluster", "config-no-files", "config-not-a-mapping",
		"config-people-role", "config-proxy-no-header", "config-routing-key-inline", "config-routing-keys-empty", "config-runbook-page", "config-runbook-severity",
		"config-slack-no-channel", "config-slack-token", "config-storm-off", "config-storm-of-one", "config-storm-share-percent",
		"config-unknown-key", "config-url",
		"policy-act-verify-an-action", "policy-act-verify-empty", "policy-approval-no-within", "policy-approval-people-none", "policy-approval-people-many", "policy-approval-unknown-role", "policy-attempts-none", "policy-attempts-too-many", "policy-backup-no-max",
		"policy-bad-mode", "policy-bad-name", "policy-bad-severity", "policy-budget-zero", "policy-continue-not-a-truth", "policy-count-part",
		"policy-count-text", "policy-depends-alert-unquoted", "policy-do-a-probe", "policy-do-argument-of-wrong-type", "policy-do-empty",
		"policy-do-two-in-one", "policy-do-unknown-argument", "policy-do-unknown-kind", "policy-do-within-alone", "policy-do-within-no-unit",
		"policy-duration-bad", "policy-duration-negative", "policy-duration-without-unit", "policy-duration-zero", "policy-guard-unknown",
		"policy-guards-a-list", "policy-no-name", "policy-no-severity", "policy-no-verify", "policy-no-when", "policy-per-bad-label",
		"policy-per-twice", "policy-policies-empty", "policy-severity-a-list", "policy-severity-no-default", "policy-step-without-do",
		"policy-target-kind", "policy-target-parts", "policy-unknown-key", "policy-verify-a-list", "policy-verify-an-action",
		"policy-verify-missing-argument", "policy-when-a-text", "policy-when-unquoted", "policy-window-time-of-one-digit", "policy-window-unknown-key",
	} {
		text, err := os.ReadFile(filepath.Join("../testdata/bad", name+".yml"))
		if err != nil {
			t.Fatal(err)
		}
		if all[kindOf(name)].Validate(parse(t, string(text))) == nil {
			t.Errorf("%s satisfies the schema", name)
		}
	}
}

// Of the files of tests that are refused, the schema refuses those that are built
// wrong: each of these lines by itself.
func TestBadTestsDoNot(t *testing.T) {
	tests := schemas(t)["tests"]
	for _, name := range []string{"both", "expect", "keys", "moves", "neither", "world"} {
		text, err := os.ReadFile(filepath.Join("../testdata/suites", name+".test.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if tests.Validate(parse(t, string(text))) == nil {
			t.Errorf("%s satisfies the schema", name)
		}
	}
	const good = `
policies: [good.yaml]
tests:
  - name: one
    world: {restart: ok}
    when: [{at: 0s, run: i1}]
    expect: [{at: 0s, opened: i1}]
`
	if err := tests.Validate(parse(t, good)); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []struct{ from, to string }{
		{"policies: [good.yaml]", "policies: []"}, {"policies: [good.yaml]", "policies: [good.yaml]\nstart: yesterday"}, {"name: one", "nam: one"},
		{"restart: ok", "restrat: ok"}, {"restart: ok", "restart: fine"}, {"restart: ok", "rollout: silent"}, {"restart: ok", "postgres: ok in 3s"},
		{"restart: ok", "redis: ok after soon"}, {"restart: ok", "delete_pod: {}"}, {"restart: ok", "workload: broken"},
		{"restart: ok", "workload: {replicas: -1}"}, {"restart: ok", "workload: {mode: off}"},
		{"restart: ok", "cluster: ill"}, {"restart: ok", "cluster: {nodes: many}"}, {"restart: ok", "queries: {up: high}"}, {"restart: ok", "queries: up"},
		{"restart: ok", "queries: {at: {ago: never}}"}, {"restart: ok", "tells: {slack: refused}"},
		{"0s, run: i1", "now, run: i1"}, {"at: 0s, run: i1", "run: i1"}, {"0s, run: i1", "0s"}, {"run: i1", "run: i1, ack: i1"}, {"run: i1", "ack: one"},
		{"run: i1", "alert: {namespace: shop}"}, {"run: i1", "alert: good"}, {"run: i1", "alert: {alertname: [good]}"}, {"run: i1", "run: i1, fired: 1h"},
		{"run: i1", "override: i1"}, {"run: i1", "override: i1, guard: cooldown"}, {"run: i1", "severity: i1"}, {"run: i1", "pause: shop"}, {"run: i1", "mode: all, to: sleep"},
		{"[{at: 0s, run: i1}]", "[]"}, {"opened: i1", "opend: i1"}, {"opened: i1", "opened: good"}, {"opened: i1", "opened: i1, act: i1"},
		{"opened: i1", "healed: i1, guard: busy"}, {"opened: i1", "act: i1, kind: [restart]"}, {"at: 0s, opened: i1", "opened: i1"}, {"[{at: 0s, opened: i1}]", "none"},
	} {
		text := strings.Replace(good, bad.from, bad.to, 1)
		if text == good || tests.Validate(parse(t, text)) == nil {
			t.Errorf("with %q in the place of %q the tests satisfy the schema", bad.to, bad.from)
		}
	}
}

// The schema's times since the beginning are Prometheus's durations, as they are
// written.
func TestTimes(t *testing.T) {
	tests := schemas(t)["tests"]
	for _, s := range []string{
		"0", "0s", "0h0m", "1ms", "30s", "1h30m", "1y2w3d4h5m6s7ms", `"0"`, "5", `""`, "null", "m", "now", "-5m", "1m1h", "1.5h", "5M", "1h 30m", "1us", "0.5", "true",
	} {
		_, err := model.ParseDuration(strings.Trim(s, `"`))
		text := "{policies: [a], tests: [{name: a, when: [{at: " + s + ", run: i1}], expect: []}]}"
		if got := tests.Validate(parse(t, text)) == nil; got != (err == nil) {
			t.Errorf("%s satisfies the schema: %v, want %v", s, got, err == nil)
		}
	}
}

// The schema's durations are Prometheus's, but for those that are no time.
func TestDurations(t *testing.T) {
	watchdog := "{cluster: a, policies: [{files: [a]}], alertmanagers: [{url: 'http://a'}], watchdog: {when: ['a=\"b\"'], within: '%'}}"
	config := schemas(t)["config"]
	for _, s := range []string{
		"1ms", "30s", "5m", "1h30m", "7d", "2w", "1y", "1y2w3d4h5m6s7ms", "10m", "0h5m", "1d1ms",
		"", "0", "0s", "0h0m", "5", "m", "5 m", "-5m", "1m1h", "1.5h", "5M", "5min", "1h 30m", "1us", "1ns", " 5m",
	} {
		d, err := model.ParseDuration(s)
		want := err == nil && d > 0
		if got := config.Validate(parse(t, strings.Replace(watchdog, "%", s, 1))) == nil; got != want {
			t.Errorf("%q satisfies the schema: %v, want %v", s, got, want)
		}
	}
}
