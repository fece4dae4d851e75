//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What deploy/backup promises, with the real PostgreSQL and pgBackRest, by the
// scripts and CronJobs that are shipped.

// rpo is how much may be lost at most.
const rpo = 5 * time.Minute

// goodBackups is the query of README.md for guards.backup.
const goodBackups = `max(backup_last_success_timestamp_seconds{backup="postgres"}) and on() min(backup_repository_ok) == 1`

func TestBackupManifests(t *testing.T) {
	b := connect(t)
	out, err := b.Kubectl(t.Context(), "", "apply", "--kustomize", "../../deploy/backup", "--dry-run=server")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(out, "(server dry run)"); got < 15 {
		t.Errorf("%d objects were taken:\n%s", got, out)
	}
}

// A table is dropped and comes back, with all that was in it.
func TestBackupRestoresADroppedTable(t *testing.T) {
	v := openVault(t)
	log := v.good("postgres-backup-full", "full", nil)
	if got := v.lastRow(log); got.Type != "Full" || got.Status != "ok" || got.Verification != "file and page checksums" ||
		!strings.HasPrefix(got.Location, v.Path("repository/backup/main/")) || !strings.HasSuffix(got.Size, "iB") {
		t.Errorf("the log says %+v", got)
	}
	v.sql(vaultDatabase, "CREATE TABLE events (id int PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp()); INSERT INTO events SELECT generate_series(1, 1000)")
	log = v.good("postgres-backup-incr", "incr", nil)
	if got := v.lastRow(log); got.Type != "Incremental" || got.Status != "ok" {
		t.Errorf("the log says %+v", got)
	}
	v.told("full", "incr")

	// These are only in the WAL, and that is archived because it is time.
	v.sql(vaultDatabase, "INSERT INTO events SELECT generate_series(1001, 1500)")
	wrote := time.Now()
	segment := v.sql("postgres", "SELECT pg_walfile_name(pg_current_wal_insert_lsn())")
	newest := v.sql(vaultDatabase, "SELECT max(at) FROM events")
	eventually(t, rpo, func() string {
		if got := v.sql("postgres", "SELECT last_archived_wal >= '"+segment+"' FROM pg_stat_archiver"); got != "t" {
			return segment + " is not archived"
		}
		return ""
	})
	if lost := time.Since(wrote); lost >= rpo {
		t.Errorf("what was written was only here for %s", lost)
	} else {
		t.Logf("RPO: what was written was only here for %s, at most %s are promised", lost.Round(time.Second), rpo)
	}
	before := v.sql("postgres", "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
	v.sql(vaultDatabase, "DROP TABLE events")
	v.sql(vaultDatabase, "CREATE TABLE afterwards AS SELECT 1")

	restore := map[string]string{"RESTORE_TO": before, "REMEDIATED_ATTEMPT": "e2etest0-i42-a1"}
	was := v.inode(v.Path("data/main"))
	atOnce := maps.Clone(restore)
	atOnce["STOP_TIMEOUT"] = "0"
	v.refused("postgres-restore", "while-it-runs", atOnce, "still answers: scale it to 0 first")
	v.must(v.bed.Hang(t.Context(), v.namespace, "app=postgres")) // and it will end hard, its last WAL not archived
	v.refused("postgres-restore", "while-it-hangs", atOnce, "the server's pods are still there: pod/postgres-")
	if v.inode(v.Path("data/main")) != was || v.exists(v.Path("data/main.new-e2etest0-i42-a1")) {
		t.Fatal("what was refused has touched the data folder")
	}
	v.scale(0)
	began := time.Now()
	t.Log(v.good("postgres-restore", "restore", restore))
	t.Logf("RTO: restored after %s", time.Since(began).Round(time.Second))
	if got := v.inode(v.Path("data/main.before-e2etest0-i42-a1")); got != was {
		t.Error("the old data folder is not what was kept aside")
	}
	v.scale(1)
	if got, want := v.sql(vaultDatabase, "SELECT count(*), max(at) FROM events"), "1500|"+newest; got != want {
		t.Errorf("restored are %s, want %s", got, want)
	}
	if got := v.sql(vaultDatabase, "SELECT count(*) FROM pg_class WHERE relname = 'afterwards'"); got != "0" {
		t.Error("what came after the time that was asked for is there, too")
	}

	// The same attempt is the same restore, whatever has been written since.
	v.sql(vaultDatabase, "INSERT INTO events VALUES (1501)")
	if log := v.good("postgres-restore", "again", restore); !strings.Contains(log, "is done already") {
		t.Errorf("the second run says:\n%s", log)
	}
	if got := v.sql(vaultDatabase, "SELECT count(*) FROM events"); got != "1501" {
		t.Errorf("after the second run there are %s rows", got)
	}

	// And it is backed up on, along its new timeline.
	v.good("postgres-backup-incr", "after", nil)
	log = v.good("postgres-restore-check", "check", map[string]string{"NEWEST": "public.events:at"})
	if got := v.lastRow(log); got.Type != "Restore check" || got.Status != "ok" || !strings.Contains(got.Verification, "1 tables counted, amcheck, page checksums; restored in ") {
		t.Errorf("the log says %+v", got)
	}
	if verified, lag := v.metric("backup_last_verified_restore_timestamp_seconds", "backup=postgres"), v.metric("backup_archive_lag_seconds"); !near(verified) || lag >= rpo.Seconds() {
		t.Errorf("verified at %f, archived after %f seconds", verified, lag)
	}
	kept, err := os.ReadFile(v.Path("repository/BACKUP_LOG.md"))
	v.must(err)
	if !strings.HasPrefix(string(kept), "| Date/Time | Backup Type | Size | Location | Status | Verification |\n|---|---|---|---|---|---|\n| 2") || len(logLine.FindAll(kept, -1)) != 4 {
		t.Errorf("the backup log:\n%s", kept)
	}
}

// told holds the metrics against what pgBackRest itself says, and against what
// Prometheus makes of them for the backup guard.
func (v *vaultTest) told(types ...string) {
	v.Helper()
	var info []struct {
		Backup []struct {
			Type      string
			Timestamp struct{ Stop float64 }
			Info      struct {
				Size       float64
				Repository struct{ Delta float64 }
			}
		}
	}
	v.must(json.Unmarshal([]byte(v.as(map[string]string{"PGBACKREST_LOG_LEVEL_CONSOLE": "off"}, "pgbackrest", "--output=json", "info")), &info))
	last := 0.0
	for i, made := range info[0].Backup {
		if made.Type != types[i] {
			v.Errorf("backup %d is %s, want %s", i, made.Type, types[i])
		}
		for name, want := range map[string]float64{
			"backup_last_success_timestamp_seconds": made.Timestamp.Stop,
			"backup_last_size_bytes":                made.Info.Size,
			"backup_last_repository_bytes":          made.Info.Repository.Delta,
		} {
			if got := v.metric(name, "backup=postgres", "type="+made.Type); got != want || want == 0 {
				v.Errorf("%s of %s is %f, want %f", name, made.Type, got, want)
			}
		}
		last = made.Timestamp.Stop
	}
	if len(info[0].Backup) != len(types) || !near(last) {
		v.Errorf("the repository has %+v", info)
	}
	eventually(v.T, 20*time.Second, func() string {
		value, err := v.bed.Query(v.Context(), goodBackups)
		v.must(err)
		if len(value) != 1 || float64(value[0].Value) != last {
			return fmt.Sprintf("the guard would see %v, want %f", value, last)
		}
		return ""
	})
}

// A restore that is cut off begins again, or goes on, and ends in the same.
func TestBackupRestoreIsCutOff(t *testing.T) {
	v := openVault(t)
	v.quickArchive()
	v.sql(vaultDatabase, "CREATE TABLE events AS SELECT generate_series(1, 1000) AS id")
	v.good("postgres-backup-full", "full", nil)
	v.scale(0)
	restore := v.Path("shipped/scripts/restore.sh")
	// Each case kills the script after (or instead of) the n-th call of a command.
	for i, tc := range []struct {
		name, command string
		call          int
		begins        bool // from the beginning
	}{
		{"while it fetches", "pgbackrest", 2, true},
		{"when the copy recovers", "pg_ctl", 1, true},
		{"before the copy is said to be whole", "sync", 1, true},
		{"before the old folder is aside", "mv", 2, false},
		{"between the folders", "mv", 3, false},
		{"before it is said to be done", "mv", 4, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			env := map[string]string{"REMEDIATED_ATTEMPT": fmt.Sprintf("e2etest0-i42-a%d", i+1)}
			was := v.inode(v.Path("data/main"))
			cut := map[string]string{"PATH": v.cutting(tc.command, tc.call) + ":" + v.Environment()["PATH"], "REMEDIATED_ATTEMPT": env["REMEDIATED_ATTEMPT"]}
			if out, err := v.Command(cut, "/usr/bin/setsid", "--wait", restore).CombinedOutput(); err == nil {
				t.Fatalf("it was not cut off:\n%s", out)
			}
			if whole := v.exists(v.Path("data/main.ready-" + env["REMEDIATED_ATTEMPT"])); whole == tc.begins {
				t.Errorf("the copy is whole: %t", whole)
			}
			out := v.as(env, restore)
			if begins := strings.Contains(out, "restore command begin"); begins != tc.begins {
				t.Errorf("it fetched again: %t\n%s", begins, out)
			}
			if v.inode(v.Path("data/main.before-"+env["REMEDIATED_ATTEMPT"])) != was || v.inode(v.Path("data/main")) == was {
				t.Error("the old folder is not what was kept aside")
			}
			if left, _ := filepath.Glob(v.Path("data/main.[nr]e[wa]*")); len(left) > 0 {
				t.Errorf("left are %v", left)
			}
		})
	}
	v.scale(1)
	if got := v.sql(vaultDatabase, "SELECT count(*) FROM events"); got != "1000" {
		t.Errorf("%s rows are there", got)
	}
}

