package web

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Status is the answer of /api/v1/status: how the daemon is.
type Status struct {
	AsOf     time.Time                `json:"asOf"`
	Version  string                   `json:"version,omitempty"`
	Cluster  string                   `json:"cluster,omitempty"`
	Leader   string                   `json:"leader,omitempty"`   // the replica that leads, when there are several
	Journal  string                   `json:"journal"`            // its 8 characters
	Seq      uint64                   `json:"seq"`                // of the last fact
	Last     time.Time                `json:"last"`               // and when it was
	Rulebook string                   `json:"rulebook"`           // digest of the one that governs
	Policies int                      `json:"policies"`           // in it
	Open     int                      `json:"open"`               // incidents that are not closed
	ByStatus map[remediate.Status]int `json:"byStatus"`           // these, by status
	Pending  int                      `json:"pending"`            // dealings with the world that were begun and have not ended
	Paused   []Paused                 `json:"paused"`             // scopes in which nothing is done
	Modes    []ModeSet                `json:"modes"`              // scopes in which less may be done, by a human's word or our own
	Drills   []Drill                  `json:"drills"`             // those that are on
	Degraded string                   `json:"degraded,omitempty"` // why nothing is done at all: what is done would not be remembered
	Upgrade  *Upgrade                 `json:"upgrade,omitempty"`  // which release decides, when that is written down
	Storm    uint64                   `json:"storm,omitempty"`    // the incident of the storm that is on: acts are held back
	Next     time.Time                `json:"next,omitzero"`      // when the daemon wakes by itself
}

// Paused is one scope of the kill switch.
type Paused struct {
	Scope  string    `json:"scope"` // all, policy/NAME or namespace/NAME
	By     string    `json:"by"`
	Reason string    `json:"reason,omitempty"`
	Until  time.Time `json:"until,omitzero"` // when it ends by itself; zero: when somebody resumes it
}

// ModeSet is one scope in which a human lets no more be done than its mode.
type ModeSet struct {
	Scope  string         `json:"scope"` // all, policy/NAME or namespace/NAME
	Mode   remediate.Mode `json:"mode"`  // observe or approve
	By     string         `json:"by"`
	Reason string         `json:"reason,omitempty"`
}

// Drill is a drill that is on.
type Drill struct {
	Policy string           `json:"policy"`
	Name   string           `json:"name"`
	By     string           `json:"by"`
	Reason string           `json:"reason,omitempty"`
	Labels remediate.Labels `json:"labels"` // of its alert
	Since  time.Time        `json:"since"`
	Until  time.Time        `json:"until"`
	Live   bool             `json:"live,omitempty"` // something is broken on purpose
	Page   bool             `json:"page,omitempty"` // and people are called for it
}

func (s *server) status(r *http.Request) (any, error) { return s.overview(r.Context()) }

func (s *server) overview(ctx context.Context) (Status, error) {
	v := Status{AsOf: s.opt.Now().UTC().Truncate(time.Millisecond), Version: s.opt.Version, Leader: s.opt.Leader}
	err := s.look(ctx, func(st *remediate.State, books remediate.Rulebooks) {
		v.Journal, v.Seq, v.Last, v.Rulebook = st.Journal, st.Seq, st.At, st.Rulebook
		v.Degraded, v.Next, v.Pending = st.Degraded(), st.Next(), len(st.Started())
		v.Storm = st.Storm
		v.Open, v.ByStatus = countOpen(st)
		v.Paused, v.Modes = pausedOf(st), modesOf(st.Modes)
		v.Drills = append(drillsOf(st.Drills, false, v.AsOf), drillsOf(st.Live, true, v.AsOf)...)
		v.Upgrade = upgradeOf(st.Release)
		if book := books[st.Rulebook]; book != nil {
			v.Cluster, v.Policies = book.Cluster, len(book.Policies)
		}
	})
	return v, err
}

