package scenarios

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/x0tta6bl4/remediated/deploy/helm"
	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/test/bed"
)

// Where the store is, what Helm calls it, and where its Jobs are.
const (
	StoreNamespace    = "store"
	StoreRelease      = "store"
	StoreWeb          = "web"
	ReleasesNamespace = "releases"
)

//go:embed all:chart
var chart embed.FS

// ofTheStore has what is shipped be about the store.
var ofTheStore = strings.NewReplacer("x0tta6bl4-api", StoreWeb, "x0tta6bl4", StoreNamespace)

// HelmReleasePolicies are those of policies/shipped/bad-release.yaml, but that they may
// act, in shorter times.
var HelmReleasePolicies = func() string {
	text, err := fs.ReadFile(policies.Shipped(), "bad-release.yaml")
	if err != nil {
		panic(err) // it is built in
	}
	quick := strings.NewReplacer("mode: observe", "mode: act", "for: 1m,", "for: 2s,", "cooldown: 30m", "cooldown: 1s")
	return quick.Replace(ofTheStore.Replace(string(text)))
}()

// Store is a workload that Helm releases, and the Job that has Helm put it back.
type Store struct {
	bed *bed.Bed
	dir string // the chart, and what is shipped
}

// OpenStore has Helm release it and returns when it is there.
func OpenStore(ctx context.Context, b *bed.Bed) (_ *Store, err error) {
	s := &Store{bed: b}
	if s.dir, err = os.MkdirTemp(b.Dir, "store-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if err := errors.Join(os.Chmod(s.dir, 0o755), os.CopyFS(s.dir, chart), os.CopyFS(s.path("shipped"), helm.Files)); err != nil {
		return nil, err
	}
	if err := os.Chmod(s.path("shipped/scripts/helm-rollback.sh"), 0o755); err != nil {
		return nil, err
	}
	if err := b.Apply(ctx, "{apiVersion: v1, kind: Namespace, metadata: {name: "+StoreNamespace+"}}"); err != nil {
		return nil, err
	}
	if err := s.ship(ctx); err != nil {
		return nil, err
	}
	return s, s.Install(ctx, "yes")
}

func (s *Store) path(name string) string { return filepath.Join(s.dir, name) }

// ship puts the shipped CronJob and its rights into the cluster.
func (s *Store) ship(ctx context.Context) error {
	text, err := s.bed.Kubectl(ctx, "", "kustomize", s.path("shipped"))
	if err != nil {
		return err
	}
	for document := range strings.SplitSeq(ofTheStore.Replace(text), "\n---\n") {
		if strings.Contains(document, "\nkind: CronJob\n") {
			if document, err = s.onTheBed(ctx, document); err != nil {
				return err
			}
		}
		if err := s.bed.Apply(ctx, document); err != nil {
			return err
		}
	}
	return nil
}

// onTheBed is the one place where a manifest is changed: no volumes, a kubeconfig
// instead of the pod's own, and the bed's programs instead of an image's.
func (s *Store) onTheBed(ctx context.Context, text string) (string, error) {
	var c batchv1.CronJob
	if err := yaml.UnmarshalStrict([]byte(text), &c); err != nil {
		return "", err
	}
	pod := &c.Spec.JobTemplate.Spec.Template
	kubeconfig, err := s.bed.Kubeconfig(ctx, c.Namespace, pod.Spec.ServiceAccountName)
	if err != nil {
		return "", err
	}
	main := &pod.Spec.Containers[0]
	pod.Spec.Volumes, main.VolumeMounts = nil, nil
	main.Command[0] = strings.Replace(main.Command[0], "/opt/helm", s.path("shipped/scripts"), 1)
	for i := range main.Env {
		switch e := &main.Env[i]; e.Name {
		case "TIMEOUT":
			e.Value = "30s"
		case "HOME":
			e.Value = s.dir
		}
	}
	programs := strings.Join([]string{filepath.Dir(s.bed.HelmPath), filepath.Dir(s.bed.KubectlPath), "/usr/bin", "/bin"}, ":")
	main.Env = append(main.Env, corev1.EnvVar{Name: "KUBECONFIG", Value: kubeconfig}, corev1.EnvVar{Name: "PATH", Value: programs})
	made, err := yaml.Marshal(c)
	return string(made), err
}

// Chart is the folder of its chart.
func (s *Store) Chart() string { return s.path("chart") }

// Helm runs Helm as the one who releases, and returns what it says.
func (s *Store) Helm(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, s.bed.HelmPath, append(args, "--namespace="+StoreNamespace, "--kubeconfig="+s.bed.AdminKubeconfig)...)
	cmd.Env = append(os.Environ(), "HOME="+s.dir)
	var problems strings.Builder
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("helm %s: %w\n%s", strings.Join(args, " "), err, problems.String())
	}
	return string(out), err
}

// Install releases the store for the first time, with pods that are ready or never are.
func (s *Store) Install(ctx context.Context, ready string) error {
	args := []string{"install", StoreRelease, s.Chart(), "--set-string=ready=" + ready}
	if ready == "yes" {
		args = append(args, "--wait", "--timeout=60s")
	}
	_, err := s.Helm(ctx, args...)
	return err
}

// Uninstall takes it away, with its history.
func (s *Store) Uninstall(ctx context.Context) error {
	_, err := s.Helm(ctx, "uninstall", StoreRelease, "--wait", "--timeout=60s")
	return err
}

// Release is the one that is bad: Helm takes it for deployed, and its pods never become
// ready.
func (s *Store) Release(ctx context.Context) error {
	_, err := s.Helm(ctx, "upgrade", StoreRelease, s.Chart(), "--set-string=ready=no")
	return err
}

// Close ends all of it.
func (s *Store) Close() error {
	_, err := s.bed.Kubectl(context.Background(), "", "delete", "namespace", StoreNamespace, ReleasesNamespace, "--ignore-not-found", "--wait", "--timeout=60s")
	return errors.Join(err, os.RemoveAll(s.dir))
}

// badHelmRelease is the scenario. Its store is opened when it begins.
func badHelmRelease() Scenario {
	var s *Store
	return Scenario{
		Name: "bad-helm-release", Fault: "A Helm release of the store runs, and its pods never become ready: the rollout is stuck.",
		Policy: "bad-helm-release", Objective: 30 * time.Minute, Policies: HelmReleasePolicies, Approvers: []string{"anna"},
		Setup: func(ctx context.Context, b *bed.Bed) (err error) {
			if s, err = OpenStore(ctx, b); err == nil {
				b.OnStop(s.Close)
			}
			return err
		},
		Strike: func(ctx context.Context, _ *bed.Bed) error { return s.Release(ctx) },
	}
}
