package replay_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/policies/replay"
)

// FuzzSuite reads anything as a file of tests, and lives through what it can
// read. Nothing may panic, a problem must have words, and each life must end.
func FuzzSuite(f *testing.F) {
	paths, err := filepath.Glob("testdata/*.test.yaml")
	if err != nil || len(paths) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	governing, err := os.ReadFile("testdata/policies.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		dir := t.TempDir()
		for name, text := range map[string][]byte{"policies.yaml": governing, "x.test.yaml": text} {
			if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s, problems := policies.LoadSuite(filepath.Join(dir, "x.test.yaml"), kinds())
		for _, p := range problems {
			if p.Message == "" {
				t.Errorf("a problem without words: %+v", p)
			}
		}
		if s == nil {
			return
		}
		for _, c := range s.Cases {
			if c.Until > 24*time.Hour { // it would only take long
				continue
			}
			if o := replay.Run(s.Rulebook, c); o.Passed() != (o.Difference() == "") {
				t.Errorf("%s: passed: %v, and the difference is %q", c.Name, o.Passed(), o.Difference())
			}
		}
	})
}
