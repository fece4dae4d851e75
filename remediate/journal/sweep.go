package journal

import (
	"context"
	"database/sql"
	"slices"

	"github.com/x0tta6bl4/remediated/remediate"
)

const (
	// sweptBlobs is how many blobs one transaction deletes. Each may be large.
	sweptBlobs = 10
	// sweptParts is how many parts of a state one deletes.
	sweptParts = 16
	// sweptAlerts is how many alerts one forgets. They lie by their numbers, which say
	// nothing of their age: those of a hundred facts would be on a hundred pages.
	sweptAlerts = 500
)

// sweepWhenOpened sweeps what was left over when a trim was broken off, while the
// journal is in use. What it cannot do is done, or told, by the next trim.
func (s *SQLite) sweepWhenOpened(ctx context.Context) {
	defer s.mover.Done()
	s.trimming.Lock()
	defer s.trimming.Unlock()
	_ = s.sweep(ctx)
}

// sweep deletes what the checkpoint stands for, and states that are of none, a little
// at a time. s.trimming is held.
func (s *SQLite) sweep(ctx context.Context) error {
	c, err := readBehind(ctx, s.reader)
	if err != nil {
		return err
	}
	for more := true; more && err == nil; {
		more, err = s.sweepFacts(ctx, c.Seq)
	}
	if err != nil {
		return err
	}
	for _, rest := range []func(context.Context, uint64) error{s.sweepAlerts, s.sweepBlobs, s.sweepDictionaries, s.sweepStates} {
		if err := rest(ctx, c.Seq); err != nil {
			return err
		}
	}
	return nil
}

// sweepFacts deletes the first of the facts up to the one numbered seq, and tells
// whether there were any. Which incidents to look at is said by the facts, which are
// read before others are kept from writing.
func (s *SQLite) sweepFacts(ctx context.Context, seq uint64) (more bool, err error) {
	src := source{s.reader, s.unpacker}
	rows, err := readRows(ctx, src, 0, seq)
	if err != nil || len(rows) == 0 {
		return false, err
	}
	var facts []remediate.Fact
	for _, row := range rows {
		r, err := row.record(ctx, src)
		if err != nil && !isDamage(err) {
			return false, err
		}
		if f, err := r.Decode(); err == nil { // else it was damaged since it was folded, and goes all the same
			facts = append(facts, f)
		}
	}
	last := rows[len(rows)-1].Seq
	return true, s.step(ctx, func(ctx context.Context, _ *sql.Tx) error {
		for _, f := range facts {
			if err := forgetFact(ctx, s.prepared, f, seq); err != nil {
				return err
			}
		}
		return s.prepared.exec(ctx, "DELETE FROM facts WHERE seq <= ?", int64(last))
	})
}

// forgetFact deletes what the history of incidents says of f, and the incident, if
// that ended by the record numbered seq.
func forgetFact(ctx context.Context, p prepared, f remediate.Fact, seq uint64) error {
	id := remediate.IncidentOf(f.Body)
	if id == 0 {
		return nil
	}
	if err := p.exec(ctx, "DELETE FROM incident_facts WHERE incident = ? AND seq = ?", int64(id), int64(f.Seq)); err != nil {
		return err
	}
	return p.exec(ctx, "DELETE FROM incidents WHERE id = ? AND last <= ? AND status = 'closed'", int64(id), int64(seq))
}

// sweepAlerts forgets the alerts that were last heard of by the record numbered seq,
// in the order in which they lie.
func (s *SQLite) sweepAlerts(ctx context.Context, seq uint64) error {
	old, err := digests(ctx, s.reader, "SELECT id FROM alerts WHERE seq <= ? ORDER BY id", int64(seq))
	if err != nil {
		return err
	}
	for some := range slices.Chunk(old, sweptAlerts) {
		err := s.step(ctx, func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "DELETE FROM alerts WHERE id BETWEEN ? AND ? AND seq <= ?", some[0], some[len(some)-1], int64(seq))
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// sweepBlobs deletes the blobs that nothing from the record numbered seq on names.
func (s *SQLite) sweepBlobs(ctx context.Context, seq uint64) error {
	old, err := digests(ctx, s.reader, "SELECT digest FROM blobs WHERE seq < ?", int64(seq)) // one at seq may have been kept for the record after it
	if err != nil {
		return err
	}
	for some := range slices.Chunk(old, sweptBlobs) {
		err := s.step(ctx, func(ctx context.Context, tx *sql.Tx) error { return cutBlobs(ctx, tx, seq, some) })
		if err != nil {
			return err
		}
	}
	return nil
}

// sweepStates deletes the parts that are not of the checkpoint's state. They may lie on
// both sides of it.
func (s *SQLite) sweepStates(ctx context.Context, _ uint64) error {
	const notInForce = "NOT EXISTS (SELECT 1 FROM checkpoint WHERE states.id BETWEEN first AND last)"
	old, err := numbers(ctx, s.reader, "SELECT id FROM states WHERE "+notInForce+" ORDER BY id")
	if err != nil {
		return err
	}
	for some := range slices.Chunk(old, sweptParts) {
		err := s.step(ctx, func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "DELETE FROM states WHERE id BETWEEN ? AND ? AND "+notInForce, int64(some[0]), int64(some[len(some)-1]))
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// sweepDictionaries deletes those that no record after the one numbered seq is packed
// with: each is used until the next is made.
func (s *SQLite) sweepDictionaries(ctx context.Context, seq uint64) error {
	old, err := numbers(ctx, s.reader, "SELECT id FROM dictionaries WHERE id < (SELECT max(id) FROM dictionaries WHERE after <= ?) ORDER BY id", int64(seq))
	if err != nil || len(old) == 0 {
		return err
	}
	return s.step(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM dictionaries WHERE id <= ?", int64(old[len(old)-1]))
		return err
	})
}
