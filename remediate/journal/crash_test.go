//go:build linux

package journal_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
	"github.com/x0tta6bl4/remediated/remediate/journal/journaltest"

	"github.com/x0tta6bl4/remediated/test/leak"
)

// Some faults need a process of their own: this test binary, told by the
// environment what to be.
const (
	roleVariable = "JOURNAL_TEST_ROLE"
	dirVariable  = "JOURNAL_TEST_DIR"
)

var roles = map[string]func(dir string) error{
	"appender":  appendUntilKilled,
	"full disk": fillDisk,
	"file size": hitFileSize,
	"fsync":     failToSync,
}

func TestMain(m *testing.M) {
	role, ok := roles[os.Getenv(roleVariable)]
	if !ok {
		leak.Main(m)
	}
	if err := role(os.Getenv(dirVariable)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// child returns this test binary in a role.
func child(role, dir string) *exec.Cmd {
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), roleVariable+"="+role, dirVariable+"="+dir)
	return c
}

// moveAt is how large the log of an appender may become, in bytes.
const moveAt = 1 << 17

// appender goes on with the journal in a folder.
type appender struct {
	*journal.SQLite
	chain journaltest.Chain
}

func openAppender(dir string) (*appender, error) {
	j, err := journal.Open(context.Background(), dir, journal.Options{MoveAt: moveAt})
	if err != nil {
		return nil, err
	}
	a := &appender{SQLite: j}
	for r, err := range j.Read(context.Background(), 1) {
		if err != nil {
			return nil, errors.Join(err, j.Close())
		}
		a.chain = journaltest.Chain{Seq: r.Seq, At: r.At, Sum: r.Sum}
	}
	return a, nil
}

// next appends a story and returns the number of its last record.
func (a *appender) next() (uint64, error) {
	tb := fataler{}
	bodies := journaltest.Story(a.chain.Seq/11 + 1)
	if a.chain.Seq == 0 {
		bodies = []remediate.Body{journaltest.Founding()}
	}
	records := a.chain.Next(tb, bodies...)
	return a.chain.Seq, a.Append(context.Background(), records[0].Seq-1, records)
}

// fataler is for helpers that want a test, in a process that has none.
type fataler struct{ testing.TB }

func (fataler) Helper() {}
func (fataler) Fatalf(format string, args ...any) {
	panic(fmt.Sprintf(format, args...))
}

// appendUntilKilled acknowledges each append on its output.
func appendUntilKilled(dir string) error {
	a, err := openAppender(dir)
	if err != nil {
		return err
	}
	for {
		seq, err := a.next()
		if err != nil {
			return err
		}
		if _, err := fmt.Println(seq); err != nil {
			return err
		}
	}
}

// TestKilled kills a process that appends, again and again, on one folder.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(*flipSeed, 2))
	t.Logf("seed %d", *flipSeed)
	var acknowledged uint64
	for round := range 20 {
		acknowledged = max(acknowledged, killAfter(t, child("appender", dir), random.IntN(30)))
		j := open(t, dir, journal.Options{})
		records, err := journaltest.Read(j, 1)
		if err != nil || uint64(len(records)) < acknowledged {
			t.Fatalf("round %d: %d records, %v, %d were acknowledged", round, len(records), err, acknowledged)
		}
		if round == 19 {
			if err := j.Check(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d records survived", acknowledged)
}

// killAfter kills an appender once it has acknowledged so many appends and one
// more, and returns the last number that it acknowledged until it was dead.
func killAfter(t *testing.T, c *exec.Cmd, limit int) (acknowledged uint64) {
	t.Helper()
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	c.Stderr = &said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); n++ {
		if _, err := fmt.Sscan(lines.Text(), &acknowledged); err != nil {
			t.Fatal(err)
		}
		if n == limit {
			if err := c.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := c.Wait(); err == nil || said.Len() > 0 {
		t.Fatalf("the child ended by itself: %v: %s", err, said.String())
	}
	return acknowledged
}

// run runs a role to its end. Exit status 77 says that this machine does not
// allow it.
func run(t *testing.T, c *exec.Cmd) {
	t.Helper()
	out, err := c.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() == 77, errors.Is(err, syscall.EPERM):
		t.Skipf("not allowed here: %v: %s", err, out)
	case err != nil:
		t.Fatalf("%v: %s", err, out)
	}
	t.Logf("%s", out)
}

// untilError appends until that fails and returns the last number that was
// acknowledged.
func (a *appender) untilError() (acknowledged uint64, err error) {
	for range 100_000 {
		seq, err := a.next()
		if err != nil {
			return acknowledged, err
		}
		acknowledged = seq
	}
	return acknowledged, errors.New("it never failed")
}

// staysBroken tells whether every further call returns the first error.
func (a *appender) staysBroken(first error) error {
	cause := strings.TrimPrefix(first.Error(), "append to journal: ")
	ctx := context.Background()
	_, keep := a.Keep(ctx, []byte("x"))
	_, load := a.Load(ctx, strings.Repeat("0", 64))
	_, read := journaltest.Read(a, 1)
	_, list := a.Incidents(ctx, journal.Filter{})
	for name, err := range map[string]error{
		"append": a.Append(ctx, a.chain.Seq, nil), "keep": keep, "load": load, "read": read, "incidents": list,
		"trim": a.Trim(ctx, a.chain.Checkpoint(""), nil), "rebuild": a.Rebuild(ctx), "close": a.Close(),
	} {
		if err == nil || !strings.Contains(err.Error(), cause) {
			return fmt.Errorf("%s after the failure: %v, want %s", name, err, cause)
		}
	}
	return nil
}

// holdsStill tells whether a journal opens, has all that was acknowledged and
// takes more.
func holdsStill(dir string, acknowledged uint64) error {
	a, err := openAppender(dir)
	if err != nil {
		return fmt.Errorf("open it again: %w", err)
	}
	if a.chain.Seq < acknowledged {
		return fmt.Errorf("%d records of %d that were acknowledged", a.chain.Seq, acknowledged)
	}
	for range 20 {
		if _, err := a.next(); err != nil {
			return err
		}
	}
	fmt.Printf("%d records were acknowledged, %d are there\n", acknowledged, a.chain.Seq)
	return errors.Join(a.Check(context.Background()), a.Close())
}

// TestDiskFull fills a small file system of its own.
func TestDiskFull(t *testing.T) {
	c := child("full disk", t.TempDir())
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	run(t, c)
}

func fillDisk(dir string) error {
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=2m"); err != nil {
		fmt.Println(err)
		os.Exit(77)
	}
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); err != nil {
		return err
	}
	folder := filepath.Join(dir, "journal")
	a, err := openAppender(folder)
	if err != nil {
		return err
	}
	acknowledged, err := a.untilError()
	fmt.Printf("after %d: %v\n", acknowledged, err)
	if !errors.Is(err, journal.ErrFull) || acknowledged < 100 {
		return fmt.Errorf("after %d: %w, want ErrFull", acknowledged, err)
	}
	if err := a.staysBroken(err); err != nil {
		return err
	}
	if err := readWhileFull(folder, acknowledged); err != nil {
		return err
	}
	if err := os.Remove(ballast); err != nil {
		return err
	}
	return holdsStill(folder, acknowledged)
}

