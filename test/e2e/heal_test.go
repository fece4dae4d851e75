//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/test/bed"
	"github.com/x0tta6bl4/remediated/test/doubles/pagerduty"
)

// The main job on real parts, for faults that the kubelet does not heal by
// itself: Prometheus fires, Alertmanager calls, the daemon restarts, looks
// whether it helped, and tells people.
func TestHeals(t *testing.T) {
	for _, fault := range []struct {
		name      string
		strike    func(*testing.T, *bed.Bed) error
		policy    string
		objective time.Duration // from the alert's arrival to the first good sample
		paged     bool
	}{
		{"PostgreSQL hangs", hang(database), "postgres-down", 5 * time.Minute, true},
		{"PostgreSQL cannot start until its pod is replaced", breakAll(database), "postgres-down", 5 * time.Minute, true},
		{"Redis hangs", hang(cache), "redis-down", time.Minute, false},
		{"Redis cannot start until its pod is replaced", breakAll(cache), "redis-down", time.Minute, false},
		{"a pod crash-loops by a state that a fresh one does not have", breakOne(api), "pod-restarts", 30 * time.Second, false},
	} {
		t.Run(fault.name, func(t *testing.T) {
			b := connect(t)
			quiet(t, b)
			d := startDaemon(t, b, setup{})
			begun := time.Now()
			if err := fault.strike(t, b); err != nil {
				t.Fatal(err)
			}
			d.awaitClosed(1)
			if took := d.stop(); took > 10*time.Second {
				t.Errorf("it took %s to stop", took)
			}
			d.checkHealed(fault.policy, fault.objective)
			d.checkActs(begun, 1)
			d.checkSlack(1)
			d.checkPaged(fault.paged)
		})
	}
}

func hang(selector string) func(*testing.T, *bed.Bed) error {
	return func(t *testing.T, b *bed.Bed) error { return b.Hang(t.Context(), bed.Namespace, selector) }
}

func breakAll(selector string) func(*testing.T, *bed.Bed) error {
	return func(t *testing.T, b *bed.Bed) error { return b.Break(t.Context(), bed.Namespace, selector) }
}

func breakOne(selector string) func(*testing.T, *bed.Bed) error {
	return func(t *testing.T, b *bed.Bed) error {
		pods, err := b.Pods(t.Context(), bed.Namespace, selector)
		if err != nil {
			return err
		}
		return b.BreakPod(t.Context(), bed.Namespace, pods[0].Name)
	}
}

// quiet waits until no alert of the bed fires: what a test before left behind
// must not be found by the daemon of the next.
func quiet(t *testing.T, b *bed.Bed) {
	t.Helper()
	eventually(t, 2*time.Minute, firing(t, b, false))
}

// awaitClosed waits until so many incidents were closed, by the metrics.
func (d *daemon) awaitClosed(n int) {
	d.t.Helper()
	d.await("closed/1", n)
}

// awaitFiled waits until all was told of so many incidents that were closed.
func (d *daemon) awaitFiled(n int) {
	d.t.Helper()
	d.await("filed/1", n)
}

// awaitPages waits until people were paged so often.
func (d *daemon) awaitPages(n int) {
	d.t.Helper()
	eventually(d.t, time.Minute, func() string {
		if got := len(d.people.PagerDuty.Pages()); got < n {
			return fmt.Sprintf("people were paged %d times, want %d", got, n)
		}
		return ""
	})
}

// awaitPagesOf waits until a rung of the ladder was paged so often.
func (d *daemon) awaitPagesOf(rung string, n int) {
	d.t.Helper()
	eventually(d.t, time.Minute, func() string {
		got := 0
		for _, p := range d.people.PagerDuty.Pages() {
			if p.RoutingKey == routingKeys[rung] {
				got++
			}
		}
		if got < n {
			return fmt.Sprintf("%s was paged %d times, want %d", rung, got, n)
		}
		return ""
	})
}

// await waits until so many facts of a kind were written.
func (d *daemon) await(kind string, n int) {
	d.t.Helper()
	eventually(d.t, 2*time.Minute, func() string {
		if got := strings.Count(d.log.String(), "kind="+kind); got < n {
			return fmt.Sprintf("%d facts %s, want %d", got, kind, n)
		}
		return ""
	})
}

// checkHealed holds the journal against the objective.
func (d *daemon) checkHealed(policy string, objective time.Duration) {
	d.t.Helper()
	var opened []remediate.Opened
	healed, closed := 0, 0
	for _, f := range d.facts() {
		switch b := f.Body.(type) {
		case remediate.Opened:
			opened = append(opened, b)
		case remediate.Healed:
			healed++
			d.t.Logf("healed: %s of %s", b.Took, objective)
			if time.Duration(b.Took) > objective || !b.Met {
				d.t.Errorf("healed after %s, the objective is %s", b.Took, objective)
			}
		case remediate.Closed:
			closed++
			if !b.Verified {
				d.t.Errorf("closed without verification: %s", b.Why)
			}
		}
	}
	if len(opened) != 1 || opened[0].Policy != policy || healed != 1 || closed != 1 {
		d.t.Errorf("opened %v, healed %d times, closed %d", opened, healed, closed)
	}
}

// checkActs counts what the cluster saw of the daemon.
func (d *daemon) checkActs(since time.Time, want int) {
	d.t.Helper()
	events, err := d.bed.Mutations(bed.Namespace, account, since)
	if err != nil {
		d.t.Fatal(err)
	}
	acts := 0
	for _, e := range events {
		if e.Object.Resource == "events" {
			continue
		}
		if e.Response.Code >= 300 {
			d.t.Errorf("the API server refused %s %s/%s: %d", e.Verb, e.Object.Resource, e.Object.Name, e.Response.Code)
		}
		acts++
	}
	if acts != want {
		d.t.Errorf("the cluster saw %d acts, want %d: %+v", acts, want, events)
	}
}

// checkSlack wants one message per incident, in its final state.
func (d *daemon) checkSlack(incidents int) {
	d.t.Helper()
	roots := 0
	for _, m := range d.people.Slack.Messages() {
		if m.ThreadTS != "" {
			continue
		}
		roots++
		if !strings.Contains(strings.ToLower(m.Text), "closed") {
			d.t.Errorf("Slack's message is not in its final state: %s", m.Text)
		}
	}
	if roots != incidents {
		d.t.Errorf("Slack has %d messages for %d incidents", roots, incidents)
	}
}

// checkPaged wants one page, resolved, where the severity asks for it.
func (d *daemon) checkPaged(want bool) {
	d.t.Helper()
	all := d.people.PagerDuty.Incidents()
	if !want {
		if len(all) > 0 {
			d.t.Errorf("somebody was paged: %+v", all)
		}
		return
	}
	if len(all) != 1 || all[0].Status != pagerduty.Resolved || len(d.people.PagerDuty.Pages()) != 1 {
		d.t.Errorf("PagerDuty has %+v, paged %d times", all, len(d.people.PagerDuty.Pages()))
	}
}
