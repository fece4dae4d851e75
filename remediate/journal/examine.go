package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/x0tta6bl4/remediated/remediate"
)

// examine tells whether what lies in the folder is a sound journal that goes
// at least as far as bound, before anything is written to it. It returns its format,
// 0 when nothing was ever put there.
//
// It uses a read-only connection of its own: the last other one to close would
// move a damaged log into the database.
func (s *SQLite) examine(ctx context.Context, bound End) (version int, err error) {
	size, err := sizeOf(s.database())
	if err != nil {
		return 0, err
	}
	log, err := scanWALFile(s.wal())
	if err != nil {
		return 0, err
	}
	if size == 0 {
		if log.Frames > 0 || log.Damaged { // SQLite would delete the log
			return 0, &remediate.DamageError{Seq: 1, Why: "the database is empty, its write-ahead log is not"}
		}
		return 0, s.acked.missing(bound, End{}, nil)
	}
	db, err := dial(s.database(), 1, readerParameters)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if empty, err := isEmpty(ctx, db); err == nil && empty && !log.Damaged {
		return 0, s.acked.missing(bound, End{}, nil)
	}
	return s.examineContents(ctx, db, size, log, bound)
}

func (s *SQLite) examineContents(ctx context.Context, db *sql.DB, size int64, log WAL, bound End) (version int, err error) {
	if log.Damaged {
		last, err := readHead(ctx, db)
		if err != nil {
			last = End{} // then nothing can be said of where it ends
		}
		return 0, &remediate.DamageError{Seq: last.Seq + 1, Why: log.Why}
	}
	if version, err = checkFormat(ctx, db); err != nil {
		return 0, err
	}
	u := newUnpacker(version)
	last, behind, err := checkEnds(ctx, source{db, u})
	if err != nil {
		return 0, err
	}
	if err := s.checkAcked(ctx, db, behind, bound, last); err != nil {
		return 0, err
	}
	if size <= s.options.CheckUpTo {
		err = checkStructure(ctx, db, u, "quick_check")
	}
	return version, err
}

// checkAcked tells whether what was acknowledged is there.
func (s *SQLite) checkAcked(ctx context.Context, q querier, behind remediate.Checkpoint, bound, last End) error {
	if bound.Seq == 0 || bound.Seq < behind.Seq {
		return nil // what was trimmed was there
	}
	return s.acked.missing(bound, last, func(seq uint64) (remediate.Sum, error) { return sumOf(ctx, q, behind, seq) })
}

// checkEnds tells whether the facts that are not trimmed begin after the checkpoint
// and end at the head, and returns the head and the checkpoint.
func checkEnds(ctx context.Context, src source) (last End, behind remediate.Checkpoint, err error) {
	if last, err = readHead(ctx, src); err != nil {
		return End{}, behind, err
	}
	if behind, err = readCheckpoint(ctx, src); err != nil {
		return End{}, behind, err
	}
	var first, end sql.NullInt64
	if err := src.QueryRowContext(ctx, "SELECT (SELECT min(seq) FROM facts WHERE seq > ?1), (SELECT max(seq) FROM facts WHERE seq > ?1)", int64(behind.Seq)).Scan(&first, &end); err != nil {
		return End{}, behind, damaged(behind.Seq+1, err)
	}
	if !first.Valid {
		first.Int64, end.Int64 = int64(behind.Seq)+1, int64(behind.Seq)
	}
	switch from, to := uint64(first.Int64), uint64(end.Int64); {
	case from != behind.Seq+1:
		return End{}, behind, &remediate.DamageError{Seq: behind.Seq + 1, Why: fmt.Sprintf("the records begin with %d", from)}
	case to != last.Seq:
		return End{}, behind, &remediate.DamageError{Seq: min(to, last.Seq) + 1, Why: fmt.Sprintf("the records end with %d, and should with %d", to, last.Seq)}
	}
	sum, err := sumOf(ctx, src, behind, last.Seq)
	if err != nil {
		return End{}, behind, err
	}
	if sum != last.Sum {
		return End{}, behind, &remediate.DamageError{Seq: last.Seq, Why: "it is not the one that the journal ends with"}
	}
	return last, behind, nil
}

// checkStructure has SQLite look at every page. It names the first record that
// cannot be read for what it finds, or the one after the last when all can.
func checkStructure(ctx context.Context, db *sql.DB, u *unpacker, pragma string) error {
	var found string
	err := db.QueryRowContext(ctx, "PRAGMA "+pragma+"(1)").Scan(&found)
	switch {
	case err == nil && found == "ok":
		return nil
	case err == nil:
	case isDamage(damaged(1, err)):
		found = err.Error()
	default:
		return explain(err)
	}
	next := uint64(1)
	for r, err := range readAll(ctx, db, u) {
		if d := (*remediate.DamageError)(nil); errors.As(err, &d) {
			return fmt.Errorf("%w; SQLite says: %s", d, found)
		} else if err != nil {
			return err
		}
		next = r.Seq + 1
	}
	return &remediate.DamageError{Seq: next, Why: "the records before it can be read, but not added to: " + found}
}

func isDamage(err error) bool {
	var d *remediate.DamageError
	return errors.As(err, &d)
}

// scanWALFile is [ScanWAL] of a file, which need not be there.
func scanWALFile(path string) (WAL, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return WAL{}, nil
	}
	if err != nil {
		return WAL{}, err
	}
	log, err := ScanWAL(f)
	return log, errors.Join(err, f.Close())
}

// sizeOf returns the size of a file in bytes, 0 when it is not there.
func sizeOf(path string) (int64, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
