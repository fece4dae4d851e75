package replay

import (
	"fmt"
	"iter"
	"strings"

	"github.com/x0tta6bl4/remediated/remediate"
)

// fetching reads a journal ahead on a processor of its own: to read what was
// takes about as long as to decide what would have been.
type fetching struct {
	pages chan page
	stop  chan struct{}
	page  page // that is being worked off
}

// page is some facts in order, and why there are no more, nil when there may be.
type page struct {
	facts []remediate.Fact
	err   error
}

// pageOfFacts is how many are handed over at a time.
const pageOfFacts = 512

// fetch begins to read. Whoever calls it calls close.
func fetch(records iter.Seq2[remediate.Record, error]) *fetching {
	f := &fetching{pages: make(chan page, 4), stop: make(chan struct{})}
	go f.run(records)
	return f
}

func (f *fetching) run(records iter.Seq2[remediate.Record, error]) {
	defer close(f.pages)
	var next page
	give := func() bool {
		select {
		case f.pages <- next:
			next = page{}
			return true
		case <-f.stop:
			return false
		}
	}
	for r, err := range records {
		fact, wrong := decodeOf(r, err)
		if next.err = wrong; wrong == nil {
			next.facts = append(next.facts, fact)
		}
		if (wrong != nil || len(next.facts) == pageOfFacts) && !give() || wrong != nil {
			return
		}
	}
	give()
}

// decodeOf is the fact of a record, without a body when it says only what people
// were told, and how that ended: it is not looked at, and of most journals it is
// the greater part.
func decodeOf(r remediate.Record, err error) (remediate.Fact, error) {
	if err != nil {
		return remediate.Fact{}, err
	}
	if untold(r) {
		return remediate.Fact{Seq: r.Seq, At: r.At}, nil
	}
	f, err := r.Decode()
	if err != nil {
		return f, fmt.Errorf("record %d: %w", r.Seq, err)
	}
	return f, nil
}

func untold(r remediate.Record) bool {
	switch r.Kind {
	case startedKind, finishedKind:
		id, _, _ := strings.Cut(string(r.Bytes[:min(len(r.Bytes), 64)]), ",")
		return strings.Contains(id, "-t")
	}
	return r.Kind == delayedKind || r.Kind == digestedKind
}

var (
	startedKind  = remediate.KindOf(remediate.Started{})
	finishedKind = remediate.KindOf(remediate.Finished{})
	delayedKind  = remediate.KindOf(remediate.Delayed{})
	digestedKind = remediate.KindOf(remediate.Digested{})
)

// next returns the next fact, false when there is none.
func (f *fetching) next() (remediate.Fact, bool, error) {
	for len(f.page.facts) == 0 {
		if f.page.err != nil {
			return remediate.Fact{}, false, f.page.err
		}
		p, more := <-f.pages
		if !more {
			return remediate.Fact{}, false, nil
		}
		f.page = p
	}
	fact := f.page.facts[0]
	f.page.facts = f.page.facts[1:]
	return fact, true, nil
}

// close ends the reading, and waits until it has ended.
func (f *fetching) close() {
	close(f.stop)
	for range f.pages { // until it is closed
	}
}
