//go:build systemd

package systemd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// machine is one whose first process is systemd: in namespaces of its own, with the files
// of this machine, over which what is written there lies until it ends.
type machine struct {
	t    *testing.T
	init string // its number, as it is seen from here
}

// bringUp puts its root together from here and has systemd be the first process. $1 is a
// folder, $2 one that it sees as /opt/release.
const bringUp = `
mount --make-rprivate /
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
cd "$1/root"
mkdir -p opt/release before
mount --bind "$2" opt/release
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs tmpfs run
mount --rbind /dev dev
pivot_root . before
umount -l before
rmdir before
exec env -i container=test PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --unit=basic.target
`

// boot starts one and promises to end it. release is the folder that it sees as /opt/release.
func boot(t *testing.T, release string) *machine {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("a systemd of its own needs namespaces and mounts: run this as root")
	}
	group := ownGroup(t)
	defer group.Close()
	unshare := exec.Command("unshare", "--pid", "--fork", "--kill-child", "--mount", "--mount-proc", "--net", "--ipc", "--uts", "--cgroup", "--",
		"sh", "-ec", bringUp, "sh", t.TempDir(), release)
	unshare.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(group.Fd()), Pdeathsig: syscall.SIGKILL}
	var said strings.Builder
	unshare.Stdout, unshare.Stderr = &said, &said
	if err := unshare.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = unshare.Wait() }() // it is killed
	t.Cleanup(func() {
		_ = unshare.Process.Kill() // and systemd with it
		<-ended
	})
	m := &machine{t: t}
	eventually(t, func() string {
		select {
		case <-ended:
			t.Skipf("systemd does not run here: %s", &said)
		default:
		}
		child, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(unshare.Process.Pid), "task", strconv.Itoa(unshare.Process.Pid), "children"))
		if m.init = strings.TrimSpace(string(child)); err != nil || m.init == "" {
			return "there is no first process"
		}
		state, _ := m.try("systemctl is-system-running")
		if state = strings.TrimSpace(state); state != "running" && state != "degraded" {
			return "systemd is " + state
		}
		return ""
	})
	return m
}

// ownGroup makes a control group for it, which goes when the test is over.
func ownGroup(t *testing.T) *os.File {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if fields := strings.Fields(line); fields[2] == "cgroup2" {
			dir, err := os.MkdirTemp(fields[1], "remediated-test-")
			if err != nil {
				t.Skipf("systemd needs a control group: %v", err)
			}
			t.Cleanup(func() { eventually(t, func() string { return removeGroup(dir) }) })
			f, err := os.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
	}
	t.Skip("systemd needs control groups, and no cgroup2 is mounted here")
	return nil
}

// removeGroup removes a control group with those below it, and says why it cannot yet.
func removeGroup(dir string) string {
	below, err := filepath.Glob(filepath.Join(dir, "*/"))
	if err != nil {
		return err.Error()
	}
	for _, name := range below {
		if info, err := os.Stat(name); err == nil && info.IsDir() {
			if why := removeGroup(name); why != "" {
				return why
			}
		}
	}
	if err := os.Remove(dir); err != nil {
		return err.Error()
	}
	return ""
}

// try runs a shell's commands on it, in /opt/release.
func (m *machine) try(script string) (string, error) {
	cmd := exec.Command("nsenter", "--target="+m.init, "--pid", "--mount", "--net", "--ipc", "--uts", "--cgroup", "--", "sh", "-ec", "cd /opt/release; "+script)
	cmd.Env = []string{"PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C"}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// run does the same, and it must work.
func (m *machine) run(script string) string {
	m.t.Helper()
	out, err := m.try(script)
	if err != nil {
		m.t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return out
}

// eventually polls until try returns "", which is what is still missing.
func eventually(t *testing.T, try func() string) {
	t.Helper()
	deadline, tick := time.Now().Add(time.Minute), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	for missing := try(); missing != ""; missing = try() {
		if time.Now().After(deadline) {
			t.Fatal(missing)
		}
		<-tick.C
	}
}
