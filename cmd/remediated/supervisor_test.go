package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// systemdSocket is systemd's end: all that was told.
type systemdSocket struct {
	path string
	mu   sync.Mutex
	told []string
}

func listenAsSystemd(t *testing.T) *systemdSocket {
	t.Helper()
	s := &systemdSocket{path: filepath.Join(t.TempDir(), "notify")}
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: s.path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b := make([]byte, 4096)
		for {
			n, err := c.Read(b)
			if err != nil {
				return
			}
			s.mu.Lock()
			s.told = append(s.told, string(b[:n]))
			s.mu.Unlock()
		}
	}()
	t.Cleanup(func() { c.Close(); <-ended })
	return s
}

// heard is what was told, without the signs of life.
func (s *systemdSocket) heard() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(slices.DeleteFunc(slices.Clone(s.told), func(t string) bool { return t == supervisorAlive }), " ")
}

func (s *systemdSocket) alive() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, t := range s.told {
		if t == supervisorAlive {
			n++
		}
	}
	return n
}

// systemd hears that the daemon is ready once it listens, that it reads its
// configuration anew and is ready again, that it lives, and that it stops.
func TestSystemdIsTold(t *testing.T) {
	s := listenAsSystemd(t)
	t.Setenv("NOTIFY_SOCKET", s.path)
	t.Setenv("WATCHDOG_USEC", "20000")
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	d := startHere(t, map[string]string{
		"remediated.yml": `{cluster: prod, policies: [{files: [p.yml]}], alertmanagers: [{url: "http://127.0.0.1:1"}], clusters: [{name: prod, kubeconfig: kubeconfig}]}`,
		"p.yml":          "policies: [{name: down, when: ['alertname=\"Down\"'], severity: P3}]", "kubeconfig": nobodysKubeconfig,
	})
	within(t, "ready was told", func() bool { return s.heard() == "READY=1" })
	within(t, "signs of life were given", func() bool { return s.alive() > 2 })
	if code, body := d.ask(d.web, http.MethodPost, "/-/reload", "", func(*http.Request) {}); code != http.StatusOK {
		t.Errorf("reload: %d %s", code, body)
	}
	within(t, "the reload was told", func() bool { return s.heard() == "READY=1 RELOADING=1 READY=1" })
	d.stop()
	within(t, "the stop was told", func() bool { return s.heard() == "READY=1 RELOADING=1 READY=1 STOPPING=1" })
}

