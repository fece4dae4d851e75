package remediate

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/prometheus/alertmanager/pkg/labels"
	"github.com/prometheus/common/model"
)

// Severity is how bad an incident is, by the runbook: P1, P2 or P3.
type Severity string

const (
	P1 Severity = "P1" // service completely unavailable, data at risk, more than half of the traffic lost
	P2 Severity = "P2" // degraded: 10-50 % of the traffic lost, more than 10 % slower, intermittent errors
	P3 Severity = "P3" // minor: goes to the next sprint
)

// Mode is what a policy is allowed to do by itself.
type Mode string

const (
	ModeObserve Mode = "observe" // ask, judge, write down what would be done; the default
	ModeApprove Mode = "approve" // a human approves each plan
	ModeAct     Mode = "act"
)

// Rulebook is all that governs decisions: the policies and what applies to all
// of them. It is a plain value; [Rulebook.Encode] is its canonical form, kept
// in the journal under its digest, so that a replay decides as we did.
type Rulebook struct {
	Cluster       string               `json:"cluster"`
	ReplicaLabels []string             `json:"replicaLabels"` // not part of an alert's identity
	Budget        []Budget             `json:"budget,omitempty"`
	Storm         *Storm               `json:"storm,omitempty"` // nil: there is none
	Runbooks      map[Severity]Runbook `json:"runbooks"`
	Digests       *Schedule            `json:"digests,omitempty"` // nil: there is none but of storms
	// MergePages says that PagerDuty is paged under the key that Alertmanager
	// would use, so that its page and ours are one.
	MergePages bool `json:"mergePages,omitempty"`
	// Destinations that can be told: "slack", "pagerduty/oncall", ...
	Destinations []string `json:"destinations,omitempty"`
	Policies     []Policy `json:"policies"`

	digest string
	roots  map[string]bool // policies that others depend on
	named  map[string]int  // where in Policies one of this name is
	index  matchIndex
}

// Paging says when a runbook calls people.
type Paging string

const (
	PageAtOnce Paging = "at once"
	PageOnNeed Paging = "on need" // exhausted, denied, or not verified in time
	PageNever  Paging = "never"
)

// Storm says when so much is broken at once that it must have a common cause,
// and acting on each by itself would add to it.
type Storm struct {
	Incidents int            `json:"incidents"` // opened within Per begin a storm
	Per       model.Duration `json:"per"`
	Share     float64        `json:"share,omitempty"` // so does an open incident on this share of the known targets, 0 to 1; 0: it does not
	Calm      model.Duration `json:"calm,omitempty"`  // it ends when for so long less than half of that was there
}

// Runbook says who hears of an incident of one severity, and when.
type Runbook struct {
	Objective model.Duration `json:"objective,omitempty"` // to the first good sample
	Warn      model.Duration `json:"warn,omitempty"`      // people hear so long before it is missed; 0: a sixth of it
	Update    model.Duration `json:"update,omitempty"`    // a word on how it stands, so often; 0: none
	Page      Paging         `json:"page"`
	After     model.Duration `json:"after,omitempty"` // on need: page when not healed by then
	Ladder    []Rung         `json:"ladder,omitempty"`
	Repeat    int            `json:"repeat,omitempty"` // how often the ladder is gone up; 0 is once
}

// Rung is told, then waited for before the next one is told.
type Rung struct {
	Tell string         `json:"tell"`
	Wait model.Duration `json:"wait"`
}

// DefaultRunbooks are the P1-P3 runbooks. On-call, manager and director wait
// for 5, 15 and 30 minutes, so they are told at 0, 5 and 20 minutes and again
// from the top at 50.
func DefaultRunbooks() map[Severity]Runbook {
	ladder := []Rung{{"oncall", minutes(5)}, {"manager", minutes(15)}, {"director", minutes(30)}}
	return map[Severity]Runbook{
		P1: {Objective: minutes(30), Update: minutes(5), Page: PageAtOnce, Ladder: ladder, Repeat: 2},
		P2: {Objective: minutes(120), Page: PageOnNeed, After: minutes(5), Ladder: ladder, Repeat: 2},
		P3: {Page: PageNever},
	}
}

