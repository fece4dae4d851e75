//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"time"
)

// awaitFiled waits until so many incidents were closed and all was told of
// them: a daemon that is stopped before tells the rest when it starts again.
func (d *daemon) awaitFiled(n int) {
	d.t.Helper()
	d.await("filed/1", n)
}

// await waits until so many facts of a kind were written.
func (d *daemon) await(kind string, n int) {
	d.t.Helper()
	eventually(d.t, 2*time.Minute, func() string {
		if got := strings.Count(d.log.String(), "kind="+kind); got < n {
			return fmt.Sprintf("%d facts %s, want %d", got, kind, n)
		}
		return ""
	})
}

// logged counts the facts of a kind in the log.
func (d *daemon) logged(kind string) int {
	return strings.Count(d.log.String(), "kind="+kind)
}

// awaitLog waits until the daemon has said something.
func (d *daemon) awaitLog(words string) {
	d.t.Helper()
	eventually(d.t, 30*time.Second, func() string {
		if !d.log.contains(words) {
			return fmt.Sprintf("it has not said %q", words)
		}
		return ""
	})
}

// awaitPages waits until people were paged so often.
func (d *daemon) awaitPages(n int) {
	d.t.Helper()
	eventually(d.t, time.Minute, func() string {
		if got := len(d.people.PagerDuty.Pages()); got < n {
			return fmt.Sprintf("people were paged %d times, want %d", got, n)
		}
		return ""
	})
}

// awaitPagesOf waits until a rung of the ladder was paged so often.
func (d *daemon) awaitPagesOf(rung string, n int) {
	d.t.Helper()
	eventually(d.t, time.Minute, func() string {
		got := 0
		for _, p := range d.people.PagerDuty.Pages() {
			if p.RoutingKey == routingKeys[rung] {
				got++
			}
		}
		if got < n {
			return fmt.Sprintf("%s was paged %d times, want %d", rung, got, n)
		}
		return ""
	})
}

// awaitMessages waits until Slack has so many messages outside of threads.
func (d *daemon) awaitMessages(want int) {
	d.t.Helper()
	eventually(d.t, time.Minute, func() string {
		roots := 0
		for _, m := range d.people.Slack.Messages() {
			if m.ThreadTS == "" {
				roots++
			}
		}
		if roots != want {
			return fmt.Sprintf("Slack has %d messages, want %d", roots, want)
		}
		return ""
	})
}

// settle waits until what the daemon has logged so far is here: its log comes
// through a pipe. A look at its API, which it does between two rounds, follows
// all that it did before; the log of that is here when it stands still.
func (d *daemon) settle() {
	d.t.Helper()
	last := -1
	eventually(d.t, 10*time.Second, func() string {
		if _, err := d.incidents(); err != nil {
			return err.Error()
		}
		now := len(d.log.String())
		if now != last {
			last = now
			return "the log grows"
		}
		return ""
	})
}
