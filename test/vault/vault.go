// Package vault runs a PostgreSQL of its own on the bed, in a namespace of its own,
// backed up and restored by the CronJobs and scripts of deploy/backup. Where those
// mount volumes, the bed's pods have folders of the host.
package vault

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"github.com/x0tta6bl4/remediated/deploy/backup"
	"github.com/x0tta6bl4/remediated/test/bed"
)

const (
	// IP is where the server answers, of whichever pod runs it.
	IP = "10.244.0.50"
	// Database is the one that the backups are about.
	Database = "x0tta6bl4"
	// DSN is how the superuser connects to it from the bed.
	DSN = "postgresql://postgres@" + IP + ":5432/" + Database + "?sslmode=disable&connect_timeout=2"
	// StandbyIP and StandbyDSN are those of a standby.
	StandbyIP  = "10.244.0.51"
	StandbyDSN = "postgresql://postgres@" + StandbyIP + ":5432/" + Database + "?sslmode=disable&connect_timeout=2"

	cipherPass   = "a passphrase of the test"
	userPassword = "a password of the test"
)

// Vault is a running one.
type Vault struct {
	Bed       *bed.Bed
	Namespace string

	dir        string // for all; its folders belong to the user postgres
	ip         string // where its server answers
	repository string // of the backups
	cred       *syscall.Credential
	bin        string // of PostgreSQL
	admin      kubernetes.Interface
	cronJobs   map[string]*batchv1.CronJob
	roles      map[string]*rbacv1.Role
}

// Open starts the server in a namespace that there is, without any backup yet.
func Open(ctx context.Context, b *bed.Bed, namespace string) (*Vault, error) {
	v := &Vault{Bed: b, Namespace: namespace, ip: IP}
	return v, v.open(ctx, v.readManifests, v.initServer, v.makeServer, v.startServer, v.addUser)
}

// Standby readies another cluster to go on with what is backed up: its server is
// scaled to 0 and has no data, and the Job that restores is there to be run.
func (v *Vault) Standby(ctx context.Context, b *bed.Bed, namespace string) (*Vault, error) {
	s := &Vault{Bed: b, Namespace: namespace, ip: StandbyIP, repository: v.repository}
	return s, s.open(ctx, s.readManifests, s.makeServer, func(ctx context.Context) error { return s.CronJob(ctx, "postgres-restore", nil) })
}

// open lays out the folders and takes the steps. When it fails, no folder is left.
func (v *Vault) open(ctx context.Context, steps ...func(context.Context) error) (err error) {
	v.cronJobs, v.roles = map[string]*batchv1.CronJob{}, map[string]*rbacv1.Role{}
	defer func() {
		if err != nil {
			os.RemoveAll(v.dir)
		}
	}()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	if len(found) == 0 {
		return fmt.Errorf("PostgreSQL is missing: run \"go run ./test/bed/cmd/bed packages\"")
	}
	v.bin = found[len(found)-1]
	cfg, err := clientcmd.BuildConfigFromFlags("", v.Bed.AdminKubeconfig)
	if err != nil {
		return err
	}
	if v.admin, err = kubernetes.NewForConfig(cfg); err != nil {
		return err
	}
	if err := v.layOut(); err != nil {
		return err
	}
	v.repository = cmp.Or(v.repository, v.Path("repository"))
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Close has the Pushgateway forget what the Jobs left with it, and removes the
// folders. Whoever made the namespace deletes it.
func (v *Vault) Close() error {
	err := v.Bed.WipePushgateway(context.Background())
	return cmp.Or(err, os.RemoveAll(v.dir))
}

// Path is a file or folder of the vault: data/main is the server's, repository
// that of the backups.
func (v *Vault) Path(name string) string { return filepath.Join(v.dir, name) }

// folders are those that the user postgres writes to.
var folders = []string{"data", "repository", "scratch", "config", "lock"}

// layOut makes the folders, and copies what is shipped to where the user postgres
// can read it.
func (v *Vault) layOut() (err error) {
	if v.dir, err = os.MkdirTemp(v.Bed.Dir, "backup-"); err != nil {
		return err
	}
	if err := os.Chmod(v.dir, 0o755); err != nil {
		return err
	}
	for _, folder := range append([]string{"bin"}, folders...) {
		if err := os.Mkdir(v.Path(folder), 0o755); err != nil {
			return err
		}
	}
	if err := os.CopyFS(v.Path("shipped"), backup.Files); err != nil {
		return err
	}
	scripts, err := filepath.Glob(v.Path("shipped/scripts/*.sh"))
	if err != nil {
		return err
	}
	for _, script := range scripts {
		if err := os.Chmod(script, 0o755); err != nil {
			return err
		}
	}
	if err := v.copy(v.Bed.KubectlPath, "bin/kubectl"); err != nil {
		return err
	}
	return v.own()
}

// copy copies a file, for everybody to read and run.
func (v *Vault) copy(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(v.Path(to), b, 0o755)
}

// own gives the folders to the user postgres, as which root has to run it.
func (v *Vault) own() error {
	if os.Geteuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return err
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return err
	}
	v.cred = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	for _, folder := range folders {
		if err := os.Chown(v.Path(folder), uid, gid); err != nil {
			return err
		}
	}
	return nil
}

