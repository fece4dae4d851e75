package shadow

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Report is what became of the incidents of each policy: see [Read].
type Report struct {
	from      time.Time
	books     func(digest string) (*remediate.Rulebook, error)
	governs   *remediate.Rulebook
	policies  map[string]*Policy
	incidents map[uint64]*incident              // those that are open
	set       map[string]remediate.CommandGiven // modes, by scope
	last      time.Time                         // of the facts so far
}

// Read reports on incidents that were opened at from or later, by the facts of a
// journal or of what is left of one. governs is the digest of the rulebook that
// governs where they begin, "" when there is none yet; books returns one by its
// digest, and when one cannot be had nothing can be said.
func Read(from time.Time, governs string, books func(digest string) (*remediate.Rulebook, error), facts iter.Seq2[remediate.Fact, error]) (*Report, error) {
	r := &Report{from: from, books: books, policies: map[string]*Policy{}, incidents: map[uint64]*incident{}, set: map[string]remediate.CommandGiven{}}
	if governs != "" {
		var err error
		if r.governs, err = books(governs); err != nil {
			return nil, err
		}
	}
	first := true
	for f, err := range facts {
		if err == nil {
			err = r.hear(f)
		}
		if err != nil {
			return nil, err
		}
		if first && f.At.After(r.from) {
			r.from = f.At // there is nothing before it
		}
		first = false
	}
	return r, nil
}

// Since is when the incidents were opened at the earliest that it is about.
func (r *Report) Since() time.Time { return r.from }

// Policy is what became of the incidents of one policy.
type Policy struct {
	Name string         `json:"name"`
	Mode remediate.Mode `json:"mode"` // as it is in its file now; "" when the policy is no longer there
	// Held says by whose word, and why, it only observes though its file lets it do
	// more.
	Held string `json:"held,omitempty"`
	// Limit is how long the remedy is given: the policy's objective, or as long
	// as its first step is verified for at most. 0 is a policy without steps.
	Limit     time.Duration `json:"limit"`
	Incidents int           `json:"incidents"`
	Called    int           `json:"called"` // of which people were called

	// Alone are incidents on which something would have been done, and nothing
	// was; Remedied those on which something was done. When we put it back to observe
	// and a human let it go on, these are counted anew from there.
	Alone    Ends           `json:"alone"`
	Remedied Ends           `json:"remedied"`
	Refused  map[string]int `json:"refused,omitempty"` // incidents in which a guard stood in the way, by guard

	lifted time.Time // when a human last let it go on
}

// Ends says how incidents ended, counted from when something was done or would
// have been.
type Ends struct {
	N      int             `json:"n"`
	InTime int             `json:"inTime"` // their alerts were gone within the policy's limit
	Later  int             `json:"later"`
	Open   int             `json:"open"` // they are not over
	Took   []time.Duration `json:"-"`    // of those that are over

	running int // open ones whose time is not up: they may still end in it
}

// Known is how many there are of which is known whether they ended in time.
func (e Ends) Known() int { return e.N - e.running }

// Share is the part of those that ended in time; 0 when there is none.
func (e Ends) Share() float64 {
	if e.Known() == 0 {
		return 0
	}
	return float64(e.InTime) / float64(e.Known())
}

// Median is how long it took in the middle; 0 when none is over.
func (e Ends) Median() time.Duration {
	if len(e.Took) == 0 {
		return 0
	}
	took := slices.Sorted(slices.Values(e.Took))
	return took[(len(took)-1)/2]
}

// incident is one that is followed.
type incident struct {
	of      *Policy
	limit   time.Duration
	would   time.Time       // when something would have been done first
	acted   time.Time       // when something was done first
	gone    time.Time       // when its alerts were gone
	refused map[string]bool // guards that stood in the way
	called  bool
	closed  bool // by a human, though its alerts fired: it says nothing of how it ends
	over    bool
}

// hear takes up the next fact.
func (r *Report) hear(f remediate.Fact) (err error) {
	r.last = f.At
	switch b := f.Body.(type) {
	case remediate.RulebookLoaded:
		r.governs, err = r.books(b.Digest)
	case remediate.Opened:
		err = r.opened(b, f.At)
	case remediate.CommandGiven:
		r.commanded(b, f.At)
	default:
		n := remediate.IncidentOf(f.Body)
		if i := r.incidents[n]; i != nil {
			if i.hear(f); i.over { // its sum is enough, however long the journal is
				i.of.add(i, f.At)
				delete(r.incidents, n)
			}
		}
	}
	return err
}

// commanded notes which modes are set. A human's word after our own begins the
// count anew: they know what it was about.
func (r *Report) commanded(b remediate.CommandGiven, at time.Time) {
	if b.Command != remediate.SetMode {
		return
	}
	if name, one := strings.CutPrefix(b.Scope, "policy/"); one && b.By != remediate.Itself && r.set[b.Scope].By == remediate.Itself {
		p := r.policy(name)
		p.lifted, p.Remedied = at, Ends{}
	}
	r.set[b.Scope] = b
	if remediate.Mode(b.Value) == remediate.ModeAct {
		delete(r.set, b.Scope)
	}
}

