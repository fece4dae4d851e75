package policies_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/x0tta6bl4/remediated/policies"
)

// Each file that the configuration names counts, and no other.
func TestDigest(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "remediated.yml")
	c := &policies.Config{Groups: []policies.Group{{Files: []string{"*.yaml", "one.yml"}}}, Templates: []string{filepath.Join(dir, "*.tmpl")}}
	before := policies.Digest(path, c)
	for _, s := range []struct {
		name, text string
		counts     bool
	}{
		{"remediated.yml", "cluster: a", true},
		{"remediated.yml", "cluster: b", true},
		{"remediated.yml", "cluster: b", false},
		{"new.yaml", "", true},
		{"one.yml", "policies: []", true},
		{"words.tmpl", "x", true},
		{"new.test.yaml", "tests: []", false},
		{"slack.token", "x", false},
	} {
		if err := os.WriteFile(filepath.Join(dir, s.name), []byte(s.text), 0o600); err != nil {
			t.Fatal(err)
		}
		after := policies.Digest(path, c)
		if (after != before) != s.counts {
			t.Errorf("%s of %q: it counts: %t, want %t", s.name, s.text, after != before, s.counts)
		}
		before = after
	}
	if err := os.Remove(filepath.Join(dir, "one.yml")); err != nil {
		t.Fatal(err)
	}
	if policies.Digest(path, c) == before {
		t.Error("a file that is gone does not count")
	}
}