// DefaultReplicaLabels are the labels by which the members of a highly
// available Prometheus differ.
func DefaultReplicaLabels() []string { return []string{"replica", "prometheus_replica"} }

// DefaultFlapping lets a remedy heal a target three times an hour.
func DefaultFlapping() Flapping { return Flapping{Heals: 3, Per: minutes(60)} }

// DefaultAttempts is how often an incident is acted on before a human must
// look.
const DefaultAttempts = 6

// DefaultBreaker opens after two failed verifications, for an hour.
func DefaultBreaker() Breaker { return Breaker{Failures: 2, Reset: minutes(60)} }

// Defaults of a step, used where it says nothing.
const (
	DefaultSettle      = model.Duration(10e9)  // 10 s
	DefaultActWithin   = model.Duration(120e9) // 2 m
	DefaultVerifyEvery = model.Duration(1e9)   // 1 s
)

func minutes(n int) model.Duration { return model.Duration(n) * 60e9 }

// Encode returns the canonical form of the rulebook.
func (rb *Rulebook) Encode() ([]byte, error) { return json.Marshal(rb) }

// DecodeRulebook reads what Encode wrote and makes it ready to decide with.
func DecodeRulebook(b []byte) (*Rulebook, error) {
	rb := new(Rulebook)
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(rb); err != nil {
		return nil, fmt.Errorf("rulebook: %w", err)
	}
	return rb, rb.Compile()
}

// Compile parses the matchers, indexes the policies and computes the digest. It
// is called once, before the rulebook is used; a rulebook is not changed after.
func (rb *Rulebook) Compile() error {
	rb.roots, rb.named = map[string]bool{}, make(map[string]int, len(rb.Policies))
	for i := range rb.Policies {
		p := &rb.Policies[i]
		if _, again := rb.named[p.Name]; !again {
			rb.named[p.Name] = i
		}
		for _, d := range p.Guards.Depends {
			rb.roots[d.Policy] = true
		}
		p.matchers = nil
		for _, s := range p.When {
			m, err := labels.ParseMatcher(s)
			if err != nil {
				return fmt.Errorf("policy %s: when: %w", p.Name, err)
			}
			p.matchers = append(p.matchers, m)
		}
	}
	rb.index = newMatchIndex(rb.Policies)
	b, err := rb.Encode()
	if err != nil {
		return fmt.Errorf("rulebook: %w", err)
	}
	sum := sha256.Sum256(b)
	rb.digest = hex.EncodeToString(sum[:])
	return nil
}

// Digest is the SHA-256 of the canonical form, in hexadecimal.
func (rb *Rulebook) Digest() string { return rb.digest }

// Policy returns the policy called name, nil when there is none.
func (rb *Rulebook) Policy(name string) *Policy {
	if i, ok := rb.named[name]; ok {
		return &rb.Policies[i]
	}
	return ownPolicy(name)
}

// Runbook returns the one by which an incident of a policy is dealt with that is so
// bad: the policy's own for that severity, or everybody's. What a policy promises
// later than everybody's says is not missed before.
func (rb *Rulebook) Runbook(policy string, s Severity) Runbook {
	p, all := rb.Policy(policy), rb.Runbooks[s]
	if p == nil {
		return all
	}
	if own, ok := p.Runbooks[s]; ok {
		return own
	}
	if all.Objective > 0 {
		all.Objective = max(all.Objective, p.Objective)
	}
	return all
}

// key returns what makes an alert part of one incident of the policy, and
// which of the labels that it needs are missing.
func (p *Policy) key(cluster string, ls Labels) (key string, missing []string) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s cluster=%q", p.Name, cluster)
	for _, name := range p.Per {
		v := ls.Get(name)
		if v == "" {
			missing = append(missing, name)
		}
		fmt.Fprintf(&b, " %s=%q", name, v)
	}
	if drill := ls.Get(DrillLabel); drill != "" { // which joins no incident, nor is joined by one
		fmt.Fprintf(&b, " drill=%q", drill)
	}
	return b.String(), missing
}

// can tells whether a destination is configured.
func (rb *Rulebook) can(destination string) bool {
	return slices.Contains(rb.Destinations, destination)
}
