package journal

import (
	"context"
	"database/sql"
	"errors"
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
	err := s.trim(ctx, c, needed)
	if err != nil {
		return fmt.Errorf("trim journal: %w", err)
	}
	return nil
}

// trim looks at all that is to go before it keeps others from writing: what was
// written does not change, and a state may be megabytes.
func (s *SQLite) trim(ctx context.Context, c remediate.Checkpoint, needed []string) error {
	if err := s.state(); err != nil {
		return err
	}
	var old remediate.Checkpoint
	var blobs [][]byte
	var gone []remediate.Fact
	err := view(ctx, s.reader, func(q querier) (err error) {
		if old, err = readCheckpoint(ctx, q); err != nil {
			return err
		}
		last, err := readHead(ctx, q)
		if err != nil {
			return err
		}
		err = trimmable(c, old, last, func(seq uint64) (remediate.Sum, error) { return sumOf(ctx, q, old, seq) })
		if err != nil || c.Seq == old.Seq {
			return err
		}
		if blobs, err = oldBlobs(ctx, q, c.Seq); err != nil {
			return err
		}
		return factsAfter(ctx, source{q, s.unpacker}, headOf(old), c.Seq, func(facts []remediate.Fact) error { gone = append(gone, facts...); return nil })
	})
	if err != nil || c.Seq == old.Seq {
		return err
	}
	return s.write(ctx, func(ctx context.Context, tx *sql.Tx) (head, error) {
		last, err := readHead(ctx, tx)
		if err != nil {
			return last, err
		}
		if err := stillBehind(ctx, tx, old.Seq); err != nil {
			return last, err
		}
		if err := cut(ctx, tx, gone, c); err != nil {
			return last, err
		}
		if err := cutDictionaries(ctx, tx, c.Seq); err != nil {
			return last, err
		}
		return last, cutBlobs(ctx, tx, c.Seq, blobs, needed)
	})
}

// stillBehind refuses when the records do not begin behind the one numbered seq any
// more: another trim was faster.
func stillBehind(ctx context.Context, tx *sql.Tx, seq uint64) error {
	var have uint64
	err := tx.QueryRowContext(ctx, "SELECT seq FROM checkpoint WHERE id = 1").Scan(&have)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	if err == nil && have != seq {
		return refusal{fmt.Errorf("the journal was trimmed up to record %d meanwhile: %w", have, ErrTrimmed)}
	}
	return err
}

// cut stores the checkpoint and deletes what it stands for. What of the history to
// look at is said by the records: to search it for that would take longer the more
// there is that stays.
func cut(ctx context.Context, tx *sql.Tx, gone []remediate.Fact, c remediate.Checkpoint) error {
	p := prepared{tx, map[string]*sql.Stmt{}}
	for _, f := range gone {
		if err := forgetFact(ctx, p, f, c.Seq); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO checkpoint (id, seq, at, head, state, sum) VALUES (1, ?, ?, ?, ?, ?)",
		int64(c.Seq), c.At.UnixMilli(), c.Head[:], append([]byte{}, c.State...), c.Sum[:])
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "DELETE FROM facts WHERE seq <= ?", int64(c.Seq))
	return err
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
