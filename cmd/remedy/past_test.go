package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/cmd/internal/catalogue"
	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/policies/replay"
	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
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

// observed lays a journal of observedLife, and returns its folder.
func observed(t *testing.T) string {
	t.Helper()
	return kept(t, observedLife(t))
}

// observedLife is twelve failures of a database that a shipped policy only
// observed: three of two minutes, nine of twenty.
func observedLife(t *testing.T) *replay.Outcome {
	t.Helper()
	s, problems := policies.LoadSuite("../../policies/shipped/postgres-down.test.yaml", catalogue.New())
	if s == nil {
		t.Fatal(problems)
	}
	c := policies.Case{Start: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)}
	down := remediate.LabelsOf(map[string]string{"alertname": "PostgresDown", "job": "database"})
	for n := range 12 {
		at, lasts := time.Duration(n)*12*time.Hour, 20*time.Minute
		if n < 3 {
			lasts = 2 * time.Minute
		}
		c.Moves = append(c.Moves, policies.Move{At: at, Alert: &policies.TestAlert{Labels: down}}, policies.Move{At: at + lasts, Resolve: down})
		c.Until = at + time.Hour
	}
	return replay.Run(s.Rulebook, c)
}

// kept is keep, in a folder of the test's own, which it returns.
func kept(t *testing.T, o *replay.Outcome) string {
	t.Helper()
	dir := t.TempDir()
	if err := keep(dir, o); err != nil {
		t.Fatal(err)
	}
	return dir
}

// keep writes the facts of a life to a journal, and the rulebook with them.
func keep(dir string, o *replay.Outcome) (err error) {
	ctx := context.Background()
	j, err := journal.Open(ctx, dir, journal.Options{})
	if err != nil {
		return err
	}
	defer func() {
		if closing := j.Close(); err == nil {
			err = closing
		}
	}()
	book, err := o.Book.Encode()
	if err != nil {
		return err
	}
	if _, err := j.Keep(ctx, book); err != nil {
		return err
	}
	var seq uint64
	var head remediate.Sum
	var records []remediate.Record
	for _, f := range o.Facts {
		r, err := remediate.Encode(seq, head, f.At, f.Body)
		if err != nil {
			return err
		}
		seq, head = r.Seq, r.Sum
		records = append(records, r)
	}
	return j.Append(ctx, 0, records)
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

// remedied calls the command and returns what it wrote, and its exit code.
func remedied(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, func(string) string { return "" }, &out, &errs)
	return out.String(), errs.String(), code
}

// golden holds what was shown against what was shown before.
func golden(t *testing.T, name, out string) {
	t.Helper()
	goldenFile(t, filepath.Join("testdata", "backtest", strings.ReplaceAll(name, " ", "_")+".golden"), out)
}

// goldenFile holds what was shown against a file.
func goldenFile(t *testing.T, path, out string) {
	t.Helper()
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
