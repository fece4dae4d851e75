//go:build e2e

package e2e

import (
	"bufio"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-openapi/strfmt"
	"github.com/prometheus/alertmanager/api/v2/client/silence"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/test/bed"
)

// What happens to a cluster of Alertmanagers while an alert fires: however
// often, late or seldom they deliver, it is one incident and one act, no alert
// is lost, and none is taken to have ended while it fires.

// clustered is a daemon behind a cluster of its own.
type clustered struct {
	*daemon
	pair   *pair
	relay  *relayed
	source *prometheus
	begun  time.Time
	over   time.Time // the first alert, by who sends it
}

// relayAddress is where only a test's own Alertmanagers notify, and not the
// bed's, which the daemon does not ask here.
const relayAddress = "127.0.0.1:9097"

// startClustered starts all of it: the daemon listens behind a relay.
func startClustered(t *testing.T, s setup, webhooks int) *clustered {
	t.Helper()
	b := connect(t)
	c := &clustered{
		pair:  startPair(t, "http://"+relayAddress+"/api/v1/webhook/alertmanager", webhooks),
		relay: relay(t, relayAddress, "127.0.0.1:9196"), begun: time.Now(),
	}
	s.alertmanagers, s.flags = c.pair.urls(), []string{"--intake.listen-address=127.0.0.1:9196"}
	if s.policies == "" {
		s.policies = postedPolicies
	}
	if s.poll == 0 {
		s.poll = 500 * time.Millisecond
	}
	c.daemon = startDaemon(t, b, s)
	c.source = startPrometheus(t, c.pair)
	return c
}

// One of two is killed while an alert fires: the other is enough to hear of
// another one, and of the end of both.
func TestOneOfTwoAlertmanagersIsKilled(t *testing.T) {
	c := startClustered(t, setup{}, 1)
	first, second := newPosted(t, nil), newPosted(t, map[string]string{"which": "second"})
	c.source.fire(first)
	c.await("opened/1", 1)
	c.pair.members[0].kill()
	c.await("healed/1", 1)
	second.since = time.Now()
	c.source.fire(second)
	c.await("joined/1", 1)
	c.awaitRequests(10)
	c.end(first, second)
	c.awaitFiled(1)
	c.check(2, "i1-a1")
}

// The cluster is cut in two: both halves deliver. When it is whole again they
// tell each other what they sent, and nothing of that is news.
func TestGossipIsCutAndHealed(t *testing.T) {
	c := startClustered(t, setup{}, 1)
	c.pair.cut()
	a := newPosted(t, nil)
	c.source.fire(a)
	c.awaitSenders("firing", 2)
	c.await("healed/1", 1)
	c.pair.heal()
	c.awaitRequests(10)
	c.end(a)
	c.awaitFiled(1)
	c.check(1, "i1-a1")
}

// Both come back and remember nothing. Until the real Prometheus has told them
// again they list nothing, which is no end of the alert; when it has, they
// notify again, which is no beginning.
func TestBothAlertmanagersForget(t *testing.T) {
	c := startClustered(t, setup{
		policies:  strings.Replace(postedPolicies, `"Posted"`, `"PostgresDown"`, 1), // it is the cache that is restarted
		minUptime: 5 * time.Second,
	}, 1)
	if err := c.bed.NotifyAlertmanagers(t.Context(), c.pair.members[0].web, c.pair.members[1].web); err != nil {
		t.Fatal(err)
	}
	if err := c.bed.Hang(t.Context(), bed.Namespace, database); err != nil {
		t.Fatal(err)
	}
	c.await("healed/1", 1)
	_, before := c.relay.counts()
	c.pair.forget()
	for i := range c.pair.members {
		c.pair.start(i)
	}
	c.pair.awaitMembers(2)
	eventually(t, 20*time.Second, func() string {
		if _, now := c.relay.counts(); now == before {
			return "nobody has notified anew"
		}
		return ""
	})
	c.awaitProof()
	c.over = time.Now()
	rolloutRestart(t, c.bed, "x0tta6bl4-db")
	c.awaitFiled(1)
	c.check(1, "i1-a1")
}

// The daemon is not to be reached for a while. Alertmanager tries again, some
// two hundred times, and then gets through many times over.
func TestManyRetries(t *testing.T) {
	c := startClustered(t, setup{poll: time.Hour}, 16) // it hears by webhooks alone
	c.relay.open(false)
	a := newPosted(t, nil)
	c.source.fire(a)
	eventually(t, time.Minute, func() string {
		if n, _ := c.relay.counts(); n < 200 {
			return fmt.Sprintf("%d deliveries were refused", n)
		}
		return ""
	})
	if n := c.logged("alert-firing/1"); n != 0 {
		t.Fatalf("the alert was heard of %d times past a closed door", n)
	}
	c.relay.open(true)
	c.await("healed/1", 1)
	eventually(t, time.Minute, func() string { // by now the first is long acted on
		if _, n := c.relay.counts(); n < 16 {
			return fmt.Sprintf("%d deliveries were accepted", n)
		}
		return ""
	})
	c.end(a)
	c.awaitFiled(1)
	c.check(1, "i1-a1")
}

