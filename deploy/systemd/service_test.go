//go:build systemd

package systemd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/test/daemon"
)

// A real systemd installs the service as the page says, and it is ready when start
// returns. It takes alerts, loads new policies, loses nothing by a kill, stops in order,
// is little exposed, and leaves nothing.
func TestService(t *testing.T) {
	m := boot(t, releaseFolder(t))
	before := m.traces()
	began := time.Now()
	m.run(commands(t, "../../docs/install.md", "## With systemd"))
	t.Logf("installed and ready after %s", time.Since(began).Round(10*time.Millisecond))
	m.wants("active running notify 0", "ActiveState,SubState,Type,NRestarts")
	m.run("curl -sSf http://127.0.0.1:9095/-/ready")

	m.post("one")
	m.run("sed -i s/down/renamed/ p.yml; install -m 640 -g remediated p.yml /etc/remediated/; systemctl reload remediated")
	m.says("renamed", "curl -sSf http://127.0.0.1:9095/api/v1/policies")

	m.post("two")
	m.run("systemctl kill --signal=KILL remediated")
	eventually(t, func() string {
		if got, _ := m.try("systemctl is-active remediated && systemctl show --value --property=NRestarts remediated"); got != "active\n1\n" {
			return "it is " + got
		}
		return ""
	})
	for _, job := range []string{"one", "two"} {
		m.says(`"`+job+`"`, "remedy journal export --storage.path=/var/lib/remediated")
	}
	m.run("systemd-analyze security --threshold=20 remediated")

	m.run("systemctl stop remediated")
	m.wants("inactive dead success 0", "ActiveState,SubState,Result,ExecMainStatus")
	m.run(commands(t, "README.md", "To take it away again:"))
	if after := m.traces(); after != before {
		t.Errorf("there is left:\n%s\nand there was before:\n%s", after, before)
	}
}

// A service whose flags are wrong does not start, and is not started again.
func TestServiceWithAWrongFlag(t *testing.T) {
	m := boot(t, releaseFolder(t))
	m.run("echo ARGS=--no-such-flag >/etc/default/remediated")
	if out, err := m.try(commands(t, "../../docs/install.md", "## With systemd")); err == nil {
		t.Errorf("it is started with a flag that there is none of:\n%s", out)
	}
	m.wants("failed failed 2 0", "ActiveState,SubState,ExecMainStatus,NRestarts")
}

// releaseFolder has what a release archive has, a configuration, and what that names.
func releaseFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "bin")+"/", "../../cmd/remediated", "../../cmd/remedy")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.CopyFS(filepath.Join(dir, "deploy", "systemd"), os.DirFS(".")); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"remediated.yml": config, "p.yml": policy, "kubeconfig": daemon.Kubeconfig} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.ReplaceAll(text, "%[1]s", "http://127.0.0.1:1")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// commands are those of the first fence behind a line of a page, for root. Beside the
// configuration go the files that it names.
func commands(t *testing.T, page, line string) string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)" + regexp.QuoteMeta(line) + ".*?```\n(.*?)```").FindSubmatch(text)
	if found == nil {
		t.Fatalf("%s has no commands behind %q", page, line)
	}
	const file = "install -m 640 -g remediated remediated.yml /etc/remediated/remediated.yml\n"
	return strings.Replace(strings.ReplaceAll(string(found[1]), "sudo ", ""), file, file+"install -m 640 -g remediated p.yml kubeconfig /etc/remediated/\n", 1)
}

// traces are the files that are called after the daemon, the lines of users and groups, and the
// unit as systemd knows it.
func (m *machine) traces() string {
	m.t.Helper()
	return m.run(`find /etc /usr /var /run -xdev -iname '*remediated*'
grep remediated /etc/passwd /etc/group || true
systemctl list-units --all --no-legend 'remediated*'
systemctl list-unit-files --no-legend 'remediated*' || true`) // where there is none, both of these fail
}

// wants wants properties of the unit.
func (m *machine) wants(want, properties string) {
	m.t.Helper()
	var got []string
	for property := range strings.SplitSeq(properties, ",") {
		got = append(got, strings.TrimSpace(m.run("systemctl show --value --property="+property+" remediated")))
	}
	if strings.Join(got, " ") != want {
		m.t.Fatalf("of %s it has %q, want %q\n%s", properties, got, want, m.run("journalctl --unit=remediated --lines=20"))
	}
}

// says wants that a command prints a text.
func (m *machine) says(want, command string) {
	m.t.Helper()
	if out := m.run(command); !strings.Contains(out, want) {
		m.t.Errorf("%s does not say %s:\n%.2000s", command, want, out)
	}
}

// post sends an alert, which must be taken.
func (m *machine) post(job string) {
	m.t.Helper()
	body := strings.Replace(webhook, `"namespace":"shop"`, `"namespace":"`+job+`"`, 1)
	m.run("curl -sSf --json '" + body + "' http://127.0.0.1:9096/api/v1/webhook/alertmanager")
}
