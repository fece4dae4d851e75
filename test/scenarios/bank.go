package scenarios

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/x0tta6bl4/remediated/deploy/rotation"
	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/test/bed"
	"github.com/x0tta6bl4/remediated/test/vault"
)

// Where the tellers work, and by what they connect to the database.
const (
	BankNamespace     = "bank"
	RotationNamespace = "rotation"
	Teller            = "teller"
	Tellers           = 2
	TellerSecret      = "teller-db"

	rotationPassword = "a password of the one who rotates"
)

// elsewhere has what is shipped for one namespace be about the bank. The database
// keeps its name. Its table is not that of the orders, for how many of these there
// were is remembered for hours.
var elsewhere = strings.NewReplacer(
	`database="x0tta6bl4"`, `database="`+vault.Database+`"`, "public.orders", "public.transfers",
	"x0tta6bl4-api", Teller, "x0tta6bl4_api", Teller, "x0tta6bl4", BankNamespace,
)

// SecurityBreachPolicies are those of policies/shipped/security-breach.yaml, but that
// they may act, in shorter times.
var SecurityBreachPolicies = func() string {
	text, err := fs.ReadFile(policies.Shipped(), "security-breach.yaml")
	if err != nil {
		panic(err) // it is built in
	}
	quick := strings.NewReplacer(
		"mode: observe", "mode: act", "for: 1m\n", "for: 2s\n", "for: 15s\n", "for: 2s\n", "within: 5m\n", "within: 15s\n",
		"/etc/remediated/db.dsn", "orders.dsn",
	)
	return quick.Replace(elsewhere.Replace(string(text)))
}()

// Bank is a workload that uses a database by a password that can be stolen, and all
// that rotates it. The bed has no network plugin that enforces a NetworkPolicy: of the
// isolation only the object is there, and the tellers go on to reach the database
// meanwhile.
type Bank struct {
	*vault.Vault
	bed *bed.Bed
}

// OpenBank starts all of it and returns when the tellers are at work and counted.
func OpenBank(ctx context.Context, b *bed.Bed) (_ *Bank, err error) {
	if err := b.Apply(ctx, "{apiVersion: v1, kind: Namespace, metadata: {name: "+BankNamespace+"}}"); err != nil {
		return nil, err
	}
	k := &Bank{bed: b}
	defer func() {
		if err != nil {
			err = errors.Join(err, k.Close())
		}
	}()
	if _, err := b.Kubectl(ctx, "", "wait", "--namespace", BankNamespace, "--for=create", "serviceaccount/default", "--timeout=30s"); err != nil {
		return nil, err
	}
	if k.Vault, err = vault.Open(ctx, b, BankNamespace); err != nil {
		return nil, err
	}
	for _, step := range []func(context.Context) error{k.letIn, k.makeRoles, k.employ, k.rotate, k.Know} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	if err := k.Again(ctx, "postgres-count", map[string]string{"TABLES": "public.transfers"}); err != nil {
		return nil, err
	}
	return k, k.awaitCounted(ctx)
}

// letIn has the server ask for the passwords that this is about.
func (k *Bank) letIn(context.Context) error {
	f, err := os.OpenFile(k.Path("data/main/pg_hba.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err = f.WriteString("host all teller_a,teller_b,rotation 10.244.0.0/16 scram-sha-256\n"); err != nil {
		return err
	}
	_, err = k.SQL("postgres", "SELECT pg_reload_conf()")
	return err
}

// makeRoles makes the two that take turns, of which the first is in use, and the one
// that rotates them.
func (k *Bank) makeRoles(ctx context.Context) error {
	if err := os.CopyFS(k.Path("rotation"), rotation.Files); err != nil {
		return err
	}
	_, err := k.Try("psql", "--host="+vault.IP, "--username=postgres", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1",
		"--variable=password="+rotationPassword, "--file="+k.Path("rotation/user.sql"), "postgres")
	if err != nil {
		return err
	}
	const first = "the first password"
	_, err = k.SQL(vault.Database, `
CREATE ROLE teller NOLOGIN;
CREATE ROLE teller_a LOGIN PASSWORD '`+first+`' IN ROLE teller;
CREATE ROLE teller_b NOLOGIN IN ROLE teller;
CREATE TABLE transfers (id bigserial PRIMARY KEY, created_at timestamptz NOT NULL DEFAULT clock_timestamp(), amount int NOT NULL DEFAULT 1);
ALTER TABLE transfers OWNER TO teller;
INSERT INTO transfers SELECT FROM generate_series(1, 1000);`)
	if err != nil {
		return err
	}
	return k.secret(ctx, BankNamespace, TellerSecret, map[string]string{"username": "teller_a", "password": first})
}

// secret makes a Secret.
func (k *Bank) secret(ctx context.Context, namespace, name string, data map[string]string) error {
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}, StringData: data}
	_, err := k.bed.Client().CoreV1().Secrets(namespace).Create(ctx, s, metav1.CreateOptions{})
	return err
}

// employ starts those who write a transfer now and then, each by one session that
// has the name of its pod.
func (k *Bank) employ(ctx context.Context) error {
	return k.bed.Apply(ctx, deployment(Teller, BankNamespace, Tellers, "", fmt.Sprintf(`command: [bash, -c, 'while echo "INSERT INTO transfers DEFAULT VALUES;"; do sleep 0.5; done | psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1']
env:
- {name: PGHOST, value: %[1]s}
- {name: PGDATABASE, value: %[2]s}
- {name: PGCONNECT_TIMEOUT, value: "2"}
- {name: PGAPPNAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
- {name: PGUSER, valueFrom: {secretKeyRef: {name: %[3]s, key: username}}}
- {name: PGPASSWORD, valueFrom: {secretKeyRef: {name: %[3]s, key: password}}}`, vault.IP, vault.Database, TellerSecret)))
}

// awaitCounted waits until the transfers and those who are connected were counted.
func (k *Bank) awaitCounted(ctx context.Context) error {
	return vault.Await(ctx, time.Minute, func() error {
		seen, err := k.bed.Query(ctx, `postgres_role_login{role="teller_a"} == 1 and on () postgres_table_rows{table="public.transfers"} > 1000`)
		if err == nil && len(seen) != 1 {
			err = errors.New("the transfers and the sessions are not counted")
		}
		return cmp.Or(err, k.AtWork(ctx))
	})
}

// AtWork says how many tellers are connected, nil when all are.
func (k *Bank) AtWork(context.Context) error {
	n, err := k.SQL(vault.Database, "SELECT count(DISTINCT application_name) FROM pg_stat_activity WHERE application_name LIKE '"+Teller+"-%'")
	if err == nil && n != strconv.Itoa(Tellers) {
		err = fmt.Errorf("%s tellers are connected, want %d", n, Tellers)
	}
	return err
}

// Close ends all of it: first whoever still counts, then what was counted.
func (k *Bank) Close() error {
	_, err := k.bed.Kubectl(context.Background(), "", "delete", "namespace", BankNamespace, RotationNamespace, "--ignore-not-found", "--wait", "--timeout=60s")
	if k.Vault != nil {
		err = errors.Join(err, k.Vault.Close())
	}
	return err
}
