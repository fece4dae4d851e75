package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Append adds records after the record numbered after, and the history that
// follows from them, in one transaction: all or nothing, durable when it
// returns. It returns [ErrLost] when the journal ends elsewhere, and refuses
// records that do not continue the chain or are not facts.
//
// A context that ended before is respected; one that ends on the way is not,
// so that nobody has to guess whether the records are there. After any other
// error they may be there or not: open the journal anew and read.
func (s *SQLite) Append(ctx context.Context, after uint64, records []remediate.Record) error {
	err := s.write(ctx, func(ctx context.Context, _ *sql.Tx) (End, error) {
		last, err := readHead(ctx, s.prepared)
		if err != nil {
			return last, err
		}
		if after != last.Seq {
			return last, refusal{lost(after, last.Seq)}
		}
		next, facts, err := last.Extend(records)
		if err != nil {
			return last, refusal{err}
		}
		if err := s.packing.insert(ctx, s.prepared, records); err != nil {
			return last, err
		}
		if err := nameBlobs(ctx, s.prepared, facts); err != nil {
			return last, err
		}
		return next, projectAll(ctx, s.prepared, s.unpacker, s.openRows, facts)
	})
	if err != nil {
		return fmt.Errorf("append to journal: %w", err)
	}
	return nil
}

// refusal is an error about what was asked, not about the disk: nothing was
// written and the journal can still be used.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

// write runs f in a transaction that is durable when write returns, and notes
// the end of the journal that f returns as acknowledged. A refusal leaves the
// journal as it was; any other error breaks it.
func (s *SQLite) write(ctx context.Context, f func(context.Context, *sql.Tx) (End, error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	s.takeTurn()
	defer s.mu.Unlock()
	if s.broken != nil {
		return s.broken
	}
	tx, err := s.prepared.conn.BeginTx(ctx, nil)
	if busy(err) {
		return fmt.Errorf("another program is writing to %s: close it: %w", s.database(), err)
	}
	if err != nil {
		return s.fail(explain(err))
	}
	next, err := f(ctx, tx)
	if err == nil {
		err = writeHead(ctx, s.prepared, next)
	}
	if err != nil {
		rollback := tx.Rollback()
		if r := (refusal{}); errors.As(err, &r) && rollback == nil {
			return r.error
		}
		return s.fail(errors.Join(damaged(next.Seq+1, err), rollback))
	}
	if err := tx.Commit(); err != nil {
		return s.fail(explain(err))
	}
	if err := s.acked.write(next); err != nil {
		return s.fail(err)
	}
	s.noteGrowth()
	return nil
}

// takeTurn locks s.mu to write. Who waits for it is the next: otherwise who wrote just
// now and wants to write again, as a trim does, is faster than who is woken.
func (s *SQLite) takeTurn() {
	s.next.Lock()
	s.mu.Lock()
	s.next.Unlock()
}

// writeHead notes where the journal ends. The count makes each transaction
// write the head's page, by which [ScanWAL] tells one from the next.
func writeHead(ctx context.Context, p prepared, h End) error {
	var at int64
	if h.Seq > 0 {
		at = h.At.UnixMilli()
	}
	return p.exec(ctx, "UPDATE head SET seq = ?, at = ?, sum = ?, writes = writes + 1 WHERE id = 1", int64(h.Seq), at, h.Sum[:])
}
