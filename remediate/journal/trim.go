package journal

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Trim makes c the checkpoint and cuts off the records up to and with c.Seq,
// in one transaction, and with them the history of incidents that ended
// before. It refuses a checkpoint that was not sealed, was made from other
// records than these, or lies behind the one that is there; the same again is
// no error. The time of the checkpoint is kept in milliseconds.
func (s *SQLite) Trim(ctx context.Context, c remediate.Checkpoint) error {
	err := s.write(ctx, func(ctx context.Context, tx *sql.Tx) (head, error) {
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
		return last, cut(ctx, tx, c)
	})
	if err != nil {
		return fmt.Errorf("trim journal: %w", err)
	}
	return nil
}

// cut stores the checkpoint and deletes what it stands for.
func cut(ctx context.Context, tx *sql.Tx, c remediate.Checkpoint) error {
	_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO checkpoint (id, seq, at, head, state, sum) VALUES (1, ?, ?, ?, ?, ?)",
		int64(c.Seq), c.At.UnixMilli(), c.Head[:], append([]byte{}, c.State...), c.Sum[:])
	if err != nil {
		return err
	}
	for _, statement := range []string{
		"DELETE FROM facts WHERE seq <= ?",
		"DELETE FROM incident_facts WHERE seq <= ?",
		"DELETE FROM incidents WHERE last <= ? AND status = 'closed'",
		"DELETE FROM alerts WHERE seq <= ?",
	} {
		if _, err := tx.ExecContext(ctx, statement, int64(c.Seq)); err != nil {
			return err
		}
	}
	return nil
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
