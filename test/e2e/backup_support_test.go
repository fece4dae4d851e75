//go:build e2e

package e2e

import (
	"bytes"
	"cmp"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/test/bed"
	"github.com/x0tta6bl4/remediated/test/vault"
)

const vaultDatabase = vault.Database

// vaultTest is a test's own PostgreSQL in a namespace of its own, backed up by what
// deploy/backup ships. What does not work ends the test.
type vaultTest struct {
	*shop
	*vault.Vault
	bed *bed.Bed
}

// openVault starts the server, without any backup yet.
func openVault(t *testing.T) *vaultTest {
	t.Helper()
	b := connect(t)
	v := &vaultTest{shop: openShop(t), bed: b}
	var err error
	v.Vault, err = vault.Open(t.Context(), b, v.namespace)
	v.must(err)
	v.Cleanup(func() { v.must(v.Close()) })
	return v
}

// scale starts or stops the server and waits until it is so.
func (v *vaultTest) scale(replicas int) {
	v.Helper()
	v.must(v.Scale(v.Context(), replicas))
}

// as runs a command that must succeed.
func (v *vaultTest) as(env map[string]string, name string, args ...string) string {
	v.Helper()
	out, err := v.Command(env, name, args...).CombinedOutput()
	if err != nil {
		v.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// sql runs statements as the superuser.
func (v *vaultTest) sql(database, statements string) string {
	v.Helper()
	out, err := v.SQL(database, statements)
	v.must(err)
	return out
}

// job makes a Job from a shipped CronJob and waits for its end.
func (v *vaultTest) job(cronJob, name string, env map[string]string) (ok bool, log string) {
	v.Helper()
	ok, log, err := v.Job(v.Context(), cronJob, name, env)
	v.must(err)
	return ok, log
}

// good runs a Job that must succeed.
func (v *vaultTest) good(cronJob, name string, env map[string]string) string {
	v.Helper()
	ok, log := v.job(cronJob, name, env)
	if !ok {
		v.Fatalf("%s failed:\n%s", cronJob, log)
	}
	return log
}

// refused runs a Job that must fail, and say why.
func (v *vaultTest) refused(cronJob, name string, env map[string]string, why string) {
	v.Helper()
	ok, log := v.job(cronJob, name, env)
	if ok || !strings.Contains(log, why) {
		v.Fatalf("%s succeeded: %t, and does not say %q:\n%s", cronJob, ok, why, log)
	}
}

// metric is a value that the Jobs left with the Pushgateway.
func (v *vaultTest) metric(name string, labels ...string) float64 {
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
func (v *vaultTest) lastRow(text string) row {
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
func (v *vaultTest) inode(path string) uint64 {
	v.Helper()
	n, err := inode(path)
	v.must(err)
	return n
}

func inode(path string) (uint64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Sys().(*syscall.Stat_t).Ino, nil
}

func (v *vaultTest) exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
