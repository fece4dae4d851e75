package main

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
	"github.com/x0tta6bl4/remediated/test/disk"
	"github.com/x0tta6bl4/remediated/test/leak"
)

// stormSize is how many alerts storm at the daemon: a few in the usual run of
// the tests, 1,000,000 in make torture.
var stormSize = flag.Int("storm", 6000, "alerts that TestStormOfWebhooks sends")

// daemonRole has this test binary be the daemon.
const daemonRole = "REMEDIATED_TEST_IS_DAEMON"

func TestMain(m *testing.M) {
	if os.Getenv(daemonRole) != "" {
		if err := disk.Obey(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		main()
	}
	leak.Main(m)
}

// process is a daemon in a process of its own, with Alertmanagers and all else
// that it knows out of reach.
type process struct {
	t           *testing.T
	dir         string
	web, intake string
	args        []string // beside those that every one has
	command     *exec.Cmd
}

const stormConfig = `cluster: prod
policies: [{files: [p.yml]}]
alertmanagers: [{url: "http://127.0.0.1:1"}]
clusters: [{name: prod, kubeconfig: kubeconfig}]
`

const stormKubeconfig = `{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c}}],
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]}`

const stormPolicy = `policies:
  - name: down
    when: ['alertname="Down"']
    per: [namespace]
    severity: P3
`

// startProcess starts the daemon with so much memory as the collector is to keep
// to: an operator's GOMEMLIMIT.
func startProcess(t *testing.T, memory string) *process {
	t.Helper()
	p := &process{t: t, dir: t.TempDir(), web: freePort(t), intake: freePort(t)}
	p.start(map[string]string{"remediated.yml": stormConfig, "p.yml": stormPolicy}, memory, (*exec.Cmd).Start)
	return p
}

// start starts it with these files, by begin, and waits until it is ready.
func (p *process) start(files map[string]string, memory string, begin func(*exec.Cmd) error) {
	t := p.t
	t.Helper()
	files["kubeconfig"] = stormKubeconfig
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	log, err := os.Create(filepath.Join(p.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	p.command = exec.Command(os.Args[0], append([]string{"--config.file=" + filepath.Join(p.dir, "remediated.yml"), "--storage.path=" + p.storage(),
		"--web.listen-address=" + p.web, "--intake.listen-address=" + p.intake}, p.args...)...)
	p.command.Env = append(os.Environ(), daemonRole+"=1", "GOMEMLIMIT="+memory)
	p.command.Stderr = log
	if err := begin(p.command); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			b, _ := os.ReadFile(log.Name())
			t.Logf("the end of its log:\n%s", b[max(0, len(b)-4000):])
		}
	})
	within(t, "the daemon is ready", func() bool {
		r, err := http.Get("http://" + p.web + "/-/ready")
		if err == nil {
			r.Body.Close()
		}
		return err == nil && r.StatusCode == http.StatusOK
	})
}

func (p *process) storage() string { return filepath.Join(p.dir, "data") }

func (p *process) kill() {
	_ = p.command.Process.Kill()
	_ = p.command.Wait()
}

// post sends a body and returns what it was answered with, 0 when with nothing.
func (p *process) post(body io.Reader) int {
	r, err := http.Post("http://"+p.intake+alertmanagerPath, "application/json", body)
	if err != nil {
		return 0
	}
	defer r.Body.Close()
	_, _ = io.Copy(io.Discard, r.Body)
	return r.StatusCode
}

// metric reads one.
func (p *process) metric(line string) float64 {
	p.t.Helper()
	r, err := http.Get("http://" + p.web + "/metrics")
	if err != nil {
		p.t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(line) + ` (\S+)$`).FindSubmatch(b)
	if m == nil {
		p.t.Fatalf("there is no metric %s", line)
	}
	v, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		p.t.Fatal(err)
	}
	return v
}

// peak is the most memory that it ever had, in MiB.
func (p *process) peak() int {
	p.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.command.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(b)
	kb, err := strconv.Atoi(string(m[1]))
	if err != nil {
		p.t.Fatal(err)
	}
	return kb / 1024
}

