package journal

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Trim makes c the checkpoint and cuts off the records up to and with c.Seq, and
// with them the history of incidents that ended before, and the blobs that only they
// named; those that the checkpoint's own state names are given as needed, see
// [remediate.State.Blobs]. It refuses a checkpoint that was not sealed, was made from
// other records than these, or lies behind the one that is there; the same again is
// no error. The time of the checkpoint is kept in milliseconds.
//
// A state may have megabytes, and the records of a day be many, so it writes a little
// at a time and lets others write in between. First the state, which nobody looks
// at yet; then, in one transaction, that it is the checkpoint; then what it stands for is
// swept away, which nobody looks at any more. Whatever breaks that off leaves one
// checkpoint or the other; what is left over is swept by the next that opens the
// journal, or trims it.
func (s *SQLite) Trim(ctx context.Context, c remediate.Checkpoint, needed []string) error {
	err := s.trim(ctx, c, needed)
	if err != nil {
		return fmt.Errorf("trim journal: %w", err)
	}
	return nil
}

func (s *SQLite) trim(ctx context.Context, c remediate.Checkpoint, needed []string) error {
	if err := s.state(); err != nil {
		return err
	}
	s.trimming.Lock()
	defer s.trimming.Unlock()
	ahead, err := s.isAhead(ctx, c)
	if err != nil {
		return err
	}
	if ahead {
		first, last, err := s.writeState(ctx, c.State)
		if err != nil {
			return err
		}
		if err := s.putInForce(ctx, c, first, last, needed); err != nil {
			return err
		}
	}
	return s.sweep(ctx)
}

// isAhead tells whether c can become the checkpoint, and is not that already.
func (s *SQLite) isAhead(ctx context.Context, c remediate.Checkpoint) (ahead bool, err error) {
	err = view(ctx, s.reader, func(q querier) error {
		old, err := readBehind(ctx, q)
		if err != nil {
			return err
		}
		last, err := readHead(ctx, q)
		if err != nil {
			return err
		}
		ahead = c.Seq != old.Seq
		return trimmable(c, old, last, func(seq uint64) (remediate.Sum, error) { return sumOf(ctx, q, old, seq) })
	})
	return ahead, err
}

// partSize is how much of a state one transaction writes, in bytes before they are
// packed: a millisecond or two.
const partSize = 128 << 10

// writeState writes the parts of a state and returns the numbers of the first and
// the last. An empty state has none.
func (s *SQLite) writeState(ctx context.Context, state []byte) (first, last int64, err error) {
	if err := s.reader.QueryRowContext(ctx, "SELECT coalesce(max(id), 0) FROM states").Scan(&last); err != nil {
		return 0, 0, damaged(1, err)
	}
	first = last + 1
	for len(state) > 0 {
		n := min(len(state), partSize)
		part := dictionary{}.pack(state[:n])
		state = state[n:]
		last++
		err := s.step(ctx, func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "INSERT INTO states (id, bytes, packed) VALUES (?, ?, ?)", last, part.bytes, part.by)
			return err
		})
		if err != nil {
			return 0, 0, err
		}
	}
	return first, last, nil
}

// putInForce makes c the checkpoint. A blob that it needs is as good as named by its
// last record.
func (s *SQLite) putInForce(ctx context.Context, c remediate.Checkpoint, first, last int64, needed []string) error {
	return s.step(ctx, func(ctx context.Context, tx *sql.Tx) error { return s.force(ctx, tx, c, first, last, needed) })
}

// force is putInForce in a transaction.
func (s *SQLite) force(ctx context.Context, tx *sql.Tx, c remediate.Checkpoint, first, last int64, needed []string) error {
	for _, digest := range needed {
		if err := nameBlob(ctx, s.prepared, digest, c.Seq); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO checkpoint (id, seq, at, head, first, last, sum) VALUES (1, ?, ?, ?, ?, ?, ?)",
		int64(c.Seq), c.At.UnixMilli(), c.Head[:], first, last, c.Sum[:])
	return err
}

// step writes something that is no record, in a transaction of its own.
func (s *SQLite) step(ctx context.Context, f func(context.Context, *sql.Tx) error) error {
	return s.write(ctx, func(ctx context.Context, tx *sql.Tx) (End, error) {
		last, err := readHead(ctx, tx)
		if err != nil {
			return last, err
		}
		return last, f(ctx, tx)
	})
}

// Checkpoint returns the checkpoint behind which records were trimmed, false
// when none were.
func (s *SQLite) Checkpoint(ctx context.Context) (c remediate.Checkpoint, ok bool, err error) {
	if err := s.state(); err != nil {
		return remediate.Checkpoint{}, false, err
	}
	err = view(ctx, s.reader, func(q querier) error {
		c, err = readCheckpoint(ctx, source{q, s.unpacker})
		return err
	})
	if err != nil {
		return remediate.Checkpoint{}, false, fmt.Errorf("read the checkpoint of %s: %w", s.dir, err)
	}
	return c, c.Seq > 0, nil
}
