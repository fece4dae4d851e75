// Package isolate runs a command in network, PID, IPC and mount namespaces of its
// own, so that a test bed can use every part's usual port, nothing it starts can
// reach another machine, and nothing outlives it: when the first process of the
// PID namespace dies, the kernel kills all others in it.
//
// Three processes are involved. The launcher (Run) stays outside. It starts the
// same program again as the init of the new namespaces, whose main calls Main
// first thing. The init readies the namespaces, starts the program once more
// with the command line it was given, reaps orphans and ends with it.
package isolate

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// stageVariable tells the program in which of its roles it was started, and
// pidVariable the init's PID as the launcher's namespace sees it.
const (
	stageVariable = "REMEDIATED_BED_STAGE"
	pidVariable   = "REMEDIATED_BED_PID"
)

const (
	stageInit   = "init"
	stageInside = "inside"
)

// stage and pid are the variables' values. The variables themselves are unset by
// Main: a bed that a child starts is a bed of its own.
var stage, pid string

// Inside reports whether this process was started by Run's init.
func Inside() bool { return stage == stageInside }

// PID is the init's PID as the launcher's namespace sees it, 0 outside.
func PID() int {
	n, _ := strconv.Atoi(pid)
	return n
}

// Enter is the command line prefix that runs a command inside the namespaces,
// for whoever is outside of them.
func Enter() []string {
	enter := []string{"nsenter", "--target", pid, "--net", "--pid", "--mount"}
	if os.Getuid() != 0 {
		enter = append(enter, "--user", "--preserve-credentials")
	}
	return append(enter, "--wd=.", "--")
}

// Run starts this program again with args inside new namespaces and waits for
// it. It passes SIGINT and SIGTERM on and returns the exit code. When the
// caller's parent dies, the caller gets a SIGTERM: nobody waits for it any more.
func Run(args []string) (int, error) {
	runtime.LockOSThread() // Pdeathsig speaks of the thread that forked
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGTERM), 0, 0, 0); err != nil {
		return 0, fmt.Errorf("ask for a signal when the parent dies: %w", err)
	}
	cmd := self(args, stageInit)
	cmd.SysProcAttr = namespaces()
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("make namespaces: %w; as root it needs CAP_SYS_ADMIN, as another user unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone, user.max_user_namespaces)", err)
	}
	go func() {
		for s := range signals {
			_ = cmd.Process.Signal(s) // it may have ended
		}
	}()
	err := cmd.Wait()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		return 0, err
	}
	return exitCode(cmd.ProcessState.Sys().(syscall.WaitStatus)), nil
}

// namespaces are those of the init. A user who is not root also gets a user
// namespace, in which they stay who they are: PostgreSQL refuses to run as root,
// even as a root without rights. Capabilities must then be ambient to survive exec.
func namespaces() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWIPC,
		Setpgid:    true, // a terminal's SIGINT comes once, through the launcher
		Pdeathsig:  syscall.SIGKILL,
	}
	if uid, gid := os.Getuid(), os.Getgid(); uid != 0 {
		attr.Cloneflags |= syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}}
		attr.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_NET_ADMIN, unix.CAP_NET_BIND_SERVICE}
	}
	return attr
}

// Main finds out the process's role. In the init it does the init's work and
// does not return. The program calls it before anything else.
func Main() {
	stage, pid = os.Getenv(stageVariable), os.Getenv(pidVariable)
	os.Unsetenv(stageVariable)
	os.Unsetenv(pidVariable)
	if stage != stageInit {
		return
	}
	code, err := runInit()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bed: ready the namespaces:", err)
		code = 1
	}
	os.Exit(code)
}

// runInit is PID 1: it readies the namespaces, starts the program in its last
// role and ends with it, which ends everybody else.
func runInit() (int, error) {
	outer, err := os.Readlink("/proc/self") // the old /proc still counts as the launcher does
	if err != nil {
		return 0, err
	}
	if err := mountProc(); err != nil {
		return 0, err
	}
	if err := setUpLoopback(); err != nil {
		return 0, err
	}
	cmd := self(os.Args[1:], stageInside)
	cmd.Env = append(cmd.Env, pidVariable+"="+filepath.Base(outer))
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		for s := range signals {
			_ = cmd.Process.Signal(s)
		}
	}()
	return reap(cmd.Process.Pid)
}

// reap waits for every child, most of them adopted orphans, until main is done.
func reap(main int) (int, error) {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return 0, fmt.Errorf("wait for process %d: %w", main, err)
		case pid == main:
			return exitCode(status), nil
		}
	}
}

// mountProc shows the new PID namespace, without showing it to the rest of the
// machine.
func mountProc() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("keep mounts to ourselves: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w; inside a container its /proc must not be masked", err)
	}
	return nil
}

// self is this program with args, in another role.
func self(args []string, stage string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Args[0] = os.Args[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), stageVariable+"="+stage)
	return cmd
}

// exitCode is the shell's reading of a wait status.
func exitCode(status syscall.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}
