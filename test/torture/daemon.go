package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/x0tta6bl4/remediated/test/daemon"
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

// tortured is a daemon of which it is seen how long each of its starts takes.
type tortured struct {
	*daemon.Process
	starts []start
}

// start is one of a daemon.
type start struct {
	at   time.Time
	took time.Duration // until it took alerts
}

// errDamaged says that its journal is not what it was.
var errDamaged = errors.New("its journal is damaged")

// newDaemon writes what it is configured with, and starts nothing.
func newDaemon(program, dir, journal string, w *world, flags ...string) (*tortured, error) {
	p, err := daemon.New(program, dir, journal, append(flags, "--log.level=warn", "--alertmanager.poll-interval=1s")...)
	if err != nil {
		return nil, err
	}
	return &tortured{Process: p}, p.Configure(map[string]string{
		"remediated.yml": configuration, "policies.yml": healPolicy, "kubeconfig": daemon.Kubeconfig, "key": "a key for nobody else",
	}, w.url)
}

func (d *tortured) webhook() string { return "http://" + d.Intake + "/api/v1/webhook/alertmanager" }

// start starts it and waits until it takes alerts.
func (d *tortured) start(ctx context.Context) error {
	began := time.Now()
	err := d.Start(ctx)
	if err == nil {
		d.starts = append(d.starts, start{began, time.Since(began)})
	}
	return err
}

// settle waits until nothing is open any more.
func (d *tortured) settle(ctx context.Context) error {
	var open string
	for began := time.Now(); time.Since(began) < 3*time.Minute; time.Sleep(200 * time.Millisecond) {
		page, err := d.Get(ctx, "/metrics")
		if err != nil {
			return err
		}
		open = ""
		for line := range strings.Lines(string(page)) {
			if strings.HasPrefix(line, "remediated_incidents_open{") && !strings.HasSuffix(line, " 0\n") {
				open += line
			}
		}
		if open == "" {
			return nil
		}
	}
	return d.WithLog(fmt.Errorf("incidents are still open after three minutes:\n%s", open))
}