// stormAlerts are the alerts from one number to another, each its own, as one
// webhook. One of a hundred concerns a policy.
func stormAlerts(from, to int) string {
	var b strings.Builder
	b.WriteString(`{"version":"4","groupKey":"g","status":"firing","receiver":"r","alerts":[`)
	for n := from; n < to; n++ {
		if n > from {
			b.WriteByte(',')
		}
		name := "Other"
		if n%100 == 0 {
			name = "Down"
		}
		fmt.Fprintf(&b, `{"status":"firing","labels":{"alertname":"%s","namespace":"ns-%d","instance":"10.0.0.1:9100","job":"node"},"annotations":{"summary":"it is not as it should be"},"startsAt":"2099-01-01T00:00:00Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://prometheus/graph?g0.expr=up","fingerprint":"0"}`, name, n)
	}
	b.WriteString("]}")
	return b.String()
}

// spaces are so many bytes of a body that never becomes one.
type spaces struct{ left int }

func (s *spaces) Read(b []byte) (int, error) {
	if s.left <= 0 {
		return 0, io.EOF
	}
	n := min(len(b), s.left)
	for k := range b[:n] {
		b[k] = ' '
	}
	s.left -= n
	return n, nil
}

// A storm of alerts, among them bodies without end and bodies as large as they may
// be, costs time and not memory: what was taken is durable and has an outcome,
// the rest was answered 503 and came again, and afterwards all is as before.
func TestStormOfWebhooks(t *testing.T) {
	const each, senders = 50, 48
	p := startProcess(t, "128MiB")
	before := p.peak()
	one := strings.TrimSuffix(strings.SplitN(stormAlerts(0, 1), "[", 2)[1], "]}")
	large := strings.Replace(stormAlerts(0, 0), "[]", "["+strings.Repeat(one+",", 9000)+one+"]", 1)
	var refused, odd atomic.Int64
	next := make(chan int)
	var wg sync.WaitGroup
	for range senders {
		wg.Go(func() {
			for from := range next {
				body := stormAlerts(from, min(from+each, *stormSize))
				for code := 0; code != http.StatusOK; {
					switch code = p.post(strings.NewReader(body)); code {
					case http.StatusOK:
					case http.StatusServiceUnavailable:
						refused.Add(1)
						time.Sleep(20 * time.Millisecond) // as Alertmanager backs off
					default:
						odd.Add(1)
						return
					}
				}
			}
		})
	}
	for range 8 { // among them
		wg.Go(func() {
			for range 4 {
				if code := p.post(&spaces{1 << 30}); code != 0 && code != http.StatusServiceUnavailable {
					odd.Add(1)
				}
				switch code := p.post(strings.NewReader(large)); code {
				case http.StatusOK:
				case http.StatusServiceUnavailable: // more alerts wait than may
					refused.Add(1)
				default:
					odd.Add(1)
				}
			}
		})
	}
	for from := 0; from < *stormSize; from += each {
		next <- from
	}
	close(next)
	wg.Wait()
	if odd.Load() != 0 {
		t.Errorf("%d were answered neither 200 nor 503", odd.Load())
	}

	begun := time.Now()
	if code := p.post(strings.NewReader(stormAlerts(*stormSize, *stormSize+1))); code != http.StatusOK {
		t.Errorf("after the storm one is answered with %d after %s", code, time.Since(begun))
	}
	if n := p.metric("remediated_alerts_without_outcome"); n != 0 {
		t.Errorf("%g alerts have no outcome", n)
	}
	if n := p.metric("remediated_alerts_accepted_total"); n < float64(*stormSize+1) {
		t.Errorf("%g alerts were accepted, of %d", n, *stormSize+1)
	}
	want := *stormSize + 1 - int(p.metric(`remediated_alert_outcomes_total{outcome="forgotten"}`)) // beyond the 100,000th of no policy
	peak := p.peak()
	t.Logf("%d alerts, %d webhooks answered 503; memory at most %d MiB, %d before", *stormSize, refused.Load(), peak, before)
	if most := 256; peak > most && !raceEnabled {
		t.Errorf("it took %d MiB, want at most %d", peak, most)
	}
	p.kill()
	if n := fired(t, p.storage()); n != want {
		t.Errorf("%d alerts are in the journal of a daemon that was killed, want %d", n, want)
	}
}

// fired counts what fired in a journal, by webhooks.
func fired(t *testing.T, dir string) (n int) {
	t.Helper()
	j, err := journal.Open(t.Context(), dir, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for r, err := range j.Read(t.Context(), 1) {
		if err != nil {
			t.Fatal(err)
		}
		f, err := r.Decode()
		if err != nil {
			t.Fatal(err)
		}
		if b, ok := f.Body.(remediate.AlertFiring); ok && b.Via == remediate.ViaWebhook { // the storm is an alert of our own
			n++
		}
	}
	return n
}