// A daemon that cannot start does not say that it is ready.
func TestSystemdIsToldOfNoStartThatFailed(t *testing.T) {
	s := listenAsSystemd(t)
	t.Setenv("NOTIFY_SOCKET", s.path)
	t.Chdir(t.TempDir())
	if err := os.WriteFile("remediated.yml", []byte("cluster: ''\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code := run(t.Context(), []string{"--config.file=remediated.yml"}, signals{}, new(lockedLog)); code != 1 {
		t.Errorf("run = %d", code)
	}
	if got := s.heard(); got != "" {
		t.Errorf("told %q", got)
	}
}

// No sign of life is given while the loop does not come round, and one as soon
// as it does again.
func TestNoSignOfLifeWhileTheLoopHangs(t *testing.T) {
	s := listenAsSystemd(t)
	synctest.Test(t, func(t *testing.T) {
		m := supervisor{socket: s.path, within: 2 * time.Minute, log: slog.New(slog.DiscardHandler)}
		ctx, cancel := context.WithCancel(t.Context())
		looked, ended := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(ended)
			_ = m.run(ctx, func(ctx context.Context, f func(*remediate.State, remediate.Rulebooks)) error {
				select {
				case <-looked:
					f(nil, remediate.Rulebooks{})
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			})
		}()
		time.Sleep(time.Hour)
		if n := s.alive(); n != 0 {
			t.Errorf("%d signs of life of a loop that hangs", n)
		}
		close(looked)
		time.Sleep(10 * time.Minute)
		cancel()
		<-ended
	})
	// 10 minutes at one a minute, the one at once, and one tick that waited.
	within(t, "signs of life were given twice in the time", func() bool { return s.alive() >= 10 })
	if n := s.alive(); n > 13 {
		t.Errorf("%d signs of life in 10 minutes, one a minute is enough", n)
	}
}

func TestWhoSupervises(t *testing.T) {
	me := strconv.Itoa(os.Getpid())
	for _, c := range []struct {
		name, socket, usec, pid string
		within                  time.Duration
		err                     string
	}{
		{name: "nobody"},
		{name: "nobody, and a time is left over", usec: "1000000"},
		{name: "no watchdog", socket: "/run/notify"},
		{name: "a watchdog", socket: "/run/notify", usec: "180000000", pid: me, within: 3 * time.Minute},
		{name: "of any process", socket: "@abstract", usec: "180000000", within: 3 * time.Minute},
		{name: "of another process", socket: "/run/notify", usec: "180000000", pid: "1"},
		{name: "not a number", socket: "/run/notify", usec: "3min", pid: me, err: "WATCHDOG_USEC=3min: want microseconds"},
		{name: "no time at all", socket: "/run/notify", usec: "0", pid: me, err: "WATCHDOG_USEC=0: want microseconds"},
	} {
		env := map[string]string{"NOTIFY_SOCKET": c.socket, "WATCHDOG_USEC": c.usec, "WATCHDOG_PID": c.pid}
		s, err := newSupervisor(func(k string) string { return env[k] }, slog.New(slog.DiscardHandler))
		switch {
		case c.err == "" && err != nil, c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%s: err = %v, want %q", c.name, err, c.err)
		case c.err == "" && (s.within != c.within || s.socket != c.socket):
			t.Errorf("%s: %q within %s, want %s", c.name, s.socket, s.within, c.within)
		}
	}
}

// What systemd does not take is logged, and nothing else comes of it.
func TestSystemdDoesNotListen(t *testing.T) {
	var log bytes.Buffer
	supervisor{socket: filepath.Join(t.TempDir(), "gone"), log: slog.New(slog.NewTextHandler(&log, nil))}.tell(supervisorReady)
	if !strings.Contains(log.String(), "systemd could not be told") || !strings.Contains(log.String(), "READY=1") {
		t.Errorf("log = %q", &log)
	}
}

// The flags of the unit, and those that its environment file shows, are the
// daemon's; and what systemd waits for is told by it.
func TestTheUnitsFlags(t *testing.T) {
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join("../../deploy/systemd", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	unit := read("remediated.service")
	start := regexp.MustCompile(`(?m)^ExecStart=/usr/local/bin/remediated (.*) \$ARGS$`).FindStringSubmatch(unit)
	shown := regexp.MustCompile(`(?m)^# ARGS="(.*)"$`).FindStringSubmatch(read("remediated.default"))
	if start == nil || shown == nil || !strings.Contains(unit, "\nType=notify\n") {
		t.Fatalf("the unit starts with %q, the environment file shows %q", start, shown)
	}
	dir := t.TempDir()
	var args []string
	for arg := range strings.FieldsSeq(start[1] + " " + shown[1]) {
		if flag, path, _ := strings.Cut(arg, "=/etc/remediated/"); path != "" {
			arg = flag + "=" + filepath.Join(dir, filepath.Base(path))
		}
		args = append(args, arg)
	}
	for name, text := range map[string]string{"remediated.yml": "", "web.yml": "{}", "intake.token": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o, err := parse(args, io.Discard)
	if err != nil {
		t.Fatalf("%s: %v", args, err)
	}
	if state := regexp.MustCompile(`(?m)^StateDirectory=(.*)$`).FindStringSubmatch(unit); o.storage != "/var/lib/"+state[1] {
		t.Errorf("the journal is in %s, and the unit may write to /var/lib/%s", o.storage, state[1])
	}
}
