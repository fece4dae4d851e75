package engine

import (
	"fmt"

	"github.com/x0tta6bl4/remediated/remediate"
)

// durable is what is durable, at hand when the disk is not: a snapshot of a state and
// the records since. It is wanted only when the journal fails, and takes a small part
// of the memory that a second state would.
type durable struct {
	at    uint64 // the record after which base was made
	base  []byte // nil: the state before the first record
	since []remediate.Record
}

// add adds a record that is durable now.
func (d *durable) add(r remediate.Record) { d.since = append(d.since, r.Plain()) }

// rebase has it begin with a later snapshot, behind which fewer records are left.
func (d *durable) rebase(c remediate.Checkpoint) {
	behind := 0
	for behind < len(d.since) && d.since[behind].Seq <= c.Seq {
		behind++
	}
	d.at, d.base = c.Seq, c.State
	d.since = append([]remediate.Record(nil), d.since[behind:]...)
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
	for _, r := range d.since {
		if err := s.Fold(r); err != nil {
			return nil, fmt.Errorf("go on from the last durable state: %w", err)
		}
	}
	return s, nil
}
