//go:build linux

package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
	"github.com/x0tta6bl4/remediated/test/disk"
)

const diskConfig = `cluster: prod
policies: [{files: [p.yml]}]
alertmanagers: [{url: "OTHERS"}]
clusters: [{name: prod, kubeconfig: kubeconfig}]
notify:
  alertmanager: {raise: true}
  pagerduty: {routing_keys: {oncall: {file: key}, manager: {file: key}, director: {file: key}}, events_url: "OTHERS"}
`

const diskPolicy = `policies:
  - name: down
    when: ['alertname="Down"']
    per: [namespace]
    severity: P1
`

// others are PagerDuty and an Alertmanager.
type others struct {
	mu     sync.Mutex
	down   bool                 // PagerDuty takes nothing
	hangs  chan struct{}        // PagerDuty does not answer until it is closed; nil: it does
	tried  int                  // how often it was to take a page
	paged  map[string]bool      // by namespace
	raised map[string]time.Time // until when our own alerts fire, by name
}

func (o *others) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	o.mu.Lock()
	defer o.mu.Unlock()
	if r.URL.Path == "/v2/enqueue" {
		o.tried++
		if hangs := o.hangs; hangs != nil {
			o.mu.Unlock()
			<-hangs
			o.mu.Lock()
		}
	}
	switch {
	case r.URL.Path == "/v2/enqueue" && o.down:
		w.WriteHeader(http.StatusInternalServerError)
		return
	case r.URL.Path == "/v2/enqueue":
		for _, ns := range []string{"first", "second"} {
			o.paged[ns] = o.paged[ns] || strings.Contains(string(body), ns)
		}
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"status": "success", "message": "Event processed", "dedup_key": "k"}`)
		return
	case r.Method == http.MethodPost:
		var all []struct {
			Labels map[string]string
			EndsAt time.Time
		}
		if json.Unmarshal(body, &all) == nil {
			for _, a := range all {
				o.raised[a.Labels["alertname"]] = a.EndsAt
			}
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, "[]")
}

// set changes what the others do.
func (o *others) set(f func()) { o.mu.Lock(); defer o.mu.Unlock(); f() }

// has tells something about them.
func (o *others) has(f func() bool) func() bool {
	return func() bool { o.mu.Lock(); defer o.mu.Unlock(); return f() }
}

// onDisk starts a daemon whose disk is in our hands.
func onDisk(t *testing.T) (*process, *disk.Disk, *others) {
	t.Helper()
	o := &others{paged: map[string]bool{}, raised: map[string]time.Time{}}
	server := httptest.NewServer(o)
	p := &process{t: t, dir: t.TempDir(), web: freePort(t), intake: freePort(t)}
	var d *disk.Disk
	files := map[string]string{
		"remediated.yml": strings.ReplaceAll(diskConfig, "OTHERS", server.URL), "p.yml": diskPolicy, "key": strings.Repeat("k", 32),
	}
	t.Cleanup(func() {
		server.Close()
		if d != nil {
			<-d.Ended()
		}
	})
	p.start(files, "512MiB", func(c *exec.Cmd) (err error) {
		d, err = disk.Start(c)
		return err
	})
	return p, d, o
}

// down is a webhook of an alert in a namespace.
func down(ns string) io.Reader {
	return strings.NewReader(`{"version": "4", "groupKey": "g", "status": "firing", "alerts": [{"status": "firing", "startsAt": "` +
		time.Now().Add(time.Second).UTC().Format(time.RFC3339Nano) + `", "labels": {"alertname": "Down", "namespace": "` + ns + `"}}]}`)
}

// degraded is why the daemon does nothing, "" when it is well.
func (p *process) degraded() string {
	p.t.Helper()
	r, err := http.Get("http://" + p.web + "/api/v1/status")
	if err != nil {
		p.t.Fatal(err)
	}
	defer r.Body.Close()
	var status struct{ Degraded string }
	if err := json.NewDecoder(r.Body).Decode(&status); err != nil {
		p.t.Fatal(err)
	}
	return status.Degraded
}

// opened counts what was opened in the journal of a daemon that was killed, by the
// namespace.
func (p *process) opened() map[string]int {
	p.t.Helper()
	p.kill()
	j, err := journal.Open(p.t.Context(), filepath.Join(p.dir, "data"), journal.Options{})
	if err != nil {
		p.t.Fatal(err)
	}
	defer j.Close()
	if err := j.Check(p.t.Context()); err != nil {
		p.t.Error(err)
	}
	rows, err := j.Incidents(p.t.Context(), journal.Filter{Policy: "down"})
	if err != nil {
		p.t.Fatal(err)
	}
	opened := map[string]int{}
	for _, row := range rows {
		for _, ns := range []string{"first", "second"} {
			if strings.Contains(row.Key, ns) {
				opened[ns]++
			}
		}
	}
	return opened
}

// While the disk does not come back from a sync, nothing is acknowledged and nobody
// hears of what may be lost; what was begun before is told; how long it lasts can be
// seen. Then all goes on, and nothing is lost.
func TestASlowDisk(t *testing.T) {
	p, d, o := onDisk(t)
	hangs := make(chan struct{})
	o.set(func() { o.hangs = hangs })
	if code := p.post(down("first")); code != http.StatusOK {
		t.Fatalf("on a disk that is well, it is answered with %d", code)
	}
	within(t, "PagerDuty is being told", o.has(func() bool { return o.tried > 0 }))
	d.Slow()
	answer := make(chan int, 1)
	go func() { answer <- p.post(down("second")) }()
	within(t, "a sync waits", func() bool { return d.Waiting() > 0 })
	close(hangs)
	within(t, "what was begun before is told", o.has(func() bool { return o.paged["first"] }))
	within(t, "it is seen that something waits", func() bool { return p.metric("remediated_intake_oldest_waiting_seconds") > 1 })
	if code := <-answer; code != http.StatusServiceUnavailable {
		t.Errorf("what is not on the disk is answered with %d", code)
	}
	if o.has(func() bool { return o.paged["second"] })() {
		t.Error("people heard of what may be lost")
	}
	before := p.metric("remediated_journal_append_seconds_sum")
	d.Well()
	within(t, "it is taken when it comes again", func() bool { return p.post(down("second")) == http.StatusOK })
	within(t, "people hear of it", o.has(func() bool { return o.paged["second"] }))
	if took := p.metric("remediated_journal_append_seconds_sum") - before; took < 9 { // the webhook waited for 10 s
		t.Errorf("appends took %g s since", took)
	}
	if got := p.opened(); got["first"] != 1 || got["second"] != 1 {
		t.Errorf("in the journal is %v", got)
	}
}

// While the disk is read only, webhooks are answered with 503, people are told what
// was kept before, and that nothing can be kept is an alert of ours. The journal
// that failed is not written to again, another is opened in its place as soon as
// the disk is well; then all goes on, and nothing is lost.
func TestADiskThatBecomesReadOnly(t *testing.T) {
	p, d, o := onDisk(t)
	o.set(func() { o.down = true })
	if code := p.post(down("first")); code != http.StatusOK {
		t.Fatalf("on a disk that is well, it is answered with %d", code)
	}
	within(t, "PagerDuty is told, and takes nothing", o.has(func() bool { return o.tried > 0 }))
	d.ReadOnly()
	if code := p.post(down("second")); code != http.StatusServiceUnavailable {
		t.Errorf("what cannot be kept is answered with %d", code)
	}
	within(t, "it says why it does nothing", func() bool { return strings.Contains(p.degraded(), "read-only file system") })
	o.set(func() { o.down = false })
	within(t, "what was kept before is told", o.has(func() bool { return o.paged["first"] }))
	within(t, "it is an alert of ours", o.has(func() bool { return o.raised[remediate.JournalAlert].After(time.Now()) }))
	first := d.Refused()
	within(t, "it tries to open it again", func() bool { return d.Refused()["openat"] > first["openat"] })
	if code := p.post(down("second")); code != http.StatusServiceUnavailable {
		t.Errorf("what still cannot be kept is answered with %d", code)
	}
	for call, n := range d.Refused() {
		if call != "openat" && n != first[call] {
			t.Errorf("the journal that failed is used again: %d more of %s", n-first[call], call)
		}
	}
	d.Well()
	within(t, "it is taken when it comes again", func() bool { return p.post(down("second")) == http.StatusOK })
	within(t, "people hear of it", o.has(func() bool { return o.paged["second"] }))
	within(t, "it is well again", func() bool { return p.degraded() == "" })
	within(t, "the alert has ended", o.has(func() bool { return !o.raised[remediate.JournalAlert].After(time.Now()) }))
	if got := p.opened(); got["first"] != 1 || got["second"] != 1 {
		t.Errorf("in the journal is %v", got)
	}
}
