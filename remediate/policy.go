package remediate

import (
	"cmp"
	"encoding/json"

	"github.com/prometheus/alertmanager/pkg/labels"
	"github.com/prometheus/alertmanager/timeinterval"
	"github.com/prometheus/common/model"
)

// Policy says which alerts are an incident and what may be done about it.
type Policy struct {
	Name     string   `json:"name"`
	Source   string   `json:"source,omitempty"` // file:line, for people
	When     []string `json:"when"`             // Alertmanager matchers; all must match
	Per      []string `json:"per,omitempty"`    // labels that make it one incident
	Continue bool     `json:"continue,omitempty"`
	Severity Severity `json:"severity"`
	// SeverityBy tells a worse severity from an alert's label or from measured
	// impact; nil: it is always Severity.
	SeverityBy *SeverityBy    `json:"severityBy,omitempty"`
	Mode       Mode           `json:"mode"`
	Target     string         `json:"target,omitempty"` // as ParseTarget reads it, $label takes a label's value
	Guards     Guards         `json:"guards"`
	Objective  model.Duration `json:"objective,omitempty"` // RTO: from the opening to the first good sample
	HoldPage   bool           `json:"holdPage,omitempty"`  // raise [InProgressAlert] while automation is at it
	Steps      []Step         `json:"steps,omitempty"`
	// Runbooks take the place of everybody's, by severity.
	Runbooks map[Severity]Runbook `json:"runbooks,omitempty"`

	matchers labels.Matchers
}

// Guards are a policy's own numbers.
type Guards struct {
	Cooldown model.Duration `json:"cooldown,omitempty"` // between incidents on one target
	Settle   model.Duration `json:"settle,omitempty"`   // between steps
	Budget   []Budget       `json:"budget,omitempty"`
	Breaker  Breaker        `json:"breaker"`            // no failures given: DefaultBreaker
	Attempts int            `json:"attempts,omitempty"` // in one incident, until a human says run; 0: DefaultAttempts
	Flapping Flapping       `json:"flapping,omitzero"`  // no heals given: DefaultFlapping
	Window   *Window        `json:"window,omitempty"`
	Healthy  *Healthy       `json:"healthy,omitempty"`
	Depends  []Dependency   `json:"depends,omitempty"`
	Backup   *Backup        `json:"backup,omitempty"`
}

// breaker is the policy's, or the default one: a policy that says nothing has
// one all the same.
func (g Guards) breaker() Breaker {
	if g.Breaker.Failures == 0 {
		return DefaultBreaker()
	}
	return g.Breaker
}

// Budget allows so many acts in any window of this length.
type Budget struct {
	Actions int            `json:"actions"`
	Per     model.Duration `json:"per"`
}

// Breaker opens after so many failed verifications in a row, for Reset.
type Breaker struct {
	Failures uint32         `json:"failures"`
	Reset    model.Duration `json:"reset"`
}

// Healthy is a floor under which we do not add to the trouble.
type Healthy struct {
	// Query is PromQL with one value; acting needs it to be at least Min.
	Query string  `json:"query,omitempty"`
	Min   float64 `json:"min,omitempty"`
	// Available is how many replicas of the target must be available.
	Available int `json:"available,omitempty"`
	// Ready is the share of the target's replicas that must be available, 0 to 1.
	Ready float64 `json:"ready,omitempty"`
	// Headroom says that every disruption budget of the target's pods must
	// allow one more disruption.
	Headroom bool `json:"headroom,omitempty"`
	// Nodes is the share of the cluster's nodes that must be ready, 0 to 1.
	Nodes float64 `json:"nodes,omitempty"`
	// ControlPlane says that the API server must call itself ready.
	ControlPlane bool `json:"controlPlane,omitempty"`
}

// Window says when automation may act, in Alertmanager's own time intervals.
// An interval without a location is in UTC.
type Window struct {
	Only  []timeinterval.TimeInterval `json:"only,omitempty"`  // in one of these; none: at any time
	Never []timeinterval.TimeInterval `json:"never,omitempty"` // and in none of these
}