// cutting makes a folder with a command that kills its caller at the n-th call.
func (v *vaultTest) cutting(command string, call int) string {
	v.Helper()
	dir, err := os.MkdirTemp(v.Path("scratch"), "cut-")
	v.must(err)
	v.must(os.Chmod(dir, 0o777))
	script := fmt.Sprintf(`#!/bin/sh
echo . >>%[1]s/calls
if [ "$(wc -l <%[1]s/calls)" -eq %[2]d ]; then kill -9 $PPID; exit 137; fi
PATH=${PATH#*:}
exec %[3]s "$@"
`, dir, call, command)
	v.must(os.WriteFile(filepath.Join(dir, command), []byte(script), 0o755))
	return dir
}

// quickArchive has WAL archived sooner than is shipped, for tests that are not
// about how soon.
func (v *vaultTest) quickArchive() {
	v.Helper()
	v.sql("postgres", "ALTER SYSTEM SET archive_timeout = '2s'")
	v.sql("postgres", "SELECT pg_reload_conf()")
}

func TestBackupRestoreRefuses(t *testing.T) {
	v := openVault(t)
	v.good("postgres-backup-full", "full", nil)
	v.scale(0)
	restore := v.Path("shipped/scripts/restore.sh")
	was := v.inode(v.Path("data/main"))
	future := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	for name, tc := range map[string]struct {
		env map[string]string
		why string
	}{
		"no name":                   {map[string]string{"REMEDIATED_ATTEMPT": ""}, "REMEDIATED_ATTEMPT is not set"},
		"a name that is a path":     {map[string]string{"REMEDIATED_ATTEMPT": "../a1"}, "not lower case letters"},
		"a time without its zone":   {map[string]string{"RESTORE_TO": "2026-01-14T10:30:00"}, "write it with its zone"},
		"no time":                   {map[string]string{"RESTORE_TO": "2026-13-14T10:30:00Z"}, "which is no time"},
		"a time that is not come":   {map[string]string{"RESTORE_TO": future}, "recovery ended before configured recovery target was reached"},
		"before the oldest backup":  {map[string]string{"RESTORE_TO": "2026-01-14T10:30:00Z"}, "unable to find backup set with stop time less than"},
		"another passphrase":        {map[string]string{"PGBACKREST_REPO1_CIPHER_PASS": "another"}, "the repository has no backup"},
		"pods that cannot be asked": {map[string]string{"SERVER_SELECTOR": "app=postgres", "KUBECONFIG": "/nowhere"}, "is not known"},
	} {
		t.Run(name, func(t *testing.T) {
			env := map[string]string{"REMEDIATED_ATTEMPT": "a1"}
			for k, value := range tc.env {
				env[k] = value
			}
			out, err := v.Command(env, restore).CombinedOutput()
			if err == nil || !strings.Contains(string(out), tc.why) {
				t.Errorf("%v, and it does not say %q:\n%s", err, tc.why, out)
			}
		})
	}
	t.Run("a server that ended hard, outside of Kubernetes", func(t *testing.T) {
		pid := v.Path("data/main/postmaster.pid")
		v.must(os.WriteFile(pid, []byte("1\n"), 0o644))
		out, err := v.Command(map[string]string{"REMEDIATED_ATTEMPT": "a1"}, restore).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "be sure that none runs") {
			t.Errorf("%v:\n%s", err, out)
		}
		v.must(os.Remove(pid))
	})
	if v.inode(v.Path("data/main")) != was {
		t.Error("what was refused has changed the data folder")
	}
	v.scale(1)
	t.Run("but a server that is told to stop has its time", func(t *testing.T) {
		cmd := v.Command(map[string]string{"REMEDIATED_ATTEMPT": "a2", "STOP_TIMEOUT": "60"}, restore)
		v.must(cmd.Start())
		v.scale(0)
		if err := cmd.Wait(); err != nil || v.inode(v.Path("data/main.before-a2")) != was {
			t.Errorf("%v, and what was there may not be kept", err)
		}
	})
	v.scale(1)
}

