package remediate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strconv"
)

// Incidents are those that are not over, by their numbers. When there are many, those
// that nothing is under way for rest: each is kept as what it differs in from another
// of its policy, in a thirtieth of the memory, until somebody wants it.
type Incidents struct {
	awake    map[uint64]*Incident
	resting  map[uint64]resting
	met      []uint64 // woken or decided about since those that may rest were looked for last
	patterns map[string]*pattern
}

// resting is an incident at rest. Nothing in it is ever changed, so that copies of a
// state share it.
type resting struct {
	differs string    // from like
	like    *Incident // never changed either
	brief   Brief
}

// Brief is what is known of an incident at any time: one that rests is not woken for
// it.
type Brief struct {
	Rulebook string // digest of the one that it was opened under
	Policy   string
	Severity Severity
	Status   Status
}

func (i *Incident) brief() Brief { return Brief{i.Rulebook, i.Policy, i.Severity, i.Status} }

// pattern is an incident that others of its policy are written like.
type pattern struct {
	like   *Incident
	served int // how many are
}

// maxAwake is how many incidents stay awake that could rest: so few that most
// installations never have one rest.
var maxAwake = 1000

// When an incident differs in more than so many bytes from the pattern of its policy, the
// next are written like it, once the pattern has served so many.
const (
	unlike    = 512
	maxUnlike = 100
)

var (
	ofIncident   = differOf(reflect.TypeFor[Incident]())
	copyIncident = copier{}.of(reflect.TypeFor[Incident]())
	copyState    = copier{}.of(reflect.TypeFor[State]())
)

func newIncidents() Incidents {
	return Incidents{awake: map[uint64]*Incident{}, resting: map[uint64]resting{}, patterns: map[string]*pattern{}}
}

// copy returns i with nothing in common but what it says.
func (i *Incident) copy() *Incident {
	c := new(Incident)
	copyIncident(reflect.ValueOf(c).Elem(), reflect.ValueOf(i).Elem())
	return c
}

// incident is the incident that rests, anew each time.
func (r resting) incident() *Incident {
	i := r.like.copy()
	ofIncident.read(&differences{r.differs}, reflect.ValueOf(i).Elem())
	return i
}

// Get returns the incident with this number, nil when there is none. It is awake from
// here on, and may be changed by who owns the state.
func (x *Incidents) Get(n uint64) *Incident {
	i := x.awake[n]
	if i != nil {
		return i
	}
	r, rests := x.resting[n]
	if !rests {
		return nil
	}
	i = r.incident()
	delete(x.resting, n)
	x.awake[n] = i
	x.met = append(x.met, n)
	return i
}

// Look returns the incident with this number to be looked at and not to be changed, nil
// when there is none: of one that rests a copy, and it rests on.
func (x *Incidents) Look(n uint64) *Incident {
	if r, rests := x.resting[n]; rests {
		return r.incident()
	}
	return x.awake[n]
}

// Brief is that of the incident with this number, the zero one when there is none.
func (x *Incidents) Brief(n uint64) Brief {
	if i := x.awake[n]; i != nil {
		return i.brief()
	}
	return x.resting[n].brief
}

// Len is how many there are.
func (x *Incidents) Len() int { return len(x.awake) + len(x.resting) }

// Numbers returns all their numbers, in order.
func (x *Incidents) Numbers() []uint64 {
	all := slices.AppendSeq(make([]uint64, 0, x.Len()), maps.Keys(x.awake))
	all = slices.AppendSeq(all, maps.Keys(x.resting))
	slices.Sort(all)
	return all
}

// All yields all of them, to be looked at and not to be changed: of one that rests it
// is a copy.
func (x *Incidents) All() iter.Seq2[uint64, *Incident] {
	return func(yield func(uint64, *Incident) bool) {
		for n, i := range x.awake {
			if !yield(n, i) {
				return
			}
		}
		for n, r := range x.resting {
			if !yield(n, r.incident()) {
				return
			}
		}
	}
}

