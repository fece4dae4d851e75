// Package backup_test holds what needs no database against the shipped scripts
// and manifests; test/e2e has the rest.
package backup_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/deploy/internal/shell"
)

func TestScripts(t *testing.T) {
	scripts, err := filepath.Glob("scripts/*.sh")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	shell.Check(t, scripts...)
	kustomization := read(t, "kustomization.yaml")
	for _, script := range scripts {
		if !strings.Contains(kustomization, "- "+script+"\n") {
			t.Errorf("%s is not in kustomization.yaml, so no Job has it", script)
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
