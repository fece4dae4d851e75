package journal

import (
	"context"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// End is the end of a chain of records: the number, time and checksum of the last.
// Before the first record it is the zero value.
type End struct {
	Seq uint64
	At  time.Time
	Sum remediate.Sum
}

// Extend returns the end after records, and the facts in them. It refuses records
// that do not continue the chain, by a [*remediate.DamageError], or are not facts.
func (e End) Extend(records []remediate.Record) (End, []remediate.Fact, error) {
	h, facts, err := head{e.Seq, e.At, e.Sum}.extend(records)
	return End{h.seq, h.at, h.sum}, facts, err
}

// End returns where the journal ends.
func (s *SQLite) End(ctx context.Context) (End, error) {
	if err := s.state(); err != nil {
		return End{}, err
	}
	h, err := readHead(ctx, s.reader)
	return End{h.seq, h.at, h.sum}, err
}
