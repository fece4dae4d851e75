//go:build e2e

package e2e

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/x0tta6bl4/remediated/test/bed"
)

const (
	vaultIP       = "10.244.0.50"
	vaultDatabase = "x0tta6bl4"
	cipherPass    = "a passphrase of the test"
	userPassword  = "a password of the test"
)

// vault is a PostgreSQL of its own in a namespace of its own, backed up by the
// CronJobs and scripts of deploy/backup. Where those mount volumes, the bed's
// pods have folders of the host.
type vault struct {
	*shop
	bed      *bed.Bed
	dir      string // for all; its folders belong to the user postgres
	cred     *syscall.Credential
	bin      string // of PostgreSQL
	cronJobs map[string]*batchv1.CronJob
	roles    map[string]*rbacv1.Role
}

// openVault starts the server, without any backup yet.
func openVault(t *testing.T) *vault {
	t.Helper()
	b := connect(t)
	v := &vault{shop: openShop(t), bed: b, cronJobs: map[string]*batchv1.CronJob{}, roles: map[string]*rbacv1.Role{}}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	if len(found) == 0 {
		t.Fatal("PostgreSQL is missing")
	}
	v.bin = found[len(found)-1]
	v.layOut()
	v.readManifests()
	v.initServer()
	v.startServer()
	v.sql("postgres", "CREATE DATABASE "+vaultDatabase)
	for _, database := range []string{"postgres", vaultDatabase} {
		v.psql(database, "--variable=password="+userPassword, "--file="+v.path("conf/user.sql"))
	}
	t.Cleanup(func() { // the next test finds a Pushgateway that knows nothing
		req, err := http.NewRequest(http.MethodPut, b.Pushgateway+"/api/v1/admin/wipe", nil)
		v.must(err)
		resp, err := http.DefaultClient.Do(req)
		v.must(err)
		resp.Body.Close()
	})
	return v
}

func (v *vault) path(name string) string { return filepath.Join(v.dir, name) }

// layOut makes the folders, and copies what is shipped to where the user
// postgres can read it.
func (v *vault) layOut() {
	v.Helper()
	var err error
	v.dir, err = os.MkdirTemp(v.bed.Dir, "backup-")
	v.must(err)
	v.Cleanup(func() { os.RemoveAll(v.dir) })
	v.must(os.Chmod(v.dir, 0o755))
	for _, folder := range []string{"scripts", "conf", "bin", "data", "repository", "scratch", "config", "lock"} {
		v.must(os.Mkdir(v.path(folder), 0o755))
	}
	shipped, err := filepath.Glob("../../deploy/backup/scripts/*.sh")
	v.must(err)
	for _, file := range shipped {
		v.copy(file, "scripts/"+filepath.Base(file))
	}
	for _, file := range []string{"pgbackrest.conf", "archiving.conf", "user.sql"} {
		v.copy("../../deploy/backup/"+file, "conf/"+file)
	}
	v.copy(v.bed.KubectlPath, "bin/kubectl")
	v.own()
}

func (v *vault) copy(from, to string) {
	v.Helper()
	b, err := os.ReadFile(from)
	v.must(err)
	v.must(os.WriteFile(v.path(to), b, 0o755))
}

// own gives the folders to the user postgres, as which root has to run it.
func (v *vault) own() {
	v.Helper()
	if os.Geteuid() != 0 {
		return
	}
	u, err := user.Lookup("postgres")
	v.must(err)
	uid, err := strconv.Atoi(u.Uid)
	v.must(err)
	gid, err := strconv.Atoi(u.Gid)
	v.must(err)
	v.cred = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	for _, folder := range []string{"data", "repository", "scratch", "config", "lock"} {
		v.must(os.Chown(v.path(folder), uid, gid))
	}
}

// readManifests reads what "kubectl apply -k" would apply.
func (v *vault) readManifests() {
	v.Helper()
	text, err := v.bed.Kubectl(v.Context(), "", "kustomize", "../../deploy/backup")
	v.must(err)
	for _, document := range strings.Split(text, "\n---\n") {
		var kind metav1.TypeMeta
		v.must(yaml.Unmarshal([]byte(document), &kind))
		switch kind.Kind {
		case "CronJob":
			c := &batchv1.CronJob{}
			v.must(yaml.UnmarshalStrict([]byte(document), c))
			v.cronJobs[c.Name] = c
		case "Role":
			r := &rbacv1.Role{}
			v.must(yaml.UnmarshalStrict([]byte(document), r))
			v.roles[r.Name] = r
		}
	}
}

