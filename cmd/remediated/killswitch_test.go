package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/web/webtest"
)

func TestWhatThePauseFileSays(t *testing.T) {
	for _, c := range []struct {
		text    string
		scopes  string
		reason  string
		unclear string
	}{
		{"", "all", "", ""},
		{"\n  \n# nothing but this\n", "all", "", ""},
		{"reason: the disk array is being replaced\n", "all", "the disk array is being replaced", ""},
		{"all", "all", "", ""},
		{"policy/postgres-down\r\nnamespace/shop\r\n", "policy/postgres-down namespace/shop", "", ""},
		{" namespace/shop # theirs\n\tnamespace/shop\nReason: moving # 7\nreason: \x1b[31mhosts", "namespace/shop", "moving # 7 [31mhosts", ""},
		{"reason: " + strings.Repeat("ä", 1500), "all", strings.Repeat("ä", 1000), ""},
		{"policy/postgres-down\nshop", "policy/postgres-down all", "", `line 2, "shop"`},
		{"namespace/", "all", "", `line 1, "namespace/"`},
		{"policy/a policy/b", "all", "", `line 1, "policy/a policy/b"`},
		{"policy/a/b", "all", "", `line 1, "policy/a/b"`},
		{"policy/a\x00b", "all", "", `line 1, "policy/a\x00b"`},
		{"because: I say so", "all", "", `line 1, "because: I say so"`},
		{"ALL", "all", "", `line 1, "ALL"`},
	} {
		o := parseOrder(c.text)
		if got := strings.Join(o.scopes, " "); got != c.scopes || o.reason != c.reason || strings.Join(o.unclear, "; ") != c.unclear {
			t.Errorf("%.40q: scopes %q, reason %q, unclear %q; want %q, %q, %q", c.text, got, o.reason, o.unclear, c.scopes, c.reason, c.unclear)
		}
	}
}

// What is there and cannot be read means all: somebody wanted something.
func TestAPauseFileThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "pause")
	for name, make := range map[string]func() error{
		"a folder":          func() error { return os.Mkdir(path, 0o700) },
		"a pipe":            func() error { return syscall.Mkfifo(path, 0o600) },
		"a link to nowhere": func() error { return os.Symlink(filepath.Join(dir, "lost"), path) },
		"too long a file":   func() error { return os.WriteFile(path, bytes.Repeat([]byte("# "), maxPauseFile), 0o600) },
	} {
		if err := make(); err != nil {
			t.Fatal(err)
		}
		if o := readOrder(path); !slices.Equal(o.scopes, []string{"all"}) || len(o.unclear) != 1 {
			t.Errorf("%s: %+v, want all, and why", name, o)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if o := readOrder(path); len(o.scopes) > 0 {
		t.Errorf("no file: %+v", o)
	}
}

// switched is a kill switch that runs over a world.
type switched struct {
	*killSwitch
	t       *testing.T
	world   *webtest.World
	signals chan os.Signal
	log     *bytes.Buffer // read it while nothing runs
}

// switchOn starts the kill switch in the test's bubble. The file says text at
// the start; "-" is no file.
func switchOn(t *testing.T, text string) *switched {
	t.Helper()
	w := webtest.Play(t, "")
	log := new(bytes.Buffer)
	s := &switched{newKillSwitch(t.TempDir(), w, slog.New(slog.NewTextHandler(log, nil))), t, w, make(chan os.Signal, 1), log}
	if text != "-" {
		s.write(text)
	}
	s.begin(t.Context())
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.run(ctx, s.signals) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("it ended: %v", err)
		}
	})
	synctest.Wait()
	return s
}

