package bed

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

const modulePath = "github.com/x0tta6bl4/remediated"

// kubernetesVersion is that of test/controlplane/go.mod. The server does not
// know its version unless the linker tells it.
const kubernetesVersion = "1.36.3"

// Binaries are the paths of what the bed builds from source.
type Binaries struct {
	APIServer, ControllerManager, Scheduler, Kubectl, Etcd string
	NodeAgent, KubeStateMetrics, Helm, VersityGW, API      string
	Earlier                                                Earlier
}

// program is one command to build and the field that holds its path.
type program struct {
	pkg, name string // name: what to call it, where its package's does not say
	path      *string
}

// build is one "go build" with one place in the cache.
type build struct {
	name     string
	module   string   // folder of the module, relative to the repository
	sources  []string // what decides whether a cached result is still right
	ldflags  string
	commit   string // of the repository, of which it is built; "" is what is checked out
	programs []program
	warning  string // what whoever asks for it is told each time
}

// builds are grouped so that a change of the node agent does not link the whole
// control plane again.
func builds(b *Binaries) []build {
	const version = "k8s.io/component-base/version"
	major, minor, _ := strings.Cut(kubernetesVersion, ".")
	minor, _, _ = strings.Cut(minor, ".")
	stamp := fmt.Sprintf(" -X %[1]s.gitVersion=v%[2]s -X %[1]s.gitMajor=%[3]s -X %[1]s.gitMinor=%[4]s -X %[1]s.gitTreeState=clean",
		version, kubernetesVersion, major, minor)
	return []build{
		{
			name: "controlplane", module: "test/controlplane", sources: []string{"go.mod", "go.sum"}, ldflags: stamp,
			programs: []program{
				{pkg: "k8s.io/kubernetes/cmd/kube-apiserver", path: &b.APIServer},
				{pkg: "k8s.io/kubernetes/cmd/kube-controller-manager", path: &b.ControllerManager},
				{pkg: "k8s.io/kubernetes/cmd/kube-scheduler", path: &b.Scheduler},
				{pkg: "k8s.io/kubernetes/cmd/kubectl", path: &b.Kubectl},
			},
		},
		{
			name: "etcd", module: "test/controlplane", sources: []string{"go.mod", "go.sum"},
			programs: []program{{pkg: "go.etcd.io/etcd/server/v3", name: "etcd", path: &b.Etcd}},
		},
		{
			name: "nodeagent", module: "test/controlplane", sources: []string{"go.mod", "go.sum", "nodeagent"},
			programs: []program{{pkg: "./nodeagent", path: &b.NodeAgent}},
		},
		{
			name: "kube-state-metrics", module: "test/controlplane/kube-state-metrics", sources: []string{"go.mod", "go.sum"},
			programs: []program{{pkg: "k8s.io/kube-state-metrics/v2", name: "kube-state-metrics", path: &b.KubeStateMetrics}},
		},
		{
			name: "helm", module: "test/helm", sources: []string{"go.mod", "go.sum"},
			programs: []program{{pkg: "helm.sh/helm/v4/cmd/helm", path: &b.Helm}},
		},
		{
			name: "versitygw", module: "test/versitygw", sources: []string{"go.mod", "go.sum"},
			programs: []program{{pkg: "github.com/versity/versitygw/cmd/versitygw", path: &b.VersityGW}},
		},
		{
			name: "api", module: ".", sources: []string{"go.mod", "go.sum", "test/bed/workload/api"},
			programs: []program{{pkg: "./test/bed/workload/api", path: &b.API}},
		},
	}
}

// Build compiles what Debian does not package, and keeps it in the user's cache
// folder until its source changes. From nothing it takes about fifteen minutes on
// two cores and needs the Go module proxy; later a fraction of a second. It tells
// progress what it compiles.
func Build(ctx context.Context, progress io.Writer) (Binaries, error) {
	return buildOnly(ctx, progress, func(build) bool { return true })
}

// BuildHelm builds Helm alone, likewise, and returns its path.
func BuildHelm(ctx context.Context, progress io.Writer) (string, error) {
	b, err := buildOnly(ctx, progress, called("helm"))
	return b.Helm, err
}

