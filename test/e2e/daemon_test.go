//go:build e2e

package e2e

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"text/template"
	"time"

	"github.com/x0tta6bl4/remediated/test/bed"
	"github.com/x0tta6bl4/remediated/test/doubles"
	"github.com/x0tta6bl4/remediated/test/doubles/pagerduty"
	"github.com/x0tta6bl4/remediated/test/doubles/slack"
	"github.com/x0tta6bl4/remediated/test/scenarios"
	"github.com/x0tta6bl4/remediated/test/vault"
)

// Where the daemon under test is found: its default addresses, in the bed's
// own network.
const (
	webURL     = "http://127.0.0.1:9095"
	webhookURL = "http://127.0.0.1:9096/api/v1/webhook/"
	intakeURL  = webhookURL + "alertmanager"
	account    = "remediated" // the daemon's ServiceAccount
)

// Secrets by which Slack and PagerDuty sign what they send.
const (
	signingSecret = "a-signing-secret-of-slack"
	webhookSecret = "a-webhook-secret-of-pagerduty"
)

// drillsChannel is where drills are shown, where a test has them.
var drillsChannel = slack.Channel{ID: "C0DRILL00", Name: "drills"}

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
	program string // "" is that of this source
	flags   []string
	env     []string
	command *exec.Cmd
	ended   chan struct{}
	log     *lockedBuffer
}

// setup is what a test changes of the usual set-up.
type setup struct {
	policies   string          // YAML; "" is the usual ones
	kubeconfig string          // "" is that of the daemon's own ServiceAccount
	place      scenarios.Place // where the bed's cluster is not all; it is called bed otherwise
	runbooks   string          // YAML; "" is the shipped ones
	people     string          // YAML; "" is nobody by name
	slack      string          // more of the configuration of Slack, beginning with a comma
	watchdog   string          // YAML; "" is that none is expected
	raise      bool            // what there is to say is raised at the Alertmanagers, too
	storage    string          // "" is a new folder
	keep       bool            // do not start it yet
	env        []string
	flags      []string

	alertmanagers []string      // nil is the bed's
	poll          time.Duration // between listings; 0 is 2 s
	minUptime     time.Duration // until a listing proves what has resolved; 0 is 1 s
}

