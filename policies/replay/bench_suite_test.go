package replay_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/policies/replay"
)

// BenchmarkSuite lives through a file of a thousand tests of one rulebook, of
// which each is healed by what is done.
func BenchmarkSuite(b *testing.B) {
	const cases = 1000
	policy, err := os.ReadFile("testdata/policies.yaml")
	if err != nil {
		b.Fatal(err)
	}
	var text bytes.Buffer
	text.WriteString("policies: [policies.yaml]\ntests:\n")
	for n := range cases {
		fmt.Fprintf(&text, `  - name: t%d
    mode: act
    world: {queries: {ready_share: 1, lost: 0, backup_time: {ago: 1h}}, workload: {replicas: 2, available: 1, headroom: 1}, rollout: ok after 5s}
    when:
      - {at: 0s, alert: {alertname: Broken, namespace: shop}}
      - {at: 5m, resolve: {alertname: Broken, namespace: shop}}
    until: 10m
    expect:
      - {at: 0s, opened: i1, policy: two-steps, severity: P2, target: test/deployment/shop/web}
      - {at: 0s, act: i1, kind: restart, target: test/deployment/shop/web, step: restart}
      - {at: 0s, act: i1, kind: restart, target: test/deployment/shop/web, step: restart}
      - {at: 15s, healed: i1, took: 5s, objective: met}
      - {at: 5m, closed: i1}
`, n)
	}
	dir := b.TempDir()
	for name, text := range map[string][]byte{"policies.yaml": policy, "x.test.yaml": text.Bytes()} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	s, problems := policies.LoadSuite(filepath.Join(dir, "x.test.yaml"), kinds())
	if s == nil {
		b.Fatal(problems)
	}
	facts := 0
	for b.Loop() {
		for _, o := range replay.RunAll(s, func(policies.Case) bool { return true }, runtime.GOMAXPROCS(0)) {
			if !o.Passed() {
				b.Fatal(o.Difference())
			}
			facts += len(o.Facts)
		}
	}
	b.ReportMetric(float64(facts)/float64(b.N)/cases, "facts/case")
	b.ReportMetric(float64(cases*b.N)/b.Elapsed().Seconds(), "cases/s")
}
