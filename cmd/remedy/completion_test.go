package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/test/leak"
)

// itself is set where the test binary is this program.
const itself = "REMEDY_ITSELF"

func TestMain(m *testing.M) {
	if os.Getenv(itself) != "" {
		main()
	}
	leak.Main(m)
}

// asked is how a shell would have a line go on, in order, with our script in it.
func asked(t *testing.T, url, line string) []string {
	t.Helper()
	dir := t.TempDir()
	written(t, filepath.Join(dir, "remedy"), fmt.Sprintf("#!/bin/sh\n%s=1 exec '%s' \"$@\"\n", itself, os.Args[0]))
	if err := os.Chmod(filepath.Join(dir, "remedy"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, script, _ := calls(t, "completion", "bash")
	bash := exec.CommandContext(t.Context(), "bash", "--norc", "-c", script+`COMP_WORDS=(`+line+`); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _remedy; printf '%s\n' "${COMPREPLY[@]}"`)
	bash.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "REMEDY_URL=" + url}
	out, err := bash.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	all := strings.Fields(string(out))
	slices.Sort(all)
	return all
}

func TestCompletion(t *testing.T) {
	open := serve(t, 200, `{"incidents": [{"number": 7}, {"number": 42}]}`)
	for _, tc := range []struct{ url, line, want string }{
		{open, "remedy inc", "incident"},
		{open, "remedy incident ex", "explain"},
		{open, "remedy incident explain i4", "i42"},
		{open, "remedy incident explain --verb", "--verbose"},
		{open, "remedy incident ack ''", "i42 i7"},
		{open, "remedy incident severity i7 ''", "P1 P2 P3"},
		{open, "remedy incident severity i7 P", "P1 P2 P3"},
		{open, "remedy --output ''", "json text yaml"},
		{"http://127.0.0.1:1", "remedy incident explain ''", ""},
	} {
		if got := strings.Join(asked(t, tc.url, tc.line), " "); got != tc.want {
			t.Errorf("%s goes on with %q, want %q", tc.line, got, tc.want)
		}
	}
}

// Each shell asks this program, and there is none without a script.
func TestCompletionScripts(t *testing.T) {
	for shell := range completions {
		if code, script, _ := calls(t, "completion", shell); code != exitOK || !strings.Contains(script, "remedy --completion-bash") {
			t.Errorf("%s: exit code %d, %q", shell, code, script)
		}
	}
	if code, _, stderr := calls(t, "completion", "csh"); code != exitUsage || !strings.Contains(stderr, "bash,zsh,fish") {
		t.Errorf("csh: exit code %d, %q", code, stderr)
	}
}