// startDaemon starts the daemon and promises to stop it.
func startDaemon(t *testing.T, b *bed.Bed, s setup) *daemon {
	t.Helper()
	d := &daemon{t: t, bed: b, people: startPeople(t), dir: t.TempDir(), env: s.env, log: new(lockedBuffer)}
	s = d.withDefaults(s)
	d.storage = s.storage
	d.configure(s)
	d.flags = append([]string{
		"--config.file=" + filepath.Join(d.dir, "remediated.yml"), "--storage.path=" + s.storage, "--log.level=debug",
		"--alertmanager.poll-interval=" + s.poll.String(), "--alertmanager.min-uptime=" + s.minUptime.String(),
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

// startPeople starts the doubles of Slack and PagerDuty.
func startPeople(t *testing.T) *doubles.Servers {
	t.Helper()
	people, err := doubles.Start(doubles.Options{
		Slack: slack.Options{
			Strict: true, SigningSecret: signingSecret, RequestURL: webhookURL + "slack",
			Channels: []slack.Channel{slack.DefaultChannel, drillsChannel},
			Users:    []slack.User{slack.DefaultUser, {ID: "U0EVE0000", Name: "eve", RealName: "Eve Example", TimeZone: "Europe/Berlin"}},
		},
		PagerDuty: pagerduty.Options{
			RoutingKeys: slices.Collect(maps.Values(routingKeys)), Strict: true,
			Webhook: pagerduty.Webhook{URL: webhookURL + "pagerduty", Secrets: []string{webhookSecret}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { people.Close() })
	return people
}

// withDefaults fills in what a test does not change.
func (d *daemon) withDefaults(s setup) setup {
	d.t.Helper()
	if s.kubeconfig == "" {
		s.kubeconfig = daemonAccount(d.t, d.bed)
	}
	if s.alertmanagers == nil {
		s.alertmanagers = []string{d.bed.Alertmanager}
	}
	s.policies = cmp.Or(s.policies, scenarios.Policies)
	s.place = cmp.Or(s.place, scenarios.Place{Own: "bed", Here: "bed"})
	s.storage = cmp.Or(s.storage, filepath.Join(d.dir, "data"))
	s.poll = cmp.Or(s.poll, 2*time.Second)
	s.minUptime = cmp.Or(s.minUptime, time.Second)
	return s
}

// configure writes the configuration and its secrets.
func (d *daemon) configure(s setup) {
	d.t.Helper()
	for name, key := range routingKeys {
		d.write(name+".key", key)
	}
	d.write("slack.token", slack.DefaultToken)
	d.write("slack.signing", signingSecret)
	d.write("pagerduty.webhook", webhookSecret)
	d.write("pagerduty.token", pagerduty.DefaultToken)
	d.write("db.dsn", d.bed.PostgresDSN)
	d.write("orders.dsn", scenarios.OrdersDSN)
	d.write("dr.dsn", vault.StandbyDSN)
	var config bytes.Buffer
	err := template.Must(template.New("").Parse(daemonConfig)).Execute(&config, map[string]any{
		"Bed": d.bed.Addresses, "Kubeconfig": s.kubeconfig, "Channel": slack.DefaultChannel.ID,
		"Alertmanagers": s.alertmanagers, "Runbooks": s.runbooks, "People": s.people, "SlackMore": s.slack, "Raise": s.raise, "Watchdog": s.watchdog,
		"Place": s.place,
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
	d.write("policies.yaml", scenarios.Filled(policies, d.bed))
}

func (d *daemon) write(name, text string) {
	d.t.Helper()
	if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

const daemonConfig = `
cluster: {{.Place.Own}}
policies: [{files: [policies.yaml]}]
alertmanagers: [{{range .Alertmanagers}}{url: "{{.}}"}, {{end}}]
prometheus: {url: "{{.Bed.Prometheus}}"}
clusters: [{name: {{.Place.Here}}, kubeconfig: "{{.Kubeconfig}}"}{{.Place.Clusters}}]
notify:
  alertmanager: {raise: {{.Raise}}}
  slack: {token_file: slack.token, signing_secret_file: slack.signing, channel: {{.Channel}}, api_url: "{{.Slack}}"{{.SlackMore}}}
  pagerduty:
    routing_keys: {oncall: {file: oncall.key}, manager: {file: manager.key}, director: {file: director.key}}
    events_url: "{{.PagerDuty}}"
    api_url: "{{.PagerDuty}}"
    api_token_file: pagerduty.token
    webhook_secret_files: [pagerduty.webhook]
    changes_rung: oncall
digests: none
{{with .Watchdog}}watchdog: {{.}}{{end}}
{{with .People}}people: {{.}}{{end}}
{{with .Runbooks}}runbooks: {{.}}{{end}}
{{.Place.More}}
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
func notReady() string { return unanswered(webURL + "/-/ready") }

// unanswered says why nobody answers 200 at an address, "" when somebody does.
func unanswered(url string) string {
	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := client.Get(url)
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
	if d.program == "" {
		d.program = program(d.t)
	}
	command := exec.Command(d.program, d.flags...)
	command.Env = append(os.Environ(), d.env...)
	command.Stderr = d.log
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.command = command
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

// programDir holds the daemon's program. It is drawn, not named after our
// process: two beds on one machine share /tmp and count their processes alike.
var programDir string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "remediated-e2e-")
	if err != nil {
		panic(err)
	}
	programDir = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// build builds the daemon once for all tests, able to die where they say.
var build = sync.OnceValue(func() error {
	out, err := exec.Command("go", "build", "-tags", "crash", "-o", filepath.Join(programDir, "remediated"), "../../cmd/remediated").CombinedOutput()
	if err != nil {
		return fmt.Errorf("build the daemon: %w\n%s", err, out)
	}
	return nil
})

// program is the path of the daemon's program.
func program(t *testing.T) string {
	t.Helper()
	if err := build(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(programDir, "remediated")
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

// contains tells whether words were written.
func (l *lockedBuffer) contains(words string) bool { return strings.Contains(l.String(), words) }
