package probe

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/x0tta6bl4/remediated/remediate"
)

// putFile writes a file that is as old as that.
func putFile(t *testing.T, dir, name, content string, age time.Duration) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(-age)
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

func TestBackupFiles(t *testing.T) { synctest.Test(t, testBackupFiles) } // the clock stands still

func testBackupFiles(t *testing.T) {
	sum := func(s string) string { return fmt.Sprintf("%x  a.dump\n", sha256.Sum256([]byte(s))) }
	const hour = time.Hour
	for name, tc := range map[string]struct {
		lay       func(dir string)
		args      string
		ok        bool
		text, err string
	}{
		"young": {func(d string) { putFile(t, d, "a.dump", "x", hour) }, ``, true, "a.dump is 1h old, want at most 1d1h", ""},
		"the newest counts": {func(d string) {
			putFile(t, d, "a.dump", "x", 50*hour)
			putFile(t, d, "b.dump", "x", hour)
			putFile(t, d, "c.dump", "x", 40*hour)
		}, ``, true, "b.dump", ""},
		"old":           {func(d string) { putFile(t, d, "a.dump", "x", 26*hour) }, ``, false, "a.dump is 1d2h old", ""},
		"none":          {func(string) {}, ``, false, "there is no *.dump in", ""},
		"only others":   {func(d string) { putFile(t, d, "a.tmp", "x", hour); putFile(t, d, "a.dump.sha256", "x", hour) }, `"checksum":false`, false, "there is no *.dump", ""},
		"only a folder": {func(d string) { os.Mkdir(filepath.Join(d, "a.dump"), 0o700) }, ``, false, "there is no *.dump", ""},
		"only a link":   {func(d string) { os.Symlink("/etc/passwd", filepath.Join(d, "a.dump")) }, ``, false, "there is no *.dump", ""},
		"of tomorrow":   {func(d string) { putFile(t, d, "a.dump", "x", -24*hour) }, ``, false, "not known", "dated 1d in the future"},

		"large":     {func(d string) { putFile(t, d, "a.dump", strings.Repeat("x", 1024), hour) }, `"min_size":"1Ki"`, true, "its size is 1Ki, want at least 1Ki", ""},
		"too small": {func(d string) { putFile(t, d, "a.dump", "x", hour) }, `"min_size":"1Ki"`, false, "its size is 1, want at least 1Ki", ""},
		"shrunk": {func(d string) {
			putFile(t, d, "a.dump", strings.Repeat("x", 10), 2*hour)
			putFile(t, d, "b.dump", "xxxx", hour)
		}, `"min_share_of_previous":0.5`, false, "it has 40% of the size of a.dump, want at least 50%", ""},
		"not shrunk": {func(d string) { putFile(t, d, "a.dump", "xx", 2*hour); putFile(t, d, "b.dump", "x", hour) }, `"min_share_of_previous":0.5`, true, "50%", ""},
		"the first":  {func(d string) { putFile(t, d, "a.dump", "x", hour) }, `"min_share_of_previous":0.5`, false, "not known", "no earlier backup"},

		"whole":              {func(d string) { putFile(t, d, "a.dump", "x", hour); putFile(t, d, "a.dump.sha256", sum("x"), 0) }, `"checksum":true`, true, "as it should be", ""},
		"broken":             {func(d string) { putFile(t, d, "a.dump", "y", hour); putFile(t, d, "a.dump.sha256", sum("x"), 0) }, `"checksum":true`, false, "its checksum is", ""},
		"no checksum":        {func(d string) { putFile(t, d, "a.dump", "x", hour) }, `"checksum":true`, false, "it has no checksum beside it", ""},
		"no checksum in it":  {func(d string) { putFile(t, d, "a.dump", "x", hour); putFile(t, d, "a.dump.sha256", "??", 0) }, `"checksum":true`, false, "not known", "holds no checksum"},
		"old, and not known": {func(d string) { putFile(t, d, "a.dump", "x", 26*hour) }, `"min_share_of_previous":0.5`, false, "not known: there is no earlier", ""},
		"larger than is read": {func(d string) {
			putFile(t, d, "a.dump", "x", hour)
			putFile(t, d, "a.dump.sha256", sum("x"), 0)
			os.Truncate(filepath.Join(d, "a.dump"), maxChecksum+1)
		}, `"checksum":true`, false, "not known", "larger than 4Gi"},
	} {
		dir := t.TempDir()
		tc.lay(dir)
		if strings.HasPrefix(name, "larger") { // truncating made it new
			tc.text = ""
		}
		args := fmt.Sprintf(`{"max_age":"25h","dir":%q,"pattern":"*.dump"`, dir)
		if tc.args != "" {
			args += "," + tc.args
		}
		a := patient(t).one(t, "backup", remediate.Target{}, args+"}")
		if a.OK != tc.ok || !strings.Contains(a.Text, tc.text) || !strings.Contains(a.Err, tc.err) || (tc.err == "") != (a.Err == "") {
			t.Errorf("%s: %+v", name, a)
		}
	}
	if a := patient(t).one(t, "backup", remediate.Target{}, `{"max_age":"25h","dir":"/nonexistent","pattern":"*"}`); a.OK || !strings.Contains(a.Err, "look for backups") {
		t.Errorf("no folder: %+v", a)
	}
}