func countOpen(st *remediate.State) (open int, by map[remediate.Status]int) {
	by = map[remediate.Status]int{}
	for _, b := range st.Incidents.Briefs() {
		if b.Status != remediate.StatusClosed {
			open++
			by[b.Status]++
		}
	}
	return open, by
}

func pausedOf(st *remediate.State) []Paused {
	ps := []Paused{}
	for scope, c := range st.Paused {
		ps = append(ps, Paused{Scope: scope, By: c.By, Reason: c.Reason, Until: c.Until})
	}
	slices.SortFunc(ps, func(a, b Paused) int { return cmp.Compare(a.Scope, b.Scope) })
	return ps
}

func drillsOf(begun map[string]remediate.Drilling, live bool, now time.Time) []Drill {
	ds := []Drill{}
	for _, policy := range slices.Sorted(maps.Keys(begun)) {
		if d := begun[policy]; d.Until.After(now) {
			ds = append(ds, Drill{
				Policy: policy, Name: d.Labels.Get(remediate.DrillLabel), By: d.By, Reason: d.Reason, Labels: d.Labels, Since: d.Since, Until: d.Until, Live: live, Page: d.Page,
			})
		}
	}
	return ds
}

func modesOf(set map[string]remediate.CommandGiven) []ModeSet {
	ms := []ModeSet{}
	for scope, c := range set {
		ms = append(ms, ModeSet{Scope: scope, Mode: remediate.Mode(c.Value), By: c.By, Reason: c.Reason})
	}
	slices.SortFunc(ms, func(a, b ModeSet) int { return cmp.Compare(a.Scope, b.Scope) })
	return ms
}

// tightened returns the mode that was set for a policy, by its name or for all,
// "" when its own is as strict.
func tightened(p remediate.Policy, set map[string]remediate.CommandGiven) remediate.Mode {
	strictness := values[remediate.SetMode]
	least := p.Mode
	for _, scope := range []string{"all", "policy/" + p.Name} {
		if c, ok := set[scope]; ok && slices.Index(strictness, c.Value) < slices.Index(strictness, string(least)) {
			least = remediate.Mode(c.Value)
		}
	}
	if least == p.Mode {
		return ""
	}
	return least
}

// PolicyList is the answer of /api/v1/policies, in the order in which they are
// matched.
type PolicyList struct {
	Policies []Policy `json:"policies"`
}

// Policy is one policy of the rulebook that governs, and how it fares.
type Policy struct {
	Name      string             `json:"name"`
	Source    string             `json:"source,omitempty"` // file:line
	Severity  remediate.Severity `json:"severity"`
	Mode      remediate.Mode     `json:"mode"`
	When      []string           `json:"when"` // matchers; all must match
	Per       []string           `json:"per,omitempty"`
	Target    string             `json:"target,omitempty"` // template: kind/namespace/name
	Objective model.Duration     `json:"objective,omitempty"`
	Guards    remediate.Guards   `json:"guards"`
	Steps     []Step             `json:"steps"`
	Since     time.Time          `json:"since"` // since when it has been there
	Open      []uint64           `json:"open"`  // its incidents that are not closed
	Acts      int                `json:"acts"`  // begun in the last 24 hours
	Paused    bool               `json:"paused,omitempty"`
	Tightened remediate.Mode     `json:"tightened,omitempty"` // what it may do at most by a mode that is set, when that is less than Mode
}

// Step is one remedy of a policy in short.
type Step struct {
	Name     string   `json:"name"`
	Do       []string `json:"do"`     // kinds of acts, in order
	Verify   []string `json:"verify"` // kinds of probes
	Approval bool     `json:"approval,omitempty"`
}

func (s *server) policies(r *http.Request) (any, error) { return s.policyList(r.Context()) }

