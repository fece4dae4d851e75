package bed

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func TestPartThatEndsShowsItsLog(t *testing.T) {
	_, err := startProcess(t.Context(), t.TempDir(), part{
		name:    "sulk",
		command: []string{"sh", "-c", "echo no such port >&2; exit 3"},
		ready:   func(context.Context) error { return errors.New("not yet") },
	})
	if err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "no such port") {
		t.Errorf("the error should hold exit status and log: %v", err)
	}
}

func TestPartIsEndedAndWaitedFor(t *testing.T) {
	p, err := startProcess(t.Context(), t.TempDir(), part{
		name:    "sleeper",
		command: []string{"sleep", "3600"},
		ready:   func(context.Context) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	p.end()
	if p.cmd.ProcessState == nil {
		t.Error("the process was not waited for")
	}
}

func TestProcessTreeFindsGrandchildren(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "sh -c 'echo up; read _; :' ; :")
	hold, err := cmd.StdinPipe() // the grandchild reads it until the test closes it
	if err != nil {
		t.Fatal(err)
	}
	up, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer hold.Close()
	if _, err := up.Read(make([]byte, 3)); err != nil {
		t.Fatal(err)
	}
	tree, err := ProcessTree(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	below, err := ProcessTree(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if len(below) != 2 || !slices.Contains(tree, below[1]) {
		t.Errorf("the tree of %d is %v, and of the test %v", cmd.Process.Pid, below, tree)
	}
}
