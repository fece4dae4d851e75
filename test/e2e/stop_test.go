//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Asked to stop in the middle of a verification, the daemon stops at once, and
// its next life verifies what was done.
func TestStopInTheMiddle(t *testing.T) {
	b := connect(t)
	quiet(t, b)
	begun := time.Now()
	d := startDaemon(t, b, setup{policies: strings.Replace(postedPolicies, "for: 1s", "for: 4s", 1)})
	a := newPosted(t, nil)
	fire(t, b, a)
	d.awaitLog("ask for verification")
	pid := d.command.Process.Pid
	if took := d.stop(); took > 5*time.Second {
		t.Errorf("it took %s to stop", took)
	}
	if n := d.count()["healed/1"]; n != 0 {
		t.Fatalf("it had healed already: nothing was interrupted")
	}
	if left := runs(t); len(left) > 0 {
		t.Errorf("after process %d was stopped there run %v", pid, left)
	}
	d.start()
	d.await("healed/1", 1)
	resolve(t, b, a)
	d.awaitFiled(1)
	d.stop()
	d.checkHealed("posted", 5*time.Minute)
	d.checkAttempts(begun, "i1-a1")
	d.checkSlack(1)
	d.checkThread()
	d.checkPaged(true)
}

// runs are the processes that run the daemon's program.
func runs(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, exe := range all {
		if to, err := os.Readlink(exe); err == nil && to == program(t) { // else it has ended
			found = append(found, fmt.Sprintf("%s (%s)", exe, to))
		}
	}
	return found
}
