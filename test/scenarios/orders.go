package scenarios

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
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
	if err := b.Apply(ctx, "{apiVersion: v1, kind: Namespace, metadata: {name: "+OrdersNamespace+"}}"); err != nil {
		return nil, err
	}
	o := &Orders{bed: b}
	defer func() {
		if err != nil {
			err = errors.Join(err, o.Close())
		}
	}()
	if _, err := b.Kubectl(ctx, "", "wait", "--namespace", OrdersNamespace, "--for=create", "serviceaccount/default", "--timeout=30s"); err != nil {
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

// write starts those who write an order now and then, as long as they can.
func (o *Orders) write(ctx context.Context) error {
	return o.bed.Apply(ctx, fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s, namespace: %[2]s}
spec:
  replicas: %[3]d
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: writer
          image: writer
          command: [sh, -c, 'while sleep 0.5; do psql --quiet --command="INSERT INTO orders DEFAULT VALUES" "$0"; done', %[4]q]
`, OrdersWriter, OrdersNamespace, OrdersWriters, OrdersDSN))
}

// awaitCounted waits until the orders were counted and could be restored as of a time.
func awaitCounted(ctx context.Context, b *bed.Bed, since time.Time) error {
	return vault.Await(ctx, time.Minute, func() error {
		seen, err := b.Query(ctx, "postgres_restorable_timestamp_seconds")
		if err == nil && (len(seen) != 1 || float64(seen[0].Value) <= float64(since.Unix())) {
			err = fmt.Errorf("the orders are not counted, or could not be restored: they are as of %v", seen)
		}
		return err
	})
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
