package journal

import (
	"errors"
	"fmt"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Errors that callers compare with errors.Is.
var (
	// ErrLost says that the journal does not end where the caller thought:
	// another writer was there. Read on from where you were, then decide anew.
	ErrLost = errors.New("the journal does not end where the writer thought: another writer was there")
	// ErrNotKept says that no blob with this digest is there.
	ErrNotKept = errors.New("nothing is kept under this digest")
	// ErrLocked says that another process has the journal open for writing.
	ErrLocked = errors.New("the journal is in use by another process")
	// ErrNewerFormat says that a newer release wrote the journal.
	ErrNewerFormat = errors.New("the journal was written by a newer release")
	// ErrFull says that the disk is full. All that was acknowledged is intact.
	ErrFull = errors.New("the disk is full")
	// ErrTrimmed says that the records asked for were cut off: the state after
	// them is in the checkpoint.
	ErrTrimmed = errors.New("the records asked for were trimmed")
	// ErrClosed says that the journal was closed before.
	ErrClosed = errors.New("the journal is closed")
)

// lost tells a writer that it is behind, or ahead.
func lost(after, last uint64) error {
	return fmt.Errorf("append after record %d: the last one is %d: %w", after, last, ErrLost)
}

// readable says why a reading cannot begin at from, nil when it can.
func readable(from uint64, behind, last End) error {
	switch {
	case from <= behind.Seq:
		return fmt.Errorf("read from record %d: %w: begin with the checkpoint, then read from %d", from, ErrTrimmed, behind.Seq+1)
	case from > last.Seq+1:
		return fmt.Errorf("read from record %d: %w", from,
			&remediate.DamageError{Seq: last.Seq + 1, Why: fmt.Sprintf("it is missing: the journal ends at %d", last.Seq)})
	}
	return nil
}

// trimmable says why c cannot become the checkpoint of a journal whose
// checkpoint is old, and whose record c.Seq has the sum at, nil when it can.
func trimmable(c, old remediate.Checkpoint, last End, at func(seq uint64) (remediate.Sum, error)) error {
	if err := c.Verify(); err != nil {
		return err
	}
	switch {
	case c.Seq < old.Seq:
		return fmt.Errorf("the journal is trimmed up to record %d already: %w", old.Seq, ErrTrimmed)
	case c.Seq == old.Seq:
		if c.Sum != old.Sum {
			return fmt.Errorf("another checkpoint stands at record %d already: %w", old.Seq, ErrTrimmed)
		}
		return nil
	case c.Seq > last.Seq:
		return lost(c.Seq, last.Seq)
	}
	sum, err := at(c.Seq)
	if err != nil {
		return err
	}
	if sum != c.Head {
		return &remediate.DamageError{Seq: c.Seq, Why: "the checkpoint was made from another record with this number"}
	}
	return nil
}
