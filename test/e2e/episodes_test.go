//go:build e2e

package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/x0tta6bl4/remediated/test/bed"
	"github.com/x0tta6bl4/remediated/test/doubles/pagerduty"
)

// lingeringPolicies act on a posted alert that the database is to blame for.
const lingeringPolicies = `
policies:
- name: lingering
  when: ['alertname="Posted"']
  per: [job]
  severity: P1
  mode: act
  target: deployment/x0tta6bl4/x0tta6bl4-db
  guards: {cooldown: 1s, settle: 1s, budget: [{actions: 5, per: 1h}]}
  objective: {rto: 5m}
  steps:
  - name: restart the database
    do: [{restart: {}}]
    verify: {all: [{rollout: $target}, {postgres: {dsn_file: db.dsn}}], for: 1s, within: 1m, every: 200ms}
`

// A second fault while the alert of the first still fires is the same incident:
// what had healed is seen to be broken again, and is healed again.
func TestSecondFaultBeforeTheAlertResolved(t *testing.T) {
	b := connect(t)
	quiet(t, b)
	begun := time.Now()
	d := startDaemon(t, b, setup{policies: lingeringPolicies})
	a := newPosted(t, nil)
	for n := 1; n <= 2; n++ {
		if err := b.Hang(t.Context(), bed.Namespace, database); err != nil {
			t.Fatal(err)
		}
		if n == 1 {
			fire(t, b, a)
		}
		d.await("healed/1", n)
	}
	resolve(t, b, a)
	d.awaitFiled(1)
	d.stop()
	count := d.count()
	if count["opened/1"] != 1 || count["reopened/1"] != 1 || count["healed/1"] != 2 || count["closed/1"] != 1 {
		t.Errorf("opened %d times, reopened %d, healed %d, closed %d", count["opened/1"], count["reopened/1"], count["healed/1"], count["closed/1"])
	}
	d.checkAttempts(begun, "i1-a1", "i1-a2")
	d.checkSlack(1)
	pages := d.people.PagerDuty.Incidents() // what is broken again is another call
	if len(pages) != 2 || pages[1].DedupKey != pages[0].DedupKey+"-2" || pages[0].Status != pagerduty.Resolved || pages[1].Status != pagerduty.Resolved {
		t.Errorf("PagerDuty has %+v, want a page for each trouble, both over", pages)
	}
}

// What an earlier journal did to the cluster is not taken for our own doing.
func TestNewJournalOnAnOldCluster(t *testing.T) {
	b := connect(t)
	kubeconfig := daemonAccount(t, b)
	var marks []string
	for range 2 {
		quiet(t, b)
		begun := time.Now()
		d := startDaemon(t, b, setup{policies: postedPolicies, kubeconfig: kubeconfig})
		a := newPosted(t, nil)
		fire(t, b, a)
		d.await("healed/1", 1)
		resolve(t, b, a)
		d.awaitFiled(1)
		d.stop()
		d.checkAttempts(begun, "i1-a1")
		d.checkHealed("posted", 5*time.Minute)
		d.people.Close()
		marks = append(marks, markOf(t, b, "x0tta6bl4-redis"))
	}
	if marks[0] == marks[1] || !strings.HasSuffix(marks[1], "-i1-a1") {
		t.Errorf("the marks on the target were %q", marks)
	}
}

// What the same journal did, in another copy of it, is: two daemons with one
// history must not both act, and the one that finds out calls people.
func TestCopiedJournalDoesNotAct(t *testing.T) {
	b := connect(t)
	quiet(t, b)
	s := setup{policies: postedPolicies, kubeconfig: daemonAccount(t, b)}
	original := startDaemon(t, b, s)
	original.stop()
	s.storage = t.TempDir()
	original.copyStorage(s.storage)
	original.start()
	a := newPosted(t, nil)
	fire(t, b, a)
	original.await("healed/1", 1)
	original.stop()

	begun := time.Now()
	s.keep = true
	d := startDaemon(t, b, s)
	again := newPosted(t, map[string]string{"of": "the copy"})
	resolve(t, b, a)
	d.start()
	again.since = time.Now()
	fire(t, b, again)
	d.await("judged/1", 1)
	d.awaitPages(1)
	d.stop()
	d.checkAttempts(begun)
	if why := d.refusals(); !slices.ContainsFunc(why, func(s string) bool { return strings.Contains(s, "another daemon with this journal is at work") }) {
		t.Errorf("it was judged %q", why)
	}
}

// markOf is the attempt that a deployment says it was restarted by last.
func markOf(t *testing.T, b *bed.Bed, name string) string {
	t.Helper()
	d, err := b.Client().AppsV1().Deployments(bed.Namespace).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return d.Spec.Template.Annotations["remediated/attempt"]
}