// A human silences the alert in the midst of it: nothing more is done, however
// bad it gets, and the incident says who said so. When the silence is taken
// back it goes on.
func TestSilencedInTheMiddle(t *testing.T) {
	c := startClustered(t, setup{}, 1)
	a := newPosted(t, nil)
	c.source.fire(a)
	c.await("healed/1", 1)
	until := time.Now().Add(time.Hour)
	id := postSilence(t, operator(c.pair.members[1].url()), "Posted", until)
	c.await("alert-suppressed/1", 1)
	if err := c.bed.Hang(t.Context(), bed.Namespace, cache); err != nil {
		t.Fatal(err)
	}
	c.await("reopened/1", 1)
	who := "silence " + id[:8] + " by anna until " + until.UTC().Format(time.RFC3339) + ": maintenance"
	eventually(t, 20*time.Second, func() string {
		if story := c.story(1); !strings.Contains(story, who) {
			return fmt.Sprintf("the incident does not say %q:\n%s", who, story)
		}
		return ""
	})
	c.awaitRequests(10)
	c.settle()
	c.checkAttempts(c.begun, "i1-a1")
	if n := c.logged("alert-suppressed/1"); n != 1 {
		t.Errorf("the silence was news %d times", n)
	}
	if _, err := operator(c.pair.members[0].url()).Silence.DeleteSilence(silence.NewDeleteSilenceParams().WithSilenceID(strfmt.UUID(id))); err != nil {
		t.Fatal(err)
	}
	c.await("healed/1", 2)
	c.end(a)
	c.awaitFiled(1)
	c.check(1, "i1-a1", "i1-a2")
}

// Another alert joins the group and leaves it, so that the group is delivered
// anew each time, with all that was told before.
func TestGroupChangesInTheMiddle(t *testing.T) {
	c := startClustered(t, setup{}, 1)
	a, b := newPosted(t, nil), newPosted(t, map[string]string{"which": "second"})
	c.source.fire(a)
	c.await("opened/1", 1)
	b.since = time.Now()
	c.source.fire(b)
	c.await("joined/1", 1)
	c.await("healed/1", 1)
	c.end(b)
	c.await("left/1", 1)
	c.awaitRequests(10)
	if n := c.logged("left/1"); n != 1 {
		t.Errorf("%d alerts ended, want the second one only", n)
	}
	c.end(a)
	c.awaitFiled(1)
	c.check(2, "i1-a1")
}

// end ends alerts.
func (c *clustered) end(alerts ...posted) {
	if c.over.IsZero() {
		c.over = time.Now().Truncate(time.Millisecond) // as facts' times are
	}
	for _, a := range alerts {
		c.source.end(a)
	}
}

// check stops the daemon and wants one incident with so many alerts, each of
// which was heard to begin once and to end once, none before the first did, and
// these attempts.
func (c *clustered) check(alerts int, attempts ...string) {
	c.t.Helper()
	c.stop()
	c.checkAttempts(c.begun, attempts...)
	facts, n := c.facts(), map[string]int{}
	ours := alertsOf(facts)
	for _, f := range facts {
		switch b := f.Body.(type) {
		case remediate.AlertFiring:
			if !ours[b.ID] {
				continue
			}
		case remediate.AlertResolved:
			if !ours[b.ID] {
				continue
			}
			if f.At.Before(c.over) {
				c.t.Errorf("alert %s was taken to have ended %s before any did", b.ID, c.over.Sub(f.At))
			}
		}
		n[remediate.KindOf(f.Body)]++
	}
	want := map[string]int{
		"opened/1": 1, "joined/1": alerts - 1, "closed/1": 1,
		"alert-firing/1": alerts, "alert-resolved/1": alerts, "left/1": alerts,
	}
	for kind, times := range want {
		if n[kind] != times {
			c.t.Errorf("%d facts %s, want %d", n[kind], kind, times)
		}
	}
	c.checkSlack(1)
}

// alertsOf are the alerts that incidents have. There may be others: what is done
// to the cache can make one of its own, which no policy is about.
func alertsOf(facts []remediate.Fact) map[remediate.AlertID]bool {
	ours := map[remediate.AlertID]bool{}
	for _, f := range facts {
		switch b := f.Body.(type) {
		case remediate.Opened:
			ours[b.Alert] = true
		case remediate.Joined:
			ours[b.Alert] = true
		}
	}
	return ours
}

// awaitSenders waits until so many Alertmanagers delivered the group.
func (c *clustered) awaitSenders(status string, want int) {
	c.t.Helper()
	eventually(c.t, 30*time.Second, func() string {
		if from := c.relay.senders("Posted", status); len(from) != want {
			return fmt.Sprintf("that it is %s was delivered by %v", status, from)
		}
		return ""
	})
}

// awaitRequests waits until the daemon has asked for all alerts so many times
// more, answered or not.
func (c *clustered) awaitRequests(n float64) {
	c.t.Helper()
	const asked = `remediated_alertmanager_requests_total{`
	begun := c.sum(asked, `operation="alerts"`)
	eventually(c.t, time.Minute, func() string {
		if now := c.sum(asked, `operation="alerts"`); now < begun+n {
			return fmt.Sprintf("asked %v times more, want %v", now-begun, n)
		}
		return ""
	})
}

// awaitProof waits until what is not listed counts as resolved again.
func (c *clustered) awaitProof() {
	c.t.Helper()
	eventually(c.t, 2*time.Minute, func() string { // our breaker may have opened
		if c.sum("remediated_listing_complete ", "") != 1 {
			return "absence proves nothing yet"
		}
		return ""
	})
}

// sum adds the daemon's metrics whose line begins with and contains a text.
func (c *clustered) sum(prefix, contains string) float64 {
	c.t.Helper()
	r, err := http.Get(webURL + "/metrics")
	if err != nil {
		c.t.Fatal(err)
	}
	defer r.Body.Close()
	var total float64
	for lines := bufio.NewScanner(r.Body); lines.Scan(); {
		line := lines.Text()
		if !strings.HasPrefix(line, prefix) || !strings.Contains(line, contains) {
			continue
		}
		var value float64
		if _, err := fmt.Sscan(line[strings.LastIndexByte(line, ' '):], &value); err != nil {
			c.t.Fatal(err)
		}
		total += value
	}
	return total
}
