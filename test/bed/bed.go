// Package bed runs the real systems that remediated works with, on one machine
// and without a container engine: a Kubernetes control plane whose pods are
// local processes, PostgreSQL, Redis and an HTTP service in such pods, their
// exporters, Prometheus and Alertmanager.
//
// It lives in a network namespace of its own (package isolate), where every part
// has its usual port. The command bed makes the namespace:
//
//	go run ./test/bed/cmd/bed run -- go test -tags e2e ./test/e2e/...
//
// A test that runs in it finds the bed with FromEnv; all tests share one bed.
// One part is one file here; faults.go is what a test can break.
package bed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"

	"github.com/x0tta6bl4/remediated/test/bed/isolate"
)

// Namespace is where the workloads run.
const Namespace = "x0tta6bl4"

// EnvVar names the file with the addresses of the running bed.
const EnvVar = "REMEDIATED_BED"

// Options says how a bed differs from the usual one. The zero value is usable.
type Options struct {
	// Dir keeps the bed's state and logs. It must be empty or absent, and each
	// of its parents open to all, since PostgreSQL does not run as root. Empty:
	// a temporary folder, removed by Stop.
	Dir string
	// Rules are Prometheus rule files. Nil: the shipped alerts with a short
	// "for", since a test waits for each of them.
	Rules []string
	// WebhookURL receives Alertmanager's notifications. Empty: the daemon's
	// default intake, DefaultWebhookURL.
	WebhookURL string
	// WebhookTokenFile holds the bearer token that Alertmanager sends along. It
	// is read with each notification. Empty: none is sent.
	WebhookTokenFile string
	// CrashLoopBackOff is the wait before the second restart of a crashing
	// container; it doubles up to CrashLoopBackOffMax. Zero: the kubelet's own
	// 10s and 5m.
	CrashLoopBackOff, CrashLoopBackOffMax time.Duration
}

// DefaultWebhookURL is where a daemon with default flags listens for Alertmanager.
const DefaultWebhookURL = "http://127.0.0.1:9096/api/v1/webhook/alertmanager"

// Addresses is what a client of the bed needs to know. The bed command prints
// it as JSON.
type Addresses struct {
	Dir             string   `json:"dir"`
	AdminKubeconfig string   `json:"kubeconfig"`
	KubectlPath     string   `json:"kubectl"` // of the server's version
	NodeAgentPath   string   `json:"nodeagent"`
	HelmPath        string   `json:"helm"`
	VersityGWPath   string   `json:"versitygw"`
	APIServer       string   `json:"apiserver"`
	Prometheus      string   `json:"prometheus"`
	Alertmanager    string   `json:"alertmanager"`
	Pushgateway     string   `json:"pushgateway"`
	PostgresDSN     string   `json:"postgresDSN"`
	Redis           string   `json:"redis"` // host:port
	AuditLogFile    string   `json:"auditLog"`
	PID             int      `json:"pid"`   // of the namespaces' init, as seen from outside
	Enter           []string `json:"enter"` // command prefix that runs a command inside the namespaces
}

// Bed is a running bed, its own or one that another process runs.
type Bed struct {
	Addresses

	options  Options
	binaries Binaries
	client   kubernetes.Interface
	shift    int // of the control plane's usual ports

	mu    sync.Mutex
	parts []*process
	stops []func() error      // what Stop does, the last first
	nodes map[string]*process // that were added
}

// Start brings everything up and returns when all workloads are ready. It needs
// the namespaces that the bed command makes. When it fails, nothing is left.
func Start(ctx context.Context, o Options) (*Bed, error) {
	if err := isolate.Check(); err != nil {
		return nil, err
	}
	binaries, err := Build(ctx, os.Stderr)
	if err != nil {
		return nil, err
	}
	b, err := newBed(o, binaries)
	if err != nil {
		return nil, err
	}
	if err := b.up(ctx); err != nil {
		return nil, errors.Join(err, b.Stop())
	}
	return b, nil
}

