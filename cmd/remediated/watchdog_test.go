package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// kennel is a watchdog that runs in the test's bubble, and what it said.
type kennel struct {
	*watchdog
	mu    sync.Mutex
	said  []string
	err   error // what becomes of what it says
	begun time.Time
}

func unleash(t *testing.T, within time.Duration) *kennel {
	t.Helper()
	k := &kennel{begun: time.Now()}
	w, err := newWatchdog([]string{`alertname="Watchdog"`, `severity!~"test.*"`}, within, func(_ context.Context, batch []remediate.Input) error {
		k.mu.Lock()
		defer k.mu.Unlock()
		for _, in := range batch {
			s := in.(remediate.Trouble)
			k.said = append(k.said, strings.TrimSpace(fmt.Sprintf("%s %s %t %s", time.Since(k.begun), s.Alert, s.Firing, s.Summary)))
		}
		return k.err
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	k.watchdog = w
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- w.run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("it ended: %v", err)
		}
	})
	return k
}

// sees has an alert come.
func (k *kennel) sees(name string) {
	k.seen(remediate.LabelsOf(map[string]string{"alertname": name, "severity": "none"}))
	synctest.Wait()
}

func (k *kennel) fail(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.err = err
}

func (k *kennel) has(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	k.mu.Lock()
	defer k.mu.Unlock()
	if got := strings.Join(k.said, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("said\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	k.said = nil
}

const missed = `RemediationWatchdog true no alert {alertname="Watchdog",severity!~"test.*"} for 5m: what Prometheus sees may not reach us`

// It is missed once, when it did not come for so long, and it is said when it
// comes again.
func TestWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := unleash(t, 5*time.Minute)
		k.sees("Watchdog")
		k.has(t, "0s RemediationWatchdog false") // it may have been missing before we started
		for range 10 {
			time.Sleep(4*time.Minute + 59*time.Second)
			k.sees("Watchdog")
		}
		k.has(t)
		time.Sleep(5 * time.Minute)
		k.has(t, "54m50s "+missed)
		time.Sleep(time.Hour)
		k.has(t)
		k.sees("Watchdog")
		k.has(t, "1h54m50s RemediationWatchdog false")
		time.Sleep(5 * time.Minute)
		k.has(t, "1h59m50s "+missed)
	})
}

// It is missed also when it never came, and other alerts do not stand for it.
func TestWatchdogThatNeverCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := unleash(t, 5*time.Minute)
		time.Sleep(4 * time.Minute)
		k.sees("PostgresDown")
		k.seen(remediate.LabelsOf(map[string]string{"alertname": "Watchdog", "severity": "testing"}))
		k.has(t)
		time.Sleep(time.Minute)
		k.has(t, "5m0s "+missed)
	})
}

// What could not be kept is said again until it is, or until it is no longer so.
func TestWatchdogIsNotHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := unleash(t, 5*time.Minute)
		k.fail(errors.New("cannot be kept"))
		time.Sleep(5*time.Minute + 25*time.Second)
		k.has(t, "5m0s "+missed, "5m10s "+missed, "5m20s "+missed)
		k.fail(nil)
		time.Sleep(time.Hour)
		k.has(t, "5m30s "+missed)

		k.fail(errors.New("cannot be kept"))
		k.sees("Watchdog")
		time.Sleep(15 * time.Second)
		k.has(t, "1h5m25s RemediationWatchdog false", "1h5m35s RemediationWatchdog false")
		k.fail(nil)
		time.Sleep(4 * time.Minute)
		k.has(t, "1h5m45s RemediationWatchdog false")
	})
}

// What comes and goes while nothing can be kept is said as it is in the end: the
// word before may have been kept all the same.
func TestWatchdogChangesItsMind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := unleash(t, 5*time.Minute)
		k.sees("Watchdog")
		k.fail(errors.New("cannot be kept"))
		time.Sleep(5*time.Minute + 5*time.Second)
		k.has(t, "0s RemediationWatchdog false", "5m0s "+missed)
		k.fail(nil)
		k.sees("Watchdog")
		time.Sleep(time.Minute)
		k.has(t, "5m5s RemediationWatchdog false")
	})
}

func TestWatchdogIsChecked(t *testing.T) {
	for name, c := range map[string]struct {
		matchers []string
		within   time.Duration
		want     string
	}{
		"no matchers":    {nil, time.Minute, "name the alert"},
		"no such syntax": {[]string{`alertname="Watchdog`}, time.Minute, `"alertname=\"Watchdog"`},
		"no time":        {[]string{`alertname="Watchdog"`}, 0, "within is 0s"},
		"before now":     {[]string{`alertname="Watchdog"`}, -time.Minute, "within is -1m0s"},
	} {
		if _, err := newWatchdog(c.matchers, c.within, nil, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
