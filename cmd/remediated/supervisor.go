package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// supervisor is the service manager that started the process and waits to be
// told how it stands: systemd, of a unit with Type=notify. See sd_notify(3).
type supervisor struct {
	socket string        // the address of its datagram socket; none when nobody waits
	within time.Duration // how long it waits for a sign of life before it kills the process; 0 for ever
	log    *slog.Logger
}

// newSupervisor returns the one that the environment names. What is said to one
// that is not there goes nowhere.
func newSupervisor(getenv func(string) string, log *slog.Logger) (supervisor, error) {
	s := supervisor{socket: getenv("NOTIFY_SOCKET"), log: log}
	text, pid := getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID")
	if s.socket == "" || text == "" || pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return s, nil // no sign of life is wanted, or not from this process
	}
	us, err := strconv.ParseInt(text, 10, 64)
	if err != nil || us <= 0 || us > int64(24*time.Hour/time.Microsecond) {
		return s, fmt.Errorf("WATCHDOG_USEC=%s: want microseconds of at most a day, as systemd sets them for WatchdogSec=", text)
	}
	s.within = time.Duration(us) * time.Microsecond
	return s, nil
}

// tell says how the process stands. That it could not be said is logged: a start
// that is not heard of is ended by systemd, and somebody will ask why.
func (s supervisor) tell(state string) {
	if s.socket == "" {
		return
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: s.socket, Net: "unixgram"})
	if err == nil {
		defer c.Close()
		_, err = c.Write([]byte(state))
	}
	if err != nil {
		s.log.Warn("systemd could not be told", "state", state, "err", err)
	}
}

// What is told.
const (
	supervisorReady     = "READY=1"
	supervisorReloading = "RELOADING=1"
	supervisorStopping  = "STOPPING=1"
	supervisorAlive     = "WATCHDOG=1"
)

// run gives a sign of life twice in the time that is waited for one, each after the
// loop was seen to come round: a process whose loop hangs is none that lives.
func (s supervisor) run(ctx context.Context, look func(context.Context, func(*remediate.State, remediate.Rulebooks)) error) error {
	if s.within == 0 {
		<-ctx.Done()
		return nil
	}
	again := time.NewTicker(s.within / 2)
	defer again.Stop()
	for {
		if look(ctx, func(*remediate.State, remediate.Rulebooks) {}) == nil {
			s.tell(supervisorAlive)
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return nil
		}
	}
}
