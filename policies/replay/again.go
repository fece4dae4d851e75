package replay

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Past is a journal that is decided again.
type Past struct {
	Records iter.Seq2[remediate.Record, error]
	// Books returns a rulebook by its digest.
	Books func(digest string) (*remediate.Rulebook, error)
	// Begin is what the records follow, when those before them were trimmed; nil:
	// they begin with the first.
	Begin *remediate.State
	// Since is when what is decided again begins: what was before is taken as it
	// is. Zero: all of it is decided again.
	Since time.Time
	// Most is how many differences are kept; 0 is 100. All are counted.
	Most int
}

// Decided is what came of deciding a journal again.
type Decided struct {
	Since       time.Time // of the first fact that was decided again, zero when there was none
	Facts       uint64    // so many were held against what is decided now
	Changed     int       // so many decisions are others
	Differences []Difference
}

// Again decides a journal again: what came from outside is heard at the time at
// which it was heard, under the rulebooks that governed, and what follows is held
// against what followed. While nothing differs, time moves as it did, so that who
// was late then is late again.
//
// Where something differs it goes on from what was recorded, so that a decision
// that changed is counted once, and not all that would have followed from it: of
// an incident, in one moment, what differs first.
//
// What is held against what is the bytes of facts, not the sums of their records:
// those differ from the first difference on.
func Again(p Past) (Decided, error) {
	next, stop := iter.Pull2(p.Records)
	defer stop()
	a := &again{pull: next, load: p.Books, books: remediate.Rulebooks{}, truth: p.Begin, since: p.Since, most: p.Most, extras: map[extra]bool{}}
	if a.truth == nil {
		a.truth = remediate.NewState()
	}
	if a.most == 0 {
		a.most = 100
	}
	if err := a.takeBefore(); err != nil {
		return a.out, err
	}
	for {
		r, ok, err := a.peek(0)
		if err != nil || !ok {
			return a.out, err
		}
		if err := a.moment(r); err != nil {
			return a.out, err
		}
	}
}

// again is a journal that is being decided again.
type again struct {
	truth  *remediate.State // what was recorded comes to
	state  *remediate.State // the same, to decide in
	books  remediate.Rulebooks
	load   func(digest string) (*remediate.Rulebook, error)
	pull   func() (remediate.Record, error, bool)
	ahead  []recorded // read and not yet compared
	since  time.Time
	most   int
	out    Decided
	extras map[extra]bool
}

// recorded is a fact with the record that it was read from.
type recorded struct {
	remediate.Fact
	record remediate.Record
}

// same tells whether two facts say the same, at the same time.
func (r recorded) same(other remediate.Record) bool {
	return r.record.Kind == other.Kind && r.record.At.Equal(other.At) && string(r.record.Bytes) == string(other.Bytes)
}

// extra is a fact that is decided now of an incident and was not. Until the
// journal moves on it would be decided anew in each moment: it counts once.
type extra struct {
	incident   uint64
	kind, what string
}

// peek returns the fact that is so many ahead, false when the journal ends
// before it.
func (a *again) peek(n int) (recorded, bool, error) {
	for len(a.ahead) <= n {
		r, err, ok := a.pull()
		if err != nil || !ok {
			return recorded{}, false, err
		}
		f, err := r.Decode()
		if err != nil {
			return recorded{}, false, fmt.Errorf("record %d: %w", r.Seq, err)
		}
		a.ahead = append(a.ahead, recorded{f, r})
	}
	return a.ahead[n], true, nil
}

// take goes past the next fact: it was so.
func (a *again) take() recorded {
	r := a.ahead[0]
	a.ahead = a.ahead[1:]
	a.truth.Apply(r.Fact)
	a.truth.Head = r.record.Sum
	return r
}

// takeBefore takes what was before the time from which on is decided again, up to
// the end of a moment.
func (a *again) takeBefore() error {
	first, ok, err := a.peek(0)
	switch {
	case err != nil || !ok:
		return err
	case first.Seq != a.truth.Seq+1:
		return fmt.Errorf("the journal begins with record %d, and does not say what those before it came to: without that nothing can be decided again", first.Seq)
	}
	for {
		r, ok, err := a.peek(0)
		if err != nil {
			return err
		}
		if !ok || !r.At.Before(a.since) && r.At.After(a.truth.At) {
			break
		}
		a.take()
	}
	return a.goOn()
}

// goOn goes on deciding from what was recorded.
func (a *again) goOn() error {
	for digest := range needed(a.truth) {
		if err := a.loaded(digest); err != nil {
			return err
		}
	}
	b, err := a.truth.Snapshot()
	if err != nil {
		return err
	}
	if a.state, err = remediate.Restore(b); err != nil {
		return err
	}
	a.state.Rewake(a.books)
	return nil
}

// needed are the rulebooks by which is decided in a state.
func needed(s *remediate.State) map[string]bool {
	digests := map[string]bool{}
	if s.Rulebook != "" {
		digests[s.Rulebook] = true
	}
	for _, i := range s.Incidents.All() {
		digests[i.Rulebook] = true
	}
	return digests
}

// loaded fetches a rulebook, once.
func (a *again) loaded(digest string) error {
	if a.books[digest] != nil {
		return nil
	}
	book, err := a.load(digest)
	if err == nil {
		a.books[digest] = book
	}
	return err
}

// moment decides what follows from the next fact, and holds it against what did.
func (a *again) moment(first recorded) error {
	if a.out.Since.IsZero() {
		a.out.Since = first.At
	}
	heard, through, err := a.heard(first)
	if err != nil {
		return err
	}
	out, err := a.decide(first.Fact, heard)
	if err != nil {
		return err
	}
	return a.compare(first, out, through)
}

