package replay_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/policies/replay"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// kinds are as many as the tests need.
func kinds() policies.Catalogue {
	fine := func(string, json.RawMessage) error { return nil }
	return policies.Catalogue{
		Actions: []string{"restart"}, Probes: []string{"redis", "rollout"}, Action: fine, Probe: fine,
		Queries:     func(string, json.RawMessage) []string { return nil },
		Judge:       func(string, json.RawMessage, float64) (bool, string) { return true, "" },
		Targets:     func(string) []string { return []string{"deployment"} },
		Elsewhere:   func(string, json.RawMessage) string { return "" },
		Names:       func(string, json.RawMessage) (string, string) { return "", "" },
		Destructive: func(string) bool { return true },
		Stops:       func(string, json.RawMessage) bool { return false },
		Silences:    func(string, json.RawMessage) []string { return nil },
	}
}

// outcomes lives through a file of tests.
func outcomes(t testing.TB, file string) []*replay.Outcome {
	t.Helper()
	s, problems := policies.LoadSuite("testdata/"+file, kinds())
	if s == nil {
		t.Fatal(problems)
	}
	return replay.RunAll(s, func(policies.Case) bool { return true }, 2)
}

// TestLives lives through tests that pass, and sees that they reach whatever
// can be expected.
func TestLives(t *testing.T) {
	told := map[string]bool{}
	for _, file := range []string{"lives.test.yaml", "installed.test.yaml"} {
		for _, o := range outcomes(t, file) {
			if !o.Passed() {
				t.Errorf("%s: %s\n%s", file, o.Case.Name, o.Difference())
			}
			for _, h := range o.Followed {
				told[h.What] = true
				if _, known := policies.Happenings[h.What]; !known {
					t.Errorf("%s: %s tells of %q, which no test can expect", file, o.Case.Name, h.What)
				}
				for name := range h.Details {
					if !slices.Contains(policies.Happenings[h.What], name) {
						t.Errorf("%s: %s says %q of %s, which no test can expect", file, o.Case.Name, name, h.What)
					}
				}
			}
		}
	}
	for what := range policies.Happenings {
		if !told[what] {
			t.Errorf("no test reaches %q", what)
		}
	}
}

// TestTwice lives through the same tests again, and the facts are the same to
// the last byte.
func TestTwice(t *testing.T) {
	again := outcomes(t, "lives.test.yaml")
	for n, o := range outcomes(t, "lives.test.yaml") {
		if len(o.Facts) < 3 || !reflect.DeepEqual(o.Facts, again[n].Facts) {
			t.Errorf("%s: the facts are others the second time", o.Case.Name)
		}
	}
}

// TestWrong shows what is said of tests that fail.
func TestWrong(t *testing.T) {
	var b strings.Builder
	for _, o := range outcomes(t, "wrong.test.yaml") {
		if o.Passed() {
			t.Errorf("%s: it passed", o.Case.Name)
		}
		fmt.Fprintf(&b, "%s\n%s\n", o.Case.Name, o.Difference())
	}
	const path = "testdata/wrong.golden"
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("look at it, then rewrite it with -update: got\n%s", &b)
	}
}

// TestShownIsExpected takes what followed for what is expected: what is shown
// of a life can be pasted into its test.
func TestShownIsExpected(t *testing.T) {
	var b strings.Builder
	b.WriteString("policies: [policies.yaml]\ntests:\n")
	lives := outcomes(t, "lives.test.yaml")
	for n, o := range lives {
		fmt.Fprintf(&b, "  - name: t%d\n    when: [{at: 0s, run: i1}]\n    until: 1h\n    expect:\n", n)
		for _, h := range o.Followed {
			fmt.Fprintf(&b, "      %s\n", replay.Line(h))
		}
	}
	text, err := os.ReadFile("testdata/policies.yaml")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	for name, text := range map[string][]byte{"policies.yaml": text, "t.test.yaml": []byte(b.String())} {
		if err := os.WriteFile(name, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s, problems := policies.LoadSuite("t.test.yaml", kinds())
	if s == nil {
		t.Fatal(problems)
	}
	for n, c := range s.Cases {
		o := lives[n]
		if o.Case.Expect = c.Expect; !o.Passed() {
			t.Errorf("%s\n%s", o.Case.Name, o.Difference())
		}
	}
}

// TestCoverage counts what some tests reach, and what none does.
func TestCoverage(t *testing.T) {
	of := func(names ...string) map[string]bool {
		c := replay.NewCoverage()
		for _, o := range outcomes(t, "lives.test.yaml") {
			if slices.Contains(names, o.Case.Name) {
				c.Count(o)
			}
		}
		reached := map[string]bool{}
		for _, r := range c.Reached() {
			reached[r.Policy+": "+r.What] = r.Reached
		}
		return reached
	}
	one := of("on a weekend nobody is at hand")
	want := map[string]bool{
		"two-steps: opened": true, "two-steps: window refuses": true, "told: opened": false,
		"two-steps: step restart": false, "two-steps: step restart does not help": false,
		"two-steps: step restart with leave": false, "two-steps: step restart with leave does not help": false,
		"two-steps: depends refuses": false, "two-steps: cooldown refuses": false, "two-steps: budget refuses": false,
		"two-steps: healthy refuses": false, "two-steps: backup refuses": false, "two-steps: approval refuses": false,
	}
	if !maps.Equal(one, want) {
		t.Errorf("reached %v, want %v", one, want)
	}
	more := of("the first act fails, the second step needs leave")
	for _, what := range []string{"step restart", "step restart does not help", "step restart with leave", "step restart with leave does not help", "approval refuses"} {
		if !more["two-steps: "+what] {
			t.Errorf("not reached: %s", what)
		}
	}
	if more["two-steps: window refuses"] {
		t.Error("a window is said to refuse that was open")
	}
}

// BenchmarkLives runs tests of all kinds: its cases/s is how many one core runs
// in a second.
func BenchmarkLives(b *testing.B) {
	s, problems := policies.LoadSuite("testdata/lives.test.yaml", kinds())
	if s == nil {
		b.Fatal(problems)
	}
	n := 0
	for b.Loop() {
		for _, c := range s.Cases {
			n++
			if o := replay.Run(s.Rulebook, c); !o.Passed() {
				b.Fatal(o.Difference())
			}
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "cases/s")
}
