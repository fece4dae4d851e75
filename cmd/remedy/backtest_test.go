package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/cmd/internal/catalogue"
	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/policies/replay"
	"github.com/x0tta6bl4/remediated/remediate"
)

// acted lays a journal of a day in which the database failed three times and was
// restarted each time, once in vain. It returns its folder.
func acted(t *testing.T) string {
	t.Helper()
	s, problems := policies.LoadSuite("../../policies/shipped/postgres-down.test.yaml", catalogue.New())
	if s == nil {
		t.Fatal(problems)
	}
	down := remediate.LabelsOf(map[string]string{"alertname": "PostgresDown", "job": "database"})
	disk := remediate.LabelsOf(map[string]string{"alertname": "DiskFull", "node": "n1"})
	c := policies.Case{Mode: remediate.ModeAct, Start: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), Until: 24 * time.Hour}
	c.World.Kinds = map[string]policies.Reply{"restart": {After: 2 * time.Second}, "postgres": {After: 20 * time.Second}}
	for n, lasts := range []time.Duration{3 * time.Minute, 40 * time.Minute, 2 * time.Minute} {
		at := time.Duration(n) * 8 * time.Hour
		if n == 1 {
			c.Moves = append(c.Moves, policies.Move{At: at, World: &policies.World{Kinds: map[string]policies.Reply{"postgres": {Outcome: remediate.Failed, Why: "connection refused"}}}})
		}
		c.Moves = append(c.Moves, policies.Move{At: at, Alert: &policies.TestAlert{Labels: down}})
		if n == 1 {
			c.Moves = append(c.Moves, policies.Move{At: at + 35*time.Minute, World: &policies.World{Kinds: c.World.Kinds}})
		}
		c.Moves = append(c.Moves, policies.Move{At: at + lasts, Resolve: down})
	}
	c.Moves = append(c.Moves, policies.Move{At: 20 * time.Hour, Alert: &policies.TestAlert{Labels: disk}})
	o := replay.Run(s.Rulebook, c)
	if o.Err != nil {
		t.Fatal(o.Err)
	}
	return kept(t, o)
}

// candidate writes a configuration with the shipped policy, changed by replacing
// texts of it. It returns its path.
func candidate(t *testing.T, replaced ...string) string {
	t.Helper()
	text, err := os.ReadFile("../../policies/shipped/postgres-down.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for k := 0; k < len(replaced); k += 2 {
		if !strings.Contains(string(text), replaced[k]) {
			t.Fatalf("the shipped policy has no %q", replaced[k])
		}
	}
	dir := t.TempDir()
	config := "cluster: test\npolicies: [{files: [policy.yaml]}]\nalertmanagers: [{url: http://localhost:9093}]\n" +
		"notify: {pagerduty: {routing_keys: {oncall: {file: k}, manager: {file: k}, director: {file: k}}}}\n"
	for name, text := range map[string]string{"remediated.yml": config, "policy.yaml": strings.NewReplacer(replaced...).Replace(string(text)), "k": "key"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "remediated.yml")
}

func TestTry(t *testing.T) {
	for _, c := range []struct{ dir, file string }{
		{acted(t), candidate(t, "mode: observe", "mode: act")},
		{acted(t), candidate(t)},
		{acted(t), candidate(t, "mode: observe", "mode: act", "actions: 3, per: 1h", "actions: 1, per: 1d")},
		{acted(t), candidate(t, "mode: observe", "mode: act", "PostgresDown", "DatabaseDown")},
		{observed(t), candidate(t, "mode: observe", "mode: act")},
	} {
		out, errs, code := remedied(t, "policy", "backtest", "--storage.path", c.dir, c.file)
		t.Log(code, errs, "\n"+out)
	}
	_ = json.Marshal
}
