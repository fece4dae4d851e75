package journal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// moveWhenGrown moves the log into the database between appends, so that it
// stays short. It runs until the journal is closed.
func (s *SQLite) moveWhenGrown() {
	defer s.mover.Done()
	for {
		select {
		case <-s.closing:
			return
		case <-s.grown:
		}
		s.mu.Lock()
		if s.broken == nil {
			if err := s.move(context.Background()); err != nil {
				_ = s.fail(err) // each later call returns it
			}
		}
		s.mu.Unlock()
	}
}

// noteGrowth wakes the mover when the log is long. s.mu is held.
func (s *SQLite) noteGrowth() {
	info, err := os.Stat(s.wal())
	if err != nil || info.Size() < s.moveAt {
		return
	}
	select {
	case s.grown <- struct{}{}:
	default: // it is awake
	}
}

// move writes the log into the database, syncs that and cuts the log to
// nothing. A reader that stands in the way makes it stay for the next time,
// which is when the log has grown by as much again. s.mu is held, or nobody
// else has the journal yet.
func (s *SQLite) move(ctx context.Context) error {
	var blocked, inLog, moved int
	// Neither of the two is interrupted half way: the context is not passed on.
	ctx = context.WithoutCancel(ctx)
	err := s.writer.QueryRowContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)").Scan(&blocked, &inLog, &moved)
	if err == nil && inLog == moved { // otherwise the next would wait for that reader
		err = s.writer.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&blocked, &inLog, &moved)
	}
	if err != nil && !busy(err) {
		return fmt.Errorf("move the write-ahead log into the database: %w", explain(err))
	}
	s.moveAt = s.options.MoveAt
	if info, err := os.Stat(s.wal()); err == nil {
		s.moveAt += info.Size()
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return s.acked.sync()
}
