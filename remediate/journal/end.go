package journal

import (
	"context"
	"fmt"
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

// endOf returns the end that c stands for.
func endOf(c remediate.Checkpoint) End { return End{c.Seq, c.At, c.Head} }

// Extend returns the end after records, and the facts in them. It refuses records
// that do not continue the chain, by a [*remediate.DamageError], or are not facts: what is
// written must be readable.
func (e End) Extend(records []remediate.Record) (End, []remediate.Fact, error) {
	facts := make([]remediate.Fact, 0, len(records))
	for _, r := range records {
		if err := r.Verify(e.Seq, e.Sum); err != nil {
			return e, nil, fmt.Errorf("refused: %w", err)
		}
		if r.At.Before(e.At) {
			return e, nil, fmt.Errorf("refused: %w", &remediate.DamageError{Seq: r.Seq, Why: "it is older than the record before it"})
		}
		f, err := r.Fact()
		if err != nil {
			return e, nil, fmt.Errorf("refused: %w", err)
		}
		e = End{r.Seq, r.At, r.Sum}
		facts = append(facts, f)
	}
	return e, facts, nil
}

// End returns where the journal ends.
func (s *SQLite) End(ctx context.Context) (End, error) {
	if err := s.state(); err != nil {
		return End{}, err
	}
	return readHead(ctx, s.reader)
}
