//go:build e2e

package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/test/bed"
)

// A full disk takes the daemon's memory, not its voice: nothing new is
// acknowledged, nothing is done, people are still called, and when there is
// room again all goes on from what was acknowledged.
func TestFullDisk(t *testing.T) {
	b := connect(t)
	quiet(t, b)
	begun := time.Now()
	disk := newDisk(t, 16<<20)
	d := startDaemon(t, b, setup{
		policies: strings.Replace(postedPolicies, "cooldown: 1s", "cooldown: 10s", 1),
		runbooks: "{P1: {page: at once, ladder: [{tell: oncall, wait: 4s}, {tell: manager, wait: 1h}]}}",
		storage:  disk.dir,
		flags:    []string{"--storage.retention.reserve=0"}, // it is so small that nothing that is over would stay
	})
	first := newPosted(t, map[string]string{"job": "first"})
	fire(t, b, first)
	d.await("healed/1", 1)
	// It waits for the cooldown, and will be due while nothing can be remembered.
	second := newPosted(t, map[string]string{"job": "second"})
	fire(t, b, second)
	d.await("judged/1", 2)

	disk.fill()
	d.checkNotAccepted(webhook(t, []map[string]string{{"alertname": "Posted", "job": "lost"}}))
	third := newPosted(t, map[string]string{"job": "third"}) // Alertmanager tries again until it is kept
	fire(t, b, third)
	d.awaitPagesOf("manager", 1)
	d.awaitLog("journal: what is done now would not be remembered")
	d.checkAttempts(begun, "i1-a1")
	if why := d.degraded(); !strings.Contains(why, "disk is full") {
		t.Errorf("the API says that it is degraded because of %q", why)
	}

	disk.free()
	d.await("healed/1", 3)
	resolve(t, b, first, second, third)
	d.awaitFiled(3)
	d.stop()
	d.checkAttempts(begun, "i1-a1", "i2-a1", "i3-a1")
	d.checkSlack(3)
	count := d.count()
	if count["opened/1"] != 3 || count["healed/1"] != 3 || count["closed/1"] != 3 {
		t.Errorf("opened %d, healed %d, closed %d; want 3 of each, and none of what was not acknowledged", count["opened/1"], count["healed/1"], count["closed/1"])
	}
}

// checkNotAccepted wants that Alertmanager is told to try again.
func (d *daemon) checkNotAccepted(body []byte) {
	d.t.Helper()
	if code, answer := postJSON(d.t, intakeURL, body); code != http.StatusServiceUnavailable {
		d.t.Errorf("a webhook that cannot be kept was answered %d %s", code, answer)
	}
}

// disk is a small file system of its own.
type disk struct {
	t   *testing.T
	dir string
}

func newDisk(t *testing.T, size int) *disk {
	t.Helper()
	dir := t.TempDir()
	unmount, err := bed.MountDisk(dir, size)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unmount(); err != nil {
			t.Error(err)
		}
	})
	return &disk{t, dir}
}

func (d *disk) filler() string { return filepath.Join(d.dir, "filler") }

// fill leaves no room.
func (d *disk) fill() {
	d.t.Helper()
	if err := bed.FillDisk(d.filler()); err != nil {
		d.t.Fatal(err)
	}
}

// free gives the room back.
func (d *disk) free() {
	d.t.Helper()
	if err := os.Remove(d.filler()); err != nil {
		d.t.Fatal(err)
	}
}
