//go:build e2e

package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// What fires already when the daemon is switched on for the first time is
// listed. Nobody asked for it to be acted on or to be paged for it: only an
// alert that starts after is.
func TestFirstStartAmongOldAlerts(t *testing.T) {
	const old = 200
	b := connect(t)
	quiet(t, b)
	var alerts []posted
	for n := range old {
		a := newPosted(t, map[string]string{"job": fmt.Sprintf("old-%d", n)})
		a.since = time.Now().Add(-72 * time.Hour)
		alerts = append(alerts, a)
	}
	fire(t, b, alerts...)
	begun := time.Now()
	d := startDaemon(t, b, setup{policies: postedPolicies})
	d.await("opened/1", old)
	d.stop()
	d.start() // and a restart is no fresh edge
	d.awaitListed(old)
	fresh := newPosted(t, map[string]string{"job": "fresh"})
	fire(t, b, fresh)
	d.await("healed/1", 1)
	d.awaitListed(old)
	resolve(t, b, fresh)
	d.awaitFiled(1)
	d.stop()
	d.checkDecidedAgain()

	d.checkAttempts(begun, fmt.Sprintf("i%d-a1", old+1))
	d.checkSlack(1)
	d.checkPaged(true)
	for _, f := range d.facts() {
		if o, ok := f.Body.(remediate.Opened); ok && o.Found != (o.Incident <= old) {
			t.Errorf("incident %d was opened, found firing: %t", o.Incident, o.Found)
		}
		if n := remediate.IncidentOf(f.Body); n > 0 && n <= old && remediate.KindOf(f.Body) != "opened/1" {
			t.Errorf("of incident %d, which is only listed: %s", n, remediate.Describe(f.Body))
		}
	}
}

// awaitListed waits until the daemon's API says that so many incidents are only
// listed.
func (d *daemon) awaitListed(want int) {
	d.t.Helper()
	eventually(d.t, 20*time.Second, func() string {
		listed, err := d.incidents()
		if err != nil {
			return err.Error()
		}
		got := 0
		for _, i := range listed {
			if i.Status == string(remediate.StatusListed) {
				got++
			}
		}
		if got != want {
			return fmt.Sprintf("%d incidents are listed, want %d", got, want)
		}
		return ""
	})
}
