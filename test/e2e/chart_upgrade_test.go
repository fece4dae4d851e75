//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
	"github.com/x0tta6bl4/remediated/test/bed"
)

// The chart of the release before, on its own image and with the journal that it wrote,
// is upgraded to this one and rolled back again, while alerts come in all the time, from
// Alertmanager and by hand. None that was answered is lost, what is under way goes on
// under the other release, and nothing is done twice.
func TestChartUpgrade(t *testing.T) {
	b := connect(t)
	quiet(t, b)
	u := openUpgrade(t, b)
	u.from = u.before
	u.helm("install", u.slow("posted")...)
	u.begin("upgraded")
	u.from = u.now
	u.during(func() { u.helm("upgrade", u.slow("posted")...) })
	u.end("upgraded")

	u.begin("rolled-back")
	u.during(func() { u.helm("rollback", "1") })
	u.end("rolled-back")

	u.helm("uninstall")
	u.checkReleases()
	u.from = u.before
	u.remedy("journal", "check", "--storage.path="+u.journal()) // the older one can read all of it
}

// upgrade is a release of the chart that is upgraded and rolled back.
type upgrade struct {
	*chart
	before, now packed
	sender      *prometheus
	jobs        []string // of alerts that Alertmanager was sent while something changed
	acts        int64    // that the cluster saw at the beginning
	open        posted
}

// openUpgrade unpacks the release before, and has Alertmanagers of its own send to it:
// the bed's send no token.
func openUpgrade(t *testing.T, b *bed.Bed) *upgrade {
	t.Helper()
	u := &upgrade{chart: openChart(t, b)}
	e, err := bed.BuildEarlier(t.Context(), os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the release before is %q (none: this source, as another release)", e.Name)
	u.now, u.before = u.from, packed{e.Chart(), filepath.Join(u.dir, "image-before")}
	if err := os.CopyFS(u.before.image, os.DirFS(filepath.Dir(e.Daemon))); err != nil { // where a pod's user may read
		t.Fatal(err)
	}
	p := startPair(t, intakeURL+"\n    http_config: {authorization: {credentials: "+chartToken+"}}", 1)
	u.alertmanagers = p.urls()
	u.sender = startPrometheus(t, p)
	return u
}

// slow are values for a remedy that is looked at for so long that a release changes
// meanwhile.
func (u *upgrade) slow(policy string) []string {
	return u.values(policy, "for: 1s, within: 1m", "for: 20s, within: 3m")
}

// begin has an incident begin, and returns when its act has arrived.
func (u *upgrade) begin(job string) {
	u.t.Helper()
	u.acts = generationOf(u.t, u.bed, "x0tta6bl4-redis")
	u.open = newPosted(u.t, map[string]string{"job": job})
	u.sender.fire(u.open)
	eventually(u.t, time.Minute, func() string {
		if now := generationOf(u.t, u.bed, "x0tta6bl4-redis"); now == u.acts {
			return "the cache is not restarted"
		}
		return ""
	})
	if u.incident(job).healed {
		u.t.Fatalf("%s is healed before anything has changed", job)
	}
}

// during has alerts come in while something is done.
func (u *upgrade) during(do func()) {
	u.t.Helper()
	u.storm(func() {
		stop := make(chan struct{})
		var sending sync.WaitGroup
		sending.Go(func() {
			tick := time.NewTicker(200 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-stop:
					return
				case <-tick.C:
					job := fmt.Sprintf("told-%d", len(u.jobs))
					u.jobs = append(u.jobs, job)
					u.sender.fire(posted{map[string]string{"alertname": "Heard", "job": job}, time.Now()})
				}
			}
		})
		do()
		close(stop)
		sending.Wait()
	})
	eventually(u.t, time.Minute, func() string {
		facts := u.export()
		for _, job := range u.jobs {
			if !strings.Contains(facts, `"`+job+`"`) {
				return fmt.Sprintf("of %d alerts that Alertmanager was sent, that of %s is not in the journal", len(u.jobs), job)
			}
		}
		return ""
	})
}

// end waits until the incident is healed, by the one act that was begun before the
// release changed.
func (u *upgrade) end(job string) {
	u.t.Helper()
	eventually(u.t, time.Minute, func() string {
		if !u.incident(job).healed {
			return job + " is not healed"
		}
		return ""
	})
	if now := generationOf(u.t, u.bed, "x0tta6bl4-redis"); now != u.acts+1 {
		u.t.Errorf("%s: the cache was changed %d times, want once", job, now-u.acts)
	}
	if i := u.incident(job); !slices.Equal(i.acts, []string{"begun", "ended"}) {
		u.t.Errorf("%s: of its acts the journal says %q", job, i.acts)
	}
	u.sender.end(u.open)
	eventually(u.t, time.Minute, func() string {
		if !u.incident(job).filed {
			return job + " is not over"
		}
		return ""
	})
}

// lived is what the journal says of an incident.
type lived struct {
	acts          []string
	healed, filed bool
}

// incident is the one of a job.
func (u *upgrade) incident(job string) (i lived) {
	u.t.Helper()
	var number uint64
	acts := map[string]bool{}
	for _, f := range u.facts() {
		switch body := f.Body.(type) {
		case remediate.Opened:
			if strings.Contains(body.Key, job) {
				number = body.Incident
			}
		case remediate.Started:
			if body.Act != nil && body.Incident == number {
				i.acts, acts[body.ID] = append(i.acts, "begun"), true
			}
		case remediate.Finished:
			if acts[body.ID] {
				i.acts = append(i.acts, "ended")
			}
		case remediate.Healed:
			i.healed = i.healed || body.Incident == number
		case remediate.Filed:
			i.filed = i.filed || body.Incident == number
		}
	}
	return i
}

// checkReleases wants that each release has decided in its turn.
func (u *upgrade) checkReleases() {
	u.t.Helper()
	var releases []string
	for _, f := range u.facts() {
		if body, ok := f.Body.(remediate.Upgraded); ok {
			releases = append(releases, body.To)
		}
	}
	if len(releases) != 3 || releases[0] != releases[2] || !strings.HasPrefix(releases[0], "earlier-") || !strings.HasPrefix(releases[1], "unreleased") {
		u.t.Errorf("the releases that decided were %q", releases)
	}
}

// facts reads the journal, while a daemon writes it or not.
func (u *upgrade) facts() (all []remediate.Fact) {
	u.t.Helper()
	ctx := context.Background()
	j, err := journal.OpenReading(ctx, u.journal())
	if err != nil {
		u.t.Fatal(err)
	}
	defer j.Close()
	for r, err := range j.Read(ctx) {
		if err != nil {
			u.t.Fatal(err)
		}
		f, err := r.Decode()
		if err != nil {
			u.t.Fatal(err)
		}
		all = append(all, f)
	}
	return all
}
