package journal

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/x0tta6bl4/remediated/remediate"
)

// code returns SQLite's result code in err, extended and primary, 0 for none.
func code(err error) (extended, primary int) {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return 0, 0
	}
	return e.Code(), e.Code() & 0xff
}

// damaged turns an error of SQLite's that says that what lies on the disk
// cannot be what was written into one that names the first record which
// therefore cannot be read. Other errors are returned as they are.
func damaged(seq uint64, err error) error {
	extended, primary := code(err)
	switch {
	case primary == sqlite3.SQLITE_CORRUPT, primary == sqlite3.SQLITE_NOTADB, primary == sqlite3.SQLITE_FORMAT,
		primary == sqlite3.SQLITE_ERROR, // our statements are right, so the schema is not
		primary == sqlite3.SQLITE_TOOBIG, primary == sqlite3.SQLITE_MISMATCH,
		extended == sqlite3.SQLITE_IOERR_SHORT_READ, extended == sqlite3.SQLITE_IOERR_CORRUPTFS:
		return &remediate.DamageError{Seq: seq, Why: err.Error()}
	case strings.HasPrefix(err.Error(), "sql: Scan error"): // a value of another type than was written
		return &remediate.DamageError{Seq: seq, Why: err.Error()}
	}
	return explain(err)
}

// explain makes [ErrFull] of SQLite's word for it and leaves the rest.
func explain(err error) error {
	if _, primary := code(err); primary == sqlite3.SQLITE_FULL {
		return fmt.Errorf("%w (%w): all that was acknowledged is intact; make room, then open the journal anew", ErrFull, err)
	}
	return err
}

// busy tells whether another process held the database for too long.
func busy(err error) bool {
	_, primary := code(err)
	return primary == sqlite3.SQLITE_BUSY
}

// fromMillis returns the time that is kept as milliseconds since 1970.
func fromMillis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
