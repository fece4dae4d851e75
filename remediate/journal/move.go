package journal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// moveWhenGrown moves the log into the database, so that it stays short: most of it
// while others append, and the rest between two appends. It runs until the journal is closed.
func (s *SQLite) moveWhenGrown() {
	defer s.mover.Done()
	for {
		select {
		case <-s.closing:
			return
		case <-s.grown:
		}
		if s.state() != nil {
			continue
		}
		err := s.moveBeside(context.Background())
		s.takeTurn()
		if err == nil && s.broken == nil {
			err = s.moveLog(context.Background())
		}
		if err != nil {
			_ = s.fail(err) // each later call returns it
		}
		s.mu.Unlock()
	}
}

// moveBeside writes what is in the log into the database and syncs that, while others
// append: so that nobody has to wait for more than for what they append meanwhile. It
// needs a connection of its own. When a sync of theirs fails on the way, it may still
// sync what was appended before, which is in the log until that has gone well.
func (s *SQLite) moveBeside(ctx context.Context) error {
	var blocked, inLog, moved int
	err := s.beside.QueryRowContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)").Scan(&blocked, &inLog, &moved)
	if err != nil && !busy(err) {
		return fmt.Errorf("move the write-ahead log into the database: %w", explain(err))
	}
	return s.acked.sync()
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
	if err := s.moveLog(ctx); err != nil {
		return err
	}
	return s.acked.sync()
}

// moveLog is move without a sync of what was acknowledged.
func (s *SQLite) moveLog(ctx context.Context) error {
	var blocked, inLog, moved int
	// Neither of the two is interrupted half way: the context is not passed on.
	ctx = context.WithoutCancel(ctx)
	err := s.prepared.conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)").Scan(&blocked, &inLog, &moved)
	if err == nil && inLog == moved { // otherwise the next would wait for that reader
		err = s.prepared.conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&blocked, &inLog, &moved)
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
	return nil
}
