package scenarios

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/x0tta6bl4/remediated/test/bed"
	"github.com/x0tta6bl4/remediated/test/vault"
)

// Where the orders are, and who writes them.
const (
	OrdersNamespace = "orders"
	OrdersWriter    = "writer"
	OrdersWriters   = 2
	// OrdersDSN is how a probe connects to where they are kept.
	OrdersDSN = vault.DSN
)

// Orders are what must not be lost: a table in a PostgreSQL of its own, that is
// written to all the time, backed up and counted.
type Orders struct {
	*vault.Vault
	bed *bed.Bed
}

// OpenOrders starts all of it and returns when there is a backup, and it is known
// to which moment there is to go back.
func OpenOrders(ctx context.Context, b *bed.Bed) (_ *Orders, err error) {
	o := &Orders{bed: b}
	defer func() {
		if err != nil {
			err = errors.Join(err, o.Close())
		}
	}()
	if err := openNamespace(ctx, b); err != nil {
		return nil, err
	}
	if o.Vault, err = vault.Open(ctx, b, OrdersNamespace); err != nil {
		return nil, err
	}
	if _, err := o.SQL(vault.Database, "CREATE TABLE orders (id bigserial PRIMARY KEY, created_at timestamptz NOT NULL DEFAULT clock_timestamp()); INSERT INTO orders SELECT FROM generate_series(1, 1000)"); err != nil {
		return nil, err
	}
	switch ok, log, err := o.Job(ctx, "postgres-backup-full", "first-backup", nil); {
	case err != nil:
		return nil, err
	case !ok:
		return nil, fmt.Errorf("the first backup failed:\n%s", log)
	}
	if err := o.CronJob(ctx, "postgres-restore", nil); err != nil {
		return nil, err
	}
	if err := o.write(ctx); err != nil {
		return nil, err
	}
	if err := o.Again(ctx, "postgres-count", map[string]string{"TABLES": "public.orders"}); err != nil {
		return nil, err
	}
	return o, awaitCounted(ctx, b, time.Now())
}

// openNamespace makes the orders' namespace, in which pods can be made then.
func openNamespace(ctx context.Context, b *bed.Bed) error {
	if err := b.Apply(ctx, "{apiVersion: v1, kind: Namespace, metadata: {name: "+OrdersNamespace+"}}"); err != nil {
		return err
	}
	_, err := b.Kubectl(ctx, "", "wait", "--namespace", OrdersNamespace, "--for=create", "serviceaccount/default", "--timeout=30s")
	return err
}

// write starts those who write an order now and then, as long as they can.
func (o *Orders) write(ctx context.Context) error {
	return o.bed.Apply(ctx, deployment(OrdersWriter, OrdersNamespace, OrdersWriters, "", fmt.Sprintf(
		`command: [sh, -c, 'while sleep 0.5; do psql --quiet --command="INSERT INTO orders DEFAULT VALUES" "$0"; done', %q]`, OrdersDSN)))
}

// deployment is one of so many pods, each with one container, which is as the lines
// say, and with an address if one is given.
func deployment(name, namespace string, replicas int, ip, container string) string {
	annotations := ""
	if ip != "" {
		annotations = "nodeagent/pod-ip: " + ip
	}
	return fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s, namespace: %[2]s}
spec:
  replicas: %[3]d
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}, annotations: {%[4]s}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: %[1]s
          image: %[1]s
          %[5]s
`, name, namespace, replicas, annotations, strings.ReplaceAll(container, "\n", "\n          "))
}

// awaitCounted waits until the orders were counted and could be restored as of a time.
func awaitCounted(ctx context.Context, b *bed.Bed, since time.Time) error {
	if err := b.AwaitQuery(ctx, fmt.Sprintf("postgres_restorable_timestamp_seconds > %d", since.Unix())); err != nil {
		return fmt.Errorf("waiting until the orders are counted and could be restored: %w", err)
	}
	return nil
}

// changeOrders changes the orders by an SQL statement once what is there was counted: so it is
// known that all of it must come back.
func changeOrders(statement string) func(context.Context, *bed.Bed) error {
	return func(ctx context.Context, b *bed.Bed) error {
		if err := awaitCounted(ctx, b, time.Now()); err != nil {
			return err
		}
		out, err := exec.CommandContext(ctx, "psql", "--no-psqlrc", "--quiet", "--command="+statement, OrdersDSN).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s: %w\n%s", statement, err, out)
		}
		return nil
	}
}

// Close ends all of it: first whoever still counts, then what was counted.
func (o *Orders) Close() error {
	_, err := o.bed.Kubectl(context.Background(), "", "delete", "namespace", OrdersNamespace, "--wait", "--timeout=60s")
	if o.Vault != nil {
		err = errors.Join(err, o.Vault.Close())
	}
	return err
}
