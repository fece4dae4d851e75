package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"

	"github.com/x0tta6bl4/remediated/remediate"
)

// pageOfRecords is how many records are read at a time. A statement that stays
// open keeps the log from being cut, so none is open while the caller works.
const pageOfRecords = 256

// Read yields the records from the one numbered from (0 is 1) to the last
// there is when the reading begins, each verified against the one before it.
//
// What is not as it was written ends the reading with an error that holds a
// [*remediate.DamageError] and names the first record concerned; asking for
// more than the one after the last is such an error too. [ErrTrimmed] says
// that from was cut off. There is at most one error, and it comes last.
func (s *SQLite) Read(ctx context.Context, from uint64) iter.Seq2[remediate.Record, error] {
	return func(yield func(remediate.Record, error) bool) {
		if err := s.state(); err != nil {
			yield(remediate.Record{}, err)
			return
		}
		for r, err := range readFrom(ctx, s.reader, s.unpacker, max(from, 1)) {
			if err != nil {
				err = fmt.Errorf("read journal %s: %w", s.dir, err)
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

// state returns why the journal must not be used, nil when it may be.
func (s *SQLite) state() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken
}

// readAll yields all records that are there.
func readAll(ctx context.Context, db *sql.DB, u *unpacker) iter.Seq2[remediate.Record, error] {
	return func(yield func(remediate.Record, error) bool) {
		behind, err := readBehind(ctx, db)
		if err != nil {
			yield(remediate.Record{}, err)
			return
		}
		readFrom(ctx, db, u, behind.Seq+1)(yield)
	}
}

// readFrom is [SQLite.Read] on any connection.
func readFrom(ctx context.Context, db *sql.DB, u *unpacker, from uint64) iter.Seq2[remediate.Record, error] {
	return func(yield func(remediate.Record, error) bool) {
		src := source{db, u}
		end, before, err := beginReading(ctx, db, from)
		for seq := from; err == nil && seq <= end; {
			var page []remediate.Record
			page, err = readPage(ctx, src, seq, end)
			for _, r := range page {
				if damage := r.Verify(seq-1, before); damage != nil {
					yield(remediate.Record{}, orMeanwhile(ctx, src, seq, damage))
					return
				}
				if !yield(r, nil) {
					return
				}
				seq, before = seq+1, r.Sum
			}
			if err == nil && len(page) == 0 {
				err = &remediate.DamageError{Seq: seq, Why: "it is missing"}
			}
			if isDamage(err) {
				err = orMeanwhile(ctx, src, seq, err)
			}
		}
		if err != nil {
			yield(remediate.Record{}, err)
		}
	}
}

// beginReading returns the number of the last record and the sum of the one
// before from.
func beginReading(ctx context.Context, db *sql.DB, from uint64) (end uint64, before remediate.Sum, err error) {
	err = view(ctx, db, func(q querier) error {
		behind, err := readBehind(ctx, q)
		if err != nil {
			return err
		}
		last, err := readHead(ctx, q)
		if err != nil {
			return err
		}
		if err := readable(from, endOf(behind), last); err != nil {
			return err
		}
		end = last.Seq
		before, err = sumOf(ctx, q, behind, from-1)
		return err
	})
	return end, before, err
}

// view runs f on one state of the database, whatever is written meanwhile.
func view(ctx context.Context, db *sql.DB, f func(querier) error) error {
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return explain(err)
	}
	defer tx.Rollback() // it has nothing to keep
	return f(tx)
}

// readPage returns the next records from seq on and, where it could not go on,
// why: an error that comes with records concerns what follows them.
func readPage(ctx context.Context, src source, seq, end uint64) ([]remediate.Record, error) {
	rows, err := readRows(ctx, src, seq, end)
	page := make([]remediate.Record, 0, len(rows))
	for _, row := range rows {
		r, damage := row.record(ctx, src)
		if damage != nil {
			return page, damage
		}
		page = append(page, r)
	}
	return page, err
}

// readRows is readPage before anything is unpacked.
func readRows(ctx context.Context, src source, seq, end uint64) ([]recordRow, error) {
	rows, err := src.QueryContext(ctx, "SELECT seq, at, kind, bytes, sum, "+src.by("facts")+" FROM facts WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT ?", int64(seq), int64(end), pageOfRecords)
	if err != nil {
		return nil, readError(ctx, seq, err)
	}
	defer rows.Close()
	var page []recordRow
	for rows.Next() {
		r, err := scanRow(rows)
		if err != nil {
			return page, readError(ctx, seq+uint64(len(page)), err)
		}
		page = append(page, r)
	}
	if err := rows.Err(); err != nil {
		return page, readError(ctx, seq+uint64(len(page)), err)
	}
	return page, nil
}

// recordRow is a record as its row keeps it.
type recordRow struct {
	remediate.Record // but for its Bytes
	packed
}

// scanRow reads a row, and the columns that more stand for.
func scanRow(rows *sql.Rows, more ...any) (recordRow, error) {
	var r recordRow
	var at int64
	var sum []byte
	if err := rows.Scan(append([]any{&r.Seq, &at, &r.Kind, &r.bytes, &sum, &r.by}, more...)...); err != nil {
		return r, err
	}
	r.At = fromMillis(at)
	copy(r.Sum[:], sum) // of another length: it will not fit
	return r, nil
}

// record unpacks the record, which then has to be verified. What cannot be unpacked
// is damage to it.
func (r recordRow) record(ctx context.Context, src source) (remediate.Record, error) {
	var err error
	r.Bytes, err = src.unpack(ctx, r.packed)
	if err != nil {
		if ctx.Err() != nil {
			return remediate.Record{}, ctx.Err()
		}
		why := err.Error()
		if d := (*remediate.DamageError)(nil); errors.As(err, &d) { // to its dictionary
			why = d.Why
		}
		return remediate.Record{}, &remediate.DamageError{Seq: r.Seq, Why: why}
	}
	return r.Record, nil
}

// readError is err as it concerns record seq, or the context's error when that
// is what broke the reading off.
func readError(ctx context.Context, seq uint64, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return damaged(seq, err)
}

// orMeanwhile returns the damage that was seen at record seq or, when that was
// trimmed meanwhile, or packed by who upgraded the journal, the error that says so.
func orMeanwhile(ctx context.Context, src source, seq uint64, damage error) error {
	behind, err := readBehind(ctx, src)
	if err != nil {
		return err
	}
	if err := stillOfFormat(ctx, src); err != nil {
		return err
	}
	if seq <= behind.Seq {
		return fmt.Errorf("record %d: %w while it was read: begin anew with the checkpoint", seq, ErrTrimmed)
	}
	return damage
}

// sumOf returns the sum of record seq of a journal that was trimmed behind
// the checkpoint; that of the record before the first is zero.
func sumOf(ctx context.Context, q querier, behind remediate.Checkpoint, seq uint64) (remediate.Sum, error) {
	if seq == behind.Seq {
		return behind.Head, nil
	}
	var sum []byte
	err := q.QueryRowContext(ctx, "SELECT sum FROM facts WHERE seq = ?", int64(seq)).Scan(&sum)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return remediate.Sum{}, &remediate.DamageError{Seq: seq, Why: "it is missing"}
	case err != nil:
		return remediate.Sum{}, readError(ctx, seq, err)
	case len(sum) != len(remediate.Sum{}):
		return remediate.Sum{}, &remediate.DamageError{Seq: seq, Why: "its checksum is cut short"}
	}
	return remediate.Sum(sum), nil
}
