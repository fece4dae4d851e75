//go:build linux

package disk_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/x0tta6bl4/remediated/test/disk"
	"github.com/x0tta6bl4/remediated/test/leak"
)

// roleVariable has this test binary be the process that is tried, in a folder.
const roleVariable = "DISK_TEST_FOLDER"

func TestMain(m *testing.M) {
	dir := os.Getenv(roleVariable)
	if dir == "" {
		leak.Main(m)
	}
	if err := errors.Join(disk.Obey(), write(dir)); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// write does, for each line that it is told, what it can with the disk, and says
// what came of it.
func write(dir string) error {
	f, err := os.Create(filepath.Join(dir, "file"))
	if err != nil {
		return err
	}
	for told := bufio.NewScanner(os.Stdin); told.Scan(); {
		_, err := f.WriteAt([]byte(told.Text()), 0)
		fmt.Println(err, f.Sync(), f.Truncate(1), os.WriteFile(filepath.Join(dir, "other"), nil, 0o600))
	}
	return nil
}

// A disk that is slow lets a sync wait, and nothing is lost by it; one that is read
// only refuses all that writes, also to what is open; and then it is well again.
func TestDisk(t *testing.T) {
	c, d, in, out, err := disk.Itself(roleVariable + "=" + t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	say := func() string {
		fmt.Fprintln(in, "go on")
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(line)
	}
	well := "<nil> <nil> <nil> <nil>"
	if got := say(); got != well {
		t.Errorf("a disk that is well says %s", got)
	}
	d.Slow()
	answer := make(chan string)
	go func() { answer <- say() }()
	for d.Waiting() == 0 {
		select {
		case got := <-answer:
			t.Fatalf("a sync was not waited for: %s", got)
		default:
		}
	}
	d.Well()
	if got := <-answer; got != well {
		t.Errorf("a disk that was slow says %s", got)
	}
	d.ReadOnly()
	if got := say(); strings.Count(got, syscall.EROFS.Error()) != 4 {
		t.Errorf("a disk that is read only says %s", got)
	}
	if r := d.Refused(); r["pwrite64"] != 1 || r["fsync"] != 1 || r["ftruncate"] != 1 || r["openat"] != 1 {
		t.Errorf("it refused %v", r)
	}
	d.Well()
	if got := say(); got != well {
		t.Errorf("a disk that is well again says %s", got)
	}
	if err := errors.Join(in.Close(), c.Wait()); err != nil && !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	<-d.Ended()
}

// A process that does not obey is not tried.
func TestAProcessThatDoesNotObey(t *testing.T) {
	if _, err := disk.Start(exec.Command("true")); err == nil || !strings.Contains(err.Error(), "never called Obey") {
		t.Errorf("%v", err)
	}
}
