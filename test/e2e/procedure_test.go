//go:build e2e

package e2e

import (
	"slices"
	"strings"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/test/bed"
)

func (d *daemon) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// changes are what the daemon asked the cluster to change since a time, Events apart.
func (d *daemon) changes(since time.Time) []bed.AuditEvent {
	d.t.Helper()
	all, err := d.bed.Mutations(bed.Namespace, account, since)
	d.must(err)
	return slices.DeleteFunc(all, func(e bed.AuditEvent) bool { return e.Object.Resource == "events" })
}

// checkOrder wants evidence to be kept, and the plan to be approved by name, before
// the first act.
func (d *daemon) checkOrder() {
	d.t.Helper()
	asked, kept, approved := "", false, false
	for _, f := range d.facts() {
		switch b := f.Body.(type) {
		case remediate.Started:
			if b.Ask != nil && b.Ask.Purpose == remediate.ForEvidence {
				asked = b.ID
			}
			if b.Act != nil {
				if !kept || !approved {
					d.t.Errorf("%s was begun with evidence kept: %t, approved: %t", b.ID, kept, approved)
				}
				return
			}
		case remediate.Finished:
			kept = kept || b.ID == asked && b.Outcome == remediate.OK
		case remediate.CommandGiven:
			approved = approved || b.Command == remediate.Approve && b.By == "anna"
		}
	}
	d.t.Error("nothing was done")
}

// checkToldOf wants these words in the thread.
func (d *daemon) checkToldOf(words ...string) {
	d.t.Helper()
	var all []string
	for _, m := range d.people.Slack.Messages() {
		if m.ThreadTS != "" {
			all = append(all, linesOf(d.t, m)...)
		}
	}
	text := strings.Join(all, "\n")
	for _, w := range words {
		if !strings.Contains(text, w) {
			d.t.Errorf("the thread does not tell of %q:\n%s", w, text)
		}
	}
}

// checkShown wants these words in the incident's one message, as it was at some time.
func (d *daemon) checkShown(words string) {
	d.t.Helper()
	for _, m := range d.people.Slack.Messages() {
		for _, c := range append(m.Earlier, m.Content) {
			if m.ThreadTS == "" && strings.Contains(c.Text+string(c.Blocks), words) {
				return
			}
		}
	}
	d.t.Errorf("the message never showed %q", words)
}
