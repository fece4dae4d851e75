package replay

import (
	"errors"
	"fmt"
	"iter"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Divergence is the first fact of a journal that is another when it is decided
// again.
type Divergence struct {
	Was   remediate.Fact  // as the journal has it
	Is    *remediate.Fact // as it is decided now; nil: nothing is
	Facts uint64          // so many before it were the same
}

// String says it in a few lines.
func (d *Divergence) String() string {
	is := "nothing"
	if d.Is != nil {
		is = remediate.Describe(d.Is.Body)
	}
	return fmt.Sprintf("record %d, of %s:\n  was: %s\n  is:  %s", d.Was.Seq, d.Was.At.Format("2006-01-02T15:04:05.000Z"), remediate.Describe(d.Was.Body), is)
}

// Again decides a journal again, from its beginning: what came from outside is
// heard at the time at which it was heard, under the rulebooks that governed,
// and what follows is held against what followed. While nothing differs, time
// moves as it did, so that who was late then is late again. It returns where the
// two part, nil when they do not, and how many facts were the same.
//
// A journal that was trimmed is an error. books returns a rulebook by its digest.
func Again(records iter.Seq2[remediate.Record, error], books func(digest string) (*remediate.Rulebook, error)) (*Divergence, uint64, error) {
	a := &again{state: remediate.NewState(), books: remediate.Rulebooks{}, load: books}
	next, stop := iter.Pull2(records)
	defer stop()
	a.pull = next
	for {
		r, ok, err := a.peek(0)
		if err != nil || !ok {
			return nil, a.state.Seq, err
		}
		before := a.state.Seq
		if before == 0 && r.Seq != 1 {
			return nil, 0, fmt.Errorf("the journal begins with record %d: what was before it was trimmed, and without it nothing can be decided again", r.Seq)
		}
		out, err := a.decide(r)
		if err != nil {
			return nil, before, err
		}
		if d, err := a.compare(r, out, before); d != nil || err != nil {
			return d, before, err
		}
	}
}

// again is a journal that is being decided again.
type again struct {
	state *remediate.State
	books remediate.Rulebooks
	load  func(digest string) (*remediate.Rulebook, error)
	pull  func() (remediate.Record, error, bool)
	ahead []remediate.Fact // read and not yet compared
	sums  []remediate.Sum  // of their records
}

// peek returns the fact that is so many ahead, false when the journal ends
// before it.
func (a *again) peek(n int) (remediate.Fact, bool, error) {
	for len(a.ahead) <= n {
		r, err, ok := a.pull()
		if err != nil || !ok {
			return remediate.Fact{}, false, err
		}
		f, err := r.Decode()
		if err != nil {
			return f, false, fmt.Errorf("record %d: %w", r.Seq, err)
		}
		a.ahead, a.sums = append(a.ahead, f), append(a.sums, r.Sum)
	}
	return a.ahead[n], true, nil
}

// decide hands over what came from outside, or lets time pass to when something
// was decided.
func (a *again) decide(f remediate.Fact) ([]remediate.Record, error) {
	if b, ok := f.Body.(remediate.Founded); ok {
		r, err := remediate.Found(a.state, f.At, b.Journal)
		return []remediate.Record{r}, err
	}
	if !a.state.FromOutside(f.Body) {
		return remediate.Handle(a.books, a.state, f.At, remediate.Tick{})
	}
	together, err := a.together(f)
	if err != nil {
		return nil, err
	}
	out, err := remediate.Handle(a.books, a.state, f.At, remediate.Happened{Facts: together})
	var refused *remediate.RefusedError
	if errors.As(err, &refused) {
		return nil, nil // it was not then
	}
	return out, err
}

// together are the facts from outside that were heard in one go. A listing tells
// of many alerts: those of one moment between which nothing was decided.
func (a *again) together(first remediate.Fact) ([]remediate.Fact, error) {
	all := []remediate.Fact{first}
	for n := 1; isAlert(first.Body); n++ {
		f, ok, err := a.peek(n)
		if err != nil {
			return nil, err
		}
		outside := ok && isAlert(f.Body) && a.state.FromOutside(f.Body)
		if !ok || !f.At.Equal(first.At) || !outside && !remediate.Follows(f.Body) {
			break
		}
		if outside {
			all = append(all, f)
		}
	}
	return all, a.loaded(first)
}

// isAlert tells whether a fact is about an alert at the Alertmanagers.
func isAlert(b remediate.Body) bool {
	switch b.(type) {
	case remediate.AlertFiring, remediate.AlertResolved, remediate.AlertSuppressed, remediate.AlertReleased, remediate.AlertDoubted:
		return true
	}
	return false
}

// loaded fetches the rulebook that begins to govern.
func (a *again) loaded(f remediate.Fact) error {
	b, ok := f.Body.(remediate.RulebookLoaded)
	if !ok || a.books[b.Digest] != nil {
		return nil
	}
	book, err := a.load(b.Digest)
	if err != nil {
		return fmt.Errorf("record %d: %w", f.Seq, err)
	}
	a.books[b.Digest] = book
	return nil
}

// compare holds what was decided against what is next in the journal.
func (a *again) compare(first remediate.Fact, out []remediate.Record, before uint64) (*Divergence, error) {
	if len(out) == 0 {
		return &Divergence{Was: first, Facts: before}, nil
	}
	for n, r := range out {
		was, ok, err := a.peek(0)
		if err != nil {
			return nil, err
		}
		if ok && a.sums[0] == r.Sum {
			a.ahead, a.sums = a.ahead[1:], a.sums[1:]
			continue
		}
		is, err := r.Decode()
		if err != nil {
			return nil, err
		}
		if !ok { // the journal ends in the middle of a moment
			return nil, nil
		}
		return &Divergence{Was: was, Is: &is, Facts: before + uint64(n)}, nil
	}
	return nil, nil
}
