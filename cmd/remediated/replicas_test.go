//go:build linux

package main

import (
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
	"syscall"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
	"github.com/x0tta6bl4/remediated/test/etcd"
)

const replicasToken = "token-of-alertmanager-0123456789"

// replicas are three daemons in processes of their own that share a journal.
type replicas struct {
	t    *testing.T
	each []*process
	etcd *etcd.Cluster

	stop    chan struct{}
	senders sync.WaitGroup
	sent    atomic.Int64
	lastAck atomic.Int64 // when a webhook was answered with 200 last, in ns since 1970
	silence atomic.Int64 // the longest time between two of them, in ns
	mu      sync.Mutex
	acked   []string // namespaces of the alerts that were answered 200
	odd     []string // what was answered neither 200 nor 503, nor with nothing
}

func startReplicas(t *testing.T) *replicas {
	c, err := etcd.Start(t.Context(), t.TempDir(), etcd.Options{Members: 3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	r := &replicas{t: t, etcd: c, stop: make(chan struct{})}
	for range 3 {
		r.each = append(r.each, &process{t: t, dir: t.TempDir(), web: freePort(t), intake: freePort(t)})
	}
	for n := range r.each {
		r.start(n)
	}
	return r
}

// start starts one, at first or again.
func (r *replicas) start(n int) {
	r.t.Helper()
	p := r.each[n]
	p.args = []string{
		"--cluster.name=replica-" + strconv.Itoa(n), "--cluster.advertise-url=http://" + p.web, "--cluster.advertise-intake-url=http://" + p.intake,
		"--intake.token-file=" + filepath.Join(p.dir, "token"), "--log.level=debug",
	}
	for _, e := range r.etcd.Endpoints() {
		p.args = append(p.args, "--storage.etcd.endpoints="+e)
	}
	p.start(map[string]string{"remediated.yml": stormConfig, "p.yml": stormPolicy, "token": replicasToken}, "512MiB", (*exec.Cmd).Start)
}

// send has each replica be sent webhooks without a pause, each with an alert of its own.
func (r *replicas) send() {
	for n := range r.each {
		for s := range 2 {
			r.senders.Go(func() {
				client := &http.Client{Timeout: 10 * time.Second}
				for k := 0; ; k++ {
					select {
					case <-r.stop:
						return
					default:
						r.post(client, n, fmt.Sprintf("to-%d-by-%d-%d", n, s, k))
					}
				}
			})
		}
	}
}

// post sends one webhook, as Alertmanager does, and returns what it was answered with, 0
// when with nothing.
func (r *replicas) post(client *http.Client, n int, namespace string) (code int) {
	body := strings.NewReader(fmt.Sprintf(`{"version":"4","groupKey":"g","status":"firing","receiver":"r","alerts":[{"status":"firing",`+
		`"labels":{"alertname":"Other","namespace":%q},"startsAt":"2099-01-01T00:00:00Z"}]}`, namespace))
	q, err := http.NewRequest(http.MethodPost, "http://"+r.each[n].intake+alertmanagerPath, body)
	if err != nil {
		panic(err)
	}
	q.Header.Set("Authorization", "Bearer "+replicasToken)
	r.sent.Add(1)
	resp, err := client.Do(q)
	if err != nil { // it is down, or dies
		time.Sleep(10 * time.Millisecond)
		return 0
	}
	resp.Body.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	switch resp.StatusCode {
	case http.StatusOK:
		now := time.Now().UnixNano()
		r.silence.Store(max(r.silence.Load(), now-r.lastAck.Swap(now)))
		r.acked = append(r.acked, namespace)
	case http.StatusServiceUnavailable:
	default:
		r.odd = append(r.odd, fmt.Sprintf("%s: %s", namespace, resp.Status))
	}
	return resp.StatusCode
}

// shows returns a metric of a replica, -1 when it does not say.
func (r *replicas) shows(n int, metric string) float64 {
	resp, err := (&http.Client{Timeout: time.Second}).Get("http://" + r.each[n].web + "/metrics")
	if err != nil {
		return -1
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	m := regexp.MustCompile(`(?m)^` + metric + ` (\S+)$`).FindSubmatch(b)
	if err != nil || m == nil {
		return -1
	}
	v, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		r.t.Error(err)
	}
	return v
}

// leader waits until one leads that is not the one before.
func (r *replicas) leader(before int) (now int) {
	r.t.Helper()
	within(r.t, "a replica leads", func() bool {
		for now = range r.each {
			if now != before && r.shows(now, "remediated_leader") == 1 {
				return true
			}
		}
		return false
	})
	return now
}

// taken waits until webhooks are taken again.
func (r *replicas) taken() {
	r.t.Helper()
	since := time.Now().UnixNano()
	within(r.t, "webhooks are taken", func() bool { return r.lastAck.Load() > since })
}

// takeover has something happen to the leader, and says for how long no webhook was taken
// until another led.
func (r *replicas) takeover(what string, happens func(p *process)) (was int) {
	r.t.Helper()
	was = r.leader(-1)
	r.taken()
	r.silence.Store(0)
	happens(r.each[was])
	is := r.leader(was)
	r.taken()
	r.t.Logf("the leader is %s: no webhook was taken for %s", what, time.Duration(r.silence.Load()).Round(time.Millisecond))
	if leader := r.shows(was, "remediated_leader"); leader == 1 {
		r.t.Errorf("replica %d leads, and %d", is, was)
	}
	return was
}

// again starts one that has ended, and waits until it has all that the leader has.
func (r *replicas) again(n int) {
	r.t.Helper()
	r.start(n)
	leader := r.leader(-1)
	has := r.shows(leader, "remediated_journal_last_record")
	within(r.t, "it has what the leader has", func() bool { return r.shows(n, "remediated_journal_last_record") >= has })
	if r.shows(n, "remediated_leader") != 0 {
		r.t.Errorf("replica %d says that it leads, as %d does", n, leader)
	}
}

// ended waits until a replica has ended, and returns its exit code and its log.
func (r *replicas) ended(n int) (code int, log string) {
	r.t.Helper()
	_ = r.each[n].command.Wait() // the code says how it ended
	b, err := os.ReadFile(filepath.Join(r.each[n].dir, "log"))
	if err != nil {
		r.t.Fatal(err)
	}
	return r.each[n].command.ProcessState.ExitCode(), string(b)
}

// Three replicas are sent webhooks without a pause while the one that leads is killed,
// stopped, and paused for longer than its lease: what was answered with 200 is in the
// history of each, once; another leads soon; and who was paused ends, and follows when
// it is started again.
func TestReplicas(t *testing.T) {
	r := startReplicas(t)
	r.leader(-1)
	r.send()

	was := r.takeover("killed", (*process).kill)
	r.again(was)

	was = r.takeover("told to stop", func(p *process) { r.signal(p, syscall.SIGTERM) })
	if code, log := r.ended(was); code != 0 {
		t.Errorf("it was told to stop and ended with %d:\n%s", code, log)
	}
	r.again(was)

	was = r.takeover("paused", func(p *process) { r.signal(p, syscall.SIGSTOP) })
	r.signal(r.each[was], syscall.SIGCONT)
	if code, log := r.ended(was); code != 1 || !strings.Contains(log, "remediated: "+errLost.Error()) && !strings.Contains(log, journal.ErrLost.Error()) {
		t.Errorf("it was paused and ended with %d:\n%s", code, log)
	}
	r.again(was)

	r.same()
}

// same stops the senders and has each history, of a replica that is killed, have what was
// answered with 200, once.
func (r *replicas) same() {
	t := r.t
	t.Helper()
	close(r.stop)
	r.senders.Wait()
	t.Logf("%d of %d webhooks were answered with 200", len(r.acked), r.sent.Load())
	if len(r.odd) > 0 {
		t.Errorf("%d were answered otherwise: %.5q", len(r.odd), r.odd)
	}
	last := r.shows(r.leader(-1), "remediated_journal_last_record")
	for n := range r.each {
		within(t, "all have the same", func() bool { return r.shows(n, "remediated_journal_last_record") >= last })
	}
	for n, p := range r.each {
		p.kill()
		fired := r.fired(p)
		for _, ns := range r.acked {
			if fired[ns] != 1 {
				t.Errorf("replica %d has %d of %s", n, fired[ns], ns)
			}
		}
	}
}

func (r *replicas) signal(p *process, s os.Signal) {
	r.t.Helper()
	if err := p.command.Process.Signal(s); err != nil {
		r.t.Error(err)
	}
}

// fired counts what fired in the history of one, by namespace.
func (r *replicas) fired(p *process) map[string]int {
	r.t.Helper()
	j, err := journal.Open(r.t.Context(), p.storage(), journal.Options{})
	if err != nil {
		r.t.Fatal(err)
	}
	defer j.Close()
	count := map[string]int{}
	for f, err := range journal.Facts(j.Read(r.t.Context(), 1)) {
		if err != nil {
			r.t.Fatal(err)
		}
		if b, ok := f.Body.(remediate.AlertFiring); ok {
			count[b.Alert.Labels.Get("namespace")]++
		}
	}
	return count
}

// Without a quorum of etcd nothing is acknowledged and nothing is done, and it says why;
// then all goes on, by the same leader or another, and nothing is lost.
func TestReplicasWithoutAQuorum(t *testing.T) {
	r := startReplicas(t)
	leader := r.leader(-1)
	r.send()
	r.taken()
	for _, m := range r.etcd.Members[1:] {
		if err := m.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	within(t, "it says why it does nothing", func() bool { return strings.Contains(r.each[leader].degraded(), "etcd") })
	before := r.lastAck.Load()
	if code := r.post(http.DefaultClient, leader, "without-a-quorum"); code != http.StatusServiceUnavailable || r.lastAck.Load() != before {
		t.Errorf("a webhook is answered with %d, and others were with 200 since: %v", code, r.lastAck.Load() != before)
	}
	for _, m := range r.etcd.Members[1:] {
		if err := m.Start(); err != nil {
			t.Fatal(err)
		}
	}
	r.taken()
	within(t, "it does things again", func() bool { return r.each[r.leader(-1)].degraded() == "" })
	r.same()
}

// A replica that follows hears of its configuration, pauses nothing by a signal, and
// ends when it is told to, while the other leads on.
func TestSignalsToAReplicaThatFollows(t *testing.T) {
	r := startReplicas(t)
	follower := (r.leader(-1) + 1) % len(r.each)
	p := r.each[follower]
	says := func(what string) func() bool {
		return func() bool {
			b, err := os.ReadFile(filepath.Join(p.dir, "log"))
			return err == nil && strings.Contains(string(b), what)
		}
	}
	r.signal(p, syscall.SIGUSR1)
	within(t, "it says that nothing was paused", says("nothing was paused by the signal: this replica does not lead"))
	if err := os.WriteFile(filepath.Join(p.dir, "p.yml"), []byte("policies: 7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.signal(p, syscall.SIGHUP)
	within(t, "it says what is wrong with its policies", says("p.yml:1:"))
	if r.shows(follower, "remediated_config_last_reload_successful") != 0 {
		t.Error("it does not show that they were not loaded")
	}
	r.signal(p, syscall.SIGTERM)
	if code, log := r.ended(follower); code != 0 {
		t.Errorf("it ended with %d:\n%s", code, log)
	}
	if n := r.shows(r.leader(-1), `remediated_paused\{scope="all"\}`); n != 0 {
		t.Errorf("the leader is paused: %g", n)
	}
}
