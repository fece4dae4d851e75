package journal

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Trim makes c the checkpoint and cuts off the records up to and with c.Seq,
// in one transaction, and with them the history of incidents that ended
// before, and the blobs that only they named; those that the checkpoint's own
// state names are given as needed, see [remediate.State.Blobs]. It refuses a
// checkpoint that was not sealed, was made from other records than these, or
// lies behind the one that is there; the same again is no error. The time of the
// checkpoint is kept in milliseconds.
func (s *SQLite) Trim(ctx context.Context, c remediate.Checkpoint, needed []string) error {
	if err := s.state(); err != nil {
		return fmt.Errorf("trim journal: %w", err)
	}
	blobs, err := oldBlobs(ctx, s.reader, c.Seq)
	if err != nil {
		return fmt.Errorf("trim journal: %w", err)
	}
	err = s.write(ctx, func(ctx context.Context, tx *sql.Tx) (head, error) {
		last, err := readHead(ctx, tx)
		if err != nil {
			return last, err
		}
		old, err := readCheckpoint(ctx, tx)
		if err != nil {
			return last, err
		}
		err = trimmable(c, old, last, func(seq uint64) (remediate.Sum, error) { return sumOf(ctx, tx, old, seq) })
		if err != nil {
			return last, refusal{err}
		}
		if c.Seq == old.Seq {
			return last, nil
		}
		if err := cut(ctx, tx, old, c); err != nil {
			return last, err
		}
		return last, cutBlobs(ctx, tx, c.Seq, blobs, needed)
	})
	if err != nil {
		return fmt.Errorf("trim journal: %w", err)
	}
	return nil
}

// cut stores the checkpoint and deletes what it stands for.
func cut(ctx context.Context, tx *sql.Tx, old, c remediate.Checkpoint) error {
	if err := forget(ctx, tx, old, c.Seq); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO checkpoint (id, seq, at, head, state, sum) VALUES (1, ?, ?, ?, ?, ?)",
		int64(c.Seq), c.At.UnixMilli(), c.Head[:], append([]byte{}, c.State...), c.Sum[:])
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "DELETE FROM facts WHERE seq <= ?", int64(c.Seq))
	return err
}

// forget deletes the history of the records up to and with seq. What to look at
// is said by the records: to search the history for it would take longer the more
// there is that stays.
func forget(ctx context.Context, tx *sql.Tx, old remediate.Checkpoint, seq uint64) error {
	p := prepared{tx, map[string]*sql.Stmt{}}
	return factsAfter(ctx, tx, headOf(old), seq, func(facts []remediate.Fact) error {
		for _, f := range facts {
			if err := forgetFact(ctx, p, f, seq); err != nil {
				return err
			}
		}
		return nil
	})
}

// forgetFact deletes what the history says of f, and its incident, if that ended
// by then.
func forgetFact(ctx context.Context, p prepared, f remediate.Fact, seq uint64) error {
	if b, ok := f.Body.(remediate.AlertFiring); ok {
		return p.exec(ctx, "DELETE FROM alerts WHERE id = ? AND seq <= ?", b.ID[:], int64(seq))
	}
	id := remediate.IncidentOf(f.Body)
	if id == 0 {
		return nil
	}
	if err := p.exec(ctx, "DELETE FROM incident_facts WHERE incident = ? AND seq = ?", int64(id), int64(f.Seq)); err != nil {
		return err
	}
	return p.exec(ctx, "DELETE FROM incidents WHERE id = ? AND last <= ? AND status = 'closed'", int64(id), int64(seq))
}

// Checkpoint returns the checkpoint behind which records were trimmed, false
// when none were.
func (s *SQLite) Checkpoint(ctx context.Context) (remediate.Checkpoint, bool, error) {
	if err := s.state(); err != nil {
		return remediate.Checkpoint{}, false, err
	}
	c, err := readCheckpoint(ctx, s.reader)
	if err != nil {
		return remediate.Checkpoint{}, false, fmt.Errorf("read the checkpoint of %s: %w", s.dir, err)
	}
	return c, c.Seq > 0, nil
}
