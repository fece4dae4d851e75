//go:build e2e

package e2e

import (
	"fmt"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/test/bed"
	"github.com/x0tta6bl4/remediated/test/doubles/fault"
)

// deaths are all points at which the daemon can die on the way of one incident:
// behind each fact that is durable, before anything that it starts is begun,
// and behind each dealing with the world, before its end is written down.
var deaths = []string{
	"founded/1",
	"rulebook-loaded/1",
	"alert-firing/1",
	"opened/1",
	"started/1 ask guards",
	"performed ask guards",
	"finished/1 ask guards",
	"judged/1",
	"started/1 act",
	"performed act",
	"finished/1 act",
	"started/1 ask verification",
	"performed ask verification",
	"finished/1 ask verification",
	"healed/1",
	"escalated/1",
	"started/1 tell slack",
	"performed tell slack",
	"finished/1 tell slack",
	"started/1 tell slack/thread",
	"performed tell slack/thread",
	"finished/1 tell slack/thread",
	"started/1 tell pagerduty/oncall",
	"performed tell pagerduty/oncall",
	"finished/1 tell pagerduty/oncall",
	"alert-resolved/1",
	"left/1",
	"closed/1",
	"filed/1",
}

// Wherever the daemon dies, its next life brings the incident to the same end:
// verified, closed, acted on once, told once.
func TestDiesAfter(t *testing.T) {
	b := connect(t)
	kubeconfig := daemonAccount(t, b)
	for _, after := range deaths {
		t.Run(after, func(t *testing.T) {
			quiet(t, b)
			generation, begun := generationOf(t, b, "x0tta6bl4-redis"), time.Now()
			d := startMortal(t, b, after, setup{policies: postedPolicies, kubeconfig: kubeconfig})
			d.live(newPosted(t, nil))
			d.stop()
			d.checkHealed("posted", 5*time.Minute)
			d.checkAttempts(begun, "i1-a1")
			d.checkSlack(1)
			d.checkThread()
			d.checkPaged(true)
			if made := generationOf(t, b, "x0tta6bl4-redis") - generation; made != 1 {
				t.Errorf("the target was changed %d times, want once", made)
			}
		})
	}
}

// The same with a database that really hangs, and a death between what was done
// to it and the fact that says so.
func TestDiesWhileTheDatabaseHangs(t *testing.T) {
	b := connect(t)
	quiet(t, b)
	begun := time.Now()
	d := startMortal(t, b, "performed act", setup{})
	d.start()
	if err := b.Hang(t.Context(), bed.Namespace, database); err != nil {
		t.Fatal(err)
	}
	d.awaitDeath()
	d.start()
	d.awaitFiled(1)
	d.stop()
	d.checkDecidedAgain()
	d.checkHealed("postgres-down", 5*time.Minute)
	d.checkAttempts(begun, "i1-a1")
	d.checkSlack(1)
	d.checkPaged(true)
}

// A message whose acknowledgement is lost is not posted again, even when who
// posted it dies before it can write that down.
func TestDiesAfterALostReply(t *testing.T) {
	b := connect(t)
	kubeconfig := daemonAccount(t, b)
	for _, c := range []struct {
		name, after string
		fault       fault.Fault
	}{
		{"of the message, not written down", "performed tell slack", fault.LoseReply("chat.postMessage")},
		{"of the message, written down", "delayed/1", fault.LoseReply("chat.postMessage")},
		{"of a line in the thread", "performed tell slack/thread", fault.LoseReply("chat.postMessage").After(1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			quiet(t, b)
			begun := time.Now()
			d := startMortal(t, b, c.after, setup{policies: postedPolicies, kubeconfig: kubeconfig})
			if err := d.people.Slack.Faults.Add(c.fault); err != nil {
				t.Fatal(err)
			}
			d.live(newPosted(t, nil))
			d.stop()
			if left := d.people.Slack.Faults.Pending(); len(left) > 0 {
				t.Errorf("no reply was lost: %v", left)
			}
			d.checkHealed("posted", 5*time.Minute)
			d.checkAttempts(begun, "i1-a1")
			d.checkSlack(1)
			d.checkThread()
		})
	}
}

// startMortal readies a daemon that dies once, after what is named.
func startMortal(t *testing.T, b *bed.Bed, after string, s setup) *daemon {
	t.Helper()
	s.keep = true
	s.env = append(s.env, "REMEDIATED_CRASH_AFTER="+after, "REMEDIATED_CRASH_MARKER="+filepath.Join(t.TempDir(), "died"))
	return startDaemon(t, b, s)
}

// live leads a mortal daemon through an incident, until it has died, lives
// again, and the incident is filed. The alert resolves when it has healed.
func (d *daemon) live(a posted) {
	d.t.Helper()
	died := false
	var before []remediate.Fact // what was written down when it died
	has := func(kind string) bool {
		return d.log.contains("kind="+kind+" ") || slices.ContainsFunc(before, func(f remediate.Fact) bool { return remediate.KindOf(f.Body) == kind })
	}
	revive := func() {
		select {
		case <-d.ended:
			if died {
				d.t.Fatal("it died twice")
			}
			died = true
			d.checkKilled()
			before = d.facts()
			d.launch()
		default:
		}
	}
	d.launch()
	eventually(d.t, 20*time.Second, func() string { revive(); return notReady() })
	a.since = time.Now() // not before the journal was founded
	fire(d.t, d.bed, a)
	resolved := false
	eventually(d.t, 90*time.Second, func() string {
		revive()
		if !resolved && has("healed/1") {
			resolve(d.t, d.bed, a)
			resolved = true
		}
		if !died || !has("filed/1") {
			return fmt.Sprintf("it has died: %t; healed: %t; filed: %t", died, has("healed/1"), has("filed/1"))
		}
		return notReady()
	})
}

// awaitDeath waits until the daemon has killed itself.
func (d *daemon) awaitDeath() {
	d.t.Helper()
	select {
	case <-d.ended:
	case <-time.After(time.Minute):
		d.t.Fatal("it did not die within a minute")
	}
	d.checkKilled()
}

// checkKilled wants that it ended as by a power cut.
func (d *daemon) checkKilled() {
	d.t.Helper()
	if s := d.command.ProcessState.Sys().(syscall.WaitStatus); !s.Signaled() || s.Signal() != syscall.SIGKILL {
		d.t.Fatalf("it was not killed: %s", d.command.ProcessState)
	}
}

// generationOf counts the changes that were ever made to a deployment.
func generationOf(t *testing.T, b *bed.Bed, name string) int64 {
	t.Helper()
	d, err := b.Client().AppsV1().Deployments(bed.Namespace).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return d.Generation
}