// Briefs yields what is known of each at any time, for which none is woken.
func (x *Incidents) Briefs() iter.Seq2[uint64, Brief] {
	return func(yield func(uint64, Brief) bool) {
		for n, i := range x.awake {
			if !yield(n, i.brief()) {
				return
			}
		}
		for n, r := range x.resting {
			if !yield(n, r.brief) {
				return
			}
		}
	}
}

// Put adds an incident, awake.
func (x *Incidents) Put(i *Incident) { x.awake[i.ID] = i }

// change lets f change an incident, which rests on if it did.
func (x *Incidents) change(n uint64, f func(*Incident)) {
	r, rests := x.resting[n]
	if !rests {
		f(x.awake[n])
		return
	}
	i := r.incident()
	f(i)
	x.rest(i)
}

func (x *Incidents) drop(n uint64) {
	delete(x.awake, n)
	delete(x.resting, n)
}

// rest lays an incident to rest. Nobody may hold on to it.
func (x *Incidents) rest(i *Incident) {
	m := x.patterns[i.Policy]
	if m == nil {
		m = &pattern{like: i.copy()}
		x.patterns[i.Policy] = m
	}
	r := restingLike(i, m.like)
	x.resting[i.ID] = r
	delete(x.awake, i.ID)
	if m.served++; len(r.differs) > unlike && m.served > maxUnlike {
		delete(x.patterns, i.Policy)
	}
}

// restingLike is i at rest, written like another of its policy.
func restingLike(i, like *Incident) resting {
	b := ofIncident.write(nil, reflect.ValueOf(i).Elem(), reflect.ValueOf(like).Elem())
	brief := i.brief()
	if brief.Policy = like.Policy; brief.Rulebook == like.Rulebook { // one text for all
		brief.Rulebook = like.Rulebook
	}
	return resting{string(b), like, brief}
}

// rest lays to rest, if there are many, those that were decided about or woken, that
// nothing is under way for, and that need not be decided about.
func (s *State) rest() {
	x := &s.Incidents
	for _, n := range x.met {
		if i := x.awake[n]; i != nil && len(x.awake) > maxAwake && len(i.Pending) == 0 && !s.index.touched[n] {
			x.rest(i)
		}
	}
	if x.met = x.met[:0]; len(x.resting) == 0 {
		clear(x.patterns) // of policies that may be no more
	}
}

// copy returns incidents that have nothing in common with x that is ever changed.
func (x Incidents) copy() Incidents {
	c := newIncidents()
	for n, i := range x.awake {
		c.awake[n] = i.copy()
	}
	c.resting = maps.Clone(x.resting)
	return c
}

// MarshalJSON writes an object of the incidents by their numbers, as of a map.
func (x Incidents) MarshalJSON() ([]byte, error) {
	numbers := map[string]uint64{}
	for _, n := range x.Numbers() {
		numbers[strconv.FormatUint(n, 10)] = n
	}
	b := []byte{'{'}
	for _, name := range slices.Sorted(maps.Keys(numbers)) {
		i := x.awake[numbers[name]]
		if i == nil {
			i = x.resting[numbers[name]].incident()
		}
		one, err := json.Marshal(i)
		if err != nil {
			return nil, err
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), name...), '"', ':')
		b = append(b, one...)
	}
	return append(b, '}'), nil
}

// UnmarshalJSON reads what MarshalJSON wrote. When there are many, they rest.
func (x *Incidents) UnmarshalJSON(b []byte) error {
	*x = newIncidents()
	d := json.NewDecoder(bytes.NewReader(b))
	if begin, err := d.Token(); err != nil || begin != json.Delim('{') {
		return fmt.Errorf("incidents: want an object of them by their numbers, have %v: %w", begin, err)
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		n, err := strconv.ParseUint(fmt.Sprint(name), 10, 64)
		if err != nil {
			return fmt.Errorf("incident %q: want its number: %w", name, err)
		}
		i := new(Incident)
		if err := d.Decode(i); err != nil {
			return fmt.Errorf("incident %d: %w", n, err)
		}
		x.read(i)
	}
	return nil
}

// read adds an incident that was read. When there are many, it rests.
func (x *Incidents) read(i *Incident) {
	if x.Put(i); len(x.awake) > maxAwake && len(i.Pending) == 0 {
		x.rest(i)
	}
}
