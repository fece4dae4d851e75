package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// policyTests is how many tests a file of them has: enough that starting the
// program is no part of it.
const policyTests = 1000

// measurePolicyTests measures how many policy tests a second `remedy policy test`
// reads and lives through, beside what promtool makes of as many tests of one
// rule, and beside itself on one core.
func measurePolicyTests(ctx context.Context, o options) ([]row, error) {
	remedy, promtool, err := o.remedyAndPromtool()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(o.dir, "tests-")
	if err != nil {
		return nil, err
	}
	if err := writePolicyTests(dir, policyTests); err != nil {
		return nil, err
	}
	passed := fmt.Sprintf("%d of %d tests passed", policyTests, policyTests)
	return o.hold(ctx, []contest{{"tests", fmt.Sprintf("%d tests in one file", policyTests), "tests/s", []contestant{
		tester("remedy policy test", dir, passed, nil, remedy, "policy", "test", "bench.test.yaml"),
		tester("the same on one core", dir, passed, []string{"GOMAXPROCS=1"}, remedy, "policy", "test", "bench.test.yaml"),
		tester("promtool test rules", dir, "SUCCESS", nil, promtool, "test", "rules", "rules.test.yml"),
	}}})
}

// tester measures a program that runs all of the tests, and says so.
func tester(name, dir, says string, env []string, program ...string) contestant {
	return contestant{name, func(ctx context.Context) (sample, error) {
		took, err := timed(ctx, dir, says, env, program...)
		return sample{value: policyTests / took.Seconds()}, err
	}}
}

// timed runs a program in a folder, with more environment, and returns how long it
// took from its start to its end. It must say that its work is done.
func timed(ctx context.Context, dir, says string, env []string, program ...string) (time.Duration, error) {
	c := exec.CommandContext(ctx, program[0], program[1:]...)
	c.Dir, c.Env = dir, append(os.Environ(), env...)
	begun := time.Now()
	out, err := c.CombinedOutput()
	took := time.Since(begun)
	if err != nil || !bytes.Contains(out, []byte(says)) {
		return took, fmt.Errorf("%s: %v: it did not say %q:\n%s", strings.Join(c.Args, " "), err, says, out[:min(len(out), 2000)])
	}
	return took, nil
}

// writePolicyTests writes a policy with so many tests, and a rule of Prometheus
// with as many.
func writePolicyTests(dir string, n int) error {
	tests := map[string]*bytes.Buffer{
		"bench.test.yaml": bytes.NewBufferString("policies: [bench.yaml]\ntests:\n"),
		"rules.test.yml":  bytes.NewBufferString("rule_files: [rules.yml]\nevaluation_interval: 15s\ntests:\n"),
	}
	for k := range n {
		fmt.Fprintf(tests["bench.test.yaml"], policyTest, k)
		fmt.Fprintf(tests["rules.test.yml"], ruleTest, k)
	}
	files := map[string][]byte{"bench.yaml": []byte(testedPolicy), "rules.yml": []byte(testedRule)}
	for name, text := range tests {
		files[name] = text.Bytes()
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// A remedy and a test of it, as they are shipped: an incident is opened, acted on,
// verified, probed on for five minutes, and closed.
const (
	testedPolicy = `policies:
  - name: postgres-down
    when: ['alertname="PostgresDown"', 'job="database"']
    per: [job]
    severity: P2
    mode: observe
    target: deployment/shop/db
    guards: {cooldown: 10m, budget: [{actions: 3, per: 1h}]}
    objective: {rto: 5m}
    steps:
      - name: restart the database
        do: [{restart: {}}]
        verify: {all: [{rollout: $target}, {postgres: {dsn_file: /etc/remediated/db.dsn}}], for: 30s, within: 3m}
`
	policyTest = `  - name: t%d
    mode: act
    world: {restart: ok after 2s, postgres: ok after 10s}
    when:
      - {at: 0s, alert: {alertname: PostgresDown, job: database}}
      - {at: 5m, resolve: {alertname: PostgresDown, job: database}}
    expect:
      - {at: 0s, opened: i1, policy: postgres-down, severity: P2}
      - {at: 0s, act: i1, kind: restart}
      - {at: 42s, healed: i1, objective: met}
      - {at: 5m, closed: i1}
`
)

// A rule and a test of it, over as much time.
const (
	testedRule = `groups:
  - name: db
    rules:
      - {alert: PostgresDown, expr: 'pg_up{job="database"} == 0', for: 30s, labels: {severity: P2}}
`
	ruleTest = `  - name: t%d
    interval: 15s
    input_series: [{series: 'pg_up{job="database"}', values: '1 0x20'}]
    alert_rule_test:
      - {eval_time: 30s, alertname: PostgresDown, exp_alerts: []}
      - {eval_time: 5m, alertname: PostgresDown, exp_alerts: [{exp_labels: {severity: P2, job: database}}]}
`
)
