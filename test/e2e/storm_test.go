//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// stormPolicies: a root, what depends on it, and something that has nothing to
// do with it. The root's verification takes long enough for the storm to come.
const stormPolicies = `
policies:
- name: root
  when: ['alertname="Posted"', 'job="root"']
  per: [job]
  severity: P2
  mode: act
  target: deployment/x0tta6bl4/x0tta6bl4-redis
  guards: {budget: [{actions: 5, per: 1h}]}
  steps:
  - name: restart the cache
    do: [{restart: {}}]
    verify: {all: [{rollout: $target}, {redis: {address: "REDIS"}}], for: 20s, within: 2m, every: 1s}
- name: leaf
  when: ['alertname="Posted"', 'job="leaf"']
  per: [job, leaf]
  severity: P2
  mode: act
  target: deployment/x0tta6bl4/x0tta6bl4-redis
  guards: {cooldown: 1s, budget: [{actions: 5, per: 1h}], depends: [{policy: root}]}
  steps:
  - name: restart the cache
    do: [{restart: {}}]
    verify: {all: [{redis: {address: "REDIS"}}], within: 1m, every: 1s}
- name: alone
  when: ['alertname="Posted"', 'job="alone"']
  per: [job]
  severity: P1
  mode: approve
  target: deployment/x0tta6bl4/x0tta6bl4-api
  steps:
  - name: restart
    do: [{restart: {}}]
    verify: {all: [{rollout: $target}], within: 1m}
`

// 500 alerts of one cause: its root is acted on, once. The others are held, and
// people hear of the storm once. A P1 that comes in the middle of it is told of
// as soon as ever.
func TestStorm(t *testing.T) {
	b := connect(t)
	quiet(t, b)
	d := startDaemon(t, b, setup{policies: stormPolicies})
	begun := time.Now()
	fire(t, b, newPosted(t, map[string]string{"job": "root"}))
	d.await("opened/1", 1)
	var leaves []posted
	for n := range 500 {
		leaves = append(leaves, newPosted(t, map[string]string{"job": "leaf", "leaf": fmt.Sprintf("leaf-%03d", n)}))
	}
	fire(t, b, leaves[:250]...)
	d.await("opened/1", 2)
	alone := time.Now()
	fire(t, b, newPosted(t, map[string]string{"job": "alone"}))
	fire(t, b, leaves[250:]...)
	d.await("opened/1", 503) // and the storm's own
	d.await("healed/1", 1)
	d.awaitPages(2)
	d.settle()
	d.checkStorm(alone)
	d.checkActs(begun, 1)
	resolve(t, b, leaves...)
	d.await("closed/1", 500)
	d.stop()
	d.checkDecidedAgain()
	d.checkActs(begun, 1)
}

// checkStorm wants every leaf held for its root, then for the storm; two pages,
// one of the storm and one of the P1, and no message for a leaf.
func (d *daemon) checkStorm(alone time.Time) {
	d.t.Helper()
	policy, paged := map[uint64]string{}, map[string]int{}
	for _, f := range d.facts() {
		switch b := f.Body.(type) {
		case remediate.Opened:
			policy[b.Incident] = b.Policy
		case remediate.Judged:
			if policy[b.Incident] == "leaf" && b.Decision != remediate.Waiting {
				d.t.Errorf("leaf i%d: %s", b.Incident, remediate.Describe(b))
			}
		case remediate.Escalated:
			paged[policy[b.Incident]]++
			if policy[b.Incident] == "alone" {
				d.t.Logf("the P1 was called for %s after it was sent", f.At.Sub(alone).Round(time.Millisecond))
				if took := f.At.Sub(alone); took > 5*time.Second {
					d.t.Errorf("the P1 was called for after %s", took)
				}
			}
		}
	}
	if len(paged) != 2 || paged[remediate.StormPolicy] != 1 || paged["alone"] != 1 {
		d.t.Errorf("people were called for %v, want once for the storm and once for the P1", paged)
	}
	if n := len(d.people.PagerDuty.Pages()); n != 2 {
		d.t.Errorf("people were paged %d times, want 2", n)
	}
	for _, m := range d.people.Slack.Messages() {
		if strings.Contains(m.Text, " leaf") {
			d.t.Errorf("a leaf has a message of its own: %s", m.Text)
		}
	}
}