// heard returns the facts from outside that were heard in one go, and through how
// many facts they go. A listing tells of many alerts: those of one moment between
// which nothing was decided.
func (a *again) heard(first recorded) (all []remediate.Fact, through int, err error) {
	if !a.truth.FromOutside(first.Body) {
		return nil, 0, nil
	}
	all, through = []remediate.Fact{first.Fact}, 1
	for n := 1; isAlert(first.Body); n++ {
		f, ok, err := a.peek(n)
		if err != nil {
			return nil, 0, err
		}
		outside := ok && isAlert(f.Body) && a.truth.FromOutside(f.Body)
		if !ok || !f.At.Equal(first.At) || !outside && !remediate.Follows(f.Body) {
			break
		}
		if outside {
			all, through = append(all, f.Fact), n+1
		}
	}
	return all, through, nil
}

// isAlert tells whether a fact is about an alert at the Alertmanagers.
func isAlert(b remediate.Body) bool {
	switch b.(type) {
	case remediate.AlertFiring, remediate.AlertResolved, remediate.AlertSuppressed, remediate.AlertReleased, remediate.AlertDoubted:
		return true
	}
	return false
}

// decide hands over what came from outside, or lets time pass to when something
// was decided.
func (a *again) decide(first remediate.Fact, heard []remediate.Fact) ([]remediate.Record, error) {
	switch b := first.Body.(type) {
	case remediate.Founded:
		r, err := remediate.Found(a.state, first.At, b.Journal)
		return []remediate.Record{r}, err
	case remediate.Upgraded:
		r, led, err := remediate.Lead(a.state, first.At, b.To, b.Held)
		if !led {
			return nil, err
		}
		return []remediate.Record{r}, err
	case remediate.RulebookLoaded:
		if err := a.loaded(b.Digest); err != nil {
			return nil, fmt.Errorf("record %d: %w", first.Seq, err)
		}
	}
	if len(heard) == 0 {
		return remediate.Handle(a.books, a.state, first.At, remediate.Tick{})
	}
	out, err := remediate.Handle(a.books, a.state, first.At, remediate.Happened{Facts: heard})
	var refused *remediate.RefusedError
	if errors.As(err, &refused) {
		return nil, nil // it was not then
	}
	return out, err
}

// compare holds what was decided against what is next in the journal, which goes
// at least through so many facts.
func (a *again) compare(first recorded, out []remediate.Record, through int) error {
	for n, r := range out {
		was, ok, err := a.peek(0)
		if err != nil || !ok { // the journal ends in the middle of a moment
			return err
		}
		if !was.same(r) {
			return a.differ(first, out[n:], through-n)
		}
		a.take()
		a.out.Facts++
	}
	if len(out) == 0 {
		return a.differ(first, nil, through)
	}
	return nil
}

// differ counts how the rest of a moment differs, and goes on behind it with what
// was recorded.
func (a *again) differ(first recorded, out []remediate.Record, through int) error {
	was, ended, err := a.rest(first, through)
	if err != nil {
		return err
	}
	a.out.Facts += uint64(len(was))
	is := make([]recorded, 0, len(out))
	for _, r := range out {
		f, err := r.Decode()
		if err != nil {
			return err
		}
		is = append(is, recorded{f, r})
	}
	for _, incident := range about(was, is) {
		d := parted(of(was, incident), of(is, incident))
		if d == nil || ended && d.Was == nil || a.counted(incident, d) {
			continue
		}
		if d.Seq, d.At = first.Seq, first.At; d.Was != nil {
			d.Seq = d.Was.Seq
		}
		a.out.Changed++
		if len(a.out.Differences) < a.most {
			a.out.Differences = append(a.out.Differences, *d)
		}
	}
	return a.goOn()
}

// rest takes what is left of a moment: at least so many facts, and all that was
// decided in it. ended says that the journal ends with it.
func (a *again) rest(first recorded, least int) (was []recorded, ended bool, err error) {
	for {
		r, ok, err := a.peek(0)
		if err != nil || !ok {
			return was, !ok, err
		}
		if len(was) >= least && (!r.At.Equal(first.At) || a.truth.FromOutside(r.Body)) {
			return was, false, nil
		}
		was = append(was, a.take())
	}
}

// about are the incidents that facts are about, in their order; 0 is none.
func about(all ...[]recorded) (incidents []uint64) {
	for _, r := range slices.Concat(all...) {
		if n := remediate.IncidentOf(r.Body); !slices.Contains(incidents, n) {
			incidents = append(incidents, n)
		}
	}
	return incidents
}

// of are those facts that are about an incident.
func of(all []recorded, incident uint64) (its []recorded) {
	for _, r := range all {
		if remediate.IncidentOf(r.Body) == incident {
			its = append(its, r)
		}
	}
	return its
}

// counted tells whether a difference was counted before.
func (a *again) counted(incident uint64, d *Difference) bool {
	if d.Was != nil {
		return false
	}
	e := extra{incident: incident, kind: remediate.KindOf(d.Is.Body)}
	if s, ok := d.Is.Body.(remediate.Started); ok {
		e.what = begun(s)
	}
	before := a.extras[e]
	a.extras[e] = true
	return before
}

// begun says what is begun, as far as it tells one dealing of an incident from
// another.
func begun(s remediate.Started) string {
	switch {
	case s.Act != nil:
		return "act " + s.Act.Kind
	case s.Tell != nil:
		return "tell " + s.Tell.Destination
	}
	return "ask " + s.Ask.Purpose
}
