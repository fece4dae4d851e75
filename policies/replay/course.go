package replay

import (
	"cmp"
	"slices"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Course is what became of one incident, as it was or as it would be.
type Course struct {
	Incident uint64             `json:"incident"`
	Alert    string             `json:"alert"` // alertname of the one that opened it
	Policy   string             `json:"policy"`
	Target   string             `json:"target,omitempty"`
	Severity remediate.Severity `json:"severity"` // in the end
	ToldOnly string             `json:"toldOnly,omitempty"`
	Found    bool               `json:"found,omitempty"`
	Opened   time.Time          `json:"opened"`
	Acts     []Done             `json:"acts,omitempty"`
	Refusals []Refusal          `json:"refusals,omitempty"`
	Calls    []Call             `json:"calls,omitempty"`
	Healed   time.Time          `json:"healed,omitzero"` // last
	Closed   time.Time          `json:"closed,omitzero"`
	// Gone is when none of its alerts fired any more, as far as that has nothing
	// to do with what was done: when only the alerts are known.
	Gone time.Time `json:"gone,omitzero"`
	// Unknown says what is not known, and so from when on nothing is said of
	// the incident; nil: all of it is known.
	Unknown *Unknown `json:"unknown,omitempty"`

	opener remediate.AlertID
	part   bool   // its alert became part of an incident of which nothing is said
	step   string // of the plan that was judged last
	stand  string // what that judgement came to
}

// Done is an act that was begun.
type Done struct {
	At     time.Time `json:"at"`
	Kind   string    `json:"kind"`
	Target string    `json:"target"`
	Step   string    `json:"step,omitempty"`
	Undo   bool      `json:"undo,omitempty"`
}

// Refusal is a guard that stood in the way: by wait, deny or hold, by observe
// when the policy does no more, or by approve when a human is asked first.
type Refusal struct {
	At       time.Time          `json:"at"`
	Guard    string             `json:"guard"`
	Decision remediate.Decision `json:"decision"`
	Why      string             `json:"why"`
}

// Call is somebody who was called.
type Call struct {
	At   time.Time `json:"at"`
	Who  string    `json:"who"`
	Rung int       `json:"rung"` // 1 is the first
	Why  string    `json:"why"`
}

// Unknown is what cannot be known, and from when on.
type Unknown struct {
	At  time.Time `json:"at"`
	Why string    `json:"why"`
}

// courses follows the incidents of one life.
type courses struct {
	all       []*Course
	open      map[uint64]*Course
	heard     remediate.AlertFiring
	matched   bool
	unmatched []unmatched

	alone   bool            // only the alerts are known
	after   uint64          // the record before the first one; 0: nothing was before
	first   uint64          // number of the first that was opened
	earlier map[uint64]bool // incidents that were open before
	joined  map[edge]uint64 // what became part of them
}

// edge is an alert that began to fire, and when in milliseconds.
type edge struct {
	id remediate.AlertID
	at int64
}

// unmatched is an alert that was of no policy.
type unmatched struct {
	at   time.Time
	name string
}

func newCourses() *courses {
	return &courses{open: map[uint64]*Course{}, matched: true, earlier: map[uint64]bool{}, joined: map[edge]uint64{}}
}

// hear takes up the next fact.
func (c *courses) hear(f remediate.Fact) {
	c.before(f)
	switch b := f.Body.(type) {
	case remediate.AlertFiring:
		c.settle(f.At)
		c.heard, c.matched = b, b.Via == remediate.ViaOwn
	case remediate.Opened:
		c.matched = true
		i := &Course{
			Incident: b.Incident, Alert: c.heard.Alert.Name(), Policy: b.Policy, Target: b.Target.String(), Severity: b.Severity,
			ToldOnly: b.ToldOnly, Found: b.Found, Opened: f.At, opener: b.Alert,
		}
		if c.open[b.Incident] = i; b.Drill == "" && b.Live == "" { // in a drill nothing was broken, and there is nothing to compare
			c.all = append(c.all, i)
		}
	case remediate.Joined:
		c.matched = true
		c.gone(b.Incident, time.Time{})
	case remediate.Left:
		if b.Firing == 0 {
			c.gone(b.Incident, f.At)
		}
	case remediate.Filed:
		delete(c.open, b.Incident)
	default:
		if i := c.open[remediate.IncidentOf(f.Body)]; i != nil && i.Unknown == nil {
			i.hear(f)
		}
	}
}

// gone notes when the alerts of an incident were gone.
func (c *courses) gone(incident uint64, at time.Time) {
	if i := c.open[incident]; i != nil && c.alone {
		i.Gone = at
	}
}

// before notes what a fact says of an incident that was open before the first
// record. Numbers only grow: those of the ones that are opened here are higher.
func (c *courses) before(f remediate.Fact) {
	n := remediate.IncidentOf(f.Body)
	if _, opened := f.Body.(remediate.Opened); opened {
		c.first = min(n, cmp.Or(c.first, n))
	}
	if _, filed := f.Body.(remediate.Filed); filed || c.after == 0 || n == 0 || c.first > 0 && n >= c.first {
		return
	}
	c.earlier[n] = true
	if b, ok := f.Body.(remediate.Joined); ok {
		c.joined[edge{b.Alert, f.At.UnixMilli()}] = n
	}
}

// settle notes the alert that was heard last, when nothing came of it.
func (c *courses) settle(at time.Time) {
	if !c.matched {
		c.unmatched, c.matched = append(c.unmatched, unmatched{at, c.heard.Alert.Name()}), true
	}
}

func (i *Course) hear(f remediate.Fact) {
	switch b := f.Body.(type) {
	case remediate.Judged:
		i.judged(b, f.At)
	case remediate.Started:
		if b.Act != nil {
			i.stand = ""
			i.Acts = append(i.Acts, Done{At: f.At, Kind: b.Act.Kind, Target: b.Act.Target.String(), Step: i.step, Undo: b.Act.Undo})
		}
	case remediate.Rated:
		i.Severity = b.To
	case remediate.Escalated:
		i.Calls = append(i.Calls, Call{At: f.At, Who: b.Tell, Rung: b.Rung + 1, Why: b.Why})
	case remediate.Healed:
		i.Healed = f.At
	case remediate.Reopened:
		i.Healed = time.Time{}
	case remediate.Closed:
		i.Closed = f.At
	}
}

// judged notes what stands in the way, once until it is something else.
func (i *Course) judged(b remediate.Judged, at time.Time) {
	if !b.Target.IsZero() {
		i.Target = b.Target.String()
	}
	if b.Plan != nil {
		i.step = b.Plan.Step
	}
	guards, reasons := inTheWay(b)
	stand := string(b.Decision)
	for _, g := range guards {
		stand += " " + g
	}
	if stand == i.stand {
		return
	}
	i.stand = stand
	for n, g := range guards {
		i.Refusals = append(i.Refusals, Refusal{At: at, Guard: g, Decision: b.Decision, Why: reasons[n]})
	}
}

// unjudged takes back what stands in the way only because it is not known: it is
// no guard's refusal.
func (i *Course) unjudged(at time.Time, reasons []string) {
	i.Refusals = slices.DeleteFunc(i.Refusals, func(r Refusal) bool { return r.At.Equal(at) && slices.Contains(reasons, r.Why) })
}

// lose says that from a moment on nothing is known of the incident. What was
// noted after it was no more than a guess.
func (i *Course) lose(at time.Time, why string) {
	if i.Unknown != nil && !at.Before(i.Unknown.At) {
		return
	}
	i.Unknown = &Unknown{At: at, Why: why}
	i.Acts = slices.DeleteFunc(i.Acts, func(d Done) bool { return d.At.After(at) })
	i.Refusals = slices.DeleteFunc(i.Refusals, func(r Refusal) bool { return r.At.After(at) })
	i.Calls = slices.DeleteFunc(i.Calls, func(c Call) bool { return c.At.After(at) })
	if !i.Healed.Before(at) {
		i.Healed = time.Time{}
	}
	if !i.Closed.Before(at) {
		i.Closed = time.Time{}
	}
}

// guards are those that stood in the way, in order, each once.
func (i *Course) guards() []string {
	var out []string
	for _, r := range i.Refusals {
		out = append(out, r.Guard)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
