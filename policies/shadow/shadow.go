package shadow

import (
	"cmp"
	"slices"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Report is what became of the incidents of each policy. Facts are handed to it
// in order. The zero value is of no use: see [New].
type Report struct {
	from      time.Time
	books     func(digest string) (*remediate.Rulebook, error)
	governs   *remediate.Rulebook
	policies  map[string]*Policy
	incidents map[uint64]*incident
}

// New begins a report of incidents that were opened at from or later. books
// returns a rulebook by its digest.
func New(from time.Time, books func(digest string) (*remediate.Rulebook, error)) *Report {
	return &Report{from: from, books: books, policies: map[string]*Policy{}, incidents: map[uint64]*incident{}}
}

// Policy is what became of the incidents of one policy.
type Policy struct {
	Name string         `json:"name"`
	Mode remediate.Mode `json:"mode"` // as it is now; "" when the policy is no longer there
	// Limit is how long the remedy is given: the policy's objective, or as long
	// as its first step is verified for at most. 0 is a policy without steps.
	Limit     time.Duration `json:"limit"`
	Incidents int           `json:"incidents"`
	Called    int           `json:"called"` // of which people were called

	// Alone are incidents on which something would have been done, and nothing
	// was; Remedied those on which something was done.
	Alone    Ends           `json:"alone"`
	Remedied Ends           `json:"remedied"`
	Refused  map[string]int `json:"refused,omitempty"` // incidents in which a guard stood in the way, by guard
}

// Ends says how incidents ended, counted from when something was done or would
// have been.
type Ends struct {
	N      int             `json:"n"`
	InTime int             `json:"inTime"` // their alerts were gone within the policy's limit
	Later  int             `json:"later"`
	Open   int             `json:"open"` // they are not over
	Took   []time.Duration `json:"-"`    // of those that are over
}

// Share is the part that ended in time; 0 when there is none.
func (e Ends) Share() float64 {
	if e.N == 0 {
		return 0
	}
	return float64(e.InTime) / float64(e.N)
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

// Hear takes up the next fact. It returns an error when a rulebook cannot be
// had: then nothing can be said.
func (r *Report) Hear(f remediate.Fact) (err error) {
	switch b := f.Body.(type) {
	case remediate.RulebookLoaded:
		r.governs, err = r.books(b.Digest)
	case remediate.Opened:
		err = r.opened(b, f.At)
	default:
		if i := r.incidents[remediate.IncidentOf(f.Body)]; i != nil {
			i.hear(f)
		}
	}
	return err
}

func (r *Report) opened(b remediate.Opened, at time.Time) error {
	if at.Before(r.from) || b.Found || own(b.Policy) {
		return nil
	}
	book, err := r.books(b.Rulebook)
	if err != nil {
		return err
	}
	p := r.policies[b.Policy]
	if p == nil {
		p = &Policy{Name: b.Policy, Refused: map[string]int{}}
		r.policies[b.Policy] = p
	}
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
		sum.Refused = map[string]int{}
		if r.governs != nil {
			if now := r.governs.Policy(name); now != nil {
				sum.Mode = now.Mode
			}
		}
		sums[name] = &sum
	}
	for _, i := range r.incidents {
		sums[i.of.Name].add(i)
	}
	var out []Policy
	for _, p := range sums {
		out = append(out, *p)
	}
	slices.SortFunc(out, func(a, b Policy) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

func (p *Policy) add(i *incident) {
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
		p.Remedied.add(i, i.acted)
	case !i.would.IsZero():
		p.Alone.add(i, i.would)
	}
}

func (e *Ends) add(i *incident, since time.Time) {
	e.N++
	if !i.over {
		e.Open++
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
