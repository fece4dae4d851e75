//go:build release

package main

import (
	"bytes"
	"debug/buildinfo"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The real programs are the same bytes from two folders, say which release they
// are, and are made of what the bill of materials says.
func TestRelease(t *testing.T) {
	s := stamp{Version: "1.2.3", Revision: "0123456789abcdef", Time: at}
	linked := map[string]bool{}
	for _, p := range platforms {
		t.Run(p.String(), func(t *testing.T) {
			one, another := built(t, p, s), built(t, p, s)
			for _, name := range p.Programs {
				file := filepath.Join(one, filepath.Base(name))
				if !bytes.Equal(readFile(t, file), readFile(t, filepath.Join(another, filepath.Base(name)))) {
					t.Errorf("two folders give two %s", name)
				}
				if p.String() == here().String() {
					saysItsVersion(t, file)
				}
				info, err := buildinfo.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range info.Deps {
					linked[m.Path+" "+m.Version] = true
				}
			}
		})
	}
	for _, m := range ours(t, s) {
		key := m.Path + " " + m.Version
		if m.Main || m.Path == standard {
			continue
		}
		if !linked[key] {
			t.Errorf("%s is in the inventory and not linked", key)
		}
		delete(linked, key)
	}
	for key := range linked {
		t.Errorf("%s is linked and not in the inventory", key)
	}
}

// built builds from a folder of its own that has what git knows of this checkout.
func built(t *testing.T, p platform, s stamp) string {
	t.Helper()
	source, out := t.TempDir(), t.TempDir()
	cmd := exec.Command("git", "checkout-index", "--all", "--prefix="+source+"/")
	cmd.Dir = "../.."
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	if err := build(t.Context(), source, out, p, s); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(out); err != nil || len(entries) != len(p.Programs) {
		t.Fatalf("%v, %v", entries, err)
	}
	return out
}

func saysItsVersion(t *testing.T, program string) {
	out, err := exec.Command(program, "--version").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, says := range []string{filepath.Base(program) + ", version 1.2.3", "revision: 0123456789abcdef", "2026-11-28T06:00:00Z"} {
		if !slices.ContainsFunc(strings.Split(string(out), "\n"), func(line string) bool { return strings.Contains(line, says) }) {
			t.Errorf("--version does not say %q: %s", says, out)
		}
	}
}
