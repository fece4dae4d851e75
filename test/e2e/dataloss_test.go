//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	"sigs.k8s.io/yaml"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/test/scenarios"
	"github.com/x0tta6bl4/remediated/test/vault"
)

// A table is gone while it is written to. Three times it must not be restored, or
// cannot be; the fourth time it is.
func TestDataLoss(t *testing.T) {
	b := connect(t)
	quiet(t, b)
	orders, err := scenarios.OpenOrders(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := orders.Close(); err != nil {
			t.Error(err)
		}
	})
	kubeconfig := daemonAccount(t, b)
	usual := setup{policies: scenarios.DataLossPolicies, kubeconfig: kubeconfig, people: anna, keep: true}
	grantPrinted(t, b, filepath.Join(startDaemon(t, b, usual).dir, "remediated.yml"))
	for _, c := range []struct {
		name string
		tell func(*loss)
	}{
		{"a person says no", (*loss).isDenied},
		{"its moment is none", (*loss).hasNoMoment},
		{"the restore fails", (*loss).cannotBeRestored},
		{"it is restored", (*loss).isRestored},
	} {
		t.Run(c.name, func(t *testing.T) {
			quiet(t, b)
			usual.keep = false
			l := &loss{daemon: startDaemon(t, b, usual), orders: orders, begun: time.Now()}
			l.folder = l.inode(orders.Path("data/main"))
			c.tell(l)
		})
	}
}

// loss is one story of them.
type loss struct {
	*daemon
	orders *scenarios.Orders
	begun  time.Time
	folder uint64 // the inode of the server's data folder
}

func (l *loss) isDenied() {
	l.away()
	l.awaitPagesOf("oncall", 1)
	l.awaitStatus(1, remediate.StatusApproval)
	l.say("deny", "--reason=they were meant to go")
	l.back()
	l.awaitFiled(1)
	l.untouched()
	l.stop()
	l.checkWords("deny")
	l.checkDecidedAgain()
}

// An alert that comes from elsewhere names what is no time: nobody is asked to
// approve a restore to it.
func (l *loss) hasNoMoment() {
	a := newPosted(l.t, map[string]string{"alertname": "DataLost", "database": vault.Database, "good_until": "yesterday; true"})
	fire(l.t, l.bed, a)
	l.awaitPagesOf("oncall", 1)
	all, err := l.incidents()
	if err != nil || len(all) != 1 || all[0].Policy != "data-lost-since-when" {
		l.t.Errorf("the incidents are %v, %v", all, err)
	}
	resolve(l.t, l.bed, a)
	l.awaitFiled(1)
	l.untouched()
	l.stop()
	l.checkDecidedAgain()
}

// The repository is gone: what was stopped goes on, on the folder that it had.
func (l *loss) cannotBeRestored() {
	repository := l.orders.Path("repository")
	l.rename(repository, repository+".away")
	l.away()
	l.awaitPagesOf("oncall", 1)
	l.awaitStatus(1, remediate.StatusApproval)
	l.say("approve")
	l.await("exhausted/1", 1)
	l.wantRequests("patch writer 0", "patch postgres 0", "create job", "patch postgres 1", fmt.Sprint("patch writer ", scenarios.OrdersWriters))
	if story := l.story(1); !strings.Contains(story, "the repository has no backup") {
		l.t.Errorf("the story does not tell why the Job failed:\n%s", story)
	}
	l.rename(repository+".away", repository)
	eventually(l.t, 30*time.Second, func() string { return said(l.sql("SELECT")) })
	l.sameFolder()
	l.asItWas()
	l.back()
	l.awaitFiled(1)
	l.stop()
	l.checkWords("approve")
	l.checkToldOf("approve by anna", "-a1-u1: scale", "-a1-u2: scale", "every step was tried")
	l.checkShown("the repository has no backup")
	l.checkDecidedAgain()
}

func (l *loss) isRestored() {
	before := l.one("SELECT max(id) || ' ' || count(*) FROM orders")
	highest, _, _ := strings.Cut(before, " ")
	l.must(l.lose())
	lost := time.Now()
	l.awaitPagesOf("oncall", 1)
	l.awaitStatus(1, remediate.StatusApproval)
	l.untouched()
	l.say("approve", "--reason=it was dropped by mistake")
	l.await("healed/1", 1)
	if got := l.one("SELECT max(id) || ' ' || count(*) FROM orders WHERE id <= " + highest); got != before {
		l.t.Errorf("restored are %s, want %s", got, before)
	}
	l.asItWas()
	l.awaitFiled(1)
	job := l.wantRequests("patch writer 0", "patch postgres 0", "create job", "patch postgres 1", fmt.Sprint("patch writer ", scenarios.OrdersWriters))
	until := l.moment(job)
	if age := lost.Sub(until); age < 0 || age > 10*time.Second {
		l.t.Errorf("it was restored to %s, and lost at %s", until, lost)
	}
	if got := l.one("SELECT max(created_at) > timestamptz '" + until.Format(time.RFC3339) + "' - interval '3 s' FROM orders WHERE created_at <= '" + until.Format(time.RFC3339) + "'"); got != "t" {
		l.t.Errorf("the newest row from before %s is more than 3 s older than that: %s", until, got)
	}
	if kept := l.orders.Path("data/main.before-" + job.Name); l.inode(kept) != l.folder {
		l.t.Errorf("%s is not the folder that there was", kept)
	}
	l.remembers()
	l.stop()
	l.checkWords("approve")
	l.checkOrder()
	l.checkHealed("data-lost", 2*time.Hour)
	l.checkSlack(1)
	l.checkPaged(true)
	l.checkToldOf("approve by anna", "-a1: scale", "-a1-3: job", "-a1-5: scale", "healed: ")
	l.checkDecidedAgain()
}

