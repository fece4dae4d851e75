// Package backup_test holds what needs no database against the shipped scripts
// and manifests; test/e2e has the rest.
package backup_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestScripts(t *testing.T) {
	scripts, err := filepath.Glob("scripts/*.sh")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	shellcheck, err := exec.LookPath("shellcheck")
	if err != nil {
		t.Fatal("shellcheck is missing, without which the scripts cannot be judged: apt-get install shellcheck")
	}
	if out, err := exec.Command(shellcheck, append([]string{"--external-sources", "--source-path=SCRIPTDIR"}, scripts...)...).CombinedOutput(); err != nil {
		t.Errorf("shellcheck: %v\n%s", err, out)
	}
	kustomization := read(t, "kustomization.yaml")
	for _, script := range scripts {
		if !strings.Contains(kustomization, "- "+script+"\n") {
			t.Errorf("%s is not in kustomization.yaml, so no Job has it", script)
		}
		runs := strings.HasPrefix(read(t, script), "#!/usr/bin/env bash\n")
		if info, err := os.Stat(script); err != nil || runs != (info.Mode()&0o111 != 0) {
			t.Errorf("%s: it is a command: %t, and its mode says otherwise (%v)", script, runs, err)
		}
		if runs && !strings.Contains(read(t, script), "\nset -euo pipefail\n") {
			t.Errorf("%s goes on after an error", script)
		}
	}
}

// What would restore by itself, or hold a password, must not be shipped.
func TestManifests(t *testing.T) {
	files, err := filepath.Glob("*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no manifests: %v", err)
	}
	for _, file := range files {
		if strings.Contains(read(t, file), "kind: Secret\n") {
			t.Errorf("%s has a Secret; they are referred to, and made by hand", file)
		}
	}
	if restore := read(t, "restore.yaml"); !strings.Contains(restore, "  suspend: true\n") || !strings.Contains(restore, `schedule: "0 0 31 2 *"`) {
		t.Error("the CronJob of the restore could start by itself")
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
