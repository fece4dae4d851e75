package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/prometheus/alertmanager/template"
)

// What the alerts of the benchmark are called.
const (
	down    = "BenchDown"    // a policy may act on it
	watched = "BenchWatched" // a policy observes it
	other   = "BenchOther"   // no policy concerns it
	// mark stands where each alert's own number goes. Its digits are replaced
	// in place, so that a sender costs little beside what it measures.
	mark = "i00000000"
)

// webhook is a body as Alertmanager sends it, whose alerts can be made new
// ones again and again.
type webhook struct {
	body  []byte
	marks []int // where the numbers of the alerts are, in the order of the body
	per   int   // marks of one alert
}

// newWebhook returns a body with alerts of these names, that began to fire at a time;
// a bare one has nothing but them.
func newWebhook(names []string, at time.Time, bare bool) (*webhook, error) {
	m := struct {
		template.Data
		Version  string `json:"version"`
		GroupKey string `json:"groupKey"`
	}{Version: "4", GroupKey: `{}:{job="bench"}`}
	m.Receiver, m.Status, m.ExternalURL = "remediated", "firing", "http://127.0.0.1:9093"
	m.GroupLabels = template.KV{"job": "bench"}
	m.CommonLabels, m.CommonAnnotations = m.GroupLabels, template.KV{}
	for _, name := range names {
		m.Alerts = append(m.Alerts, alertCalled(name, at))
	}
	var whole any = m
	if bare {
		whole = m.Alerts
	}
	b, err := json.Marshal(whole)
	if err != nil {
		return nil, fmt.Errorf("write a webhook: %w", err)
	}
	w := &webhook{body: b}
	for from := 0; ; {
		k := bytes.Index(b[from:], []byte(mark))
		if k < 0 {
			break
		}
		w.marks = append(w.marks, from+k+1)
		from += k + len(mark)
	}
	w.per = len(w.marks) / len(names)
	return w, nil
}

// alertCalled is an alert of about the size that real ones have.
func alertCalled(name string, at time.Time) template.Alert {
	return template.Alert{
		Status: "firing", StartsAt: at,
		Labels: template.KV{
			"alertname": name, "cluster": "bench", "namespace": "x0tta6bl4", "job": "bench", "severity": "critical",
			"instance": mark, "pod": "x0tta6bl4-api-7d9c6b5f4-" + mark, "container": "api",
		},
		Annotations: template.KV{
			"summary":     "The service on " + mark + " does not answer.",
			"description": "It has not answered for two minutes. The last answer took 1.7 s. Look at the dashboard first.",
			"runbook_url": "https://runbooks.example.org/bench",
		},
		GeneratorURL: "http://prometheus.example.org/graph?g0.expr=up%7Bjob%3D%22bench%22%7D+%3D%3D+0&g0.tab=1",
		Fingerprint:  "0123456789abcdef",
	}
}

// number makes the alerts new ones: it gives them the numbers from first on.
func (w *webhook) number(first uint64) []byte {
	for k, at := range w.marks {
		n := first + uint64(k/w.per)
		for digit := len(mark) - 2; digit >= 0; digit-- {
			w.body[at+digit] = byte('0' + n%10)
			n /= 10
		}
	}
	return w.body
}
