//go:build e2e

package e2e

import (
	"bytes"
	"cmp"
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
	"text/template"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
	"github.com/x0tta6bl4/remediated/test/bed"
	"github.com/x0tta6bl4/remediated/test/doubles"
	"github.com/x0tta6bl4/remediated/test/doubles/slack"
)

// Where the daemon under test is found: its default addresses, in the bed's
// own network.
const (
	webURL    = "http://127.0.0.1:9095"
	intakeURL = "http://127.0.0.1:9096/api/v1/webhook/alertmanager"
	account   = "remediated" // the daemon's ServiceAccount
)

// routingKeys are PagerDuty's, by rung.
var routingKeys = map[string]string{
	"oncall": strings.Repeat("a", 32), "manager": strings.Repeat("b", 32), "director": strings.Repeat("c", 32),
}

// daemon is the daemon under test: the real program, on the bed's real parts,
// with doubles of Slack and PagerDuty.
type daemon struct {
	t       *testing.T
	bed     *bed.Bed
	people  *doubles.Servers
	dir     string // of its configuration
	storage string
	flags   []string
	env     []string
	command *exec.Cmd
	ended   chan struct{}
	log     *lockedBuffer
}

// setup is what a test changes of the usual set-up.
type setup struct {
	policies   string // YAML; "" is the usual ones
	kubeconfig string // "" is that of the daemon's own ServiceAccount
	runbooks   string // YAML; "" is the shipped ones
	storage    string // "" is a new folder
	keep       bool   // do not start it yet
	env        []string
	flags      []string

	alertmanagers []string      // nil is the bed's
	poll          time.Duration // between listings; 0 is 2 s
	minUptime     time.Duration // until a listing proves what has resolved; 0 is 1 s
}

// startDaemon starts the daemon and promises to stop it.
func startDaemon(t *testing.T, b *bed.Bed, s setup) *daemon {
	t.Helper()
	d := &daemon{t: t, bed: b, dir: t.TempDir(), env: s.env, log: new(lockedBuffer)}
	var keys []string
	for _, k := range routingKeys {
		keys = append(keys, k)
	}
	people, err := doubles.Start(doubles.Options{PagerDuty: pagerDutyWith(keys)})
	if err != nil {
		t.Fatal(err)
	}
	d.people = people
	t.Cleanup(func() { people.Close() })
	if s.kubeconfig == "" {
		s.kubeconfig = daemonAccount(t, b)
	}
	if s.policies == "" {
		s.policies = usualPolicies
	}
	if s.storage == "" {
		s.storage = filepath.Join(d.dir, "data")
	}
	if s.alertmanagers == nil {
		s.alertmanagers = []string{b.Alertmanager}
	}
	d.storage = s.storage
	d.configure(s)
	d.flags = append([]string{
		"--config.file=" + filepath.Join(d.dir, "remediated.yml"), "--storage.path=" + s.storage,
		"--alertmanager.poll-interval=" + cmp.Or(s.poll, 2*time.Second).String(), "--alertmanager.min-uptime=" + cmp.Or(s.minUptime, time.Second).String(), "--log.level=debug",
	}, s.flags...)
	t.Cleanup(func() {
		d.kill()
		if t.Failed() {
			t.Logf("the daemon's log:\n%s", d.log)
		}
	})
	if !s.keep {
		d.start()
	}
	return d
}

// configure writes the configuration and its secrets.
func (d *daemon) configure(s setup) {
	d.t.Helper()
	for name, key := range routingKeys {
		d.write(name+".key", key)
	}
	d.write("slack.token", slack.DefaultToken)
	d.write("db.dsn", d.bed.PostgresDSN)
	var config bytes.Buffer
	err := template.Must(template.New("").Parse(daemonConfig)).Execute(&config, map[string]any{
		"Bed": d.bed.Addresses, "Kubeconfig": s.kubeconfig, "Channel": slack.DefaultChannel.ID,
		"Alertmanagers": s.alertmanagers, "Runbooks": s.runbooks,
		"Slack": d.people.SlackURL + "/api/", "PagerDuty": d.people.PagerDutyURL,
	})
	if err != nil {
		d.t.Fatal(err)
	}
	d.write("remediated.yml", config.String())
	d.writePolicies(s.policies)
}