// policy returns what is gathered of a policy.
func (r *Report) policy(name string) *Policy {
	p := r.policies[name]
	if p == nil {
		p = &Policy{Name: name, Refused: map[string]int{}}
		r.policies[name] = p
	}
	return p
}

func (r *Report) opened(b remediate.Opened, at time.Time) error {
	if at.Before(r.from) || b.Found || b.Drill != "" || b.Live != "" || own(b.Policy) {
		return nil
	}
	book, err := r.books(b.Rulebook)
	if err != nil {
		return err
	}
	p := r.policy(b.Policy)
	p.Limit = limitOf(book.Policy(b.Policy))
	r.incidents[b.Incident] = &incident{of: p, limit: p.Limit, refused: map[string]bool{}}
	return nil
}

// own tells whether a policy is one of the daemon's own, which has no remedy.
func own(policy string) bool {
	return policy == remediate.StormPolicy || policy == remediate.WatchdogPolicy || policy == remediate.UntoldPolicy
}

func limitOf(p *remediate.Policy) time.Duration {
	if len(p.Steps) == 0 {
		return 0
	}
	return time.Duration(cmp.Or(p.Objective, p.Steps[0].Verify.Within))
}

func (i *incident) hear(f remediate.Fact) {
	switch b := f.Body.(type) {
	case remediate.Judged:
		i.judged(b, f.At)
	case remediate.Started:
		if b.Act != nil && i.acted.IsZero() {
			i.acted = f.At
		}
	case remediate.Joined:
		i.gone = time.Time{}
	case remediate.Left:
		if b.Firing == 0 {
			i.gone = f.At
		}
	case remediate.Escalated:
		i.called = true
	case remediate.Closed:
		i.over, i.closed = true, i.gone.IsZero()
	}
}

// judged notes what stood in the way. That the policy only observes is no
// refusal: it is why it is asked how it would be.
func (i *incident) judged(b remediate.Judged, at time.Time) {
	if b.Decision == remediate.Observed && b.Plan != nil && i.would.IsZero() {
		i.would = at
	}
	for _, v := range b.Verdicts {
		switch v.Decision {
		case remediate.Allowed, remediate.Observed, remediate.Approval:
		default:
			i.refused[v.Guard] = true
		}
	}
}

// Policies is what became of the incidents so far, by policy, in the order of
// their names.
func (r *Report) Policies() []Policy {
	sums := map[string]*Policy{}
	for name, p := range r.policies {
		sum := *p
		sum.Refused = maps.Clone(p.Refused)
		sum.Alone.Took, sum.Remedied.Took = slices.Clip(p.Alone.Took), slices.Clip(p.Remedied.Took)
		r.permitted(&sum)
		sums[name] = &sum
	}
	for _, i := range r.incidents {
		sums[i.of.Name].add(i, r.last)
	}
	var out []Policy
	for _, p := range sums {
		if p.Incidents > 0 {
			out = append(out, *p)
		}
	}
	slices.SortFunc(out, func(a, b Policy) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// permitted notes what a policy may do now.
func (r *Report) permitted(p *Policy) {
	if r.governs == nil || r.governs.Policy(p.Name) == nil {
		return
	}
	p.Mode = r.governs.Policy(p.Name).Mode
	for _, scope := range []string{"policy/" + p.Name, "all"} {
		if c, set := r.set[scope]; set && p.Mode != remediate.ModeObserve && remediate.Mode(c.Value) == remediate.ModeObserve && p.Held == "" {
			p.Held = fmt.Sprintf("%s only observes, as %s set it: %s", scope, c.By, cmp.Or(c.Reason, "no reason was given"))
		}
	}
}

// add counts an incident, as it is at a time.
func (p *Policy) add(i *incident, now time.Time) {
	p.Incidents++
	if i.called {
		p.Called++
	}
	for guard := range i.refused {
		p.Refused[guard]++
	}
	switch {
	case i.closed:
	case !i.acted.IsZero():
		if !i.acted.Before(p.lifted) {
			p.Remedied.add(i, i.acted, now)
		}
	case !i.would.IsZero():
		p.Alone.add(i, i.would, now)
	}
}

func (e *Ends) add(i *incident, since, now time.Time) {
	e.N++
	if !i.over {
		e.Open++
		if !i.gone.IsZero() {
			now = i.gone
		}
		if now.Sub(since) <= i.limit {
			e.running++
		}
		return
	}
	took := max(0, i.gone.Sub(since))
	e.Took = append(e.Took, took)
	if took <= i.limit {
		e.InTime++
		return
	}
	e.Later++
}
