package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// supervisor is a service manager that wants to know how it stands with us, by the
// protocol of sd_notify(3): each word is a datagram to a socket of its own. Nobody
// having asked, nothing is said.
type supervisor struct {
	socket string        // a path, or an abstract name that begins with @
	within time.Duration // we are held to be stuck when nothing is said for so long; 0: never
	send   func(socket, word string) error
	log    *slog.Logger
}

// newSupervisor returns the one that started us, by its environment.
func newSupervisor(getenv func(string) string, pid int, log *slog.Logger) (supervisor, error) {
	s := supervisor{socket: getenv("NOTIFY_SOCKET"), send: send, log: log}
	usec := getenv("WATCHDOG_USEC")
	if s.socket == "" || usec == "" {
		return s, nil
	}
	if meant := getenv("WATCHDOG_PID"); meant != "" && meant != strconv.Itoa(pid) {
		return s, nil // who started us is watched, not we
	}
	n, err := strconv.ParseInt(usec, 10, 64)
	if err != nil || n <= 0 {
		return s, fmt.Errorf("WATCHDOG_USEC is %q: want microseconds, as systemd sets it with WatchdogSec=", usec)
	}
	s.within = time.Duration(n) * time.Microsecond
	return s, nil
}

// say tells it what became of us. That it does not listen is no reason to stop.
func (s supervisor) say(word string) {
	if s.socket == "" {
		return
	}
	if err := s.send(s.socket, word); err != nil {
		s.log.Warn("the service manager does not hear us", "word", word, "err", err)
	}
}

// send sends one datagram.
func send(socket, word string) (err error) {
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	_, err = c.Write([]byte(word))
	return err
}

// run says that we are alive as long as the loop answers, well within the time that
// it waits. A loop that hangs is one that only a new start can help, and a start
// loses nothing.
func (s supervisor) run(ctx context.Context, loop looker) error {
	if s.within == 0 {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(s.within / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		look, cancel := context.WithTimeout(ctx, s.within/3)
		err := loop.Look(look, func(*remediate.State, remediate.Rulebooks) {})
		cancel()
		switch {
		case err == nil:
			s.say("WATCHDOG=1")
		case ctx.Err() == nil:
			s.log.Error("the loop does not answer; the service manager is not told that we are well", "err", err)
		}
	}
}

// reloading says that we are, until what is returned is called.
func (s supervisor) reloading() (done func()) {
	s.say("RELOADING=1")
	return s.ready
}

// ready says that alerts are taken from now on.
func (s supervisor) ready() { s.say("READY=1") }
