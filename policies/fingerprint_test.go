package policies_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/x0tta6bl4/remediated/policies"
)

// What is read at a reload is seen to change, and nothing else is.
func TestFingerprint(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const config = "cluster: prod\npolicies: [{files: [policies/*.yaml]}]\nnotify: {templates: [words/*.tmpl]}\n"
	for name, text := range map[string]string{"remediated.yml": config, "policies/a.yaml": "policies: []", "words/a.tmpl": "a", "slack.token": "x"} {
		put(name, text)
	}
	now := func() string { return policies.Fingerprint(filepath.Join(dir, "remediated.yml")) }
	before := now()
	for _, c := range []struct {
		name    string
		change  func()
		changed bool
	}{
		{"nothing", func() {}, false},
		{"the same text again", func() { put("policies/a.yaml", "policies: []") }, false},
		{"a secret", func() { put("slack.token", "y") }, false},
		{"a policy test", func() { put("policies/a.test.yaml", "y") }, false},
		{"a file that nothing names", func() { put("policies/README.md", "y") }, false},
		{"the configuration", func() { put("remediated.yml", config+"# y\n") }, true},
		{"a policy file", func() { put("policies/a.yaml", "policies: [] # y") }, true},
		{"a new policy file", func() { put("policies/b.yaml", "") }, true},
		{"one that is gone", func() { os.Remove(filepath.Join(dir, "policies/b.yaml")) }, true},
		{"a template", func() { put("words/a.tmpl", "b") }, true},
		{"a configuration that is broken", func() { put("remediated.yml", "cluster: [") }, true},
		{"it is mended", func() { put("remediated.yml", config) }, true},
		{"it is gone", func() { os.Remove(filepath.Join(dir, "remediated.yml")) }, true},
		{"it is empty", func() { put("remediated.yml", "") }, true},
	} {
		c.change()
		after := now()
		if (after != before) != c.changed {
			t.Errorf("%s: seen to change %t", c.name, after != before)
		}
		before = after
	}
}
