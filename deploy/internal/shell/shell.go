// Package shell judges the scripts that are shipped.
package shell

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Check fails the test when ShellCheck finds fault with a script, or when a script
// is a command, as its first line says, and cannot be run, or goes on after an
// error. What has no such line is read by others.
func Check(t *testing.T, scripts ...string) {
	t.Helper()
	shellcheck, err := exec.LookPath("shellcheck")
	if err != nil {
		t.Fatal("shellcheck is missing, without which the scripts cannot be judged: apt-get install shellcheck")
	}
	if out, err := exec.Command(shellcheck, append([]string{"--external-sources", "--source-path=SCRIPTDIR"}, scripts...)...).CombinedOutput(); err != nil {
		t.Errorf("shellcheck: %v\n%s", err, out)
	}
	for _, script := range scripts {
		b, err := os.ReadFile(script)
		if err != nil {
			t.Fatal(err)
		}
		runs := strings.HasPrefix(string(b), "#!/usr/bin/env bash\n")
		if info, err := os.Stat(script); err != nil || runs != (info.Mode()&0o111 != 0) {
			t.Errorf("%s: it is a command: %t, and its mode says otherwise (%v)", script, runs, err)
		}
		if runs && !strings.Contains(string(b), "\nset -euo pipefail\n") {
			t.Errorf("%s goes on after an error", script)
		}
	}
}
