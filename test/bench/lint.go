package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// measureLint measures how long `remedy policy lint` takes from its start to its
// end, beside what promtool needs to check as many rules, and beside itself with
// fewer and with more policies.
func measureLint(ctx context.Context, o options) ([]row, error) {
	remedy, promtool, err := o.remedyAndPromtool()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(o.dir, "lint-")
	if err != nil {
		return nil, err
	}
	growth := contest{"lint", "from start to end", "policies/s", nil}
	for _, n := range []int{100, 1_000, 10_000} {
		if err := writeLinted(dir, n); err != nil {
			return nil, err
		}
		growth.contestants = append(growth.contestants, linter(fmt.Sprintf("%d policies", n), dir, n,
			fmt.Sprintf("%d policies are fit to be loaded", n), remedy, "policy", "lint", fmt.Sprintf("%d.yml", n)))
	}
	return o.hold(ctx, []contest{growth, {"lint", "1000 policies or rules", "/s", []contestant{
		linter("remedy policy lint", dir, 1000, "1000 policies are fit to be loaded", remedy, "policy", "lint", "1000.yml"),
		linter("promtool check rules", dir, 1000, "1000 rules found", promtool, "check", "rules", "1000.rules.yml"),
	}}})
}

// linter measures a program that reads n things, and says that they are good.
func linter(name, dir string, n int, says string, program ...string) contestant {
	return contestant{name, func(ctx context.Context) (sample, error) {
		took, err := timed(ctx, dir, says, nil, program...)
		return sample{value: float64(n) / took.Seconds(), p50: took, size: float64(n)}, err
	}}
}

// writeLinted writes a configuration with n policies, and a file of as many of
// Prometheus's rules.
func writeLinted(dir string, n int) error {
	policies, rules := bytes.NewBufferString("policies:\n"), bytes.NewBufferString("groups:\n- name: bench\n  rules:\n")
	for k := range n {
		fmt.Fprintf(policies, lintedPolicy, k)
		fmt.Fprintf(rules, lintedRule, k)
	}
	for name, text := range map[string][]byte{
		"yml": fmt.Appendf(nil, lintedConfig, n), "policies.yaml": policies.Bytes(), "rules.yml": rules.Bytes(),
	} {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.%s", n, name)), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

const (
	lintedConfig = `cluster: prod
policies: [{files: [%d.policies.yaml]}]
alertmanagers: [{url: http://localhost:9093}]
prometheus: {url: http://localhost:9090}
clusters: [{name: prod}]
`
	lintedPolicy = `  - name: service-%[1]d-down
    when: ['alertname="Service%[1]dDown"', 'job="services"']
    per: [job]
    severity: P2
    mode: observe
    target: deployment/shop/service-%[1]d
    guards: {cooldown: 10m, budget: [{actions: 3, per: 1h}]}
    objective: {rto: 5m}
    steps:
      - name: restart it
        do: [{restart: {}}]
        verify: {all: [{rollout: $target}, {promql: {query: 'min(up{job="services"})', min: 1}}], for: 30s, within: 3m}
`
	lintedRule = `  - {alert: Service%[1]dDown, expr: 'up{job="services", service="%[1]d"} == 0', for: 30s, labels: {severity: P2}}
`
)
