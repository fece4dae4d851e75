package notify

import (
	"slices"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/template"
	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Data is what templates are given of a notice. All of its text is clean and
// short (see [Clean]). A time that is not there is nil, so that a template can
// ask for it: {{ with .Healed }}.
type Data struct {
	ID       string // i42
	Key      string // q4m2x7kd-i42
	Incident uint64 // 42
	Action   string // trigger, acknowledge or resolve of a page, open or close of a bridge, else show
	Status   string // deciding, denied, healed and so on
	Tone     string // good, busy, wait, bad or quiet: how it stands at one glance
	Severity string // P1, P2, P3
	Drill    string // which drill it is; "" when it is none
	Live     string // which live drill broke it on purpose; "" when none did, or it is over and not mended
	Policy   string
	Target   string // prod/deployment/shop/db
	Alert    string // alertname
	Labels   template.KV
	Summary  string // what the alert says of itself
	Firing   int    // alerts that still fire

	Opened    *time.Time
	Healed    *time.Time
	Closed    *time.Time
	Lasted    string         // from opening to closing, else to healing; "" when nobody knows
	Took      model.Duration // to the first good sample
	Objective model.Duration // that the policy has for Took; 0 when it has none
	Due       *time.Time     // when the objective is missed; nil when it does not count
	Allowed   model.Duration // the objective, when Due is that long after Opened, else 0
	Overdue   bool           // and it is

	Attempts []Attempt // oldest first
	Helped   *Attempt  // the last that was verified
	Lines    []Line    // of a thread or a digest: what happened since the last
	Impact   string    // what was measured last
	Why      string    // the reason for the status
	Rung     string    // who is paged
	Acked    string    // by whom
	Plan     string    // hash of the plan that waits for approval
	Link     string    // where people see the incident; "" when nowhere
}

// Attempt is one try of one step.
type Attempt struct {
	ID     string // a1
	Step   string
	Act    string // restart prod/deployment/shop/db
	At     time.Time
	Result string // how the act ended; "" while it has not
	Verify string // what the verification saw
	OK     bool   // the verification held
	Notice *Data  `json:"-"` // whose attempt it is
}

// Line is one happening.
type Line struct {
	At     *time.Time // nil: at no time in particular
	Text   string
	Notice *Data `json:"-"` // whose line it is
}

// maxLabels is how many labels a template gets.
const maxLabels = 100

// maxLink is of the address of a page, in characters.
const maxLink = 2000

// cleaner makes text from outside fit for a template, as [Clean] does.
type cleaner func(text string, limit int) string

// dataOf returns what templates are given of n.
func dataOf(n remediate.Notice, link string, clean cleaner) *Data {
	d := &Data{
		ID: ID(n), Key: clean(n.Key, maxName), Incident: n.Incident, Action: clean(n.Action, maxName),
		Status: clean(string(n.Status), maxName), Tone: string(ToneOf(n)), Severity: clean(string(n.Severity), maxName), Drill: clean(n.Drill, maxName), Live: clean(n.Live, maxName),
		Policy: clean(n.Policy, maxName), Target: clean(n.Target.String(), maxTarget), Alert: clean(n.Alert, maxName),
		Labels: labels(n.Labels, clean), Summary: clean(n.Summary, maxProse), Firing: max(n.Firing, 0),
		Opened: present(n.Opened), Healed: present(n.Healed), Closed: present(n.Closed), Lasted: lasted(n),
		Took: n.Took, Objective: n.Objective, Due: present(n.Due), Allowed: allowed(n), Overdue: n.Missed,
		Impact: clean(n.Impact, maxTarget), Why: clean(n.Why, maxProse), Rung: clean(n.Rung, maxName),
		Acked: clean(n.Acked, maxName), Plan: clean(n.Plan, maxName), Link: clean(link, maxLink),
	}
	for _, a := range n.Attempts {
		d.Attempts = append(d.Attempts, Attempt{
			ID: clean(a.ID[strings.LastIndexByte(a.ID, '-')+1:], maxName), Step: clean(a.Step, maxName), Act: clean(a.Act, maxTarget),
			At: a.At.UTC(), Result: clean(a.Result, maxSeen), Verify: clean(a.Verify, maxSeen), OK: a.OK, Notice: d,
		})
	}
	if i := lastOK(n.Attempts); i >= 0 {
		d.Helped = &d.Attempts[i]
	}
	for _, l := range n.Lines {
		d.Lines = append(d.Lines, Line{At: present(l.At), Text: clean(l.Text, maxProse), Notice: d})
	}
	return d
}

func labels(ls remediate.Labels, clean cleaner) template.KV {
	kv := template.KV{}
	for _, l := range ls[:min(len(ls), maxLabels)] {
		kv[clean(l.Name, maxName)] = clean(l.Value, maxProse)
	}
	return kv
}

// present returns t in UTC, because the readers of one message sit in several
// zones and their logs do not; nil when there is no t.
func present(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func lasted(n remediate.Notice) string {
	end := n.Closed
	if end.IsZero() {
		end = n.Healed
	}
	if end.Before(n.Opened) {
		return ""
	}
	return model.Duration(end.Sub(n.Opened).Round(time.Second)).String()
}

// allowed returns the policy's objective if that is what Due is about: an
// incident that became ours later, or with a runbook of its own, is due at
// another time.
func allowed(n remediate.Notice) model.Duration {
	if n.Due.IsZero() || !n.Opened.Add(time.Duration(n.Objective)).Equal(n.Due) {
		return 0
	}
	return n.Objective
}

// lastOK is where the last attempt is that was verified, -1 for nowhere.
func lastOK(as []remediate.Attempt) int {
	for i, a := range slices.Backward(as) {
		if a.OK {
			return i
		}
	}
	return -1
}

// foreign marks a text that cannot be typed into a shell as one word. No text
// from outside has it: [Clean] drops it.
const foreign = '\ue000'

// typeable is [Clean] for what becomes part of commands: the line with a text
// that a shell would read as more than one word is not shown. Marked and not
// emptied, because templates ask whether there is one.
func typeable(text string, limit int) string {
	text = Clean(text, limit)
	if text == "" || isWord(text) {
		return text
	}
	return string(foreign) + text
}

// isWord tells whether a shell reads s as one word that is no option.
func isWord(s string) bool {
	const letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	return len(s) <= maxWord && !strings.HasPrefix(s, "-") && strings.Trim(s, letters+"_-./:@+,") == ""
}

// maxWord is of one word of a command that is from outside: what is longer is
// not typed but pasted unread.
const maxWord = 64
