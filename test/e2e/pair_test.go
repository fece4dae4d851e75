//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/alertmanager/api/v2/client/general"
)

// pair are two real Alertmanagers of one cluster, beside the bed's own, that a
// test may kill, keep from hearing of each other and bring back.
type pair struct {
	t       *testing.T
	config  string
	members [2]*member
	gossip  [2]*link // to each member
}

// member is one of them.
type member struct {
	name, web, gossip, advertised, dir string

	command *exec.Cmd // nil when it does not run
	log     lockedBuffer
}

// pairConfig is for several webhooks, all to the same place: a receiver that
// fails is then called as often as that of a large cluster.
const pairConfig = `
route:
  receiver: remediated
  group_by: [alertname]
  group_wait: 50ms
  group_interval: 1s
  repeat_interval: 1h
receivers:
- name: remediated
  webhook_configs:
`

// startPair starts both and waits until each knows of the other. They post each
// group to hook, by so many webhooks.
func startPair(t *testing.T, hook string, webhooks int) *pair {
	t.Helper()
	p := &pair{t: t, config: filepath.Join(t.TempDir(), "alertmanager.yml")}
	text := pairConfig + strings.Repeat("  - url: "+hook+"\n", webhooks)
	if err := os.WriteFile(p.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range p.members {
		m := &member{
			name: fmt.Sprintf("member %d", i+1), web: fmt.Sprintf("127.0.0.1:93%d3", i+1),
			gossip: fmt.Sprintf("127.0.0.1:93%d4", i+1), advertised: fmt.Sprintf("127.0.0.1:93%d5", i+1), dir: t.TempDir(),
		}
		p.members[i], p.gossip[i] = m, newLink(t, m.advertised, m.gossip)
		t.Cleanup(func() {
			m.kill()
			if t.Failed() {
				t.Logf("the log of %s:\n%s", m.name, &m.log)
			}
		})
	}
	for i := range p.members {
		p.start(i)
	}
	p.awaitMembers(2)
	return p
}

// start starts one of them and waits until it answers. All that makes a
// cluster slow to notice is shortened.
func (p *pair) start(i int) {
	p.t.Helper()
	m, other := p.members[i], p.members[1-i]
	m.command = exec.Command("prometheus-alertmanager", "--config.file="+p.config, "--storage.path="+m.dir,
		"--web.listen-address="+m.web, "--cluster.listen-address="+m.gossip, "--cluster.advertise-address="+m.advertised,
		"--cluster.peer="+other.advertised, "--cluster.gossip-interval=20ms", "--cluster.pushpull-interval=1s",
		"--cluster.probe-interval=200ms", "--cluster.probe-timeout=100ms", "--cluster.reconnect-interval=1s",
		"--cluster.peer-timeout=1s", "--cluster.settle-timeout=5s")
	m.command.Stdout, m.command.Stderr = &m.log, &m.log
	m.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := m.command.Start(); err != nil {
		p.t.Fatal(err)
	}
	eventually(p.t, 20*time.Second, func() string {
		r, err := http.Get("http://" + m.web + "/-/ready")
		if err != nil {
			return err.Error()
		}
		r.Body.Close()
		return map[bool]string{false: m.name + ": " + r.Status}[r.StatusCode == http.StatusOK]
	})
}

// kill ends it as a power cut would.
func (m *member) kill() {
	if m.command == nil {
		return
	}
	m.command.Process.Kill()
	m.command.Wait()
	m.command = nil
}

// forget kills all, and has them remember nothing when they are started again.
func (p *pair) forget() {
	p.t.Helper()
	for _, m := range p.members {
		m.kill()
		if err := os.RemoveAll(m.dir); err != nil {
			p.t.Fatal(err)
		}
	}
}

// cut keeps them from hearing of each other, and waits until each holds itself
// for alone; heal undoes it.
func (p *pair) cut()  { p.connected(false); p.awaitMembers(1) }
func (p *pair) heal() { p.connected(true); p.awaitMembers(2) }

func (p *pair) connected(yes bool) {
	for _, l := range p.gossip {
		l.pass(yes)
	}
}

// awaitMembers waits until each that runs knows of so many, itself included.
func (p *pair) awaitMembers(n int) {
	p.t.Helper()
	for _, m := range p.members {
		if m.command == nil {
			continue
		}
		eventually(p.t, time.Minute, func() string {
			status, err := operator(m.url()).General.GetStatus(general.NewGetStatusParams())
			if err != nil {
				return err.Error()
			}
			c := status.Payload.Cluster
			if got := len(c.Peers); got != n || *c.Status != "ready" {
				return fmt.Sprintf("%s is %s in a cluster of %d, want %d", m.name, *c.Status, got, n)
			}
			return ""
		})
	}
}

func (m *member) url() string { return "http://" + m.web }

func (p *pair) urls() []string { return []string{p.members[0].url(), p.members[1].url()} }

// prometheus stands in Prometheus's place: it sends its alerts to all
// Alertmanagers every second, each time with an end that is near, so that they
// resolve when it falls silent; and those that ended, for whoever missed it.
type prometheus struct {
	t    *testing.T
	urls []string

	mu     sync.Mutex
	alerts []*scraped
}

// scraped is an alert and, when it no longer fires, since when.
type scraped struct {
	posted
	ended time.Time
}

// startPrometheus starts it and promises to stop it.
func startPrometheus(t *testing.T, p *pair) *prometheus {
	t.Helper()
	s := &prometheus{t: t, urls: p.urls()}
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for _, url := range s.urls {
		all.Go(func() { s.sendTo(ctx, url) })
	}
	t.Cleanup(func() { cancel(); all.Wait() })
	return s
}

func (s *prometheus) sendTo(ctx context.Context, url string) {
	client := &http.Client{Timeout: time.Second}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		if body := s.body(); body != nil {
			r, err := client.Post(url+"/api/v2/alerts", "application/json", body)
			if err == nil { // else it does not run, and Prometheus would try again
				r.Body.Close()
				if r.StatusCode != http.StatusOK {
					s.t.Errorf("%s refused the alerts: %s", url, r.Status)
				}
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// body is what is sent now, nil when there is nothing.
func (s *prometheus) body() io.Reader {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []postable
	for _, a := range s.alerts {
		end := a.ended
		if end.IsZero() {
			end = time.Now().Add(4 * time.Second)
		}
		list = append(list, a.until(end))
	}
	if len(list) == 0 {
		return nil
	}
	body, err := json.Marshal(list)
	if err != nil {
		s.t.Error(err)
		return nil
	}
	return bytes.NewReader(body)
}

// fire and end say what is sent from now on.
func (s *prometheus) fire(a posted) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alerts = append(s.alerts, &scraped{posted: a})
}

func (s *prometheus) end(a posted) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.alerts {
		if fmt.Sprint(a.labels) == fmt.Sprint(b.labels) {
			b.ended = time.Now()
		}
	}
}
