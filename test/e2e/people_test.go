//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/test/bed"
	"github.com/x0tta6bl4/remediated/test/doubles/pagerduty"
	"github.com/x0tta6bl4/remediated/test/doubles/slack"
)

// anna is one human, in Slack and in PagerDuty.
const anna = `[{name: anna, slack: U0ANNA000, pagerduty: PANNA00, roles: [operator, approver]}]`

// quickLadder calls the manager 8 s after on-call.
const quickLadder = `{P1: {objective: 30m, updates: {slack: 5m}, page: at once, ladder: [{tell: oncall, wait: 8s}, {tell: manager, wait: 1h}]}}`

// stubbornPolicies restart the database, and once more when a human approves.
// What is verified is not the database but SEEN.
const stubbornPolicies = `
policies:
- name: postgres-down
  when: ['alertname="PostgresDown"', 'job="database"']
  per: [job]
  severity: P1
  mode: act
  target: deployment/x0tta6bl4/x0tta6bl4-db
  guards: {settle: 1s, budget: [{actions: 5, per: 1h}]}
  steps:
  - name: restart the database
    do: [{restart: {}}]
    verify: {all: [{http: {url: "SEEN", allow_loopback: true}}], within: 1s}
  - name: restart it once more, now that somebody has looked
    approval: {by: [approver], within: 5m}
    do: [{restart: {}}]
    verify: {all: [{http: {url: "SEEN", allow_loopback: true}}], for: 1s, within: 1m}
`

// A database that no restart heals: on-call acknowledges in PagerDuty, which
// stops the ladder while automation goes on; a stranger's press in Slack does
// nothing; anna's lets the second step go, and that heals it.
func TestPeopleAnswer(t *testing.T) {
	b := connect(t)
	quiet(t, b)
	var well atomic.Bool
	seen := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !well.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer seen.Close()
	d := startDaemon(t, b, setup{
		policies: strings.ReplaceAll(stubbornPolicies, "SEEN", seen.URL), people: anna, runbooks: quickLadder, slack: `, bridge: {}`,
	})
	if err := b.Hang(t.Context(), bed.Namespace, database); err != nil {
		t.Fatal(err)
	}
	d.awaitPagesOf("oncall", 1)
	page := d.people.PagerDuty.Incidents()[0]
	if err := d.people.PagerDuty.Acknowledge(page.DedupKey, "PANNA00"); err != nil {
		t.Fatal(err)
	}
	d.awaitLog("ack by anna")
	d.awaitStatus(1, remediate.StatusApproval)
	d.press("remediated_approve", "U0EVE0000")
	d.await("command-refused/1", 1)
	well.Store(true)
	d.press("remediated_approve", slack.DefaultUser.ID)
	d.awaitFiled(1)
	d.stop()
	d.checkDecidedAgain()

	d.checkWords("ack by anna", "approve ")
	if n := d.logged("escalated/1"); n != 1 {
		t.Errorf("people were called %d times, want once: the manager sleeps on", n)
	}
	if all := d.people.PagerDuty.Incidents(); len(all) != 1 || all[0].Status != pagerduty.Resolved {
		t.Errorf("PagerDuty has %+v", all)
	}
	if changes := d.people.PagerDuty.ChangeEvents(); len(changes) != 2 {
		t.Errorf("PagerDuty has the changes %+v, want both restarts", changes)
	}
	d.checkBridge()
	whispered := d.people.Slack.Ephemerals()
	if len(whispered) != 1 || whispered[0].User != "U0EVE0000" || !strings.Contains(whispered[0].Text, "not among the people") {
		t.Errorf("pressers were shown %+v, want why eve may not", whispered)
	}
}

// press presses a button of the incident's one message, as soon as it is there.
func (d *daemon) press(action, user string) {
	d.t.Helper()
	eventually(d.t, 20*time.Second, func() string {
		for _, m := range d.people.Slack.Messages() {
			if m.ThreadTS != "" || m.Channel != slack.DefaultChannel.ID || !strings.Contains(string(m.Blocks), action) {
				continue
			}
			if warning, err := d.people.Slack.Press(d.t.Context(), slack.Press{User: user, Channel: m.Channel, TS: m.TS, Action: action}); err != nil || warning != "" {
				return "the press was answered: " + warning
			}
			return ""
		}
		return "there is no button " + action
	})
}

// checkWords wants these words of humans in the journal, in order, and no more.
func (d *daemon) checkWords(want ...string) {
	d.t.Helper()
	var got []string
	for _, f := range d.facts() {
		if c, ok := f.Body.(remediate.CommandGiven); ok {
			got = append(got, remediate.Describe(c)+" by way of "+c.Via)
		}
	}
	if !slices.EqualFunc(got, want, strings.HasPrefix) {
		d.t.Errorf("the journal holds the words %q, want %q", got, want)
	}
}

// checkBridge wants one channel for the incident, with anna in it, closed by
// now.
func (d *daemon) checkBridge() {
	d.t.Helper()
	own := slices.DeleteFunc(d.people.Slack.Channels(), func(c slack.Channel) bool { return !strings.HasPrefix(c.Name, "inc-") })
	if len(own) != 1 || !own[0].Archived {
		d.t.Errorf("Slack has the bridges %+v, want one, archived", own)
	}
}

// say gives anna's word about the plan of the first incident, which waits for it.
func (d *daemon) say(word string, more ...string) { d.t.Helper(); d.sayOf(1, "anna", word, more...) }

// sayOf gives somebody's word about the plan of an incident, by the command line.
func (d *daemon) sayOf(incident int, whose, word string, more ...string) {
	d.t.Helper()
	var shown struct {
		Approval struct {
			Hash string `json:"hash"`
		} `json:"approval"`
	}
	eventually(d.t, 30*time.Second, func() string {
		if err := ask(fmt.Sprintf("/api/v1/incidents/%d", incident), &shown); err != nil || shown.Approval.Hash == "" {
			return fmt.Sprintf("no plan of i%d waits for a word: %v", incident, err)
		}
		return ""
	})
	args := append([]string{"incident", word, fmt.Sprint("i", incident), "--plan=" + shown.Approval.Hash, "--by=" + whose, "--url=" + webURL}, more...)
	if out, code := operate(d.t, args...); code != 0 {
		d.t.Fatalf("remedy %v: %s", args, out)
	}
}
