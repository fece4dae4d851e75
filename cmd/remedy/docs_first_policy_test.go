package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// docs/first-policy.md is walked through: its files are written down, its commands that
// need nobody else are run on them, and they print what stands below them.
func TestFirstPolicy(t *testing.T) {
	dir := t.TempDir()
	var page []block
	for _, b := range blocks(t) {
		if strings.HasPrefix(b.at, "docs/first-policy.md:") {
			page = append(page, b)
		}
	}
	t.Chdir(dir)
	ran := 0
	for i, b := range page {
		if m := fileName.FindStringSubmatch(b.text); m != nil {
			if err := os.MkdirAll(filepath.Dir(m[1]), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(m[1], []byte(b.text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if b.lang != "" {
			continue
		}
		commands, err := shell(b.text)
		if err != nil {
			t.Fatal(err)
		}
		for _, words := range commands {
			if !alone(words) {
				continue
			}
			ran++
			var out, errs bytes.Buffer
			if code := run(t.Context(), words[1:], func(string) string { return "" }, &out, &errs); code != exitOK {
				t.Errorf("%s: %q: exit code %d\n%s%s", b.at, words, code, &out, &errs)
			}
			if i+1 < len(page) && page[i+1].lang == "text" && out.String() != page[i+1].text {
				t.Errorf("%s: it is said to print\n%s\nand prints\n%s", b.at, page[i+1].text, &out)
			}
		}
	}
	if ran < 4 {
		t.Errorf("only %d commands were run", ran)
	}
}

// alone tells whether a command asks no server and no journal.
func alone(words []string) bool {
	if len(words) < 3 || words[0] != "remedy" || words[1] != "policy" {
		return false
	}
	return !strings.Contains(strings.Join(words, " "), "http")
}
