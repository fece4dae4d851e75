package bed

import (
	"context"
	"embed"
	"fmt"
	"os"
	"path/filepath"
)

//go:embed manifests
var manifests embed.FS

// workloadFiles in the order in which they are applied.
var workloadFiles = []string{"namespace.yaml", "database.yaml", "cache.yaml", "api.yaml"}

// startWorkloads applies the manifests and waits until all is available.
func (b *Bed) startWorkloads(ctx context.Context) error {
	server, err := postgresCommand("postgres")
	if err != nil {
		return err
	}
	dir := filepath.Join(b.Dir, "manifests")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	mesh := filepath.Join(b.Dir, "mesh") // where the API's pods find each other
	if err := os.MkdirAll(mesh, 0o755); err != nil {
		return err
	}
	var files []string
	for _, name := range workloadFiles {
		text, err := manifests.ReadFile("manifests/" + name)
		if err != nil {
			return err
		}
		path := filepath.Join(dir, name)
		err = render(path, string(text), map[string]string{
			"Namespace":      Namespace,
			"PostgresIP":     postgresIP,
			"PostgresServer": server,
			"PostgresData":   b.postgresData(),
			"RedisIP":        redisIP,
			"API":            b.binaries.API,
			"Mesh":           mesh,
		})
		if err != nil {
			return err
		}
		files = append(files, path)
	}
	return b.applyWorkloads(ctx, files)
}

func (b *Bed) applyWorkloads(ctx context.Context, files []string) error {
	args := []string{"apply"}
	for _, path := range files {
		args = append(args, "--filename", path)
	}
	if _, err := b.Kubectl(ctx, "", args...); err != nil {
		return fmt.Errorf("apply the workloads: %w", err)
	}
	return b.AwaitWorkloads(ctx)
}

// RepairWorkloads puts the bed's workloads back to their manifests after
// something was released over them, takes away what a rollback or a pause noted, and
// waits until all is available.
func (b *Bed) RepairWorkloads(ctx context.Context) error {
	var files []string
	for _, name := range workloadFiles {
		files = append(files, filepath.Join(b.Dir, "manifests", name))
	}
	if err := b.applyWorkloads(ctx, files); err != nil {
		return err
	}
	if _, err := b.Kubectl(ctx, "", "annotate", "deployment", "--all", "--namespace", Namespace,
		"remediated/rolled-back-by-", "remediated/rolled-back-from-", "remediated/rolled-back-to-", "remediated/paused-"); err != nil {
		return fmt.Errorf("take away what was noted of the release: %w", err)
	}
	_, err := b.Kubectl(ctx, "", "rollout", "status", "deployment", "--namespace", Namespace, "--selector=app", "--timeout=60s")
	if err != nil {
		return fmt.Errorf("the workloads are not as their manifests say: %w", err)
	}
	return nil
}

// AwaitWorkloads waits until every Deployment of the bed's namespace is
// available: the state in which a test finds the bed and should leave it.
func (b *Bed) AwaitWorkloads(ctx context.Context) error {
	_, err := b.Kubectl(ctx, "", "wait", "--namespace", Namespace, "--for=condition=Available", "deployment", "--all", "--timeout=60s")
	if err != nil {
		pods, _ := b.Kubectl(ctx, "", "get", "pods", "--namespace", Namespace, "--output=wide")
		return fmt.Errorf("the workloads are not available: %w\n%s", err, pods)
	}
	return nil
}
