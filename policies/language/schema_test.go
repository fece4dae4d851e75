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

func parse(t *testing.T, text string) any {
	t.Helper()
	var doc any
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// kindOf is the kind of file that a case of the loader's tests is.
func kindOf(name string) string {
	if strings.HasPrefix(filepath.Base(name), "config") {
		return "config"
	}
	return "policies"
}

// What the loader takes satisfies the schema.
func TestGoodFilesSatisfyTheSchema(t *testing.T) {
	all := schemas(t)
	var seen int
	for _, pattern := range []string{"../testdata/good/*.yml", "../testdata/language/*.yml"} {
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
		"config-people-role", "config-routing-key-inline", "config-routing-keys-empty", "config-runbook-page", "config-runbook-severity",
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