func (s *switched) write(text string) {
	s.t.Helper()
	if err := os.WriteFile(s.path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *switched) remove() {
	s.t.Helper()
	if err := os.Remove(s.path); err != nil {
		s.t.Fatal(err)
	}
}

// pass lets time go by.
func (s *switched) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// want holds what is paused, and by whom, against "SCOPE by WHO: REASON", joined.
func (s *switched) want(want string) {
	s.t.Helper()
	var paused []string
	err := s.world.Look(s.t.Context(), func(st *remediate.State, _ remediate.Rulebooks) {
		for _, scope := range slices.Sorted(maps.Keys(st.Paused)) {
			c := st.Paused[scope]
			paused = append(paused, strings.TrimSuffix(scope+" by "+strings.Replace(c.By, s.path, "pause", 1)+": "+c.Reason, ": "))
		}
	})
	if err != nil {
		s.t.Fatal(err)
	}
	if got := strings.Join(paused, ", "); got != want {
		s.t.Errorf("paused is %q, want %q", got, want)
	}
}

// commands counts the commands that were written down.
func (s *switched) commands() (n int) {
	s.t.Helper()
	facts, err := s.world.Facts(s.t.Context(), 0)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, f := range facts {
		if _, ok := f.Body.(remediate.CommandGiven); ok {
			n++
		}
	}
	return n
}

func TestTheFilePausesAndDoesNotResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := switchOn(t, "-")
		s.pass(time.Minute)
		s.want("")
		s.write("policy/postgres-down\nnamespace/shop\nreason: moving the hosts\n")
		s.pass(2 * time.Second)
		s.want("namespace/shop by file pause: moving the hosts, policy/postgres-down by file pause: moving the hosts")
		s.pass(time.Hour)
		if n := s.commands(); n != 2 {
			t.Errorf("%d commands were written down for two scopes", n)
		}
		s.write("all\n")
		s.pass(2 * time.Second)
		s.remove()
		s.pass(time.Hour)
		s.want("all by file pause, namespace/shop by file pause: moving the hosts, policy/postgres-down by file pause: moving the hosts")
		if n := s.commands(); n != 3 {
			t.Errorf("%d commands were written down for three scopes", n)
		}
	})
}

// Somebody else's pause is not written over, and the file's says whose it is.
func TestWhatIsPausedAlreadyStaysAsItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := switchOn(t, "-")
		if err := s.world.Do("pause all by=anna reason=drill"); err != nil {
			t.Fatal(err)
		}
		s.write("")
		s.signals <- syscall.SIGUSR1
		s.pass(time.Minute)
		s.want("all by anna: drill")
		if err := s.world.Do("resume all by=anna"); err != nil { // past the check that the API has
			t.Fatal(err)
		}
		s.pass(2 * time.Second)
		s.want("all by file pause")
	})
}

// A pause that ends is not what the file and the signal want: when it ended something
// would be begun before the next look at the file.
func TestAPauseThatEndsIsMadeOneForGood(t *testing.T) {
	for name, stop := range map[string]func(*switched){
		"file pause":     func(s *switched) { s.write("all\n") },
		"signal SIGUSR1": func(s *switched) { s.signals <- syscall.SIGUSR1 },
	} {
		synctest.Test(t, func(t *testing.T) {
			s := switchOn(t, "-")
			if err := s.world.Do("pause all by=anna value=1h"); err != nil {
				t.Fatal(err)
			}
			stop(s)
			s.pass(2 * time.Second)
			s.want("all by " + name)
			s.pass(2 * time.Hour)
			s.want("all by " + name)
			if n := s.commands(); n != 2 {
				t.Errorf("%s: %d commands were written down, want that of anna and that of the switch", name, n)
			}
		})
	}
}

// A shell makes the file before it writes to it.
func TestAFileThatIsBeingWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := switchOn(t, "-")
		s.pass(lookEvery - time.Millisecond)
		s.write("")
		s.pass(2 * time.Millisecond)
		s.write("namespace/shop\n")
		s.pass(2 * time.Second)
		s.want("namespace/shop by file pause")
	})
}

// One that changes all the time is taken at its word all the same.
func TestAFileThatNeverStandsStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := switchOn(t, "-")
		for n := range 4 {
			s.write("reason: " + strings.Repeat("x", n+1))
			s.pass(lookEvery)
		}
		s.want("all by file pause: xx")
	})
}

func TestAFileThatStandsAtTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := switchOn(t, "postgres-down")
		s.want("all by file pause")
		select {
		case <-s.looked:
		default:
			t.Error("nothing may begin yet")
		}
		if !strings.Contains(s.log.String(), `line 1, \"postgres-down\"`) || !strings.Contains(s.log.String(), "policy/NAME") {
			t.Errorf("the log does not say what is wrong with the file:\n%s", s.log)
		}
	})
}

// A daemon that ends before it could look begins nothing.
func TestNothingIsPerformedBeforeTheFirstLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, err := webtest.New()
		if err != nil {
			t.Fatal(err)
		}
		d := &daemon{kill: newKillSwitch(t.TempDir(), w, slog.New(slog.DiscardHandler))}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan remediate.Result, 1)
		go func() { done <- d.Perform(ctx, remediate.Started{Act: &remediate.Act{}}) }()
		synctest.Wait()
		cancel()
		d.kill.begin(ctx)
		if r := <-done; r.Outcome != remediate.Unknown {
			t.Errorf("performed: %+v", r)
		}
		select {
		case <-d.kill.looked:
			t.Error("it has not looked, and things may begin")
		default:
		}
	})
}

func TestTheSignalPausesAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := switchOn(t, "-")
		s.signals <- syscall.SIGUSR1
		synctest.Wait()
		s.want("all by signal SIGUSR1")
		if err := s.world.Do("resume all by=anna"); err != nil {
			t.Fatal(err)
		}
		s.pass(time.Hour)
		s.want("")
	})
}

// What cannot be written down now is not forgotten, and said once.
func TestPausesAreTriedAgainUntilTheyAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := switchOn(t, "-")
		s.world.Break("journal", errors.New("no space left on device"))
		s.signals <- syscall.SIGUSR1
		s.write("namespace/shop")
		s.pass(time.Minute)
		s.want("")
		if n := strings.Count(s.log.String(), "no space left on device"); n != 2 {
			t.Errorf("the trouble of two pauses was logged %d times", n)
		}
		s.world.Break("journal", nil)
		s.pass(time.Second)
		s.want("all by signal SIGUSR1, namespace/shop by file pause")
	})
}

// A misspelt policy would pause nothing, and nobody would know.
func TestAPolicyThatIsNotLoaded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := switchOn(t, "policy/postgres-dwon")
		s.want("policy/postgres-dwon by file pause")
		if n := strings.Count(s.log.String(), "policy=postgres-dwon"); n != 1 {
			t.Errorf("it was said %d times:\n%s", n, s.log)
		}
	})
}

// While the file stands nobody resumes what it says, whatever their role.
func TestResumeWhileTheFileStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := switchOn(t, "all\nnamespace/shop")
		nobody := func() []policies.Person { return nil }
		a := authority{Live: s.world, people: nobody, refuses: s.refuses}
		resume := func(scope, want string) {
			t.Helper()
			err := a.Command(t.Context(), remediate.Command{Command: remediate.Resume, By: "anna", Scope: scope})
			var refused *remediate.RefusedError
			if (want == "") != (err == nil) || err != nil && !errors.As(err, &refused) || !strings.Contains(refusal(err), want) {
				t.Errorf("resume %s: %v, want %q", scope, err, want)
			}
		}
		resume("all", "all cannot be resumed while the file "+s.path+" says that it is paused: remove the file, or that line of it, first")
		s.write("what?")
		resume("all", `it cannot be read (line 1, "what?"); mend or remove it first`)
		resume("namespace/shop", "")
		s.write("")
		resume("all", "says that it is paused: remove the file first")
		for _, ends := range []remediate.Command{{Value: "1h"}, {Until: time.Now().Add(time.Hour)}} {
			ends.Command, ends.By, ends.Scope = remediate.Pause, "anna", "all"
			if err := a.Command(t.Context(), ends); err == nil || !strings.Contains(refusal(err), "says that it is paused") {
				t.Errorf("a pause that ends while the file says otherwise: %v", err)
			}
		}
		s.remove()
		resume("all", "")
		s.want("")
		resume("all", "is not paused")
	})
}
