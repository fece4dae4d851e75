package bed

import (
	"context"
	"os"
	"path/filepath"
	"strings"
)

const (
	blackboxAddress = "127.0.0.1:9115"
	archiveAddress  = "127.0.0.1:9287" // of the exporter of a watched database
)

// Site is a cluster as it is seen from outside.
type Site struct {
	Cluster string // as its alerts call it
	Bed     *Bed
	URL     string // that users reach
	DSN     string // of a database whose archive must not fall behind; "" is none
}

// Watch has Prometheus look at clusters from outside, until the bed's Stop: at their
// API servers and at what users reach, and at the databases of those that name one. What
// is returned takes one cluster out again, as people do with one that is gone.
func (b *Bed) Watch(ctx context.Context, sites ...Site) (forget func(cluster string) error, err error) {
	if err := b.startBlackbox(ctx); err != nil {
		return nil, err
	}
	removes := map[string]func() error{}
	for _, s := range sites {
		if removes[s.Cluster], err = b.watch(ctx, s); err != nil {
			return nil, err
		}
	}
	return func(cluster string) error { return removes[cluster]() }, nil
}

// watch looks at one of them. Whoever looks from outside is nobody to its API server.
func (b *Bed) watch(ctx context.Context, s Site) (forget func() error, err error) {
	const nobody = "watched-from-outside"
	if _, err := s.Bed.Kubectl(ctx, "", "create", "clusterrolebinding", nobody, "--clusterrole=system:monitoring", "--group=system:unauthenticated"); err != nil {
		return nil, err
	}
	if s.Bed == b {
		b.OnStop(func() error {
			_, err := b.Kubectl(context.Background(), "", "delete", "clusterrolebinding", nobody)
			return err
		})
	}
	targets := []targetGroup{
		{[]string{strings.TrimPrefix(s.Bed.APIServer, "https://")}, map[string]string{"job": "apiserver", "cluster": s.Cluster, "__scheme__": "https", "__metrics_path__": "/metrics/slis"}},
		{[]string{blackboxAddress}, map[string]string{"job": "cluster", "cluster": s.Cluster, "instance": s.URL, "__metrics_path__": "/probe", "__param_target": s.URL}},
	}
	if s.DSN != "" {
		err := b.start(ctx, part{
			name:    "postgres-exporter-" + s.Cluster,
			command: []string{"prometheus-postgres-exporter", "--web.listen-address=" + archiveAddress},
			env:     []string{"DATA_SOURCE_NAME=" + s.DSN},
			ready:   listens(archiveAddress),
		})
		if err != nil {
			return nil, err
		}
		targets = append(targets, targetGroup{[]string{archiveAddress}, map[string]string{"job": "archive", "cluster": s.Cluster}})
	}
	return b.addTargets(s.Cluster, targets...)
}

// startBlackbox starts the exporter that looks at what users reach.
func (b *Bed) startBlackbox(ctx context.Context) error {
	config := filepath.Join(b.Dir, "blackbox.yml")
	if err := os.WriteFile(config, []byte("modules: {http_2xx: {prober: http, timeout: 900ms}}\n"), 0o644); err != nil {
		return err
	}
	return b.start(ctx, part{
		name:    "blackbox-exporter",
		command: []string{"prometheus-blackbox-exporter", "--config.file=" + config, "--web.listen-address=" + blackboxAddress},
		ready:   listens(blackboxAddress),
	})
}
