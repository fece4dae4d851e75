package replay

import (
	"maps"
	"slices"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Comparison is what was beside what would have been.
type Comparison struct {
	From time.Time `json:"from"` // incidents that were opened from then on
	To   time.Time `json:"to"`
	// Pairs are all incidents, in the order in which they were opened.
	Pairs []Pair `json:"incidents"`
	Was   Sum    `json:"was"`
	Would Sum    `json:"would"`
	// Unasked counts the questions to which no answer was recorded, by kind.
	Unasked map[string]int `json:"unasked,omitempty"`
	Unfit   int            `json:"unfit,omitempty"` // words of humans that would not have fitted
	// After is the record before the first one that there was: what was open
	// then is not known. 0: nothing was before. Earlier counts the incidents
	// that were, of which nothing is said.
	After   uint64 `json:"after,omitempty"`
	Earlier int    `json:"earlier,omitempty"`
	// AlertsOnly says that nobody was there: only the alerts are known.
	AlertsOnly bool `json:"alertsOnly,omitempty"`
	// Caveats are what else is to be known of where it comes from.
	Caveats []string `json:"caveats,omitempty"`

	was, would *courses
}

// Pair is an incident that was, and the one that would have been in its place.
// One of them may be nil.
type Pair struct {
	Result Result  `json:"result"`
	Was    *Course `json:"was,omitempty"`
	Would  *Course `json:"would,omitempty"`
}

// Result is what the comparison of an incident comes to.
type Result string

const (
	Same      Result = "same"       // the same was done, refused and told
	Differs   Result = "differs"    // something else would have been
	NotKnown  Result = "unknown"    // the same up to a moment from which on it is not known
	OnlyWas   Result = "only was"   // it would not have been opened
	OnlyWould Result = "only would" // it was not opened
	WouldBe   Result = "would be"   // nobody was there
)

// Sum is what incidents come to together.
type Sum struct {
	Incidents int            `json:"incidents"`
	Acts      int            `json:"acts"`
	Refusals  map[string]int `json:"refusals,omitempty"` // incidents in which a guard stood in the way, by guard
	Calls     map[string]int `json:"calls,omitempty"`    // by who was called
	Healed    int            `json:"healed"`             // and stayed so
	Unknown   int            `json:"unknown"`            // incidents of which not all is known
	Unmatched map[string]int `json:"unmatched,omitempty"`
}

// Since leaves out incidents that were opened before a time, and sums up anew.
func (c *Comparison) Since(from time.Time) {
	if from.After(c.From) {
		c.From = from
	}
	c.Pairs = slices.DeleteFunc(c.Pairs, func(p Pair) bool { return p.opened().Before(c.From) })
	c.Was, c.Would = newSum(), newSum()
	for _, p := range c.Pairs {
		c.Was.add(p.Was)
		c.Would.add(p.Would)
	}
	c.Was.count(c.was.unmatched, c.From)
	c.Would.count(c.would.unmatched, c.From)
}

func newSum() Sum {
	return Sum{Refusals: map[string]int{}, Calls: map[string]int{}, Unmatched: map[string]int{}}
}

func (s *Sum) add(i *Course) {
	if i == nil {
		return
	}
	s.Incidents++
	s.Acts += len(i.Acts)
	for _, g := range i.guards() {
		s.Refusals[g]++
	}
	for _, call := range i.Calls {
		s.Calls[call.Who]++
	}
	if !i.Healed.IsZero() {
		s.Healed++
	}
	if i.Unknown != nil {
		s.Unknown++
	}
}

// count takes up the alerts that were of no policy.
func (s *Sum) count(all []unmatched, from time.Time) {
	for _, a := range all {
		if !a.at.Before(from) {
			s.Unmatched[a.name]++
		}
	}
}

func (p Pair) opened() time.Time {
	if p.Was != nil {
		return p.Was.Opened
	}
	return p.Would.Opened
}

// pair puts each incident beside the one that was opened by the same alert at
// the same time: by that of the same policy if there are several.
func (c *Comparison) pair() {
	rest := map[remediate.AlertID][]*Course{}
	for _, i := range c.would.all {
		if compared(i) {
			rest[i.opener] = append(rest[i.opener], i)
		}
	}
	for _, was := range c.was.all {
		if !compared(was) {
			continue
		}
		best := -1
		for n, i := range rest[was.opener] {
			off := i.Opened.Sub(was.Opened).Abs()
			if off <= Near && (best < 0 || i.Policy == was.Policy && rest[was.opener][best].Policy != was.Policy) {
				best = n
			}
		}
		p := Pair{Was: was}
		if best >= 0 {
			p.Would = rest[was.opener][best]
			rest[was.opener] = slices.Delete(rest[was.opener], best, best+1)
		}
		c.Pairs = append(c.Pairs, p)
	}
	for _, i := range slices.Concat(slices.Collect(maps.Values(rest))...) {
		c.Pairs = append(c.Pairs, Pair{Would: i})
	}
	for n := range c.Pairs {
		c.Pairs[n].Result = c.Pairs[n].result()
	}
	slices.SortFunc(c.Pairs, func(a, b Pair) int {
		if d := a.opened().Compare(b.opened()); d != 0 {
			return d
		}
		if d := int(a.number()) - int(b.number()); d != 0 || (a.Was == nil) == (b.Was == nil) {
			return d
		}
		if a.Was != nil { // the numbers of what was and of what would be have nothing to do with one another
			return -1
		}
		return 1
	})
	c.Since(c.From)
}

// compared tells whether an incident is one that policies decide about: that
// people could not be told is none.
func compared(i *Course) bool { return i.Policy != remediate.UntoldPolicy }

// number orders those that were opened in one moment.
func (p Pair) number() uint64 {
	if p.Was != nil {
		return p.Was.Incident
	}
	return p.Would.Incident
}

func (p Pair) result() Result {
	switch {
	case p.Would == nil:
		return OnlyWas
	case p.Was == nil && p.Would.part:
		return NotKnown
	case p.Was == nil:
		return OnlyWould
	case p.Would.Unknown != nil && p.Was.upTo(p.Would.Unknown.At).sameAs(p.Would):
		return NotKnown
	case p.Was.sameAs(p.Would):
		return Same
	}
	return Differs
}

// upTo is the course as far as a moment.
func (i *Course) upTo(at time.Time) *Course {
	part := *i
	part.Acts, part.Refusals, part.Calls = slices.Clone(i.Acts), slices.Clone(i.Refusals), slices.Clone(i.Calls)
	part.lose(at, "")
	return &part
}

// sameAs tells whether the same was done, refused and told in both, whatever the
// numbers and reasons.
func (i *Course) sameAs(o *Course) bool {
	acts := func(a, b Done) bool {
		return a.Kind == b.Kind && a.Target == b.Target && a.Step == b.Step && a.Undo == b.Undo
	}
	calls := func(a, b Call) bool { return a.Who == b.Who && a.Rung == b.Rung }
	return i.Policy == o.Policy && i.Severity == o.Severity && i.ToldOnly == o.ToldOnly && i.Found == o.Found &&
		i.Healed.IsZero() == o.Healed.IsZero() && i.Closed.IsZero() == o.Closed.IsZero() &&
		slices.EqualFunc(i.Acts, o.Acts, acts) && slices.EqualFunc(i.Calls, o.Calls, calls) && slices.Equal(i.guards(), o.guards())
}
