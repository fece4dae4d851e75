package bed

import (
	"context"
	"fmt"
	"net"
	"net/http"
)

const (
	postgresExporterAddress = "127.0.0.1:9187"
	redisExporterAddress    = "127.0.0.1:9121"
	kubeStateMetricsAddress = "127.0.0.1:8080"
	nodeExporterAddress     = "127.0.0.1:9100"
	pushgatewayAddress      = "127.0.0.1:9091"
)

// startPostgresExporter starts the exporter behind pg_up. While the database is
// away it takes longer to answer than a scrape may last, so its readiness is
// that it listens.
func (b *Bed) startPostgresExporter(ctx context.Context) error {
	return b.start(ctx, part{
		name:    "postgres-exporter",
		command: []string{"prometheus-postgres-exporter", "--web.listen-address=" + postgresExporterAddress},
		env:     []string{"DATA_SOURCE_NAME=" + b.PostgresDSN},
		ready:   listens(postgresExporterAddress),
	})
}

// startRedisExporter starts the exporter behind redis_up.
func (b *Bed) startRedisExporter(ctx context.Context) error {
	return b.start(ctx, part{
		name:    "redis-exporter",
		command: []string{"prometheus-redis-exporter", "-web.listen-address", redisExporterAddress, "-redis.addr", "redis://" + b.Redis},
		ready:   listens(redisExporterAddress),
	})
}

// startNodeExporter starts the exporter behind node_filesystem_*, for the bed's
// own mounts, and nothing else of the machine.
func (b *Bed) startNodeExporter(ctx context.Context) error {
	return b.start(ctx, part{
		name:    "node-exporter",
		command: []string{"prometheus-node-exporter", "--web.listen-address=" + nodeExporterAddress, "--collector.disable-defaults", "--collector.filesystem"},
		ready:   listens(nodeExporterAddress),
	})
}

// startPushgateway starts what keeps the metrics of Jobs, in memory: Debian's
// would keep them in a file of the machine, for whichever bed comes next.
func (b *Bed) startPushgateway(ctx context.Context) error {
	return b.start(ctx, part{
		name:    "pushgateway",
		command: []string{"prometheus-pushgateway", "--web.listen-address=" + pushgatewayAddress, "--persistence.file=", "--web.enable-admin-api"},
		ready:   ready(b.Pushgateway + "/-/ready"),
	})
}

// WipePushgateway has it forget all, for who comes next.
func (b *Bed) WipePushgateway(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, b.Pushgateway+"/api/v1/admin/wipe", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		return fmt.Errorf("the Pushgateway was to forget all, and said %s", resp.Status)
	}
	return nil
}

// startKubeStateMetrics starts the exporter behind the kube_* metrics.
func (b *Bed) startKubeStateMetrics(ctx context.Context) error {
	host, port, err := net.SplitHostPort(kubeStateMetricsAddress)
	if err != nil {
		return err
	}
	return b.start(ctx, part{
		name: "kube-state-metrics",
		command: []string{b.binaries.KubeStateMetrics,
			"--kubeconfig=" + b.AdminKubeconfig,
			"--host=" + host,
			"--port=" + port,
			"--telemetry-host=" + host,
			"--resources=daemonsets,deployments,jobs,namespaces,nodes,poddisruptionbudgets,pods,replicasets,statefulsets",
			"--metric-annotations-allowlist=deployments=[meta.helm.sh/release-name]",
		},
		ready: ready("http://" + kubeStateMetricsAddress + "/healthz"),
	})
}

// listens is a readiness check: something accepts connections at addr.
func listens(addr string) func(context.Context) error {
	return func(ctx context.Context) error {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
		if err != nil {
			return fmt.Errorf("nothing listens yet: %w", err)
		}
		return conn.Close()
	}
}
