package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/x0tta6bl4/remediated/test/bed"
	"github.com/x0tta6bl4/remediated/test/daemon"
)

// healed is how often the way to the PATCH is measured, when nothing else is on and
// amid noise: each time another Deployment, and so another incident.
const healed = 25

// measureBed measures the daemon itself on the bed of real parts: a Kubernetes
// control plane and Alertmanager. It starts the bed for that.
func measureBed(ctx context.Context, o options) ([]row, error) {
	tried, err := o.builtDaemon()
	if err != nil {
		return nil, err
	}
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var found inBedFound
	c := exec.CommandContext(ctx, "go", "run", "./test/bed/cmd/bed", "run", "--", program, "in-bed", "--daemon="+tried)
	if err := output(c, &found); err != nil {
		return nil, err
	}
	return append(found.Idle.rows("nothing else is on"), found.Amid.rows(fmt.Sprintf("%d others open, %d alerts/s", othersOpen, noiseRate))...), nil
}

// inBedFound is what was measured on the bed.
type inBedFound struct {
	Idle ways `json:"idle"`
	Amid ways `json:"amid"` // noise
}

// Where the daemon listens on the bed. Its intake is not where the bed's
// Alertmanager sends to: what sends is the benchmark, which knows when.
const (
	page   = "127.0.0.1:9095"
	intake = "127.0.0.1:9097"
	hook   = "http://" + intake + "/api/v1/webhook/alertmanager"

	account  = "remediated"     // the daemon's ServiceAccount
	patience = 30 * time.Second // for any one thing
)

// inBed measures the daemon on the bed that this process runs in.
func inBed(ctx context.Context, o options) (found inBedFound, err error) {
	b, err := bed.FromEnv()
	if err != nil {
		return found, err
	}
	dir, err := os.MkdirTemp("", "remediated-bench-")
	if err != nil {
		return found, err
	}
	defer os.RemoveAll(dir)
	var manifest strings.Builder
	for k := range 2 * healed {
		fmt.Fprintf(&manifest, idle, k)
	}
	if err := b.Apply(ctx, manifest.String()); err != nil {
		return found, err
	}
	d, err := startDaemon(ctx, b, o.daemon, dir)
	if err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, d.Stop()) }()
	if found.Idle, err = healAll(ctx, b, d, 0); err != nil {
		return found, d.WithLog(err)
	}
	n, err := makeNoise(ctx, d)
	if err != nil {
		return found, d.WithLog(err)
	}
	if found.Amid, err = healAll(ctx, b, d, healed); err != nil {
		return found, d.WithLog(errors.Join(err, n.end()))
	}
	return found, n.end()
}

// idle is a Deployment that is named as the webhook's alert.
const idle = `
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: i%08[1]d, namespace: x0tta6bl4}
spec:
  replicas: 1
  selector: {matchLabels: {app: i%08[1]d}}
  template:
    metadata: {labels: {app: i%08[1]d}}
    spec: {terminationGracePeriodSeconds: 0, containers: [{name: idle, image: idle, command: [sleep, infinity]}]}
`

// fire has Alertmanager hold the webhook's alert.
func fire(ctx context.Context, b *bed.Bed, webhook []byte, deployment string) error {
	var m struct {
		Alerts []struct {
			Labels      map[string]string `json:"labels"`
			Annotations map[string]string `json:"annotations"`
			StartsAt    time.Time         `json:"startsAt"`
		} `json:"alerts"`
	}
	if err := json.Unmarshal(webhook, &m); err != nil {
		return err
	}
	body, err := json.Marshal(m.Alerts)
	if err != nil {
		return err
	}
	if err := postJSON(ctx, b.Alertmanager+"/api/v2/alerts", body); err != nil {
		return err
	}
	return poll(ctx, "Alertmanager holds the alert of "+deployment, func() (bool, error) {
		held, err := b.Alerts(ctx, `instance="`+deployment+`"`)
		return len(held) > 0, err
	})
}

func postJSON(ctx context.Context, url string, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("post to %s: %s", url, resp.Status)
	}
	return nil
}

// poll tries until it holds.
func poll(ctx context.Context, what string, holds func() (bool, error)) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := holds()
		if ok {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("waiting until %s: %w", what, ctx.Err()), err)
		}
	}
}

// startDaemon starts the daemon under its own ServiceAccount. It returns when it is
// ready.
func startDaemon(ctx context.Context, b *bed.Bed, program, dir string) (*daemon.Process, error) {
	kubeconfig, err := b.Kubeconfig(ctx, bed.Namespace, account)
	if err != nil {
		return nil, err
	}
	if err := b.Apply(ctx, bedRole); err != nil {
		return nil, err
	}
	d := &daemon.Process{
		Program: program, Dir: dir, Storage: filepath.Join(dir, "data"), Web: page, Intake: intake,
		Flags: []string{"--alertmanager.poll-interval=1h", "--log.level=debug"},
	}
	config := strings.ReplaceAll(bedConfig, "KUBECONFIG", kubeconfig)
	if err := d.Configure(map[string]string{"remediated.yml": config, "policies.yaml": bedPolicies}, b.Alertmanager); err != nil {
		return nil, err
	}
	return d, d.Start(ctx)
}

const (
	bedConfig = `
cluster: bed
policies: [{files: [policies.yaml]}]
alertmanagers: [{url: "%[1]s"}]
clusters: [{name: bed, kubeconfig: "KUBECONFIG"}]
guards: {storm: none}
`
	bedPolicies = `
policies:
- name: down
  when: ['alertname="BenchDown"', 'job="bench"']
  per: [namespace, instance]
  severity: P2
  mode: act
  target: deployment/$namespace/$instance
  steps:
  - name: restart it
    do: [{restart: {}}]
    verify: {all: [{rollout: $target}], within: 1m}
- name: watched
  when: ['alertname="BenchWatched"', 'job="bench"']
  per: [namespace, instance]
  severity: P3
  mode: observe
  target: deployment/$namespace/$instance
  steps: [{name: restart it, do: [{restart: {}}], verify: {all: [{rollout: $target}], within: 1m}}]
`
	bedRole = `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: remediated-bench, namespace: x0tta6bl4}
rules:
- {apiGroups: [apps], resources: [deployments], verbs: [get, patch]}
- {apiGroups: [apps], resources: [replicasets], verbs: [get, list]}
- {apiGroups: [""], resources: [pods, persistentvolumeclaims], verbs: [get, list]}
- {apiGroups: [""], resources: [namespaces], verbs: [get]}
- {apiGroups: ["", events.k8s.io], resources: [events], verbs: [create, patch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: remediated-bench, namespace: x0tta6bl4}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: remediated-bench}
subjects: [{kind: ServiceAccount, name: remediated, namespace: x0tta6bl4}]
`
)