// initServer makes the cluster and configures it as README.md says.
func (v *vault) initServer() {
	v.Helper()
	v.as(nil, "initdb", "-D", v.path("data/main"), "-U", "postgres", "--auth=trust", "--no-sync", "--data-checksums", "--encoding=UTF8", "--locale=C.UTF-8")
	conf, err := os.OpenFile(v.path("data/main/postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	v.must(err)
	_, err = fmt.Fprintf(conf, "include_if_exists = '%s'\n", v.path("conf/archiving.conf"))
	v.must(err)
	v.must(conf.Close())
	hba := "host all backup 10.244.0.0/16 scram-sha-256\nhost all postgres 10.244.0.0/16 trust\n"
	v.must(os.WriteFile(v.path("data/main/pg_hba.conf"), []byte(hba), 0o644))
}

// environment is what the shipped manifests take from Secrets, ConfigMaps and
// volumes, for the bed.
func (v *vault) environment() map[string]string {
	return map[string]string{
		"PATH":                         v.path("bin") + ":" + v.bin + ":/usr/bin:/bin",
		"PGBACKREST_CONFIG":            v.path("conf/pgbackrest.conf"),
		"PGBACKREST_STANZA":            "main",
		"PGBACKREST_REPO1_CIPHER_PASS": cipherPass,
		"PGBACKREST_REPO1_PATH":        v.path("repository"),
		"PGBACKREST_PG1_PATH":          v.path("data/main"),
		"PGBACKREST_LOCK_PATH":         v.path("lock"),
		"PGHOST":                       vaultIP,
		"PGUSER":                       "backup",
		"PGPASSWORD":                   userPassword,
		"PGDATA":                       v.path("data/main"),
		"SCRATCH":                      v.path("scratch/postgres"),
		"BACKUP_LOG":                   v.path("repository/BACKUP_LOG.md"),
		"PUSHGATEWAY_URL":              v.bed.Pushgateway,
		"POSTGRES_OPTIONS":             "-c dynamic_shared_memory_type=mmap",
		"CONFIG_DIR":                   v.path("config"),
		"NAMESPACES":                   v.namespace,
	}
}

// startServer runs the server in a Deployment. It is there again when it answers.
func (v *vault) startServer() {
	v.Helper()
	var env strings.Builder
	for name, value := range v.environment() {
		if strings.HasPrefix(name, "PGBACKREST_") || name == "PATH" {
			fmt.Fprintf(&env, "\n            - {name: %s, value: %q}", name, value)
		}
	}
	v.must(v.bed.Apply(v.Context(), fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: postgres, namespace: %[1]s}
spec:
  replicas: 1
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
          env: %[5]s
`, v.namespace, vaultIP, v.bin, v.path("data/main"), env.String())))
	v.scale(1)
}

// scale starts or stops the server and waits until it is so.
func (v *vault) scale(replicas int) {
	v.Helper()
	_, err := v.bed.Kubectl(v.Context(), "", "scale", "deployment/postgres", "--namespace", v.namespace, "--replicas", strconv.Itoa(replicas))
	v.must(err)
	eventually(v.T, 30*time.Second, func() string {
		if replicas > 0 {
			_, err := v.try("psql", "--host="+vaultIP, "--username=postgres", "--command=SELECT 1", "postgres")
			return said(err)
		}
		pods, err := v.admin.CoreV1().Pods(v.namespace).List(v.Context(), metav1.ListOptions{LabelSelector: "app=postgres"})
		v.must(err)
		if len(pods.Items) > 0 {
			return "the server's pod is still there"
		}
		return ""
	})
}

// command prepares a command as the user postgres, in the environment of the
// manifests but for what env says.
func (v *vault) command(env map[string]string, name string, args ...string) *exec.Cmd {
	all := v.environment()
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

func (v *vault) try(name string, args ...string) (string, error) {
	out, err := v.command(nil, name, args...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return strings.TrimSpace(string(out)), err
}

// as runs a command that must succeed.
func (v *vault) as(env map[string]string, name string, args ...string) string {
	v.Helper()
	out, err := v.command(env, name, args...).CombinedOutput()
	if err != nil {
		v.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (v *vault) psql(database string, args ...string) string {
	v.Helper()
	out, err := v.try("psql", append([]string{"--host=" + vaultIP, "--username=postgres", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", database}, args...)...)
	v.must(err)
	return out
}

// sql runs statements as the superuser.
func (v *vault) sql(database, statements string) string {
	v.Helper()
	return v.psql(database, "--command="+statements)
}

// job makes a Job from a shipped CronJob, as the daemon and a person do, waits
// for its end and returns what its last pod said.
func (v *vault) job(cronJob, name string, env map[string]string) (ok bool, log string) {
	v.Helper()
	c := v.cronJobs[cronJob]
	if c == nil {
		v.Fatalf("deploy/backup has no CronJob %s", cronJob)
	}
	job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: v.namespace}, Spec: *c.Spec.JobTemplate.Spec.DeepCopy()}
	none := int32(0)
	job.Spec.BackoffLimit = &none // the tests see each end
	v.onTheBed(&job.Spec.Template, env)
	_, err := v.admin.BatchV1().Jobs(v.namespace).Create(v.Context(), job, metav1.CreateOptions{})
	v.must(err)
	eventually(v.T, 3*time.Minute, func() string {
		job, err = v.admin.BatchV1().Jobs(v.namespace).Get(v.Context(), name, metav1.GetOptions{})
		v.must(err)
		if job.Status.Succeeded+job.Status.Failed == 0 {
			return "the Job " + name + " has not ended"
		}
		return ""
	})
	log, err = v.bed.Kubectl(v.Context(), "", "logs", "job/"+name, "--namespace", v.namespace)
	v.must(err)
	return job.Status.Succeeded == 1, log
}

// onTheBed is the one place where the manifests are changed: values that come
// from Secrets and ConfigMaps, and folders instead of volumes.
func (v *vault) onTheBed(pod *corev1.PodTemplateSpec, more map[string]string) {
	v.Helper()
	env := v.environment()
	maps.Copy(env, more)
	pod.Annotations = map[string]string{"nodeagent/user": "postgres"}
	account := pod.Spec.ServiceAccountName
	pod.Spec.ServiceAccountName, pod.Spec.Affinity, pod.Spec.Volumes = "", nil, nil
	if v.roles[account] != nil {
		env["KUBECONFIG"] = v.kubeconfig(account)
	}
	c := &pod.Spec.Containers[0]
	c.VolumeMounts = nil
	c.Command[0] = strings.Replace(c.Command[0], "/opt/backup", v.path("scripts"), 1)
	for i := range c.Env {
		if value, ok := env[c.Env[i].Name]; ok {
			c.Env[i] = corev1.EnvVar{Name: c.Env[i].Name, Value: value}
			delete(env, c.Env[i].Name)
		} else if c.Env[i].ValueFrom != nil {
			v.Fatalf("the test does not say what %s is", c.Env[i].Name)
		}
	}
	for name, value := range env { // of the image and of the bed
		c.Env = append(c.Env, corev1.EnvVar{Name: name, Value: value})
	}
}

// kubeconfig is that of a ServiceAccount with the shipped Role, where the user
// postgres can read it.
func (v *vault) kubeconfig(account string) string {
	v.Helper()
	to := v.path(account + ".kubeconfig")
	if _, err := os.Stat(to); err == nil {
		return to
	}
	from, err := v.bed.Kubeconfig(v.Context(), v.namespace, account)
	v.must(err)
	v.copy(from, account+".kubeconfig")
	// In a cluster a pod's own namespace is the default.
	_, err = v.bed.Kubectl(v.Context(), "", "config", "set-context", "--current", "--namespace", v.namespace, "--kubeconfig", to)
	v.must(err)
	role := v.roles[account].DeepCopy()
	role.Namespace = v.namespace
	_, err = v.admin.RbacV1().Roles(v.namespace).Create(v.Context(), role, metav1.CreateOptions{})
	v.must(err)
	_, err = v.admin.RbacV1().RoleBindings(v.namespace).Create(v.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: account},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: account},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: account, Namespace: v.namespace}},
	}, metav1.CreateOptions{})
	v.must(err)
	return to
}

// good runs a Job that must succeed.
func (v *vault) good(cronJob, name string, env map[string]string) string {
	v.Helper()
	ok, log := v.job(cronJob, name, env)
	if !ok {
		v.Fatalf("%s failed:\n%s", cronJob, log)
	}
	return log
}

// refused runs a Job that must fail, and say why.
func (v *vault) refused(cronJob, name string, env map[string]string, why string) {
	v.Helper()
	ok, log := v.job(cronJob, name, env)
	if ok || !strings.Contains(log, why) {
		v.Fatalf("%s succeeded: %t, and does not say %q:\n%s", cronJob, ok, why, log)
	}
}

// metric is a value that the Jobs left with the Pushgateway.
func (v *vault) metric(name string, labels ...string) float64 {
	v.Helper()
	resp, err := http.Get(v.bed.Pushgateway + "/metrics")
	v.must(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	v.must(err)
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	v.must(err)
	var values []float64
	for _, m := range families[name].GetMetric() {
		fits := 0
		for _, l := range m.GetLabel() {
			if slices.Contains(labels, l.GetName()+"="+l.GetValue()) {
				fits++
			}
		}
		if fits == len(labels) {
			values = append(values, m.GetGauge().GetValue())
		}
	}
	if len(values) != 1 {
		v.Fatalf("%s %v has %d values, want one:\n%s", name, labels, len(values), text)
	}
	return values[0]
}

// row is a line of the backup log.
type row struct{ At, Type, Size, Location, Status, Verification string }

var logLine = regexp.MustCompile(`(?m)^\| (\d{4}-[^|]+Z) \| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$`)

// lastRow is the last line of the backup log in a text.
func (v *vault) lastRow(text string) row {
	v.Helper()
	found := logLine.FindAllStringSubmatch(text, -1)
	if len(found) == 0 {
		v.Fatalf("no line of the backup log in:\n%s", text)
	}
	f := found[len(found)-1]
	return row{f[1], f[2], f[3], f[4], f[5], f[6]}
}

// near says whether a Unix time is of the last minutes.
func near(unix float64) bool {
	age := time.Since(time.UnixMilli(int64(1000 * unix)))
	return cmp.Compare(age, -2*time.Second) >= 0 && age < 5*time.Minute
}

// inode tells one folder from another of the same name.
func (v *vault) inode(path string) uint64 {
	v.Helper()
	info, err := os.Stat(path)
	v.must(err)
	return info.Sys().(*syscall.Stat_t).Ino
}

func (v *vault) exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
