//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/test/bed"
	"github.com/x0tta6bl4/remediated/test/doubles/pagerduty"
	"github.com/x0tta6bl4/remediated/test/doubles/slack"
)

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

// checkAttempts wants that the cluster saw exactly these attempts (the ends of
// their names, sorted), each once.
func (d *daemon) checkAttempts(since time.Time, want ...string) {
	d.t.Helper()
	seen := d.attempts(since)
	var ends []string
	for attempt, n := range seen {
		if n != 1 {
			d.t.Errorf("the cluster saw attempt %s %d times", attempt, n)
		}
		_, end, _ := strings.Cut(attempt, "-")
		ends = append(ends, end)
	}
	slices.Sort(ends)
	if !slices.Equal(ends, want) {
		d.t.Errorf("the cluster saw the attempts %v, want %v", seen, want)
	}
}

// attempts counts what the cluster was told to do since a time, by the mark
// that it carries.
func (d *daemon) attempts(since time.Time) map[string]int {
	d.t.Helper()
	events, err := d.bed.Mutations(bed.Namespace, account, since)
	if err != nil {
		d.t.Fatal(err)
	}
	seen := map[string]int{}
	for _, e := range events {
		if e.Object.Resource == "events" {
			continue
		}
		var body struct {
			Spec struct {
				Template struct{ Metadata metav1.ObjectMeta }
			}
		}
		if err := json.Unmarshal(e.Request, &body); err != nil {
			d.t.Fatalf("%s %s: %v", e.Verb, e.URI, err)
		}
		seen[body.Spec.Template.Metadata.Annotations["remediated/attempt"]]++
	}
	return seen
}

// checkNothingRefused wants that the account was allowed all that it asked for
// as the daemon: also an Event that cannot be written counts.
func (d *daemon) checkNothingRefused(since time.Time) {
	d.t.Helper()
	events, err := d.bed.AuditLog()
	if err != nil {
		d.t.Fatal(err)
	}
	for _, e := range events {
		ours := e.User.Username == "system:serviceaccount:"+bed.Namespace+":"+account && e.Object.APIGroup != "authorization.k8s.io"
		if ours && e.Received.After(since) && e.Response.Code == http.StatusForbidden {
			d.t.Errorf("refused: %s %s", e.Verb, e.URI)
		}
	}
}

// checkRefused wants that all that the cluster was asked to change was refused.
func (d *daemon) checkRefused(since time.Time) {
	d.t.Helper()
	events, err := d.bed.Mutations(bed.Namespace, account, since)
	if err != nil {
		d.t.Fatal(err)
	}
	tried := 0
	for _, e := range events {
		if e.Object.Resource == "events" {
			continue
		}
		tried++
		if e.Response.Code != http.StatusForbidden || e.Verb != "patch" || e.Object.Name != "x0tta6bl4-redis" {
			d.t.Errorf("%s %s/%s was answered %d", e.Verb, e.Object.Resource, e.Object.Name, e.Response.Code)
		}
	}
	if tried == 0 {
		d.t.Error("the cluster was not asked")
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

// checkThread wants each line of the story once, and each of them in a thread.
func (d *daemon) checkThread() {
	d.t.Helper()
	told := map[string]int{}
	var all strings.Builder
	for _, m := range d.people.Slack.Messages() {
		if m.ThreadTS == "" {
			continue
		}
		for _, line := range linesOf(d.t, m) {
			told[line]++
			fmt.Fprintln(&all, line)
		}
	}
	for line, n := range told {
		if n > 1 {
			d.t.Errorf("told %d times: %s", n, line)
		}
	}
	for _, want := range []string{"-a1: restart ", "verification: ok", "healed: ", "told oncall", "closed after"} {
		if !strings.Contains(all.String(), want) {
			d.t.Errorf("the thread does not tell %q:\n%s", want, &all)
		}
	}
}

// linesOf returns the lines of a reply.
func linesOf(t *testing.T, m slack.Message) []string {
	t.Helper()
	var blocks []struct {
		Text struct{ Text string }
	}
	if err := json.Unmarshal(m.Blocks, &blocks); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, b := range blocks {
		lines = append(lines, strings.Split(b.Text.Text, "\n")...)
	}
	if len(lines) > 0 {
		lines = lines[1:] // the first is a heading; of a long reply only the first part has one
	}
	return lines
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