// Rows are counted, also those that are gone. What cannot be counted is not told.
func TestBackupCounts(t *testing.T) {
	v := openVault(t)
	v.sql(vaultDatabase, `CREATE TABLE events AS SELECT generate_series(1, 1000) AS id; CREATE TABLE "Odd" (); CREATE SCHEMA shop; CREATE TABLE shop.orders AS SELECT 1`)
	tables := map[string]string{"TABLES": " public.events  shop.orders nowhere.nothing"}
	rows := func(table string) float64 {
		t.Helper()
		return v.metric("postgres_table_rows", "database="+vaultDatabase, "table="+table)
	}
	began := time.Now()
	v.good("postgres-count", "whole", tables)
	if rows("public.events") != 1000 || rows("shop.orders") != 1 || rows("nowhere.nothing") != 0 {
		t.Error("they were counted otherwise")
	}
	when := v.metric("postgres_table_counted_timestamp_seconds", "table=public.events")
	if when < float64(began.Unix()) || when > float64(time.Now().Unix()) {
		t.Errorf("they were counted at %f", when)
	}

	v.sql(vaultDatabase, "DROP TABLE events; REVOKE pg_read_all_data FROM backup")
	v.refused("postgres-count", "not-allowed", tables, "permission denied")
	v.refused("postgres-count", "no-name", map[string]string{"TABLES": `public."Odd"`}, "refused: ")
	v.refused("postgres-count", "none", map[string]string{"TABLES": ""}, "TABLES is not set")
	v.scale(0)
	v.refused("postgres-count", "no-server", tables, "failed")
	if rows("public.events") != 1000 || v.metric("postgres_table_counted_timestamp_seconds", "table=public.events") != when {
		t.Error("what could not be counted was told")
	}

	v.scale(1)
	v.sql(vaultDatabase, "GRANT pg_read_all_data TO backup")
	v.good("postgres-count", "dropped", tables)
	if rows("public.events") != 0 || rows("shop.orders") != 1 {
		t.Error("a table that was dropped has rows")
	}
	v.sql("postgres", "DROP DATABASE "+vaultDatabase)
	v.good("postgres-count", "no-database", tables)
	if rows("shop.orders") != 0 {
		t.Error("a database that was dropped has rows")
	}
}