// readManifests reads what "kubectl apply -k" would apply.
func (v *Vault) readManifests(ctx context.Context) error {
	text, err := v.Bed.Kubectl(ctx, "", "kustomize", v.Path("shipped"))
	if err != nil {
		return err
	}
	for document := range strings.SplitSeq(text, "\n---\n") {
		var object metav1.PartialObjectMetadata
		if err := yaml.Unmarshal([]byte(document), &object); err != nil {
			return err
		}
		switch object.Kind {
		case "CronJob":
			v.cronJobs[object.Name] = &batchv1.CronJob{}
			err = yaml.UnmarshalStrict([]byte(document), v.cronJobs[object.Name])
		case "Role":
			v.roles[object.Name] = &rbacv1.Role{}
			err = yaml.UnmarshalStrict([]byte(document), v.roles[object.Name])
		}
		if err != nil {
			return fmt.Errorf("%s %s of deploy/backup: %w", object.Kind, object.Name, err)
		}
	}
	return nil
}

// initServer makes the cluster and configures it as README.md says.
func (v *Vault) initServer(context.Context) error {
	_, err := v.Try("initdb", "-D", v.Path("data/main"), "-U", "postgres", "--auth=trust", "--no-sync", "--data-checksums", "--encoding=UTF8", "--locale=C.UTF-8")
	if err != nil {
		return err
	}
	conf, err := os.OpenFile(v.Path("data/main/postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer conf.Close()
	if _, err := fmt.Fprintf(conf, "include_if_exists = '%s'\n", v.Path("shipped/archiving.conf")); err != nil {
		return err
	}
	hba := "host all backup 10.244.0.0/16 scram-sha-256\nhost all postgres 10.244.0.0/16 trust\n"
	return os.WriteFile(v.Path("data/main/pg_hba.conf"), []byte(hba), 0o644)
}

// Environment is what the shipped manifests take from Secrets, ConfigMaps and
// volumes, for the bed.
func (v *Vault) Environment() map[string]string {
	return map[string]string{
		"PATH":                         v.Path("bin") + ":" + v.bin + ":/usr/bin:/bin",
		"PGBACKREST_CONFIG":            v.Path("shipped/pgbackrest.conf"),
		"PGBACKREST_STANZA":            "main",
		"PGBACKREST_REPO1_CIPHER_PASS": cipherPass,
		"PGBACKREST_REPO1_PATH":        v.repository,
		"PGBACKREST_PG1_PATH":          v.Path("data/main"),
		"PGBACKREST_LOCK_PATH":         v.Path("lock"),
		"PGHOST":                       v.ip,
		"PGUSER":                       "backup",
		"PGPASSWORD":                   userPassword,
		"PGDATA":                       v.Path("data/main"),
		"SCRATCH":                      v.Path("scratch/postgres"),
		"BACKUP_LOG":                   filepath.Join(v.repository, "BACKUP_LOG.md"),
		"PUSHGATEWAY_URL":              v.Bed.Pushgateway,
		"POSTGRES_OPTIONS":             "-c dynamic_shared_memory_type=mmap",
		"CONFIG_DIR":                   v.Path("config"),
		"NAMESPACES":                   v.Namespace,
	}
}

// makeServer makes the server's Deployment, at 0 replicas.
func (v *Vault) makeServer(ctx context.Context) error {
	var env strings.Builder
	for name, value := range v.Environment() {
		if strings.HasPrefix(name, "PGBACKREST_") || name == "PATH" {
			fmt.Fprintf(&env, "\n            - {name: %s, value: %q}", name, value)
		}
	}
	return v.Bed.Apply(ctx, fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: postgres, namespace: %[1]s}
spec:
  replicas: 0
  strategy: {type: Recreate}
  selector: {matchLabels: {app: postgres}}
  template:
    metadata:
      labels: {app: postgres}
      annotations: {nodeagent/user: postgres, nodeagent/pod-ip: %[2]s, nodeagent/stop-signal: SIGINT}
    spec:
      terminationGracePeriodSeconds: 10
      containers:
        - name: postgres
          image: postgres:15
          command: [%[3]s/postgres, -D, %[4]s, -c, 'listen_addresses=$(POD_IP)', -c, unix_socket_directories=, -c, dynamic_shared_memory_type=mmap]
          readinessProbe: {tcpSocket: {port: 5432}, periodSeconds: 1}
          env: %[5]s
`, v.Namespace, v.ip, v.bin, v.Path("data/main"), env.String()))
}

// startServer starts it. It is there when it answers.
func (v *Vault) startServer(ctx context.Context) error { return v.Scale(ctx, 1) }

// addUser makes the database, and the user that backs up.
func (v *Vault) addUser(context.Context) error {
	if _, err := v.SQL("postgres", "CREATE DATABASE "+Database); err != nil {
		return err
	}
	for _, database := range []string{"postgres", Database} {
		if _, err := v.psql(database, "--variable=password="+userPassword, "--file="+v.Path("shipped/user.sql")); err != nil {
			return err
		}
	}
	return nil
}

// Scale starts or stops the server and waits until it is so.
func (v *Vault) Scale(ctx context.Context, replicas int) error {
	_, err := v.Bed.Kubectl(ctx, "", "scale", "deployment/postgres", "--namespace", v.Namespace, "--replicas", strconv.Itoa(replicas))
	if err != nil {
		return err
	}
	return Await(ctx, 30*time.Second, func() error {
		if replicas > 0 {
			_, err := v.Try("psql", "--host="+v.ip, "--username=postgres", "--command=SELECT 1", "postgres")
			return err
		}
		pods, err := v.admin.CoreV1().Pods(v.Namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=postgres"})
		if err == nil && len(pods.Items) > 0 {
			err = fmt.Errorf("the server's pod is still there")
		}
		return err
	})
}

// Await polls until nothing is missing any more.
func Await(ctx context.Context, within time.Duration, missing func() error) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for err := missing(); err != nil; err = missing() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("after %s: %w", within, err)
		case <-tick.C:
		}
	}
	return nil
}

// Command prepares a command as the user postgres, in the environment of the
// manifests but for what env says.
func (v *Vault) Command(env map[string]string, name string, args ...string) *exec.Cmd {
	all := v.Environment()
	maps.Copy(all, env)
	if file := filepath.Join(v.bin, name); !strings.Contains(name, "/") {
		if _, err := os.Stat(file); err == nil {
			name = file
		}
	}
	cmd := exec.Command(name, args...)
	cmd.Dir = "/"
	for name, value := range all {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: v.cred}
	return cmd
}

// Try runs a command and returns what it said.
func (v *Vault) Try(name string, args ...string) (string, error) {
	out, err := v.Command(nil, name, args...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return strings.TrimSpace(string(out)), err
}

// SQL runs statements as the superuser.
func (v *Vault) SQL(database, statements string) (string, error) {
	return v.psql(database, "--command="+statements)
}

func (v *Vault) psql(database string, args ...string) (string, error) {
	return v.Try("psql", append([]string{"--host=" + v.ip, "--username=postgres", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", database}, args...)...)
}
