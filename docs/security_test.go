package docs

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// testsOf are the names of all tests and fuzz targets in the repository.
func testsOf(t *testing.T) []string {
	t.Helper()
	out, err := exec.Command("git", "-C", "..", "grep", "--untracked", "-hoE", `^func (Test|Fuzz)\w+`, "--", "*_test.go").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(strings.ReplaceAll(string(out), "func ", ""))
}

// Every test that the page on security names is there.
func TestSecurityNamesTests(t *testing.T) {
	all := testsOf(t)
	named := regexp.MustCompile("`((?:Test|Fuzz)\\w+)`").FindAllStringSubmatch(read(t, "security.md"), -1)
	if len(named) < 40 {
		t.Fatalf("only %d tests are named", len(named))
	}
	for _, m := range named {
		if !slices.Contains(all, m[1]) {
			t.Errorf("security.md names %s, which is not there", m[1])
		}
	}
}

// Every fuzz target is one of make fuzz.
func TestEveryTargetIsFuzzed(t *testing.T) {
	makefile := read(t, "../Makefile")
	for _, name := range testsOf(t) {
		if strings.HasPrefix(name, "Fuzz") && !strings.Contains(makefile, "'^"+name+"$$'") {
			t.Errorf("make fuzz does not run %s", name)
		}
	}
}
