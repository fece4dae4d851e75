package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Begin has a journal without a record begin behind c, as if what c stands for had
// been trimmed, in one transaction. What the state names by digest is given as needed,
// and kept before. It refuses a checkpoint that was not sealed, and a journal that has
// records.
func (s *SQLite) Begin(ctx context.Context, c remediate.Checkpoint, needed []string) error {
	if err := s.begin(ctx, c, needed); err != nil {
		return fmt.Errorf("begin journal %s behind record %d: %w", s.dir, c.Seq, err)
	}
	return nil
}

func (s *SQLite) begin(ctx context.Context, c remediate.Checkpoint, needed []string) error {
	if err := c.Verify(); err != nil {
		return err
	}
	s.trimming.Lock() // or who sweeps takes the state for one that is left over
	defer s.trimming.Unlock()
	if end, err := s.End(ctx); err != nil || end.Seq > 0 {
		return errors.Join(err, hasRecords(end.Seq))
	}
	first, last, err := s.writeState(ctx, c.State)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, tx *sql.Tx) (End, error) {
		h, err := readHead(ctx, tx)
		if err == nil && h.Seq > 0 {
			err = refusal{hasRecords(h.Seq)}
		}
		if err == nil {
			err = s.force(ctx, tx, c, first, last, needed)
		}
		return endOf(c), err
	})
}

func hasRecords(seq uint64) error {
	if seq == 0 {
		return nil
	}
	return fmt.Errorf("it has records up to %d already", seq)
}

// MoveAside moves the journal in dir into a folder of its own there, whose path it
// returns: whatever is wrong with it, nothing of it is lost, and another one can begin
// in its place. It returns [ErrLocked] when a process has it open.
func MoveAside(dir string) (to string, err error) {
	lock, err := takeLock(dir)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	to = filepath.Join(dir, "aside-"+time.Now().UTC().Format("20060102T150405.000Z"))
	if err := moveAside(dir, to); err != nil {
		return "", fmt.Errorf("move the journal in %s aside: %w", dir, err)
	}
	return to, nil
}

// moveAside moves the database first: where that is left off, what is left is no
// journal, and is moved aside as well.
func moveAside(dir, to string) error {
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	snapshots, err := filepath.Glob(filepath.Join(escapeGlob(dir), "snapshot-*.json*"))
	if err != nil {
		return err
	}
	database := filepath.Join(dir, databaseName)
	for _, path := range append([]string{database, database + "-wal", database + "-shm", filepath.Join(dir, ackedName)}, snapshots...) {
		err := os.Rename(path, filepath.Join(to, filepath.Base(path)))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return errors.Join(syncFolder(to), syncFolder(dir))
}
