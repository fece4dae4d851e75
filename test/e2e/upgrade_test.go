//go:build e2e

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/test/bed"
)

// A release that decides the last days as the one before did acts by itself, as
// soon as it knows.
func TestUpgradeWithoutADifference(t *testing.T) {
	b := connect(t)
	quiet(t, b)
	d := startRelease(t, b)
	begun := time.Now()
	healsPosted(d, "before", 1)
	d.stop()

	d.program = buildRelease(t, "1.5.0", "")
	d.flags = append(d.flags, "--upgrade.hold")
	d.start()
	d.await("compared/1", 1)
	healsPosted(d, "after", 2)
	d.checkActs(begun, 2)
	if u := d.upgrade(); u.Held || u.Changed != 0 || !u.Compared || u.Facts == 0 || u.From != "1.4.0" {
		t.Errorf("the upgrade is %+v", u)
	}
	d.stop()
	if got := d.releases(); got != "1.4.0, 1.5.0 held, lifted" {
		t.Errorf("the journal says %s", got)
	}
	d.checkDecidedAgain()
}

// A release that decides otherwise, in which one more attempt is allowed by
// default, does nothing before a human has accepted it. People are told.
func TestUpgradeThatDecidesOtherwise(t *testing.T) {
	b := connect(t)
	quiet(t, b)
	d := startRelease(t, b)
	healsPosted(d, "before", 1)
	d.stop()
	generation := generationOf(t, b, "x0tta6bl4-redis")

	d.program = buildRelease(t, "1.5.0", `cmp.Or(g.Attempts, DefaultAttempts)`)
	d.flags = append(d.flags, "--upgrade.hold", "--upgrade.days=1h")
	d.start()
	d.await("compared/1", 1)
	pages := len(d.people.PagerDuty.Pages())
	a := newPosted(t, map[string]string{"job": "held"})
	fire(t, b, a)
	d.awaitLog("it only observes")
	d.awaitLog("remedy upgrade accept lets it act")
	d.awaitPages(pages + 1)
	d.restartHeld()
	if got := generationOf(t, b, "x0tta6bl4-redis"); got != generation {
		t.Errorf("the cache was changed while the release was held: generation %d, it was %d", got, generation)
	}

	out, code := operate(t, "upgrade", "show")
	for _, want := range []string{"attempts: allow, 0 of 6 are used", "attempts: allow, 0 of 7 are used", "release 1.5.0 decides 1 of ", "it only observes: remedy upgrade accept"} {
		if code != 1 || !strings.Contains(out, want) {
			t.Errorf("show ends with %d and does not say %q:\n%s", code, want, out)
		}
	}
	if out, code := operate(t, "--by", "eve", "upgrade", "accept", "--reason", "in a hurry"); code != 1 || !strings.Contains(out, "eve may not accept") {
		t.Errorf("eve accepts, which ends with %d:\n%s", code, out)
	}
	if out, code := operate(t, "--by", "anna", "upgrade", "accept", "--reason", "one attempt more is right"); code != 0 {
		t.Errorf("anna accepts, which ends with %d:\n%s", code, out)
	}
	d.await("healed/1", 2)
	resolve(t, b, a)
	d.awaitFiled(2)
	if got := generationOf(t, b, "x0tta6bl4-redis"); got == generation {
		t.Error("the cache was not restarted")
	}
	d.stop()
	if got := d.releases(); got != "1.4.0, 1.5.0 held, 1 differs, eve refused, anna accepted" {
		t.Errorf("the journal says %s", got)
	}
}

// startRelease starts release 1.4.0, with people who may do this and that.
func startRelease(t *testing.T, b *bed.Bed) *daemon {
	t.Helper()
	d := startDaemon(t, b, setup{keep: true, policies: postedPolicies, people: `[{name: anna, roles: [approver]}, {name: eve, roles: [operator]}]`})
	d.program = buildRelease(t, "1.4.0", "")
	d.start()
	return d
}