// newBed lays out the folder and decides every address.
func newBed(o Options, binaries Binaries) (*Bed, error) {
	b := &Bed{binaries: binaries}
	if o.Dir == "" {
		dir, err := os.MkdirTemp("", "remediated-bed-")
		if err != nil {
			return nil, err
		}
		o.Dir = dir
		b.OnStop(func() error { return os.RemoveAll(dir) })
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o755); err != nil { // the postgres user walks through it
		return nil, err
	}
	b.options = o
	b.Addresses = Addresses{
		Dir:             dir,
		AdminKubeconfig: filepath.Join(dir, "kube", "admin.kubeconfig"),
		KubectlPath:     binaries.Kubectl,
		NodeAgentPath:   binaries.NodeAgent,
		HelmPath:        binaries.Helm,
		VersityGWPath:   binaries.VersityGW,
		APIServer:       "https://" + b.loopback(apiServerPort),
		Prometheus:      "http://" + prometheusAddress,
		Alertmanager:    "http://" + alertmanagerAddress,
		Pushgateway:     "http://" + pushgatewayAddress,
		PostgresDSN:     fmt.Sprintf("postgresql://postgres@%s:5432/%s?sslmode=disable&connect_timeout=2", postgresIP, postgresDatabase),
		Redis:           redisIP + ":6379",
		AuditLogFile:    filepath.Join(dir, "kube", "audit.log"),
		PID:             isolate.PID(),
		Enter:           isolate.Enter(),
	}
	return b, nil
}

// up starts the parts: what does not wait for the API server beside it.
func (b *Bed) up(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	database := make(chan struct{})
	g.Go(func() error {
		defer close(database)
		return b.initPostgres(ctx)
	})
	g.Go(func() error { return b.startAlertmanager(ctx) })
	g.Go(func() error { return b.startPostgresExporter(ctx) })
	g.Go(func() error { return b.startRedisExporter(ctx) })
	g.Go(func() error { return b.startNodeExporter(ctx) })
	g.Go(func() error { return b.startPushgateway(ctx) })
	g.Go(func() error {
		if err := b.startControlPlane(ctx); err != nil {
			return err
		}
		select {
		case <-database:
		case <-ctx.Done():
			return ctx.Err()
		}
		return b.startOnCluster(ctx)
	})
	return g.Wait()
}

// startControlPlane returns when the API server answers and its controllers,
// scheduler and node work.
func (b *Bed) startControlPlane(ctx context.Context) error {
	if err := b.writeCredentials(); err != nil {
		return fmt.Errorf("make the control plane's credentials: %w", err)
	}
	return b.runControlPlane(ctx)
}

func (b *Bed) runControlPlane(ctx context.Context) error {
	if err := b.startEtcd(ctx); err != nil {
		return err
	}
	if err := b.startAPIServer(ctx); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return b.startControllerManager(ctx) })
	g.Go(func() error { return b.startScheduler(ctx) })
	g.Go(func() error { return b.startNodeAgent(ctx) })
	return g.Wait()
}

// startOnCluster starts what needs the API server to be there.
func (b *Bed) startOnCluster(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return b.startKubeStateMetrics(ctx) })
	g.Go(func() error { return b.startPrometheus(ctx) })
	g.Go(func() error { return b.startWorkloads(ctx) })
	return g.Wait()
}

// start starts one part and remembers it for Stop.
func (b *Bed) start(ctx context.Context, p part) error {
	proc, err := startProcess(ctx, b.Dir, p)
	if err != nil {
		return err
	}
	b.mu.Lock()
	b.parts = append(b.parts, proc)
	b.mu.Unlock()
	b.OnStop(func() error {
		proc.end()
		return nil
	})
	return nil
}

// loopback is the address of a port of the control plane.
func (b *Bed) loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port+b.shift) }

// OnStop adds a step to Stop, which does the last first: what a scenario adds to
// the bed, it takes away again.
func (b *Bed) OnStop(step func() error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stops = append(b.stops, step)
}

// Stop ends what this Bed started, the last first, and removes a temporary
// folder. A Bed from FromEnv started nothing but what its test added.
func (b *Bed) Stop() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var err error
	for _, step := range slices.Backward(b.stops) {
		err = errors.Join(err, step())
	}
	b.stops = nil
	return err
}

// WriteAddresses writes the addresses to the file that FromEnv reads.
func (b *Bed) WriteAddresses(path string) error {
	text, err := json.Marshal(b.Addresses)
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// FromEnv connects to the bed that the bed command runs around this process.
func FromEnv() (*Bed, error) {
	path := os.Getenv(EnvVar)
	if path == "" {
		return nil, fmt.Errorf("%s is not set: run this under \"go run ./test/bed/cmd/bed run -- command\"", EnvVar)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the bed's addresses: %w", err)
	}
	b := &Bed{}
	if err := json.Unmarshal(text, &b.Addresses); err != nil {
		return nil, fmt.Errorf("read the bed's addresses from %s: %w", path, err)
	}
	return b, b.connect()
}