// BuildEtcd builds etcd alone, likewise, and returns its path.
func BuildEtcd(ctx context.Context, progress io.Writer) (string, error) {
	b, err := buildOnly(ctx, progress, called("etcd"))
	return b.Etcd, err
}

func called(name string) func(build) bool { return func(b build) bool { return b.name == name } }

// buildOnly builds those that are wanted.
func buildOnly(ctx context.Context, progress io.Writer, wanted func(build) bool) (Binaries, error) {
	var binaries Binaries
	root, err := moduleDir(ctx)
	if err != nil {
		return binaries, err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return binaries, fmt.Errorf("find the cache folder: %w", err)
	}
	for _, b := range append(builds(&binaries), earlierBuild(ctx, root, &binaries.Earlier)) {
		if !wanted(b) {
			continue
		}
		if err := b.ensure(ctx, root, filepath.Join(cache, "remediated"), progress); err != nil {
			return binaries, fmt.Errorf("build %s: %w", b.name, err)
		}
	}
	return binaries, nil
}

// moduleDir is the repository's folder, from anywhere inside of it.
func moduleDir(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", modulePath).Output()
	if err != nil {
		return "", fmt.Errorf("find module %s, run this inside of its repository: %w", modulePath, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// ensure compiles unless the cache has the result. Two processes that want the
// same wait for each other instead of compiling it twice.
func (b build) ensure(ctx context.Context, root, cache string, progress io.Writer) error {
	if b.warning != "" {
		fmt.Fprintln(progress, "bed:", b.warning)
	}
	module := filepath.Join(root, b.module)
	key, err := b.key(module)
	if err != nil {
		return err
	}
	dir := filepath.Join(cache, b.name+"-"+key)
	for _, p := range b.programs {
		*p.path = filepath.Join(dir, p.command())
	}
	unlock, err := lock(dir + ".lock")
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	fmt.Fprintf(progress, "bed: building %s; the first time on a machine this takes minutes\n", b.name)
	unfinished, err := os.MkdirTemp(cache, b.name+"-unfinished-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(unfinished)
	if b.commit != "" {
		module = filepath.Join(unfinished, sourceFolder, b.module)
		if err := checkOut(ctx, root, b.commit, filepath.Join(unfinished, sourceFolder)); err != nil {
			return err
		}
	}
	if err := b.compile(ctx, module, unfinished); err != nil {
		return err
	}
	if err := os.Chmod(unfinished, 0o755); err != nil {
		return err
	}
	return os.Rename(unfinished, dir)
}

// compile runs go build. Its flags are the same everywhere and every time:
// another flag would compile all of Kubernetes once more.
func (b build) compile(ctx context.Context, module, out string) error {
	args := []string{"build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w" + b.ldflags, "-o", out + "/"}
	for _, p := range b.programs {
		args = append(args, p.pkg)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = module
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build in %s: %w\n%s", module, err, text)
	}
	for _, p := range b.programs {
		if err := os.Rename(filepath.Join(out, p.builtAs()), filepath.Join(out, p.command())); err != nil {
			return err
		}
	}
	return nil
}

// command is the name under which the program is kept.
func (p program) command() string {
	if p.name != "" {
		return p.name
	}
	return path.Base(p.pkg)
}

// builtAs is the name go build gives it: the import path's last element that is
// not a major version.
func (p program) builtAs() string {
	if base := path.Base(p.pkg); base != "v2" && base != "v3" {
		return base
	}
	return path.Base(path.Dir(p.pkg))
}

// key is a digest of the toolchain and of the sources.
func (b build) key(module string) (string, error) {
	sum := sha256.New()
	fmt.Fprintln(sum, runtime.Version(), runtime.GOARCH, b.ldflags)
	for _, source := range b.sources {
		err := filepath.WalkDir(filepath.Join(module, source), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			fmt.Fprintf(sum, "%s %d\n%s", d.Name(), len(text), text)
			return err
		})
		if err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%x", sum.Sum(nil)[:6]), nil
}

// lock takes a lock that ends with the process at the latest.
func lock(path string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { f.Close() }, nil
}