// healsPosted has the daemon heal something, its nth incident.
func healsPosted(d *daemon, job string, n int) {
	d.t.Helper()
	a := newPosted(d.t, map[string]string{"job": job})
	fire(d.t, d.bed, a)
	d.await("healed/1", n)
	resolve(d.t, d.bed, a)
	d.awaitFiled(n)
}

// restartHeld restarts the daemon: that it is held outlives it.
func (d *daemon) restartHeld() {
	d.t.Helper()
	d.stop()
	d.start()
	if u := d.upgrade(); !u.Held || u.Changed != 1 {
		d.t.Errorf("after a restart the upgrade is %+v", u)
	}
}

// upgrade is what the daemon says of it.
func (d *daemon) upgrade() (u struct {
	From           string
	Held, Compared bool
	Facts, Changed int
}) {
	d.t.Helper()
	r, err := http.Get(webURL + "/api/v1/upgrade")
	if err != nil {
		d.t.Fatal(err)
	}
	defer r.Body.Close()
	if err := json.NewDecoder(r.Body).Decode(&u); err != nil {
		d.t.Fatal(err)
	}
	return u
}

// releases is what the journal says of releases.
func (d *daemon) releases() string {
	d.t.Helper()
	var said []string
	for _, f := range d.facts() {
		switch b := f.Body.(type) {
		case remediate.Upgraded:
			said = append(said, b.To)
			if b.Held {
				said[len(said)-1] += " held"
			}
		case remediate.Compared:
			word := fmt.Sprintf("%d differs", b.Changed)
			if b.Lifts {
				word = "lifted"
			}
			said = append(said, word)
		case remediate.CommandRefused:
			said = append(said, b.By+" refused")
		case remediate.CommandGiven:
			said = append(said, b.By+" "+b.Command+"ed")
		}
	}
	return strings.Join(said, ", ")
}

// buildRelease builds the daemon as a release of this name. more is a number in
// the code of the guards by which one more attempt is allowed in it, "" when it
// decides as this source does.
func buildRelease(t *testing.T, version, more string) string {
	t.Helper()
	dir := t.TempDir()
	args := []string{"build", "-tags", "crash", "-ldflags", "-X github.com/prometheus/common/version.Version=" + version, "-o", filepath.Join(dir, "remediated")}
	if more != "" {
		args = append(args, "-overlay", plant(t, dir, "policy.go", more, more+" + 1"))
	}
	if out, err := exec.Command("go", append(args, "../../cmd/remediated")...).CombinedOutput(); err != nil {
		t.Fatalf("build release %s: %v\n%s", version, err, out)
	}
	return filepath.Join(dir, "remediated")
}

// plant returns an overlay in which a text in a file of the decider is another.
func plant(t *testing.T, dir, file, old, text string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("../../remediate", file))
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(path)
	if err != nil || strings.Count(string(source), old) != 1 {
		t.Fatalf("%s has %q %d times, %v", path, old, strings.Count(string(source), old), err)
	}
	instead, overlay := filepath.Join(dir, "changed.go"), filepath.Join(dir, "overlay.json")
	b, err := json.Marshal(map[string]map[string]string{"Replace": {path: instead}})
	if err = errors.Join(err, os.WriteFile(instead, []byte(strings.Replace(string(source), old, text, 1)), 0o600), os.WriteFile(overlay, b, 0o600)); err != nil {
		t.Fatal(err)
	}
	return overlay
}

// operate runs the command line and returns what it says, and its exit code.
func operate(t *testing.T, args ...string) (out string, code int) {
	t.Helper()
	program := filepath.Join(programDir, "remedy")
	if b, err := exec.Command("go", "build", "-o", program, "../../cmd/remedy").CombinedOutput(); err != nil {
		t.Fatalf("build remedy: %v\n%s", err, b)
	}
	b, err := exec.Command(program, args...).CombinedOutput()
	var exited *exec.ExitError
	if err != nil && !errors.As(err, &exited) {
		t.Fatal(err)
	}
	if exited != nil {
		code = exited.ExitCode()
	}
	return string(b), code
}
