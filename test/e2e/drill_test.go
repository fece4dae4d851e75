//go:build e2e

package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/test/bed"
	"github.com/x0tta6bl4/remediated/test/doubles/slack"
)

// People practise what to do when the database hangs: Alertmanager carries the
// alert, the guards ask the cluster, and it is shown where drills are; nothing is
// done and nobody is called. Then it hangs in earnest: the drill is over, and all
// goes its way.
func TestDrill(t *testing.T) {
	b := connect(t)
	quiet(t, b)
	d := startDaemon(t, b, setup{slack: `, drills: "#drills"`, people: anna})
	begun := time.Now()
	if out := remedy(t, "--url", webURL, "--by", "anna", "drill", "begin", "postgres-down", "--reason", "monthly"); !strings.Contains(out, "the drill of postgres-down has begun, for 30m") {
		t.Fatalf("it says %s", out)
	}
	d.awaitStatus(1, remediate.StatusObserved)
	d.awaitLog("it is a drill; plan")
	eventually(t, 20*time.Second, func() string {
		for _, m := range d.people.Slack.Messages() {
			if m.Channel == drillsChannel.ID && m.ThreadTS == "" && strings.Contains(m.Text, "DRILL i1 P1 observed: postgres-down") {
				return ""
			}
		}
		return "the drill is not shown where drills are"
	})
	d.checkActs(begun, 0)
	d.checkPaged(false)
	for _, m := range d.people.Slack.Messages() {
		if m.Channel != drillsChannel.ID {
			t.Errorf("in %s it is told: %s", m.Channel, m.Text)
		}
	}

	if err := b.Hang(t.Context(), bed.Namespace, database); err != nil {
		t.Fatal(err)
	}
	d.awaitFiled(2)
	d.stop()
	if story := d.closing(1); !strings.Contains(story, "the drill is over: i2 is no drill") {
		t.Errorf("the drill ended: %s", story)
	}
	d.checkActs(begun, 1)
	d.checkPaged(true)
	d.checkDecidedAgain()
	shown := map[string]int{}
	for _, m := range d.people.Slack.Messages() {
		if m.ThreadTS == "" {
			shown[m.Channel]++
		}
	}
	if shown[drillsChannel.ID] != 1 || shown[slack.DefaultChannel.ID] != 1 {
		t.Errorf("there are so many messages: %v", shown)
	}
	if out := remedy(t, "report", "drill", "--storage.path", d.storage); !strings.Contains(out, "postgres-down  P1") {
		t.Errorf("the report says\n%s", out)
	}
}

// A drill takes a place where it is shown, and a word of somebody who may give it.
func TestDrillsAreRefused(t *testing.T) {
	b := connect(t)
	quiet(t, b)
	startDaemon(t, b, setup{people: anna})
	for by, is := range map[string]struct {
		code int
		want string
	}{"anna": {http.StatusConflict, "notify.slack.drills"}, "eve": {http.StatusForbidden, "is not among the people"}} {
		resp, err := http.Post(webURL+"/api/v1/drill", "application/json", strings.NewReader(`{"by": "`+by+`", "scope": "policy/postgres-down"}`))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != is.code || !strings.Contains(string(answer), is.want) {
			t.Errorf("%s is told %d: %s (%v), want %q", by, resp.StatusCode, answer, err, is.want)
		}
	}
}

// hanging is set in the process that breaks the database for a live drill.
const hanging = "REMEDIATED_E2E_HANG"

// TestHang is no test: it is the command by which TestLiveDrill breaks something.
func TestHang(t *testing.T) {
	if os.Getenv(hanging) == "" {
		return // it is not asked for
	}
	b := connect(t)
	if err := b.Hang(t.Context(), bed.Namespace, database); err != nil {
		t.Fatal(err)
	}
}

// The database is stopped on purpose, by a command; the daemon mends it as in
// earnest, and the drill says how long that took, and cleans up behind it.
func TestLiveDrill(t *testing.T) {
	b := connect(t)
	quiet(t, b)
	d := startDaemon(t, b, setup{people: anna})
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	repaired := filepath.Join(t.TempDir(), "repaired")
	drills := filepath.Join(t.TempDir(), "drills.yaml")
	text := fmt.Sprintf("drills:\n- {name: database-stops, cluster: bed, policy: postgres-down, break: [%q, -test.run=^TestHang$], repair: [touch, %q], within: 2m}\n", self, repaired)
	if err := os.WriteFile(drills, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(hanging, "1")
	out := remedy(t, "--url", webURL, "--by", "anna", "drill", "live", "database-stops", "--file", drills)
	t.Log(out)
	d.checkPaged(false)
	for _, want := range []string{"passed: it was mended", "broken on purpose, by the live drill database-stops", "Since the break     heard +", ", good again +", "RTO Achieved", ": met"} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not tell %q", want)
		}
	}
	if _, err := os.Stat(repaired); err != nil {
		t.Errorf("it was not cleaned up: %v", err)
	}
	d.awaitFiled(1)
	for _, m := range d.people.Slack.Messages() {
		if !strings.Contains(m.Text, "LIVE DRILL") {
			t.Errorf("it is not said to be a drill: %s", m.Text)
		}
	}
	d.stop()
	d.checkDecidedAgain()
	if out := remedy(t, "report", "drill", "--storage.path", d.storage); !strings.Contains(out, "live: database-stops") {
		t.Errorf("the report of drills says\n%s", out)
	}
	if out := remedy(t, "report", "recovery", "--storage.path", d.storage); strings.Contains(out, "postgres-down  1") {
		t.Errorf("the report of the month counts it:\n%s", out)
	}
	if out := remedy(t, "incident", "record", "i1", "--storage.path", d.storage); !strings.Contains(out, "live drill database-stops, broken at ") {
		t.Errorf("the record says\n%s", out)
	}
}

// closing is why an incident was closed.
func (d *daemon) closing(incident uint64) string {
	for _, f := range d.facts() {
		if c, ok := f.Body.(remediate.Closed); ok && c.Incident == incident {
			return c.Why
		}
	}
	return ""
}
