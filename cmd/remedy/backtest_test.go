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

// TestBacktest shows what other policies would have made of the same day.
func TestBacktest(t *testing.T) {
	dir := acted(t)
	live := []string{"mode: observe", "mode: act"}
	for _, c := range []struct {
		name string
		dir  string
		args []string
		file string
	}{
		{"the same", dir, nil, candidate(t, live...)},
		{"a smaller budget", dir, nil, candidate(t, append(live, "actions: 3, per: 1h", "actions: 1, per: 1d")...)},
		{"another alert as Markdown", dir, []string{"--format", "markdown"}, candidate(t, append(live, `alertname="PostgresDown"`, `alertname="DiskFull"`, ", 'job=\"database\"'", "", "per: [job]", "per: [node]")...)},
		{"a smaller budget as a page", dir, []string{"--format", "html"}, candidate(t, append(live, "actions: 3, per: 1h", "actions: 1, per: 1d")...)},
		{"act where it was observed", observed(t), []string{"--since", "1d"}, candidate(t, live...)},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, errs, code := remedied(t, append([]string{"policy", "backtest", "--storage.path", c.dir, c.file}, c.args...)...)
			if code != exitOK || errs != "" {
				t.Fatalf("exit code %d: %s", code, errs)
			}
			golden(t, c.name, out)
		})
	}
}

// golden holds what was shown against what was shown before.
func golden(t *testing.T, name, out string) {
	t.Helper()
	path := filepath.Join("testdata", "backtest", strings.ReplaceAll(name, " ", "_")+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(out), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if out != string(want) {
		t.Errorf("look at it, then rewrite it with -update: got\n%s", out)
	}
}

func TestBacktestAsJSON(t *testing.T) {
	out, errs, code := remedied(t, "-o", "json", "policy", "backtest", "--all", "--storage.path", acted(t), candidate(t))
	var found replay.Comparison
	if err := json.Unmarshal([]byte(out), &found); code != exitOK || err != nil {
		t.Fatalf("exit code %d, %v: %s", code, err, errs)
	}
	if len(found.Pairs) != 3 || found.Was.Acts != 4 || found.Would.Acts != 0 || found.Would.Refusals["mode"] != 3 || found.Pairs[0].Would.Unknown == nil {
		t.Errorf("got %s", out)
	}
}

func TestBacktestRefuses(t *testing.T) {
	good := candidate(t)
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"--storage.path " + t.TempDir() + " " + good, exitFailed, "there is no journal in"},
		{"--storage.path " + acted(t) + " " + candidate(t, "mode: observe", "mode: dream"), exitFailed, "dream"},
		{"--storage.path x --since soon " + good, exitUsage, "write for example 30d or 12h"},
		{"--storage.path x --format pdf " + good, exitUsage, "pdf"},
		{good, exitUsage, "--storage.path"},
	} {
		out, errs, code := remedied(t, append([]string{"policy", "backtest"}, strings.Fields(c.args)...)...)
		if code != c.code || !strings.Contains(out+errs, c.says) {
			t.Errorf("%s: exit code %d\n%s%s", c.args, code, out, errs)
		}
	}
}
