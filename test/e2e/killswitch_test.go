//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// inForce is how long a kill switch may take.
const inForce = 2 * time.Second

// The file stops everything within seconds, through a crash and a reload, and
// holds until it is removed and a human says resume.
func TestPausedByAFile(t *testing.T) {
	b := connect(t)
	quiet(t, b)
	begun := time.Now()
	d := startDaemon(t, b, setup{policies: postedPolicies})
	file := filepath.Join(d.storage, "pause")
	by := "file " + file

	d.writePauseFile("policy/posted\nreason: the racks are being moved\n")
	d.awaitPaused("policy/posted", by, inForce)
	a := newPosted(t, nil)
	fire(t, b, a)
	d.awaitStatus(1, remediate.StatusDenied)

	d.kill()
	d.start()
	d.awaitPaused("policy/posted", by, 0)
	d.loadAnother()
	d.awaitPaused("policy/posted", by, 0)
	d.checkResume("policy/posted", http.StatusConflict, "remove the file first")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	d.kill()
	d.start()
	d.awaitPaused("policy/posted", by, 0)
	d.checkAttempts(begun)

	d.checkResume("policy/posted", http.StatusOK, "policy/posted")
	d.await("healed/1", 1)
	resolve(t, b, a)
	d.awaitFiled(1)
	d.stop()
	d.checkDecidedAgain()
	d.checkAttempts(begun, "i1-a1")
	d.checkCommands("pause policy/posted by "+by+": the racks are being moved", "resume policy/posted by anna")
}

// A signal stops everything at once and once: a daemon that was told to stop
// and is killed stays stopped, and nobody has to take back a signal.
func TestPausedByASignal(t *testing.T) {
	b := connect(t)
	quiet(t, b)
	begun := time.Now()
	d := startDaemon(t, b, setup{policies: postedPolicies})
	if err := d.command.Process.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	d.awaitPaused("all", "signal SIGUSR1", inForce)
	a := newPosted(t, nil)
	fire(t, b, a)
	d.awaitStatus(1, remediate.StatusDenied)
	d.kill()
	d.start()
	d.awaitPaused("all", "signal SIGUSR1", 0)
	d.loadAnother()
	d.awaitPaused("all", "signal SIGUSR1", 0)
	d.checkAttempts(begun)

	d.checkResume("all", http.StatusOK, "all")
	d.await("healed/1", 1)
	resolve(t, b, a)
	d.awaitFiled(1)
	d.stop()
	d.checkAttempts(begun, "i1-a1")
	d.checkCommands("pause all by signal SIGUSR1", "resume all by anna")
}

// A daemon that is started beside its pause file does nothing, not even what
// was due while it was away; what the file says and cannot be read means all.
func TestStartedBesideItsPauseFile(t *testing.T) {
	b := connect(t)
	quiet(t, b)
	begun := time.Now()
	d := startDaemon(t, b, setup{policies: strings.Replace(postedPolicies, "cooldown: 1s", "cooldown: 10s", 1)})
	first := newPosted(t, map[string]string{"job": "first"})
	fire(t, b, first)
	d.await("healed/1", 1)
	second := newPosted(t, map[string]string{"job": "second"})
	fire(t, b, second) // it waits for the cooldown
	d.awaitStatus(2, remediate.StatusWaiting)
	d.stop()

	d.writePauseFile("stop everything, please")
	due := time.Now().Add(12 * time.Second)
	d.start()
	d.awaitPaused("all", "file "+filepath.Join(d.storage, "pause"), 0)
	d.awaitLog("cannot be read, so it pauses all")
	eventually(t, time.Minute, func() string {
		if wait := time.Until(due); wait > 0 {
			return fmt.Sprintf("%s until it is due and more", wait)
		}
		return ""
	})
	d.awaitStatus(2, remediate.StatusDenied)
	d.checkAttempts(begun, "i1-a1")
	d.stop()
}

// writePauseFile puts the file where the daemon looks for it.
func (d *daemon) writePauseFile(text string) {
	d.t.Helper()
	if err := os.WriteFile(filepath.Join(d.storage, "pause"), []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// awaitPaused wants that a scope is paused within a time, and by whom.
func (d *daemon) awaitPaused(scope, by string, within time.Duration) {
	d.t.Helper()
	eventually(d.t, within, func() string {
		var status struct {
			Paused []struct{ Scope, By string } `json:"paused"`
		}
		if err := ask("/api/v1/status", &status); err != nil {
			return err.Error()
		}
		for _, p := range status.Paused {
			if p.Scope == scope && p.By == by {
				return ""
			}
		}
		return fmt.Sprintf("paused is %v, want %s by %s", status.Paused, scope, by)
	})
}

// awaitStatus waits until an incident stands so.
func (d *daemon) awaitStatus(incident uint64, want remediate.Status) {
	d.t.Helper()
	eventually(d.t, 30*time.Second, func() string {
		all, err := d.incidents()
		if err != nil {
			return err.Error()
		}
		for _, i := range all {
			if i.Number == incident && i.Status == string(want) {
				return ""
			}
		}
		return fmt.Sprintf("the incidents are %v, want i%d %s", all, incident, want)
	})
}

// loadAnother has another rulebook govern.
func (d *daemon) loadAnother() {
	d.t.Helper()
	loaded := d.logged("rulebook-loaded/1")
	d.reload(strings.Replace(postedPolicies, "rto: 5m", "rto: 6m", 1))
	d.await("rulebook-loaded/1", loaded+1)
}

// checkResume says resume and holds the answer against what is wanted.
func (d *daemon) checkResume(scope string, code int, words string) {
	d.t.Helper()
	got, answer := postJSON(d.t, webURL+"/api/v1/resume", fmt.Appendf(nil, `{"by": "anna", "scope": %q}`, scope))
	if got != code || !strings.Contains(answer, words) {
		d.t.Errorf("resume %s: %d %s, want %d and %q", scope, got, answer, code, words)
	}
}

// checkCommands holds the commands in the journal of a daemon that was stopped
// against those that were given.
func (d *daemon) checkCommands(want ...string) {
	d.t.Helper()
	var got []string
	for _, f := range d.facts() {
		if c, ok := f.Body.(remediate.CommandGiven); ok {
			got = append(got, remediate.Describe(c))
		}
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		d.t.Errorf("the journal holds the commands\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
