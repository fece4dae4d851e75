package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What the page says that lint says is what it says.
func TestThePageSaysWhatLintSays(t *testing.T) {
	page, err := os.ReadFile("../../docs/workbench.md")
	if err != nil {
		t.Fatal(err)
	}
	var source strings.Builder
	for _, pattern := range []string{"../../policies/*.go", "../../policies/lint/*.go"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			source.Write(text)
		}
	}
	rows := 0
	for _, table := range regexp.MustCompile(`(?m)^\| it says \|.*\n\|.*\n((?:\|.*\n)+)`).FindAllStringSubmatch(string(page), -1) {
		for _, row := range regexp.MustCompile("(?m)^\\| `(.+?)` \\|").FindAllStringSubmatch(table[1], -1) {
			if rows++; !strings.Contains(source.String(), row[1]) {
				t.Errorf("the page says that lint says %q, which it does not", row[1])
			}
		}
	}
	if rows < 25 {
		t.Errorf("only %d rows were found", rows)
	}
}
