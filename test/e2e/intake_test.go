//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// webhookPolicies only look on, so that what counts is what was heard.
const webhookPolicies = `
policies:
- name: heard
  when: ['alertname=~"PostgresDown|RedisDown"', 'namespace="shop"']
  per: [namespace, service]
  severity: P2
  mode: observe
  target: deployment/$namespace/$service
  steps:
  - name: restart it
    do: [{restart: {}}]
    verify: {all: [{rollout: $target}], for: 1s, within: 1m}
`

// captured are webhooks in the order in which they are posted, and what is news
// in each.
var captured = []struct {
	file             string
	firing, resolved int // edges that are news
}{
	{"01-firing", 1, 0},
	{"01-firing", 0, 0}, // Alertmanager repeats itself
	{"02-resolved", 0, 1},
	{"01-firing", 0, 0}, // late: it tells of a life that has ended
	{"03-grouped-firing-3", 3, 0},
	{"05-grouped-partly-resolved", 0, 1},
	{"04-truncated-max_alerts-2-of-5", 2, 0},
	{"06-ha-duplicate-from-am-X", 1, 0},
	{"06-ha-duplicate-from-am-Y", 0, 0},
	{"07-ha-resolved-duplicate-from-am-X", 0, 0}, // the end of what was never heard to begin
	{"07-ha-resolved-duplicate-from-am-Y", 0, 0},
	{"08-firing-alertmanager-0.25-debian", 1, 0},
	{"09-truncated-status-resolved-though-one-fires", 0, 0},
}

// What real Alertmanagers posted, through the daemon's own door: each edge is
// written down once, whoever tells of it and however often.
func TestCapturedWebhooks(t *testing.T) {
	d := startDaemon(t, connect(t), setup{
		policies: webhookPolicies, poll: time.Hour, minUptime: 24 * time.Hour, // no Alertmanager of ours knows these alerts
	})
	for _, c := range captured {
		body, err := os.ReadFile(filepath.Join("../../remediate/alertmanager/testdata", c.file+".json"))
		if err != nil {
			t.Fatal(err)
		}
		firing, resolved := d.logged("alert-firing/1"), d.logged("alert-resolved/1")
		if code, answer := postJSON(t, intakeURL, body); code != http.StatusOK {
			t.Errorf("%s: answered %d %s", c.file, code, answer)
		}
		d.settle()
		if f, r := d.logged("alert-firing/1")-firing, d.logged("alert-resolved/1")-resolved; f != c.firing || r != c.resolved {
			t.Errorf("%s: %d alerts began and %d ended, want %d and %d", c.file, f, r, c.firing, c.resolved)
		}
	}
	d.stop()
	d.checkDecidedAgain()
	var opened []string
	for _, f := range d.facts() {
		if o, ok := f.Body.(remediate.Opened); ok {
			opened = append(opened, o.Target.String())
		}
	}
	slices.Sort(opened)
	if want := []string{"", "bed/deployment/shop/cache", "bed/deployment/shop/db", "bed/deployment/shop/db"}; !slices.Equal(opened, want) {
		t.Errorf("incidents about %v, want %v", opened, want)
	}
}

