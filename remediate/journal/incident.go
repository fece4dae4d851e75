package journal

import (
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate"
)

// IncidentRow is one incident as lists show it: a summary of its facts, kept
// up to date with each append. It is for people; nothing is decided by it.
type IncidentRow struct {
	ID        uint64             `json:"id"`
	Policy    string             `json:"policy"`
	Key       string             `json:"key"`
	Severity  remediate.Severity `json:"severity"`
	Target    remediate.Target   `json:"target,omitzero"`
	Alert     remediate.AlertID  `json:"alert"`               // that opened it
	AlertName string             `json:"alertName,omitempty"` // its alertname label: text from outside
	Status    remediate.Status   `json:"status"`
	Why       string             `json:"why,omitempty"`  // the reason for the status, where there is one
	Told      string             `json:"told,omitempty"` // the rung that was reached last
	Firing    int                `json:"firing"`         // alerts of it that still fire
	Attempt   string             `json:"attempt,omitempty"`
	Attempts  int                `json:"attempts"`
	Exhausted bool               `json:"exhausted,omitempty"` // every step was tried, none was verified
	Found     bool               `json:"found,omitempty"`     // it fired before the journal or the policy existed
	Drill     string             `json:"drill,omitempty"`     // which drill it is
	Live      string             `json:"live,omitempty"`      // which live drill it was announced by
	Opened    time.Time          `json:"opened"`
	Healed    time.Time          `json:"healed,omitzero"` // the first good sample of the verification that held
	Closed    time.Time          `json:"closed,omitzero"`
	Took      model.Duration     `json:"took,omitempty"` // from the opening to Healed
	Met       bool               `json:"met,omitempty"`  // Took was within the objective
	Verified  bool               `json:"verified,omitempty"`
	FirstSeq  uint64             `json:"firstSeq"` // the fact that opened it
	LastSeq   uint64             `json:"lastSeq"`  // the latest fact about it
}

// Filter selects incidents; the zero value selects all.
type Filter struct {
	Policy   string
	Severity remediate.Severity
	Status   remediate.Status
	Target   string // as [remediate.Target.String]
	Open     bool   // only those that are not closed
	Before   uint64 // only those with a smaller number: the last row of the page before; 0 is no limit
	Limit    int    // rows; 0 is 100, more than 1000 is 1000
}

// limit returns how many rows are wanted.
func (f Filter) limit() int {
	switch {
	case f.Limit <= 0:
		return 100
	case f.Limit > 1000:
		return 1000
	}
	return f.Limit
}

// matches tells whether the filter selects r.
func (f Filter) matches(r IncidentRow) bool {
	return (f.Policy == "" || f.Policy == r.Policy) &&
		(f.Severity == "" || f.Severity == r.Severity) &&
		(f.Status == "" || f.Status == r.Status) &&
		(f.Target == "" || f.Target == r.Target.String()) &&
		(!f.Open || r.Status != remediate.StatusClosed) &&
		(f.Before == 0 || r.ID < f.Before)
}

// openedRow is the row of an incident that begins.
func openedRow(f remediate.Fact, b remediate.Opened, alertName string) IncidentRow {
	r := IncidentRow{
		ID: b.Incident, Policy: b.Policy, Key: b.Key, Severity: b.Severity, Target: b.Target,
		Alert: b.Alert, AlertName: alertName, Status: remediate.StatusDeciding, Why: b.ToldOnly,
		Firing: 1, Found: b.Found, Drill: b.Drill, Live: b.Live, Opened: f.At, FirstSeq: f.Seq, LastSeq: f.Seq,
	}
	if b.Found {
		r.Status = remediate.StatusListed
	}
	return r
}

// fold brings the row up to date with one more fact of its incident. A fact
// that it has seen changes nothing.
func (r *IncidentRow) fold(f remediate.Fact) {
	if f.Seq <= r.LastSeq {
		return
	}
	r.LastSeq = f.Seq
	switch b := f.Body.(type) {
	case remediate.Joined:
		r.Firing++
		if r.Status == remediate.StatusUnconfirmed {
			r.Status = remediate.StatusDeciding
		}
	case remediate.Left:
		r.Firing = b.Firing
	case remediate.Judged:
		r.judged(b)
	case remediate.Started:
		r.started(b)
	case remediate.Finished:
		if b.Outcome != remediate.OK && !strings.HasPrefix(b.ID[strings.LastIndexByte(b.ID, '-')+1:], "t") {
			r.Why = b.Text // a tell that failed says nothing about the incident
			if r.Status == remediate.StatusVerifying && r.Firing == 0 {
				r.Status = remediate.StatusUnconfirmed
			}
		}
	case remediate.Rated:
		r.Severity = b.To
	case remediate.Healed:
		r.Status, r.Why, r.Healed, r.Took, r.Met = remediate.StatusHealed, "", b.FirstGood, b.Took, b.Met
	case remediate.Reopened:
		r.Status, r.Why, r.Healed, r.Took, r.Met = remediate.StatusDeciding, b.Why, time.Time{}, 0, false
	case remediate.Exhausted:
		r.Status, r.Exhausted = remediate.StatusDenied, true
	case remediate.Escalated:
		r.Told = b.Tell
	case remediate.Closed:
		r.Status, r.Why, r.Closed, r.Verified = remediate.StatusClosed, b.Why, f.At, b.Verified
	}
}

// statusOf says where an incident stands after a judgement.
var statusOf = map[remediate.Decision]remediate.Status{
	remediate.Waiting:  remediate.StatusWaiting,
	remediate.Denied:   remediate.StatusDenied,
	remediate.Held:     remediate.StatusHeld,
	remediate.Approval: remediate.StatusApproval,
	remediate.Observed: remediate.StatusObserved,
}

func (r *IncidentRow) judged(b remediate.Judged) {
	if !b.Target.IsZero() {
		r.Target = b.Target
	}
	r.Why = ""
	status, ok := statusOf[b.Decision]
	if !ok { // allowed: what it starts will say more
		return
	}
	r.Status = status
	for _, v := range b.Verdicts {
		if v.Decision == b.Decision {
			r.Why = v.Guard + ": " + v.Reason
			return
		}
	}
}

func (r *IncidentRow) started(b remediate.Started) {
	switch {
	case b.Act != nil:
		r.Status = remediate.StatusActing
		if b.Act.Attempt != r.Attempt {
			r.Attempt = b.Act.Attempt
			r.Attempts++
		}
	case b.Ask != nil && (b.Ask.Purpose == remediate.ForVerification || b.Ask.Purpose == remediate.ForConfirmation):
		r.Status = remediate.StatusVerifying
	}
}
