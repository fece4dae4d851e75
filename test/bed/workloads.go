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
	args := []string{"apply"}
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
		})
		if err != nil {
			return err
		}
		args = append(args, "--filename", path)
	}
	if _, err := b.Kubectl(ctx, "", args...); err != nil {
		return fmt.Errorf("apply the workloads: %w", err)
	}
	return b.AwaitWorkloads(ctx)
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