// lose drops the table, once all that is in it was counted.
func (l *loss) lose() error {
	s, err := scenarios.Named("data-loss")
	if err != nil {
		return err
	}
	return s.Strike(l.t.Context(), l.bed)
}

// away takes the table away, for its alert does not see more than that.
func (l *loss) away() { l.t.Helper(); l.must(l.sql("ALTER TABLE orders RENAME TO away")) }

// back brings it back, with all that was in it.
func (l *loss) back() { l.t.Helper(); l.must(l.sql("ALTER TABLE away RENAME TO orders")) }

func (l *loss) sql(statement string) error {
	_, err := l.orders.SQL(vault.Database, statement)
	return err
}

// one asks for one value.
func (l *loss) one(query string) string {
	l.t.Helper()
	got, err := l.orders.SQL(vault.Database, query)
	l.must(err)
	return got
}

func (l *loss) rename(from, to string) { l.t.Helper(); l.must(os.Rename(from, to)) }

// untouched wants that nothing was done so far.
func (l *loss) untouched() {
	l.t.Helper()
	if done := l.changes(l.begun); len(done) > 0 {
		l.t.Errorf("the cluster was told %+v", done)
	}
	l.sameFolder()
}

func (l *loss) sameFolder() {
	l.t.Helper()
	if l.inode(l.orders.Path("data/main")) != l.folder {
		l.t.Error("the data folder is another one")
	}
	if left, _ := filepath.Glob(l.orders.Path("data/main.*-*")); len(left) > 0 {
		l.t.Errorf("beside it are %v", left)
	}
}

func (l *loss) inode(path string) uint64 {
	l.t.Helper()
	n, err := inode(path)
	l.must(err)
	return n
}

// asItWas wants the writers and the server as many as they were, and no mark of
// ours that says otherwise.
func (l *loss) asItWas() {
	l.t.Helper()
	for name, want := range map[string]int32{scenarios.OrdersWriter: scenarios.OrdersWriters, "postgres": 1} {
		text, err := l.bed.Kubectl(l.t.Context(), "", "get", "deployment", name, "--namespace", scenarios.OrdersNamespace, "--output=yaml")
		l.must(err)
		var d appsv1.Deployment
		l.must(yaml.Unmarshal([]byte(text), &d))
		if *d.Spec.Replicas != want || d.Annotations["remediated/scaled-from"] != "" {
			l.t.Errorf("%s has %d replicas, want %d, and the annotations %v", name, *d.Spec.Replicas, want, d.Annotations)
		}
	}
}

// wantRequests wants these changes, in this order, and returns the Job among them.
func (l *loss) wantRequests(want ...string) (job batchv1.Job) {
	l.t.Helper()
	var got []string
	for _, e := range l.changes(l.begun) {
		if e.Response.Code >= 300 {
			l.t.Errorf("%s %s was answered %d", e.Verb, e.URI, e.Response.Code)
		}
		if e.Object.Resource == "jobs" {
			l.must(json.Unmarshal(e.Request, &job))
			got = append(got, e.Verb+" job")
			continue
		}
		var d appsv1.Deployment
		l.must(json.Unmarshal(e.Request, &d))
		got = append(got, fmt.Sprintf("%s %s %d", e.Verb, e.Object.Name, *d.Spec.Replicas))
	}
	if !slices.Equal(got, want) {
		l.t.Errorf("the cluster was told %v, want %v", got, want)
	}
	return job
}

// moment is to when a Job restores.
func (l *loss) moment(job batchv1.Job) time.Time {
	l.t.Helper()
	for _, e := range job.Spec.Template.Spec.Containers[0].Env {
		if e.Name == "RESTORE_TO" {
			at, err := time.Parse(time.RFC3339, e.Value)
			l.must(err)
			return at
		}
	}
	l.t.Fatal("the Job does not say to when it restores")
	return time.Time{}
}

// remembers wants both objectives in the record of the incident and in the report.
func (l *loss) remembers() {
	l.t.Helper()
	record, _ := operate(l.t, "incident", "record", "i1", "--url="+webURL)
	for _, want := range []string{"objective 2h: met", "at most 1h are allowed: met", "restore the data: job "} {
		if !strings.Contains(record, want) {
			l.t.Errorf("the record does not say %q", want)
		}
	}
	l.t.Log(record)
	report, _ := operate(l.t, "report", "recovery", "--storage.path="+l.storage)
	l.t.Log(report)
	if !strings.Contains(report, "1 of 1 (100 %)") {
		l.t.Error("the report does not count it as in time")
	}
}
