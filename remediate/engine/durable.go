package engine

import (
	"fmt"
	"iter"
	"slices"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
)

// durable is what is durable, at hand when the disk is not: a snapshot of a state and
// the records since. It is wanted only when the journal fails, and takes a small part
// of the memory that a second state would.
type durable struct {
	at     uint64 // the record after which base was made
	base   []byte // nil: the state before the first record
	packed []journal.PackedRecords
	since  []remediate.Record // those that follow the packed ones, fewer than packAt
}

// packAt is how many records are packed together: enough for one to be told by what it
// has in common with others.
const packAt = 256

// add adds a record that is durable now.
func (d *durable) add(r remediate.Record) {
	if d.since = append(d.since, r.Plain()); len(d.since) == packAt {
		d.packed = append(d.packed, journal.PackRecords(d.since))
		clear(d.since)
		d.since = d.since[:0]
	}
}

// forget lets go of the records.
func (d *durable) forget() { d.packed, d.since = nil, nil }

// rebase has it begin with a later snapshot, behind which fewer records are left. Some of
// those before it are kept where they are packed with later ones.
func (d *durable) rebase(c remediate.Checkpoint) {
	d.at, d.base = c.Seq, c.State
	behind := func(p journal.PackedRecords) bool { return p.Last <= c.Seq }
	d.packed = slices.DeleteFunc(d.packed, behind)
	d.since = slices.DeleteFunc(d.since, func(r remediate.Record) bool { return r.Seq <= c.Seq })
}

// state is what it comes to.
func (d *durable) state() (*remediate.State, error) {
	s := remediate.NewState()
	if d.base != nil {
		var err error
		if s, err = remediate.Reinstate(d.base); err != nil {
			return nil, fmt.Errorf("go on from the last durable state: %w", err)
		}
	}
	for r, err := range d.records() {
		if err == nil {
			err = s.Fold(r)
		}
		if err != nil {
			return nil, fmt.Errorf("go on from the last durable state: %w", err)
		}
	}
	return s, nil
}

// records are those behind the snapshot.
func (d *durable) records() iter.Seq2[remediate.Record, error] {
	return func(yield func(remediate.Record, error) bool) {
		for _, p := range d.packed {
			all, err := p.Records()
			if err != nil {
				yield(remediate.Record{}, err)
				return
			}
			for _, r := range all {
				if r.Seq > d.at && !yield(r, nil) {
					return
				}
			}
		}
		for _, r := range d.since {
			if !yield(r, nil) {
				return
			}
		}
	}
}
