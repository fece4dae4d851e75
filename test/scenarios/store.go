package scenarios

import (
	"context"
	"crypto/sha256"
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

// What Helm does to the store by policy, as it is shipped but that it may act, in
// shorter times: HelmReleasePolicies are those of policies/shipped/bad-release.yaml;
// HelmForwardPolicies have the step of deploy/helm/README.md in place of theirs, and
// HelmBothPolicies beside it.
var HelmReleasePolicies, HelmForwardPolicies, HelmBothPolicies = func() (release, forward, both string) {
	text, err := fs.ReadFile(policies.Shipped(), "bad-release.yaml")
	readme, err2 := helm.Files.ReadFile("README.md")
	if err := errors.Join(err, err2); err != nil {
		panic(err) // they are built in
	}
	_, steps, _ := strings.Cut(string(text), "    steps:\n")
	back, _, _ := strings.Cut(steps, "\n\n")
	_, step, _ := strings.Cut(string(readme), "```yaml\n")
	step, _, _ = strings.Cut(step, "\n```\n")
	quick := strings.NewReplacer("mode: observe", "mode: act", "for: 1m,", "for: 2s,", "cooldown: 30m", "cooldown: 1s")
	with := func(steps string) string {
		return quick.Replace(ofTheStore.Replace(strings.Replace(string(text), back, steps, 1)))
	}
	return with(back), with(step), with(back + "\n" + step)
}()

// Store is a workload that Helm releases, and the Jobs that have Helm put it back or
// upgrade it.
type Store struct {
	bed     *bed.Bed
	dir     string          // the chart, what is shipped, and what is staged
	upgrade batchv1.CronJob // the template, as it is on the bed
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
	for _, script := range []string{"helm-rollback.sh", "helm-upgrade.sh"} {
		if err := os.Chmod(s.path("shipped/scripts/"+script), 0o755); err != nil {
			return nil, err
		}
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

// ship puts the shipped CronJobs and their rights into the cluster.
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
	if c.Name == "helm-upgrade" {
		s.upgrade = c
	}
	made, err := yaml.Marshal(c)
	return string(made), err
}

// Stage packs a version of the store's chart, of which change has the templates, and
// names it in the template of the upgrade as what follows version 1.0.0.
func (s *Store) Stage(ctx context.Context, version string, change *strings.Replacer) error {
	next := s.path("chart-" + version)
	if err := os.CopyFS(next, os.DirFS(s.Chart())); err != nil {
		return err
	}
	for _, name := range []string{"Chart.yaml", "templates/web.yaml"} {
		text, err := os.ReadFile(filepath.Join(next, name))
		if err != nil {
			return err
		}
		now := change.Replace(strings.Replace(string(text), "version: 1.0.0", "version: "+version, 1))
		if err := os.WriteFile(filepath.Join(next, name), []byte(now), 0o644); err != nil {
			return err
		}
	}
	if _, err := s.Helm(ctx, "package", next, "--destination="+s.dir); err != nil {
		return err
	}
	packed := s.path("store-" + version + ".tgz")
	b, err := os.ReadFile(packed)
	if err != nil {
		return err
	}
	args := []string{StoreRelease, StoreNamespace, "store-1.0.0", packed, fmt.Sprintf("%x", sha256.Sum256(b))}
	s.upgrade.Spec.JobTemplate.Spec.Template.Spec.Containers[0].Args = args
	made, err := yaml.Marshal(s.upgrade)
	if err != nil {
		return err
	}
	return s.bed.Apply(ctx, string(made))
}

// Upgrade runs what the template of the upgrade does, as an attempt, with its account,
// and returns what it says.
func (s *Store) Upgrade(ctx context.Context, attempt string) (string, error) {
	main := s.upgrade.Spec.JobTemplate.Spec.Template.Spec.Containers[0]
	cmd := exec.CommandContext(ctx, main.Command[0], main.Args...)
	cmd.Env = []string{"REMEDIATED_ATTEMPT=" + attempt}
	for _, e := range main.Env {
		cmd.Env = append(cmd.Env, e.Name+"="+e.Value)
	}
	cmd.Env = append(cmd.Env, "TIMEOUT=5s") // nobody wants to wait for what never comes up
	out, err := cmd.CombinedOutput()
	return string(out), err
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
