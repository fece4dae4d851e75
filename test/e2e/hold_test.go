//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	amwebhook "github.com/prometheus/alertmanager/notify/webhook"

	"github.com/x0tta6bl4/remediated/test/bed"
)

// holdingConfig pages PAGER for what it pages anyway, two seconds after the
// daemon has heard of it, unless the daemon is at it.
const holdingConfig = `
route:
  receiver: pager
  group_by: [alertname, test]
  group_wait: 3s
  group_interval: 1s
  routes:
  - {matchers: ['alertname="RemediationInProgress"'], receiver: nobody}
  - {receiver: remediated, group_wait: 50ms, continue: true}
  - {receiver: pager}
receivers:
- name: nobody
- name: remediated
  webhook_configs: [{url: "%s"}]
- name: pager
  webhook_configs: [{url: "%s", send_resolved: false}]
inhibit_rules:
- source_matchers: ['alertname="RemediationInProgress"', 'source="remediated"', 'held_alertname="Posted"']
  target_matchers: ['alertname="Posted"']
  equal: [job, test]
`

// holdPolicies heal what is posted in no time, and hold its page for 15 s at most.
const holdPolicies = `
policies:
- name: posted
  when: ['alertname="Posted"']
  per: [job]
  severity: P2
  mode: act
  hold_page: true
  target: deployment/x0tta6bl4/x0tta6bl4-redis
  guards: {cooldown: 1s, settle: 1s, budget: [{actions: 5, per: 1h}]}
  objective: {rto: 15s}
  steps:
  - name: restart the cache
    do: [{restart: {}}]
    verify: {all: [{rollout: $target}, {redis: {address: "REDIS"}}], for: WELL, within: 1m, every: 200ms}
`

// The user's own pager is quiet while the daemon heals, and hears of what was
// not healed in time; also when the daemon is dead by then.
func TestHeldPage(t *testing.T) {
	for _, c := range []struct {
		name, well string
		kill       bool
		pages      int
	}{
		{"healed in time", "1s", false, 0},
		{"not healed in time", "40s", false, 1},
		{"the daemon is killed in the middle", "40s", true, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := connect(t)
			quiet(t, b)
			p := newPager(t)
			am, _ := alertmanagerWith(t, fmt.Sprintf(holdingConfig, intakeURL, p.url))
			d := startDaemon(t, b, setup{policies: strings.ReplaceAll(holdPolicies, "WELL", c.well), alertmanagers: []string{am}, raise: true})
			at := &bed.Bed{Addresses: bed.Addresses{Alertmanager: am}}
			a := newPosted(t, nil)
			begun := time.Now()
			fire(t, at, a)
			d.await("started/1", 1)
			within(t, "the page is held", func() bool { return inhibited(t, am) })
			if c.kill {
				d.kill()
			}
			if c.pages == 0 {
				d.await("healed/1", 1)
				time.Sleep(5 * time.Second) // the pager's group_wait is over, and nothing came
				resolve(t, at, a)
				d.awaitFiled(1)
			} else {
				p.await(c.pages)
				if waited := time.Since(begun); waited < 12*time.Second || waited > 30*time.Second {
					t.Errorf("the page came after %s, want it about when the hold was over, after 15s", waited)
				}
			}
			if got := p.count(); got != c.pages {
				t.Errorf("the pager was told %d times, want %d", got, c.pages)
			}
		})
	}
}

// An alert that always fires does not come: on-call is paged, though no
// Alertmanager says a word. It comes, and that is over.
func TestWatchdogMissed(t *testing.T) {
	b := connect(t)
	quiet(t, b)
	d := startDaemon(t, b, setup{watchdog: `{when: ['alertname="Posted"', 'job="watchdog"'], within: 5s}`})
	d.awaitPagesOf("oncall", 1)
	if page := d.people.PagerDuty.Incidents()[0]; !strings.Contains(page.Title, "watchdog") || !strings.Contains(page.Title, "no alert") {
		t.Errorf("the page says %q", page.Title)
	}
	fire(t, b, newPosted(t, map[string]string{"job": "watchdog"}))
	d.awaitFiled(1)
	d.stop()
	d.checkPaged(true)
}

// inhibited tells whether the Alertmanager holds an alert back for our sake.
func inhibited(t *testing.T, am string) bool {
	t.Helper()
	resp, err := http.Get(am + "/api/v2/alerts?active=false&silenced=false&inhibited=true")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var alerts []struct {
		Status struct{ InhibitedBy []string }
	}
	if err := json.NewDecoder(resp.Body).Decode(&alerts); err != nil {
		t.Fatal(err)
	}
	return len(alerts) == 1 && len(alerts[0].Status.InhibitedBy) > 0
}

// pager is the user's own: it counts the alerts that fire when it is told.
type pager struct {
	t   *testing.T
	url string

	mu    sync.Mutex
	times int
}

func newPager(t *testing.T) *pager {
	p := &pager{t: t}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m amwebhook.Message
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Error(err)
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if len(m.Alerts.Firing()) > 0 {
			p.times++
		}
	}))
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

func (p *pager) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.times
}

func (p *pager) await(n int) {
	p.t.Helper()
	eventually(p.t, time.Minute, func() string {
		if got := p.count(); got < n {
			return fmt.Sprintf("the pager was told %d times", got)
		}
		return ""
	})
}