// readWhileFull opens the journal on the full disk: it says so, or it has all.
func readWhileFull(folder string, acknowledged uint64) error {
	a, err := openAppender(folder)
	if err != nil {
		if !errors.Is(err, journal.ErrFull) {
			return fmt.Errorf("open on the full disk: %w, want ErrFull", err)
		}
		fmt.Printf("on the full disk: %v\n", err)
		return nil
	}
	if a.chain.Seq < acknowledged {
		return fmt.Errorf("on the full disk: %d records of %d", a.chain.Seq, acknowledged)
	}
	return a.Close()
}

// TestWriteError has writes fail by a limit on the size of files.
func TestWriteError(t *testing.T) { run(t, child("file size", t.TempDir())) }

func hitFileSize(dir string) error {
	signal.Ignore(syscall.SIGXFSZ)
	a, err := openAppender(dir)
	if err != nil {
		return err
	}
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &before); err != nil {
		return err
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 1<<18 + 100, Max: before.Max}); err != nil {
		return err
	}
	acknowledged, err := a.untilError()
	fmt.Printf("after %d: %v\n", acknowledged, err)
	if errors.Is(err, journal.ErrFull) || acknowledged < 100 {
		return fmt.Errorf("after %d: %w, want an error of writing", acknowledged, err)
	}
	if err := a.staysBroken(err); err != nil {
		return err
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &before); err != nil {
		return err
	}
	return holdsStill(dir, acknowledged)
}

// TestSyncError has the kernel refuse to sync, once; from then on it kills the
// process for trying again.
func TestSyncError(t *testing.T) {
	dir := t.TempDir()
	c := child("fsync", dir)
	out, err := c.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		t.Fatalf("%v: %s%s", err, out, exit.Stderr)
	}
	var acknowledged uint64
	if _, err := fmt.Sscan(string(out), &acknowledged); err != nil {
		t.Fatalf("%q: %v", out, err)
	}
	if err := holdsStill(dir, acknowledged); err != nil {
		t.Error(err)
	}
}

func failToSync(dir string) error {
	a, err := openAppender(dir)
	if err != nil {
		return err
	}
	for range 10 {
		if _, err := a.next(); err != nil {
			return err
		}
	}
	acknowledged := a.chain.Seq
	for { // until no log is moved: that syncs as well
		if info, err := os.Stat(filepath.Join(dir, "journal.db-wal")); err != nil || info.Size() < moveAt {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if err := onSync(unix.SECCOMP_RET_ERRNO | uint32(unix.EIO)); err != nil {
		return err
	}
	_, err = a.next()
	if err == nil || errors.Is(err, journal.ErrFull) {
		return fmt.Errorf("append without a sync: %w", err)
	}
	if err := onSync(unix.SECCOMP_RET_KILL_PROCESS); err != nil {
		return err
	}
	if err := a.staysBroken(err); err != nil {
		return err
	}
	_, err = io.WriteString(os.Stdout, fmt.Sprintln(acknowledged))
	return err
}

// onSync has the kernel answer fsync and fdatasync with action, for all
// threads of the process and for good.
func onSync(action uint32) error {
	load := uint16(unix.BPF_LD | unix.BPF_W | unix.BPF_ABS)
	equal := uint16(unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K)
	give := uint16(unix.BPF_RET | unix.BPF_K)
	filter := []unix.SockFilter{
		{Code: load}, // the number of the system call
		{Code: equal, K: unix.SYS_FSYNC, Jt: 1},
		{Code: equal, K: unix.SYS_FDATASYNC, Jf: 1},
		{Code: give, K: action},
		{Code: give, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		return errno
	}
	return nil
}