// A checksum is made for no longer than there is time.
func TestAChecksumEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	putFile(t, dir, "a", "x", 0)
	if _, err := checksumOf(ctx, folder(dir), stored{name: "a"}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestBackupByPromQL(t *testing.T) { synctest.Test(t, testBackupByPromQL) } // the clock stands still

func testBackupByPromQL(t *testing.T) {
	at := func(d time.Duration) string {
		return success("vector", series(fmt.Sprint(time.Now().Add(-d).Unix())))
	}
	for name, tc := range map[string]struct {
		body      string
		ok        bool
		text, err string
	}{
		"young":       {at(time.Hour), true, "the newest backup is 1h", ""},
		"old":         {at(26 * time.Hour), false, "want at most 1d1h", ""},
		"never":       {success("vector", series("0")), false, "want at most", ""},
		"of tomorrow": {at(-24 * time.Hour), false, "not known", "in the future"},
		"nothing":     {success("vector", `[]`), false, "not known", "no series"},
	} {
		a := prometheusOf(t, 200, tc.body).one(t, "backup", remediate.Target{}, `{"max_age":"25h","query":"up"}`)
		if a.OK != tc.ok || !strings.Contains(a.Text, tc.text) || !strings.Contains(a.Err, tc.err) || (tc.err == "") != (a.Err == "") {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

func TestBackupByCronJob(t *testing.T) {
	job := func(name string, change func(*batchv1.CronJob)) *batchv1.CronJob {
		c := &batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop"}}
		at := metav1.NewTime(time.Now().Add(-time.Hour))
		c.Status.LastSuccessfulTime = &at
		if change != nil {
			change(c)
		}
		return c
	}
	yes := true
	p, client := over(t,
		job("young", nil),
		job("old", func(c *batchv1.CronJob) { c.Status.LastSuccessfulTime.Time = time.Now().Add(-26 * time.Hour) }),
		job("never", func(c *batchv1.CronJob) { c.Status.LastSuccessfulTime = nil; c.Spec.Suspend = &yes }),
	)
	ask := func(name string) remediate.Answer {
		return p.one(t, "backup", db, fmt.Sprintf(`{"max_age":"25h","cron_job":%q}`, name))
	}
	for name, want := range map[string]said{
		"young": {true, "the last success of cronjob young is 1h", ""},
		"old":   {false, "cronjob old is 1d2h", ""},
		"never": {false, "cronjob never (suspended) has never succeeded", ""},
		"none":  {false, "cronjob none is not there", ""},
	} {
		if a := ask(name); a.OK != want.ok || !strings.Contains(a.Text, want.text) || a.Err != "" {
			t.Errorf("%s: %+v", name, a)
		}
	}
	forbid(client, "get", "cronjobs")
	if a := ask("young"); a.OK || !strings.Contains(a.Err, "no role allows it") {
		t.Errorf("forbidden: %+v", a)
	}
	if a := p.one(t, "backup", prod, `{"max_age":"25h","cron_job":"young"}`); a.OK || !strings.Contains(a.Err, "no namespace") {
		t.Errorf("without a namespace: %+v", a)
	}
}