// Dependency is something that must be well before this policy acts: the root
// of the trouble is acted on, its leaves are held. Exactly one of Policy, Alert
// and Query is set.
type Dependency struct {
	// Policy names the policy whose open incidents are roots.
	Policy string `json:"policy,omitempty"`
	// Same are the labels that the root's alert must share with the leaf's.
	Same []string `json:"same,omitempty"`
	// Alert are matchers: while such an alert fires, the leaf is held. $label
	// takes a label's value.
	Alert []string `json:"alert,omitempty"`
	// Query is PromQL with one value, which must be at least Min.
	Query string  `json:"query,omitempty"`
	Min   float64 `json:"min,omitempty"`
}

// Backup is how old the newest good backup may be when something is done that
// data could be lost by.
type Backup struct {
	Newest string         `json:"newest"` // PromQL: the Unix time of the newest good backup
	Max    model.Duration `json:"max"`
}

// Flapping says how often remedies may heal one target within Per before a
// human must look: what has to be healed again and again is not healed.
type Flapping struct {
	Heals int            `json:"heals"`
	Per   model.Duration `json:"per"`
}

// flapping is the policy's, or the default one.
func (g Guards) flapping() Flapping {
	if g.Flapping.Heals == 0 {
		return DefaultFlapping()
	}
	return g.Flapping
}

// attempts is the policy's bound, or the default one.
func (g Guards) attempts() int { return cmp.Or(g.Attempts, DefaultAttempts) }

// SeverityBy tells how bad an incident is: by a label when it is opened, by
// measurements while it is open. It may get worse; only a human says that it is
// not as bad.
type SeverityBy struct {
	// Label is an alert's label, and Values what its values (in lower case)
	// mean. A value that is not among them means Policy.Severity.
	Label  string              `json:"label,omitempty"`
	Values map[string]Severity `json:"values,omitempty"`
	Impact []Impact            `json:"impact,omitempty"`
}

// Impact is a measurement: PromQL with one value, and from which value on the
// incident is P1 or P2. $label takes a label's value.
type Impact struct {
	Query string   `json:"query"`
	P1    *float64 `json:"p1,omitempty"`
	P2    *float64 `json:"p2,omitempty"`
}

// Step is one remedy: a procedure and how to see whether it helped.
type Step struct {
	Name     string         `json:"name"`
	Approval *ApprovalBy    `json:"approval,omitempty"`
	Do       []Do           `json:"do"`
	Undo     []Do           `json:"undo,omitempty"`     // done in order when Do breaks off after its first act
	Evidence bool           `json:"evidence,omitempty"` // is kept before the first act: logs, events, the object
	Verify   Verify         `json:"verify"`
	Within   model.Duration `json:"within,omitempty"` // the deadline of each act; default 2m
}

// Checks are all that is looked at in the course of the step: what its acts are
// held against before the next one begins, then the step itself.
func (st Step) Checks() []Check {
	var out []Check
	for _, d := range st.Do {
		if d.Verify != nil {
			out = append(out, d.Verify.All...)
		}
	}
	return append(out, st.Verify.All...)
}

// ApprovalBy says who may approve a step, how many of them must, and for how
// long it is waited for each.
type ApprovalBy struct {
	By     []string       `json:"by,omitempty"`     // roles
	People int            `json:"people,omitempty"` // 0: one is enough
	Within model.Duration `json:"within"`
}

// Do is one act of a procedure.
type Do struct {
	Kind   string          `json:"kind"`
	Args   json.RawMessage `json:"args,omitempty"`
	Target string          `json:"target,omitempty"` // another one than the policy's, written likewise
	Within model.Duration  `json:"within,omitempty"` // its own deadline; 0: the step's
	// Verify is what the next act counts on, and what must be seen before it
	// begins; nil: that this one ended well is enough.
	Verify *Verify `json:"verify,omitempty"`
}

// Verify says what must be seen, for how long, and by when.
type Verify struct {
	All    []Check        `json:"all"`
	For    model.Duration `json:"for,omitempty"`
	Within model.Duration `json:"within"`
	Every  model.Duration `json:"every"`
}

// Check is one probe of a verification.
type Check struct {
	Kind   string          `json:"kind"`
	Args   json.RawMessage `json:"args,omitempty"`
	Target string          `json:"target,omitempty"` // another one than the policy's, written likewise
}
