package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// serviceManager listens as one does, and hands on each word that it is told.
func serviceManager(t *testing.T) (socket string, words <-chan string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "sd") // short: a socket's path has 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	socket = filepath.Join(dir, "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		os.RemoveAll(dir)
	})
	heard := make(chan string, 100)
	go func() {
		b := make([]byte, 1024)
		for {
			n, err := c.Read(b)
			if err != nil {
				return
			}
			heard <- string(b[:n])
		}
	}()
	return socket, heard
}

// environment is what a process was started with.
func environment(lines ...string) func(string) string {
	return func(name string) string {
		for _, l := range lines {
			if v, ok := strings.CutPrefix(l, name+"="); ok {
				return v
			}
		}
		return ""
	}
}

func TestWhoStartedUs(t *testing.T) {
	for name, tc := range map[string]struct {
		environment []string
		socket      string
		within      time.Duration
		err         string
	}{
		"nobody who asks":       {},
		"one who waits":         {[]string{"NOTIFY_SOCKET=/run/x"}, "/run/x", 0, ""},
		"one who watches":       {[]string{"NOTIFY_SOCKET=@x", "WATCHDOG_USEC=3000000", "WATCHDOG_PID=7"}, "@x", 3 * time.Second, ""},
		"one who names nobody":  {[]string{"NOTIFY_SOCKET=@x", "WATCHDOG_USEC=3000000"}, "@x", 3 * time.Second, ""},
		"one who means another": {[]string{"NOTIFY_SOCKET=@x", "WATCHDOG_USEC=3000000", "WATCHDOG_PID=8"}, "@x", 0, ""},
		"one who cannot listen": {[]string{"WATCHDOG_USEC=3000000"}, "", 0, ""},
		"no number":             {[]string{"NOTIFY_SOCKET=@x", "WATCHDOG_USEC=3s"}, "@x", 0, "want microseconds"},
		"no time":               {[]string{"NOTIFY_SOCKET=@x", "WATCHDOG_USEC=0"}, "@x", 0, "want microseconds"},
	} {
		s, err := newSupervisor(environment(tc.environment...), 7, slog.New(slog.DiscardHandler))
		if s.socket != tc.socket || s.within != tc.within || (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
}

// loopThatHangs answers until it is stuck.
type loopThatHangs struct{ stuck atomic.Bool }

func (l *loopThatHangs) Look(ctx context.Context, f func(*remediate.State, remediate.Rulebooks)) error {
	if l.stuck.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	f(nil, nil)
	return nil
}

// A loop that hangs is not told to be well, until it goes on.
func TestWatchdogOfTheServiceManager(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		var loop loopThatHangs
		well := 0
		s := supervisor{socket: "@x", within: 3 * time.Minute, log: slog.New(slog.NewTextHandler(&log, nil))}
		s.send = func(_, word string) error {
			if word != "WATCHDOG=1" {
				t.Errorf("told %q", word)
			}
			well++
			return nil
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.run(ctx, &loop) }()
		for _, step := range []struct {
			stuck       bool
			least, most int
		}{{false, 10, 10}, {true, 0, 0}, {false, 9, 10}} {
			loop.stuck.Store(step.stuck)
			time.Sleep(10*time.Minute + time.Second) // virtual
			synctest.Wait()
			if well < step.least || well > step.most {
				t.Errorf("%+v: told %d times in ten minutes", step, well)
			}
			well = 0
		}
		if !strings.Contains(log.String(), "the loop does not answer") {
			t.Errorf("nothing is said about it: %s", log.String())
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// Nobody is told anything who did not ask, and whoever does not listen stops nothing.
func TestNobodyListens(t *testing.T) {
	var log strings.Builder
	s := supervisor{send: send, log: slog.New(slog.NewTextHandler(&log, nil))}
	s.ready()
	if log.Len() != 0 {
		t.Errorf("it was said: %s", log.String())
	}
	s.socket = filepath.Join(t.TempDir(), "none")
	s.ready()
	if !strings.Contains(log.String(), "does not hear us") {
		t.Errorf("it was said: %s", log.String())
	}
	if err := send(s.socket, "READY=1"); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("got %v", err)
	}
}

// The daemon itself says when it takes alerts, reloads and stops.
func TestServiceManagerHears(t *testing.T) {
	socket, words := serviceManager(t)
	p := &process{t: t, dir: t.TempDir(), web: freePort(t), intake: freePort(t)}
	p.start(map[string]string{"remediated.yml": stormConfig, "p.yml": stormPolicy}, "128MiB", func(c *exec.Cmd) error {
		c.Env = append(c.Env, "NOTIFY_SOCKET="+socket, "WATCHDOG_USEC=300000")
		return c.Start()
	})
	hear := func(want string) {
		t.Helper()
		within(t, "it says "+want, func() bool {
			for {
				select {
				case got := <-words:
					if got == want {
						return true
					}
					if got != "WATCHDOG=1" { // which comes all the time
						t.Fatalf("it says %q, want %q", got, want)
					}
				default:
					return false
				}
			}
		})
	}
	hear("READY=1")
	hear("WATCHDOG=1")
	for _, s := range []struct {
		signal os.Signal
		want   []string
	}{{syscall.SIGHUP, []string{"RELOADING=1", "READY=1"}}, {syscall.SIGTERM, []string{"STOPPING=1"}}} {
		if err := p.command.Process.Signal(s.signal); err != nil {
			t.Fatal(err)
		}
		for _, w := range s.want {
			hear(w)
		}
	}
	if err := p.command.Wait(); err != nil {
		t.Errorf("it was asked to stop: %v", err)
	}
}

// The unit starts the daemon with flags that it has, and lets it write where its
// journal is.
func TestTheUnitsFlags(t *testing.T) {
	b, err := os.ReadFile("../../deploy/systemd/remediated.service")
	if err != nil {
		t.Fatal(err)
	}
	start := regexp.MustCompile(`(?m)^ExecStart=/usr/local/bin/remediated --config\.file=/etc/remediated/remediated\.yml (.*) \$ARGS$`).FindSubmatch(b)
	state := regexp.MustCompile(`(?m)^StateDirectory=(\w+)$`).FindSubmatch(b)
	if start == nil || state == nil {
		t.Fatalf("the unit starts with %q, its state is in %q", start, state)
	}
	config := filepath.Join(t.TempDir(), "remediated.yml")
	if err := os.WriteFile(config, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	o, err := parse(append([]string{"--config.file=" + config}, strings.Fields(string(start[1]))...), io.Discard)
	if err != nil || o.storage != "/var/lib/"+string(state[1]) {
		t.Errorf("the journal is in %q, and the unit may write /var/lib/%s: %v", o.storage, state[1], err)
	}
}