func (d *daemon) writePolicies(policies string) {
	d.t.Helper()
	d.write("policies.yaml", strings.ReplaceAll(policies, "REDIS", d.bed.Redis))
}

func (d *daemon) write(name, text string) {
	d.t.Helper()
	if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

const daemonConfig = `
cluster: bed
policies: [{files: [policies.yaml]}]
alertmanagers: [{{range .Alertmanagers}}{url: "{{.}}"}, {{end}}]
prometheus: {url: "{{.Bed.Prometheus}}"}
clusters: [{name: bed, kubeconfig: "{{.Kubeconfig}}"}]
notify:
  slack: {token_file: slack.token, channel: {{.Channel}}, api_url: "{{.Slack}}"}
  pagerduty:
    routing_keys: {oncall: {file: oncall.key}, manager: {file: manager.key}, director: {file: director.key}}
    events_url: "{{.PagerDuty}}"
{{with .Runbooks}}runbooks: {{.}}{{end}}
`

// usualPolicies are the shipped ones, allowed to act and quick to verify.
const usualPolicies = `
policies:
- name: postgres-down
  when: ['alertname="PostgresDown"', 'job="database"']
  per: [job]
  severity: P1
  mode: act
  target: deployment/x0tta6bl4/x0tta6bl4-db
  guards: {cooldown: 1s, settle: 1s, budget: [{actions: 5, per: 1h}]}
  objective: {rto: 5m}
  steps:
  - name: restart the database
    do: [{restart: {}}]
    verify: {all: [{rollout: $target}, {postgres: {dsn_file: db.dsn}}], for: 2s, within: 1m}
- name: redis-down
  when: ['alertname="RedisDown"', 'job="cache"']
  per: [job]
  severity: P2
  mode: act
  target: deployment/x0tta6bl4/x0tta6bl4-redis
  guards: {cooldown: 1s, settle: 1s, budget: [{actions: 5, per: 1h}]}
  objective: {rto: 1m}
  steps:
  - name: restart the cache
    do: [{restart: {}}]
    verify: {all: [{rollout: $target}, {redis: {address: "REDIS"}}], for: 2s, within: 1m}
- name: pod-restarts
  when: ['alertname="PodRestarts"', 'namespace="x0tta6bl4"', 'pod=~"x0tta6bl4-api-.*"']
  per: [namespace, pod]
  severity: P2
  mode: act
  target: owner/$namespace/$pod
  guards: {cooldown: 1s, settle: 1s, budget: [{actions: 5, per: 1h}]}
  objective: {rto: 30s}
  steps:
  - name: restart the workload
    do: [{restart: {}}]
    verify: {all: [{rollout: $target}, {pods: $target}], for: 3s, within: 1m}
`

// start starts the program and waits until it is ready.
func (d *daemon) start() {
	d.t.Helper()
	d.launch()
	eventually(d.t, 20*time.Second, func() string {
		select {
		case <-d.ended:
			d.t.Fatalf("the daemon ended: %s", d.command.ProcessState)
		default:
		}
		return notReady()
	})
}

// notReady says why the daemon is not, "" when it is.
func notReady() string {
	r, err := http.Get(webURL + "/-/ready")
	if err != nil {
		return err.Error()
	}
	r.Body.Close()
	if r.StatusCode != http.StatusOK {
		return r.Status
	}
	return ""
}

// launch starts the program.
func (d *daemon) launch() {
	d.t.Helper()
	d.command = exec.Command(program(d.t), d.flags...)
	d.command.Env = append(os.Environ(), d.env...)
	d.command.Stderr = d.log
	d.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := d.command.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.ended = make(chan struct{})
	go func(c *exec.Cmd, ended chan struct{}) { c.Wait(); close(ended) }(d.command, d.ended)
}

// kill ends it as a power cut would, as far as a process can be.
func (d *daemon) kill() {
	if d.command == nil {
		return
	}
	d.command.Process.Kill()
	<-d.ended
	d.command = nil
}

// stop asks it to stop and returns how long that took.
func (d *daemon) stop() time.Duration {
	d.t.Helper()
	begun := time.Now()
	if err := d.command.Process.Signal(syscall.SIGTERM); err != nil {
		d.t.Fatal(err)
	}
	<-d.ended
	if code := d.command.ProcessState.ExitCode(); code != 0 {
		d.t.Errorf("it stopped with %d", code)
	}
	d.command = nil
	return time.Since(begun)
}

// program builds the daemon once for all tests.
var program = func() func(*testing.T) string {
	var once sync.Once
	var path string
	var err error
	return func(t *testing.T) string {
		t.Helper()
		once.Do(func() {
			path = filepath.Join(os.TempDir(), fmt.Sprintf("remediated-%d", os.Getpid()))
			var out []byte
			if out, err = exec.Command("go", "build", "-tags", "crash", "-o", path, "../../cmd/remediated").CombinedOutput(); err != nil {
				err = fmt.Errorf("%w\n%s", err, out)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
}()

// facts reads the journal of a daemon that does not run, from a copy: what it
// left on the disk is for its next life to find.
func (d *daemon) facts() []remediate.Fact {
	d.t.Helper()
	dir := d.t.TempDir()
	d.copyStorage(dir)
	ctx := context.Background()
	j, err := journal.Open(ctx, dir, journal.Options{})
	if err != nil {
		d.t.Fatal(err)
	}
	defer j.Close()
	var fs []remediate.Fact
	for r, err := range j.Read(ctx, 1) {
		if err != nil {
			d.t.Fatal(err)
		}
		f, err := r.Decode()
		if err != nil {
			d.t.Fatal(err)
		}
		fs = append(fs, f)
	}
	return fs
}

// copyStorage copies the journal of a daemon that does not run into a folder.
func (d *daemon) copyStorage(to string) {
	d.t.Helper()
	if err := os.CopyFS(to, os.DirFS(d.storage)); err != nil {
		d.t.Fatal(err)
	}
}

// incident is what the tests look at of the API's.
type incident struct {
	Number uint64 `json:"number"`
	Policy string `json:"policy"`
	Status string `json:"status"`
	Why    string `json:"why"`
}

// incidents asks the daemon's API.
func (d *daemon) incidents() ([]incident, error) {
	var answer struct {
		Incidents []incident `json:"incidents"`
	}
	err := ask("/api/v1/incidents?limit=1000", &answer)
	return answer.Incidents, err
}

// degraded is why the daemon says that it does nothing, "" when it does.
func (d *daemon) degraded() string {
	d.t.Helper()
	var status struct {
		Degraded string `json:"degraded"`
	}
	if err := ask("/api/v1/status", &status); err != nil {
		d.t.Fatal(err)
	}
	return status.Degraded
}

// story is an incident as the API tells it, a line for each thing that happened
// and one for each detail of it.
func (d *daemon) story(incident uint64) string {
	d.t.Helper()
	var answer struct {
		Story []struct {
			Text    string `json:"text"`
			Details []struct {
				Word string `json:"word"`
				Text string `json:"text"`
			} `json:"details"`
		} `json:"story"`
	}
	if err := ask(fmt.Sprintf("/api/v1/incidents/%d", incident), &answer); err != nil {
		d.t.Fatal(err)
	}
	var b strings.Builder
	for _, e := range answer.Story {
		fmt.Fprintln(&b, e.Text)
		for _, more := range e.Details {
			fmt.Fprintln(&b, "  ", more.Word, more.Text)
		}
	}
	return b.String()
}

// ask reads what the daemon's API answers.
func ask(path string, into any) error {
	r, err := http.Get(webURL + path)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	if r.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", path, r.Status, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s: %w: %s", path, err, body)
	}
	return nil
}

// lockedBuffer is written by a process and read by the test.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// since returns what was logged from a position on.
func (l *lockedBuffer) contains(words string) bool { return strings.Contains(l.String(), words) }
