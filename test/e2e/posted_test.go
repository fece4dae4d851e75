//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/test/bed"
)

// posted is an alert that a test sends to Alertmanager in Prometheus's place,
// where what is wrong is of no importance.
type posted struct {
	labels map[string]string
	since  time.Time
}

// postedPolicies act on posted alerts: they restart the cache, which is quick.
const postedPolicies = `
policies:
- name: posted
  when: ['alertname="Posted"']
  per: [job]
  severity: P1
  mode: act
  target: deployment/x0tta6bl4/x0tta6bl4-redis
  guards: {cooldown: 1s, settle: 1s, budget: [{actions: 5, per: 1h}]}
  objective: {rto: 5m}
  steps:
  - name: restart the cache
    do: [{restart: {}}]
    verify: {all: [{rollout: $target}, {redis: {address: "REDIS"}}], for: 1s, within: 1m, every: 200ms}
`

// newPosted returns an alert that no other test posts.
func newPosted(t *testing.T, more map[string]string) posted {
	labels := map[string]string{"alertname": "Posted", "job": "posted", "test": t.Name()}
	maps.Copy(labels, more)
	return posted{labels: labels, since: time.Now()}
}

// fire posts alerts as firing for the next hour, and promises to end them.
func fire(t *testing.T, b *bed.Bed, alerts ...posted) {
	t.Helper()
	t.Cleanup(func() { resolve(t, b, alerts...) })
	post(t, b, time.Now().Add(time.Hour), alerts)
}

// resolve posts alerts as having ended now.
func resolve(t *testing.T, b *bed.Bed, alerts ...posted) {
	t.Helper()
	post(t, b, time.Now(), alerts)
}

func post(t *testing.T, b *bed.Bed, until time.Time, alerts []posted) {
	t.Helper()
	var list []postable
	for _, a := range alerts {
		list = append(list, a.until(until))
	}
	body, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	if code, answer := postJSON(t, b.Alertmanager+"/api/v2/alerts", body); code != http.StatusOK {
		t.Fatalf("Alertmanager refused the alerts: %d %s", code, answer)
	}
}

// postable is an alert as Alertmanager's API takes it.
type postable struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	StartsAt    time.Time         `json:"startsAt"`
	EndsAt      time.Time         `json:"endsAt"`
}

func (a posted) until(end time.Time) postable {
	return postable{a.labels, map[string]string{"summary": "posted by a test"}, a.since, end}
}

// postJSON posts a body and returns the answer.
func postJSON(t *testing.T, url string, body []byte) (code int, answer string) {
	t.Helper()
	r, err := http.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(text)
}
