//go:build linux

package engine_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/engine"
	"github.com/x0tta6bl4/remediated/remediate/journal"
	realdisk "github.com/x0tta6bl4/remediated/test/disk"
	"github.com/x0tta6bl4/remediated/test/leak"
)

// folderVariable has this test binary be an engine in a process of its own, on the
// journal in a folder.
const folderVariable = "ENGINE_TEST_FOLDER"

func TestMain(m *testing.M) {
	dir := os.Getenv(folderVariable)
	if dir == "" {
		leak.Main(m)
	}
	if err := errors.Join(realdisk.Obey(), obedient(dir)); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// talker performs: it says what, and what it is asked is answered when it is told so.
type talker struct{ answer chan struct{} }

func (p talker) Perform(ctx context.Context, s remediate.Started) remediate.Result {
	switch {
	case s.Act != nil:
		fmt.Println("acts", s.ID)
	case s.Ask != nil && s.Ask.Purpose == remediate.ForGuards:
		fmt.Println("asks", s.ID)
		select {
		case <-p.answer:
		case <-ctx.Done():
		}
	}
	return good(s)
}

// obedient runs an engine that does as it is told, a line at a time.
func obedient(dir string) error {
	p := talker{make(chan struct{})}
	e := engine.New(engine.Options{
		Open: func(ctx context.Context) (engine.Journal, error) { return journal.Open(ctx, dir, journal.Options{}) },
		Name: func() string { return "q4m2x7kd" }, Performer: p, Rulebook: book(fataler{}), Mend: 50 * time.Millisecond,
	})
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	<-e.Ready()
	for told := bufio.NewScanner(os.Stdin); told.Scan(); {
		switch told.Text() {
		case "fire":
			fmt.Println("fired", e.Submit(ctx, []remediate.Input{firing("Down")}))
		case "answer":
			p.answer <- struct{}{}
		case "look":
			err := e.Look(ctx, func(s *remediate.State, _ remediate.Rulebooks) {
				for _, i := range s.Incidents.All() {
					fmt.Println("looks", i.Status, i.Verdicts, s.Degraded())
				}
			})
			if err != nil {
				return err
			}
		}
	}
	stop()
	return <-ended
}

// fataler is for a helper that wants a test, in a process that has none.
type fataler struct{ testing.TB }

func (fataler) Helper()           {}
func (fataler) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

// A disk becomes read only while it is asked whether something may be done: it is
// not done, however often it is asked again, until the disk is well.
func TestNothingIsDoneOnADiskThatIsReadOnly(t *testing.T) {
	c, d, in, out, err := realdisk.Itself(folderVariable + "=" + t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	tell := func(what string) { fmt.Fprintln(in, what) }
	hear := func(want string) string {
		t.Helper()
		if !lines.Scan() || !strings.HasPrefix(lines.Text(), want) {
			t.Fatalf("it says %q, want %s", lines.Text(), want)
		}
		return lines.Text()
	}
	tell("fire")
	first := []string{hear(""), hear("")} // in any order
	if all := strings.Join(first, "; "); !strings.Contains(all, "fired <nil>") || !strings.Contains(all, "asks q4m2x7kd-i1-q1") {
		t.Fatalf("it says %s", all)
	}
	d.ReadOnly()
	tell("answer") // all is well, it may be done: but that cannot be written down
	hear("asks")
	tell("answer")
	for looked := ""; !strings.Contains(looked, "would not be remembered"); {
		tell("look")
		looked = hear("looks")
		if !strings.Contains(looked, "read-only file system") {
			t.Errorf("it says %s", looked)
		}
	}
	tell("fire")
	if got := hear("fired"); !strings.Contains(got, engine.ErrNotKept.Error()) {
		t.Errorf("it says %s", got)
	}
	d.Well()
	hear("asks") // anew: what was answered meanwhile was not kept
	tell("answer")
	hear("acts q4m2x7kd-i1-a1")
	if err := errors.Join(in.Close(), c.Wait()); err != nil && !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	<-d.Ended()
}
