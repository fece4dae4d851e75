// Package record says of each incident what a recovery log wants to know: what
// it was, what was tried, how long it took against what was promised, what went
// wrong on the way, who was told, and what was learned. A [Report] sums that up
// by policy and month.
//
// All of it is read off facts. Start reading at [Log].
package record

import (
	"time"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Record is the recovery record of one incident.
type Record struct {
	Incident uint64             `json:"incident"`
	Policy   string             `json:"policy"`           // the scenario
	Alert    string             `json:"alert,omitempty"`  // alertname of the one that opened it
	Labels   remediate.Labels   `json:"labels,omitempty"` // of that alert: text from outside
	Target   string             `json:"target,omitempty"`
	Severity remediate.Severity `json:"severity"` // in the end
	ToldOnly string             `json:"toldOnly,omitempty"`
	Drill    string             `json:"drill,omitempty"` // which drill it was; "" when it was none
	Live     string             `json:"live,omitempty"`  // which live drill it was announced by: it was broken on purpose
	Found    bool               `json:"found,omitempty"` // it fired before we were there, and was never released
	Times    Times              `json:"times"`
	Attempts []Attempt          `json:"attempts,omitempty"`
	RTO      RTO                `json:"rto"`
	RPO      *RPO               `json:"rpo,omitempty"`   // absent: it was not measured, or there was nothing to measure
	NoRPO    string             `json:"noRPO,omitempty"` // why it is absent
	Issues   []Issue            `json:"issues,omitempty"`
	Called   []Call             `json:"called,omitempty"`
	Words    []Word             `json:"words,omitempty"` // what people said, less what they learned
	Ending   Ending             `json:"ending"`
	Why      string             `json:"why,omitempty"` // it was closed
	Lessons  []Lesson           `json:"lessons,omitempty"`
	// PageSaved says that nobody was called, though somebody is on need: see
	// the documentation for what that is worth.
	PageSaved bool `json:"pageSaved,omitempty"`
}

// Times are when it came how far. What did not happen, or is not known, is
// absent.
type Times struct {
	Fires   time.Time `json:"fires,omitzero"` // since when the alert fires, as Alertmanager says
	Opened  time.Time `json:"opened"`
	Since   time.Time `json:"since"`            // the objective counts from here: the opening, or when a human or an edge released what was found firing
	Decided time.Time `json:"decided,omitzero"` // first allowed by every guard; in a drill, first seen what would be done
	Acted   time.Time `json:"acted,omitzero"`   // first act begun
	Good    time.Time `json:"good,omitzero"`    // first good sample of the verification that held to the end
	Told    time.Time `json:"told,omitzero"`    // first word that reached people
	Called  time.Time `json:"called,omitzero"`  // first page that was accepted
	Closed  time.Time `json:"closed,omitzero"`
}

// Attempt is one try of one step: its acts, and whether it helped.
type Attempt struct {
	ID       string    `json:"id"` // q4m2x7kd-i42-a1
	Step     string    `json:"step,omitempty"`
	At       time.Time `json:"at"`
	Acts     []Act     `json:"acts"`
	Verified string    `json:"verified,omitempty"` // ok, failed or unknown; "" when it was not looked
	Saw      string    `json:"saw,omitempty"`
}

// Act is one act of an attempt.
type Act struct {
	At      time.Time `json:"at"`
	Kind    string    `json:"kind"`
	Target  string    `json:"target"`
	Undo    bool      `json:"undo,omitempty"`
	Outcome string    `json:"outcome,omitempty"` // "" while it is under way
	Text    string    `json:"text,omitempty"`

	id string
}

// RTO is how long it took until it was good again.
type RTO struct {
	Measured  bool           `json:"measured"` // a probe saw it good, and it stayed so
	Took      model.Duration `json:"took,omitempty"`
	Objective model.Duration `json:"objective,omitempty"` // the policy's, or else its runbook's
	Met       *bool          `json:"met,omitempty"`       // absent: there is no objective, or it is not known
}

// RPO is how old the newest good backup was when a procedure began that data could
// be lost by: the oldest, when one was begun more than once.
type RPO struct {
	Age     model.Duration `json:"age"`
	Allowed model.Duration `json:"allowed"`
	Met     bool           `json:"met"`
}

// Kinds of issues.
const (
	IssueAct          = "act"          // it failed, was refused, or nobody knows
	IssueVerification = "verification" // it did not help, or nobody knows
	IssueGuard        = "guard"        // it stood in the way
	IssueReopened     = "reopened"
	IssueExhausted    = "exhausted"
	IssueBreaker      = "breaker"
	IssueTell         = "tell" // people were not reached that way
	IssueLate         = "late" // or later than they should have been
	IssueWord         = "word" // a human's word was refused
)

// Issue is something that did not go as it should.
type Issue struct {
	At    time.Time `json:"at"`
	Kind  string    `json:"kind"`
	Guard string    `json:"guard,omitempty"`
	Text  string    `json:"text"`
}

// Call is somebody who was called.
type Call struct {
	At      time.Time `json:"at"`
	Who     string    `json:"who"`
	Why     string    `json:"why"`
	Reached time.Time `json:"reached,omitzero"` // when the first page to them was accepted
}

// Word is what somebody said.
type Word struct {
	At      time.Time `json:"at"`
	By      string    `json:"by"`
	Command string    `json:"command"`
	Reason  string    `json:"reason,omitempty"`
}

// Lesson is what somebody learned from it.
type Lesson struct {
	At   time.Time `json:"at"`
	By   string    `json:"by"`
	Text string    `json:"text"`
}

// Ending says by what an incident ended.
type Ending string

const (
	Open         Ending = "open"          // it did not
	ByAutomation Ending = "automation"    // an act of ours was seen to help, and nobody had to decide or do anything
	WithAPerson  Ending = "with a person" // somebody decided, did or changed something, or closed it
	ByItself     Ending = "by itself"     // no act of ours was seen to help, and nobody said a word
	Practised    Ending = "a drill"       // nothing was broken
	Listed       Ending = "only listed"   // it fired before we were there, and nothing was to be done
)

// Endings are all of them, the best first.
var Endings = []Ending{ByAutomation, ByItself, WithAPerson, Practised, Listed, Open}