func (s *server) policyList(ctx context.Context) (PolicyList, error) {
	l := PolicyList{Policies: []Policy{}}
	now := s.opt.Now()
	err := s.look(ctx, func(st *remediate.State, books remediate.Rulebooks) {
		book := books[st.Rulebook]
		if book == nil {
			return
		}
		open := map[string][]uint64{}
		for n, b := range st.Incidents.Briefs() {
			if b.Status != remediate.StatusClosed {
				open[b.Policy] = append(open[b.Policy], n)
			}
		}
		for _, p := range book.Policies {
			l.Policies = append(l.Policies, policyOf(p, st, open[p.Name], now))
		}
	})
	return l, err
}

func policyOf(p remediate.Policy, st *remediate.State, open []uint64, now time.Time) Policy {
	v := Policy{
		Name: p.Name, Source: p.Source, Severity: p.Severity, Mode: p.Mode, When: p.When, Per: p.Per, Target: p.Target,
		Objective: p.Objective, Guards: p.Guards, Steps: []Step{}, Since: st.PolicySince[p.Name], Open: append([]uint64{}, open...),
	}
	if v.Guards.Breaker.Failures == 0 { // a policy that says nothing has one all the same
		v.Guards.Breaker = remediate.DefaultBreaker()
	}
	slices.Sort(v.Open)
	_, v.Paused = st.Paused["policy/"+p.Name]
	v.Tightened = tightened(p, st.Modes)
	v.Acts = since(st.Acts[p.Name], now.Add(-24*time.Hour))
	for _, step := range p.Steps {
		s := Step{Name: step.Name, Do: []string{}, Verify: []string{}, Approval: step.Approval != nil || p.Mode == remediate.ModeApprove}
		for _, d := range step.Do {
			s.Do = append(s.Do, d.Kind)
		}
		for _, c := range step.Checks() {
			if !slices.Contains(s.Verify, c.Kind) {
				s.Verify = append(s.Verify, c.Kind)
			}
		}
		v.Steps = append(v.Steps, s)
	}
	return v
}

// BreakerList is the answer of /api/v1/breakers: those that have counted a
// failed verification. All others are closed.
type BreakerList struct {
	Breakers []Breaker `json:"breakers"`
}

// Breaker is the remedy breaker of one policy and target.
type Breaker struct {
	Policy   string    `json:"policy"`
	Target   string    `json:"target"`
	State    string    `json:"state"`          // closed, half-open, open
	Failures int       `json:"failures"`       // failed verifications in a row
	Until    time.Time `json:"until,omitzero"` // when an open one lets one try through
}

func (s *server) breakers(r *http.Request) (any, error) { return s.breakerList(r.Context()) }

func (s *server) breakerList(ctx context.Context) (BreakerList, error) {
	l := BreakerList{Breakers: []Breaker{}}
	var unread error
	now := s.opt.Now()
	err := s.look(ctx, func(st *remediate.State, _ remediate.Rulebooks) {
		for name, b := range st.Breakers {
			v, err := breakerOf(name, b, now)
			if err != nil {
				unread = problemf(http.StatusInternalServerError, "the state of breaker %s cannot be read: %v", name, err)
			}
			l.Breakers = append(l.Breakers, v)
		}
	})
	slices.SortFunc(l.Breakers, func(a, b Breaker) int {
		return cmp.Or(cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.Target, b.Target))
	})
	return l, cmp.Or(err, unread)
}

// breakerOf shows a breaker as it is at now: one whose time is over lets one
// try through, though nothing was written down about that yet.
func breakerOf(name string, b remediate.BreakerState, now time.Time) (Breaker, error) {
	v := Breaker{State: b.State, Until: b.Until}
	v.Policy, v.Target = remediate.SplitBreaker(name)
	if b.State == "open" && !b.Until.After(now) {
		v.State, v.Until = "half-open", time.Time{}
	}
	var shared struct {
		Counts struct{ ConsecutiveFailures int }
	}
	err := json.Unmarshal(b.Shared, &shared)
	v.Failures = shared.Counts.ConsecutiveFailures
	return v, err
}
