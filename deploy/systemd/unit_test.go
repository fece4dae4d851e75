// Package systemd_test has systemd's own tool judge the unit, and sees that the daemon
// calls nothing of the kernel that the unit shuts.
package systemd_test

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/test/daemon"
)

const unit = "remediated.service"

// mostExposed is what the unit may be exposed, in tenths of systemd's points: it has
// 1.2 of 10, of which the network, which it cannot do without, is most.
const mostExposed = "13"

// analyze runs systemd's tool. Without it nothing is known of the unit, and a test
// that cannot know must not pass.
func analyze(t *testing.T, args ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Fatal("systemd-analyze is missing, without which the unit cannot be judged: apt-get install systemd")
	}
	out, err := exec.Command(path, args...).CombinedOutput()
	return string(out), err
}

func read(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(unit)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// written writes a unit of that text into a folder of its own.
func written(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), unit)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The unit is understood, and its sandbox is tight.
func TestUnit(t *testing.T) {
	here := strings.Replace(read(t), "/usr/local/bin/remediated", "/bin/true", 1) // nothing is installed here
	if out, err := analyze(t, "verify", written(t, here)); err != nil || out != "" {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	if out, err := analyze(t, "security", "--offline=true", "--threshold="+mostExposed, written(t, here)); err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, out)
	}
}

// A storm of webhooks waits in the queue of the kernel, whose length Go reads from a
// file that is not of a process.
func TestProcIsSeen(t *testing.T) {
	if strings.Contains(read(t), "\nProcSubset=pid\n") {
		t.Error("the unit hides /proc/sys/net/core/somaxconn and /proc/stat: listeners queue 128 connections, and process_start_time_seconds is missing")
	}
}

// Both judges say no to a unit that is not as it should be.
func TestSpoiltUnit(t *testing.T) {
	here := strings.Replace(read(t), "/usr/local/bin/remediated", "/bin/true", 1)
	for name, tc := range map[string]struct {
		from, to string
		by       []string
	}{
		"a key that there is none of": {"WatchdogSec=", "WatchDogSecs=", []string{"verify"}},
		"somebody else's file":        {"/bin/true", "/nonexistent", []string{"verify"}},
		"all system calls":            {"SystemCallFilter=", "#", []string{"security", "--offline=true", "--threshold=" + mostExposed}},
		"root":                        {"User=remediated", "User=root", []string{"security", "--offline=true", "--threshold=" + mostExposed}},
		"all capabilities":            {"CapabilityBoundingSet=\n", "\n", []string{"security", "--offline=true", "--threshold=" + mostExposed}},
	} {
		if !strings.Contains(here, tc.from) {
			t.Fatalf("%s: the unit has no %q", name, tc.from)
		}
		out, err := analyze(t, append(tc.by, written(t, strings.ReplaceAll(here, tc.from, tc.to)))...)
		if err == nil && out == "" || err == nil && tc.by[0] == "security" {
			t.Errorf("%s: nothing is found: %s", name, out)
		}
	}
}

// expand is the system calls of a group of systemd's.
func expand(t *testing.T, group string, into map[string]bool) {
	t.Helper()
	out, err := analyze(t, "syscall-filter", "--no-pager", group)
	if err != nil {
		t.Fatalf("syscall-filter %s: %v\n%s", group, err, out)
	}
	for _, name := range strings.Fields(regexp.MustCompile(`(?m)^\s*#.*$`).ReplaceAllString(out, ""))[1:] {
		if strings.HasPrefix(name, "@") {
			expand(t, name, into)
		} else {
			into[name] = true
		}
	}
}

// allowed is what the unit lets through: a first line of groups, less those of the
// lines that begin with ~.
func allowed(t *testing.T) map[string]bool {
	t.Helper()
	let, shut := map[string]bool{}, map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^SystemCallFilter=(~?)(.+)$`).FindAllStringSubmatch(read(t), -1) {
		into := let
		if m[1] == "~" {
			into = shut
		}
		for _, group := range strings.Fields(m[2]) {
			expand(t, group, into)
		}
	}
	maps.DeleteFunc(let, func(name string, _ bool) bool { return shut[name] })
	if !let["fdatasync"] || let["mount"] || let["setpriority"] {
		t.Fatalf("the filter is not read right: %d are let through", len(let))
	}
	return let
}

const config = `cluster: prod
policies: [{files: [p.yml]}]
alertmanagers: [{url: "%[1]s"}]
clusters: [{name: prod, kubeconfig: kubeconfig}]
`

const policy = `policies:
  - {name: down, when: ['alertname="Down"'], per: [namespace], severity: P3}
`

const webhook = `{"version":"4","groupKey":"g","status":"firing","receiver":"r","alerts":[{"status":"firing","labels":{"alertname":"Down","namespace":"shop"},
"annotations":{},"startsAt":"2099-01-01T00:00:00Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"","fingerprint":"0"}]}`

// without is what it goes on without, or does not call where the unit has it run.
var without = map[string]string{
	"fchown":    "SQLite, of new files, when it is root",
	"prlimit64": "Go, of how many files may be open, which LimitNOFILE= says",
}

// A daemon that starts, takes an alert and is killed, and starts on what is left, calls nothing that the unit shuts, and makes no memory both writable and
// executable.
func TestTheDaemonNeedsNoMore(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Fatal("strace is missing, without which nothing is known of what the daemon calls: apt-get install strace")
	}
	dir := t.TempDir()
	program, calls := filepath.Join(dir, "remediated"), filepath.Join(dir, "calls")
	if out, err := exec.Command("go", "build", "-o", program, "../../cmd/remediated").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	traced := filepath.Join(dir, "traced")
	script := fmt.Sprintf("#!/bin/sh\nexec %s -D -f -A -o %s %s \"$@\"\n", strace, calls, program) // -D: it is our child, and its tracer is not
	if err := os.WriteFile(traced, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	p, err := daemon.New(traced, filepath.Join(dir, "etc"), filepath.Join(dir, "journal"))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Configure(map[string]string{"remediated.yml": config, "p.yml": policy, "kubeconfig": daemon.Kubeconfig}, "http://127.0.0.1:1"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		r, err := http.Post("http://"+p.Intake+"/api/v1/webhook/alertmanager", "application/json", strings.NewReader(webhook))
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != http.StatusOK {
			t.Errorf("answered %d", r.StatusCode)
		}
		if err := p.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	log, err := os.ReadFile(calls)
	if err != nil {
		t.Fatal(err)
	}
	let, called := allowed(t), map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\d+ +(\w+)\(.*$`).FindAllStringSubmatch(string(log), -1) {
		called[m[1]] = true
		if strings.Contains(m[0], "PROT_WRITE|PROT_EXEC") {
			t.Errorf("it wants memory that is writable and executable: %s", m[0])
		}
	}
	if !called["fsync"] || !called["accept4"] {
		t.Errorf("only these were seen: %v", slices.Sorted(maps.Keys(called)))
	}
	for name := range called {
		if !let[name] && without[name] == "" {
			t.Errorf("it calls %s, which the unit shuts", name)
		}
	}
}