// What cannot be read is refused in a way that fits, and kept for people to
// look at; it becomes no fact.
func TestGarbageIsQuarantined(t *testing.T) {
	d := startDaemon(t, connect(t), setup{policies: webhookPolicies, poll: time.Hour})
	big := []byte(`{"version":"4","alerts":[{"status":"firing","labels":{"alertname":"` + strings.Repeat("x", 5<<20) + `"}}]}`)
	var kept [][]byte
	for _, c := range []struct {
		what, body, why string
		code            int
	}{
		{"no JSON", "alerts: none", "not an Alertmanager webhook", http.StatusBadRequest},
		{"not UTF-8", "{\"version\":\"4\xff\"}", "not UTF-8", http.StatusBadRequest},
		{"another version", `{"version":"5","alerts":[{"status":"firing","labels":{"alertname":"A"}}]}`, `want "4"`, http.StatusBadRequest},
		{"no alerts", `{"version":"4","alerts":[]}`, "no alerts", http.StatusBadRequest},
		{"too large", string(big), "larger than", http.StatusServiceUnavailable},
	} {
		code, answer := postJSON(t, intakeURL, []byte(c.body))
		if code != c.code || !strings.Contains(answer, c.why) {
			t.Errorf("%s: answered %d %q, want %d and %q", c.what, code, answer, c.code, c.why)
		}
		kept = append(kept, []byte(c.body)[:min(len(c.body), 64<<10)])
	}
	d.settle()
	digests := regexp.MustCompile(`quarantined.* kept=([0-9a-f]{64})`).FindAllStringSubmatch(d.log.String(), -1)
	d.stop()
	if len(digests) != len(kept) {
		t.Fatalf("%d bodies in quarantine, want %d", len(digests), len(kept))
	}
	blobs := d.blobs(digests)
	for i := range kept {
		if !bytes.Equal(blobs[i], kept[i]) {
			t.Errorf("in quarantine is %.80q, want %.80q", blobs[i], kept[i])
		}
	}
	if n := d.count()["alert-firing/1"]; n != 0 {
		t.Errorf("%d alerts were read from garbage", n)
	}
}

// strictPolicies make a name of a label, and keep incidents apart by one.
const strictPolicies = `
policies:
- name: named
  when: ['alertname="Named"']
  per: [job, name]
  severity: P1
  mode: act
  target: deployment/x0tta6bl4/$name
  guards: {cooldown: 1s, settle: 1s, budget: [{actions: 50, per: 1h}]}
  steps:
  - name: restart it
    do: [{restart: {}}]
    verify: {all: [{rollout: $target}], for: 1s, within: 1m}
`

// Label values are data from outside. One that is no name, and an alert without
// the label that keeps incidents apart, are told to people and never acted on.
func TestLabelsNeverBecomeSyntax(t *testing.T) {
	b := connect(t)
	begun := time.Now()
	d := startDaemon(t, b, setup{policies: strictPolicies, poll: time.Hour, minUptime: 24 * time.Hour})
	hostile := []string{"x0tta6bl4-redis/scale", "../x0tta6bl4-redis", "X0TTA6BL4-REDIS", "x0tta6bl4-redis; reboot", "$(reboot)", "${job}", "*", "", "x0tta6bl4-redis\n"}
	var alerts []map[string]string
	for n, name := range hostile {
		alerts = append(alerts, map[string]string{"alertname": "Named", "job": fmt.Sprint(n), "name": name})
	}
	alerts = append(alerts, map[string]string{"alertname": "Named", "name": "x0tta6bl4-redis"}) // no job
	if code, answer := postJSON(t, intakeURL, webhook(t, alerts)); code != http.StatusOK {
		t.Fatalf("answered %d %s", code, answer)
	}
	d.await("judged/1", len(alerts))
	d.awaitPages(len(alerts))
	d.awaitMessages(len(alerts))
	d.stop()
	d.checkAttempts(begun)
	for _, f := range d.facts() {
		switch body := f.Body.(type) {
		case remediate.Opened:
			if body.ToldOnly == "" {
				t.Errorf("incident %d may be acted on, about %q", body.Incident, body.Target)
			}
		case remediate.Started:
			if body.Tell == nil {
				t.Errorf("of incident %d: %s", body.Incident, remediate.Describe(body))
			}
		}
	}
}

// webhook is what Alertmanager posts for alerts that fire.
func webhook(t *testing.T, alerts []map[string]string) []byte {
	t.Helper()
	var list []map[string]any
	for _, labels := range alerts {
		list = append(list, map[string]any{"status": "firing", "labels": labels, "startsAt": time.Now(), "fingerprint": "0123456789abcdef"})
	}
	body, err := json.Marshal(map[string]any{"version": "4", "status": "firing", "receiver": "remediated", "groupKey": "{}", "alerts": list})
	if err != nil {
		t.Fatal(err)
	}
	return body
}
