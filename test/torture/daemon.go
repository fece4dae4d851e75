package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const configuration = `cluster: torture
policies: [{files: [policies.yml]}]
alertmanagers: [{url: "%[1]s"}]
clusters: [{name: torture, kubeconfig: kubeconfig}]
guards: {storm: none}
`

// healPolicy has one attempt, so that each incident must be healed by one call;
// that a call came is not remembered by the other side.
const healPolicy = `policies:
  - name: broken
    when: ['alertname="Broken"']
    per: [n]
    severity: P3
    mode: act
    target: deployment/torture/$n
    guards: {attempts: 1}
    steps:
      - name: heal
        evidence: false
        do: [{http_call: {url: "%[1]s/heal", body: {n: $n}, secret_file: key, allow_loopback: true}}]
        verify: {all: [{http: {url: "%[1]s/healthz", allow_loopback: true}}], within: 10s, every: 100ms}
`

const kubeconfig = `{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}],
clusters: [{name: c, cluster: {server: "%[1]s"}}], users: [{name: u, user: {}}]}
`

// daemon is a program that is started again and again on one journal.
type daemon struct {
	program     string
	dir         string
	journal     string
	flags       []string // besides those that say where it is
	web, intake string
	process     *exec.Cmd
	ended       chan error // once, when the process did
	log         *os.File
	starts      []start
}

// start is one of a daemon.
type start struct {
	at   time.Time
	took time.Duration // until it took alerts
}

// newDaemon writes what it is configured with, and starts nothing.
func newDaemon(program, dir, journal string, w *world) (*daemon, error) {
	d := &daemon{program: program, dir: dir, journal: journal}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	for name, text := range map[string]string{"remediated.yml": configuration, "policies.yml": healPolicy, "kubeconfig": kubeconfig, "key": "a key for nobody else"} {
		if strings.Contains(text, "%[1]s") {
			text = fmt.Sprintf(text, w.url)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	var err error
	for _, address := range []*string{&d.web, &d.intake} {
		if *address, err = freeAddress(); err != nil {
			return nil, err
		}
	}
	d.log, err = os.Create(filepath.Join(dir, "log"))
	return d, err
}

// freeAddress is one that nobody listens at now.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func (d *daemon) webhook() string { return "http://" + d.intake + "/api/v1/webhook/alertmanager" }

// errDamaged says that the daemon does not go on from its journal.
var errDamaged = errors.New("it does not start again")

// start starts it and waits until it takes alerts.
func (d *daemon) start(ctx context.Context) error {
	began := time.Now()
	d.process = exec.Command(d.program, append([]string{"--config.file=" + filepath.Join(d.dir, "remediated.yml"), "--storage.path=" + d.journal, "--log.level=warn",
		"--web.listen-address=" + d.web, "--intake.listen-address=" + d.intake, "--alertmanager.poll-interval=1s"}, d.flags...)...)
	d.process.Dir, d.process.Stdout, d.process.Stderr = d.dir, d.log, d.log
	if err := d.process.Start(); err != nil {
		return err
	}
	d.ended = make(chan error, 1)
	go func(p *exec.Cmd, ended chan<- error) { ended <- p.Wait() }(d.process, d.ended)
	for time.Since(began) < time.Minute {
		if d.answers(ctx, "/-/ready") {
			d.starts = append(d.starts, start{began, time.Since(began)})
			return nil
		}
		select {
		case err := <-d.ended:
			return fmt.Errorf("%w: %w: %s", errDamaged, err, d.said())
		case <-ctx.Done():
			return errors.Join(ctx.Err(), d.kill())
		case <-time.After(5 * time.Millisecond):
		}
	}
	return errors.Join(fmt.Errorf("it is not ready after a minute: %s", d.said()), d.kill())
}

// answers tells whether a page answers with 200.
func (d *daemon) answers(ctx context.Context, page string) bool {
	_, err := d.get(ctx, page)
	return err == nil
}

func (d *daemon) get(ctx context.Context, page string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+d.web+page, nil)
	if err != nil {
		return "", err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = errors.New(answer.Status)
	}
	return string(b), err
}

// kill kills it at once.
func (d *daemon) kill() error {
	err := d.process.Process.Kill()
	<-d.ended // that it was killed
	return err
}

// stop ends it in order.
func (d *daemon) stop() error {
	if err := d.process.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return errors.Join(<-d.ended, d.log.Close())
}

// settle waits until nothing is open any more.
func (d *daemon) settle(ctx context.Context) error {
	var open string
	for began := time.Now(); time.Since(began) < 3*time.Minute; time.Sleep(200 * time.Millisecond) {
		page, err := d.get(ctx, "/metrics")
		if err != nil {
			return err
		}
		open = ""
		for line := range strings.Lines(page) {
			if strings.HasPrefix(line, "remediated_incidents_open{") && !strings.HasSuffix(line, " 0\n") {
				open += line
			}
		}
		if open == "" {
			return nil
		}
	}
	return fmt.Errorf("incidents are still open after three minutes:\n%s%s", open, d.said())
}

// said is the end of its log.
func (d *daemon) said() string {
	b, err := os.ReadFile(d.log.Name())
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-2000):])
}