// The repository is gone, then back; then something in it is not what it was.
func TestBackupBrokenRepository(t *testing.T) {
	v := openVault(t)
	v.quickArchive()
	v.sql(vaultDatabase, "CREATE TABLE events AS SELECT generate_series(1, 1000) AS id")
	v.good("postgres-backup-full", "full", nil)
	v.good("postgres-restore-check", "sound", nil)
	last, verified := v.metric("backup_last_success_timestamp_seconds", "type=full"), v.metric("backup_last_verified_restore_timestamp_seconds")
	repository := v.Path("repository")
	v.must(os.Rename(repository, repository+".away"))
	v.must(os.WriteFile(repository, nil, 0o644))
	ok, log := v.job("postgres-backup-incr", "incr", nil)
	if row := v.lastRow(log); ok || row.Type != "Incremental" || row.Status != "failed" || !strings.Contains(row.Verification, "exit code") {
		t.Errorf("succeeded: %t, the log says %+v", ok, row)
	}
	v.tells("incr", 0)
	if got := v.metric("backup_repository_ok"); got != 0 {
		t.Errorf("backup_repository_ok is %f", got)
	}
	if got := v.metric("backup_last_success_timestamp_seconds", "type=full"); got != last {
		t.Errorf("the newest good backup is of %f, want %f", got, last)
	}
	eventually(t, 20*time.Second, func() string {
		value, err := v.bed.Query(t.Context(), goodBackups)
		v.must(err)
		if len(value) != 0 {
			return fmt.Sprintf("the guard would still see %v", value)
		}
		return ""
	})

	v.must(os.Remove(repository))
	v.must(os.Rename(repository+".away", repository))
	v.good("postgres-backup-incr", "back", nil)
	if got := v.metric("backup_repository_ok"); got != 1 {
		t.Errorf("backup_repository_ok is %f", got)
	}

	v.corrupt()
	v.refused("postgres-restore-check", "corrupted", nil, "the backup does not hold")
	v.tells("restore-check", 0)
	if got := v.metric("backup_last_verified_restore_timestamp_seconds"); got != verified {
		t.Errorf("the last verified restore is of %f, want %f", got, verified)
	}
	if left, _ := filepath.Glob(v.Path("scratch/postgres/*")); len(left) > 0 {
		t.Errorf("the check has left %v", left)
	}
}

