// Package systemd holds the unit that runs the daemon under systemd, and what it
// needs around it, to what systemd itself says of them.
package systemd

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// most is how exposed the unit may be, of 10.
const most = 2.0

// The unit leaves little to who takes the daemon over, and each line that holds
// something back counts: without it the unit is more exposed.
func TestLittleIsExposed(t *testing.T) {
	need(t, "systemd-analyze")
	unit := read(t, "remediated.service")
	whole := exposure(t, unit)
	if whole >= most {
		t.Errorf("the exposure is %.1f, want less than %.1f: see systemd-analyze security --offline=true", whole, most)
	}
	for _, line := range []string{
		"CapabilityBoundingSet=", "ProtectSystem=strict", "ProtectHome=yes", "MemoryDenyWriteExecute=yes", "RestrictNamespaces=yes", "NoNewPrivileges=yes",
		"SystemCallFilter=@system-service", "PrivateUsers=yes", "User=remediated", "UMask=0077", "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
	} {
		without := strings.Replace(unit, "\n"+line+"\n", "\n", 1)
		if without == unit {
			t.Errorf("the unit has no line %s", line)
		} else if got := exposure(t, without); got <= whole {
			t.Errorf("without %s the exposure is %.1f, and %.1f with it", line, got, whole)
		}
	}
}

// systemd understands the unit, and what is put beside it for credentials; one
// word that it does not know is told.
func TestSystemdUnderstandsTheUnit(t *testing.T) {
	need(t, "systemd-analyze")
	unit := strings.Replace(read(t, "remediated.service"), "/usr/local/bin/remediated", "/bin/true", 1) // it is not installed here
	if complaints := verify(t, unit); complaints != "" {
		t.Errorf("systemd says: %s", complaints)
	}
	if complaints := verify(t, strings.Replace(unit, "[Service]\n", "[Service]\nProtectSystems=strict\n", 1)); !strings.Contains(complaints, "ProtectSystems") {
		t.Errorf("systemd says of an unknown word: %q", complaints)
	}
}

// What sysusers and tmpfiles make is what the unit names, readable by the daemon
// and written by root.
func TestUserAndFolders(t *testing.T) {
	need(t, "systemd-sysusers")
	need(t, "systemd-tmpfiles")
	if os.Geteuid() != 0 {
		t.Skip("needs root: files of another user are made")
	}
	root := t.TempDir()
	for _, kind := range []string{"sysusers", "tmpfiles"} {
		install(t, filepath.Join(root, "usr/lib", kind+".d", "remediated.conf"), read(t, "remediated."+kind))
	}
	install(t, filepath.Join(root, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n")
	install(t, filepath.Join(root, "etc/group"), "root:x:0:\n")
	for _, args := range [][]string{{"systemd-sysusers"}, {"systemd-tmpfiles", "--create"}} {
		args = append(args, "--root="+root, "remediated.conf")
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", args, err, out)
		}
	}
	user := regexp.MustCompile(`(?m)^remediated:x:(\d+):(\d+):`).FindStringSubmatch(read(t, filepath.Join(root, "etc/passwd")))
	if user == nil || user[1] == "0" {
		t.Fatalf("passwd has:\n%s", read(t, filepath.Join(root, "etc/passwd")))
	}
	for _, folder := range []string{"etc/remediated", "etc/remediated/policies", "etc/remediated/secrets"} {
		out, err := exec.Command("stat", "--format=%a %u %g", filepath.Join(root, folder)).Output()
		if want := fmt.Sprintf("750 0 %s\n", user[2]); err != nil || string(out) != want {
			t.Errorf("%s is %q, want %q: %v", folder, out, want, err)
		}
	}
}

// need skips the test where systemd's tools are not: make test installs them.
func need(t *testing.T, tool string) {
	t.Helper()
	if _, err := exec.LookPath(tool); err != nil {
		t.Skipf("needs %s, of the Debian package systemd", tool)
	}
}

// exposure is how exposed systemd finds a unit, 0 to 10.
func exposure(t *testing.T, unit string) float64 {
	t.Helper()
	file := filepath.Join(t.TempDir(), "remediated.service")
	install(t, file, unit)
	out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--no-pager", file).CombinedOutput()
	m := regexp.MustCompile(`Overall exposure level for remediated\.service: ([\d.]+)`).FindSubmatch(out)
	if m == nil {
		t.Fatalf("systemd-analyze security: %v\n%.2000s", err, out)
	}
	level, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return level
}

// verify returns what systemd says against a unit with its drop-in. What it says of
// other units of this machine is left out.
func verify(t *testing.T, unit string) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "remediated.service")
	install(t, file, unit)
	install(t, filepath.Join(dir, "remediated.service.d", "credentials.conf"), read(t, "credentials.conf"))
	out, _ := exec.Command("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", file).CombinedOutput()
	var ours []string
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "remediated") || strings.Contains(line, "credentials.conf") {
			ours = append(ours, line)
		}
	}
	return strings.Join(ours, "")
}

func install(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