// tells waits until the Pushgateway says how the last attempt of a run ended.
func (v *vaultTest) tells(run string, want float64) {
	v.Helper()
	if got := v.metric("backup_last_attempt_ok", "run="+run); got != want || !near(v.metric("backup_last_attempt_timestamp_seconds", "run="+run)) {
		v.Errorf("the last %s is %f, want %f", run, got, want)
	}
}

// corrupt flips a byte in the middle of the largest file of the full backup.
func (v *vaultTest) corrupt() {
	v.Helper()
	var largest string
	var size int64
	v.must(filepath.WalkDir(v.Path("repository/backup/main"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.Contains(path, "/pg_data/base/") {
			return err
		}
		if info, err := d.Info(); err == nil && info.Size() > size {
			largest, size = path, info.Size()
		}
		return nil
	}))
	b, err := os.ReadFile(largest)
	v.must(err)
	b[len(b)/2] ^= 1
	v.must(os.WriteFile(largest, b, 0o644))
}

// The archive's word is not taken for it: what it says to have is looked for.
func TestBackupRestoreCheckRefuses(t *testing.T) {
	v := openVault(t)
	v.quickArchive()
	v.sql(vaultDatabase, "CREATE TABLE events AS SELECT generate_series(1, 1000) AS id, clock_timestamp() AS at")
	v.good("postgres-backup-full", "full", nil)
	archive := func(command string) {
		v.sql("postgres", "ALTER SYSTEM SET archive_command = '"+command+"'")
		v.sql("postgres", "SELECT pg_reload_conf()")
	}
	archive("/bin/false")
	v.refused("postgres-restore-check", "not-archived", map[string]string{"RPO_SECONDS": "4"}, "what is written is not in the archive after 4s")
	archive("/bin/true") // it says that all is well
	v.sql(vaultDatabase, "INSERT INTO events SELECT generate_series(1001, 1500), clock_timestamp()")
	v.refused("postgres-restore-check", "too-few", nil, "public.events has 1000 rows, the live one 1500")
	v.refused("postgres-restore-check", "too-old", map[string]string{"ROW_TOLERANCE": "1", "NEWEST": "public.events:at"}, "the newest public.events:at is of ")
	v.sql(vaultDatabase, "CREATE TABLE orders ()")
	v.refused("postgres-restore-check", "no-table", map[string]string{"SKIP_TABLES": "^public.events$"}, "public.orders is missing")
	v.tells("restore-check", 0)
}

// The configuration comes back from what is kept, for who has the key.
func TestConfigBackup(t *testing.T) {
	v := openVault(t)
	identity := v.Path("config/identity")
	v.as(nil, "age-keygen", "--output", identity)
	recipient := v.as(nil, "age-keygen", "-y", identity)
	_, err := v.admin.CoreV1().ConfigMaps(v.namespace).Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "settings"}, Data: map[string]string{"mode": "fast"}}, metav1.CreateOptions{})
	v.must(err)
	_, err = v.admin.CoreV1().Secrets(v.namespace).Create(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "login"}, StringData: map[string]string{"word": "hunter2"}}, metav1.CreateOptions{})
	v.must(err)
	v.must(v.bed.Apply(t.Context(), fmt.Sprintf(`
apiVersion: v1
kind: Secret
metadata: {name: sh.helm.release.v1.shop.v3, namespace: %s, labels: {owner: helm, name: shop, status: deployed, version: "3"}}
type: helm.sh/release.v1
stringData: {release: %s}
`, v.namespace, v.as(nil, "/bin/bash", "-c", `printf '{"config": {"replicas": 3}}' | gzip | base64 --wrap=0`))))

	log := v.good("config-backup", "config", map[string]string{"AGE_RECIPIENT": recipient})
	row := v.lastRow(log)
	if row.Type != "Configuration" || row.Status != "ok" || !strings.HasSuffix(row.Location, ".tar.gz.age") {
		t.Fatalf("the log says %+v", row)
	}
	if got := v.metric("backup_last_success_timestamp_seconds", "backup=config", "type=config"); !near(got) {
		t.Errorf("the newest is of %f", got)
	}
	sealed, err := os.ReadFile(row.Location)
	v.must(err)
	if got := v.metric("backup_last_size_bytes", "backup=config"); got != float64(len(sealed)) {
		t.Errorf("its size is %f, want %d", got, len(sealed))
	}
	if !strings.HasPrefix(string(sealed), "age-encryption.org/v1\n") {
		t.Error("it is not encrypted")
	}
	out := v.Path("scratch/config")
	v.as(nil, "/bin/bash", "-c", fmt.Sprintf("mkdir %[1]s && age --decrypt --identity %[2]s %[3]s | tar --extract --gzip --directory=%[1]s", out, identity, row.Location))
	if values, err := os.ReadFile(filepath.Join(out, "values", v.namespace, "shop.json")); err != nil || !strings.Contains(string(values), `"replicas": 3`) {
		t.Errorf("Helm's values are %s, %v", values, err)
	}

	v.must(v.admin.CoreV1().ConfigMaps(v.namespace).Delete(t.Context(), "settings", metav1.DeleteOptions{}))
	v.must(v.admin.CoreV1().Secrets(v.namespace).Delete(t.Context(), "login", metav1.DeleteOptions{}))
	_, err = v.bed.Kubectl(t.Context(), "", "apply", "--namespace", v.namespace, "--filename", filepath.Join(out, "resources", v.namespace))
	v.must(err)
	settings, err := v.admin.CoreV1().ConfigMaps(v.namespace).Get(t.Context(), "settings", metav1.GetOptions{})
	v.must(err)
	login, err := v.admin.CoreV1().Secrets(v.namespace).Get(t.Context(), "login", metav1.GetOptions{})
	v.must(err)
	if settings.Data["mode"] != "fast" || string(login.Data["word"]) != "hunter2" {
		t.Errorf("restored are %v and %s", settings.Data, login.Data)
	}

	v.refused("config-backup", "no-key", map[string]string{"AGE_RECIPIENT": "age1nobody"}, "malformed recipient")
	v.refused("config-backup", "elsewhere", map[string]string{"AGE_RECIPIENT": recipient, "NAMESPACES": "kube-system"}, `cannot list resource "deployments"`)
	if got := v.metric("backup_last_attempt_ok", "backup=config"); got != 0 {
		t.Errorf("the last attempt was %f", got)
	}
	if kept, _ := filepath.Glob(v.Path("config/config-*.age")); len(kept) != 1 {
		t.Errorf("kept are %v", kept)
	}
}
