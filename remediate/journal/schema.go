package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/x0tta6bl4/remediated/remediate"
)

const (
	applicationID = 0x52454d44 // "REMD", in the database's header
	format        = 1          // user_version; a release reads this one and refuses newer ones
)

// tables is the layout of format 1, each statement as SQLite keeps it. The
// first four tables are the truth; the others are made from them and can be
// made again. The view is for operators with a sqlite3 shell.
var tables = []string{
	`CREATE TABLE facts (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, bytes BLOB NOT NULL, sum BLOB NOT NULL) STRICT`,
	`CREATE TABLE head (id INTEGER PRIMARY KEY CHECK (id = 1), format INTEGER NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, sum BLOB NOT NULL, writes INTEGER NOT NULL) STRICT`,
	`CREATE TABLE checkpoint (id INTEGER PRIMARY KEY CHECK (id = 1), seq INTEGER NOT NULL, at INTEGER NOT NULL, head BLOB NOT NULL, state BLOB NOT NULL, sum BLOB NOT NULL) STRICT`,
	`CREATE TABLE blobs (digest BLOB PRIMARY KEY, seq INTEGER NOT NULL, bytes BLOB NOT NULL) STRICT`,
	`CREATE TABLE incidents (id INTEGER PRIMARY KEY, policy TEXT NOT NULL, severity TEXT NOT NULL, status TEXT NOT NULL, target TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, row BLOB NOT NULL, sum BLOB NOT NULL) STRICT`,
	`CREATE TABLE incident_facts (incident INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (incident, seq)) STRICT, WITHOUT ROWID`,
	`CREATE TABLE alerts (id BLOB PRIMARY KEY, seq INTEGER NOT NULL, name TEXT NOT NULL) STRICT, WITHOUT ROWID`,
	`CREATE VIEW readable AS SELECT seq, strftime('%FT%H:%M:%fZ', at / 1000.0, 'unixepoch') AS at, kind, CAST(bytes AS TEXT) AS fact FROM facts`,
}

// querier is what *sql.DB, *sql.Conn and *sql.Tx have in common for reading.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// createTables lays out an empty database, in one transaction.
func createTables(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("create journal: %w", explain(err))
	}
	defer tx.Rollback()
	statements := append(slices.Clone(tables),
		fmt.Sprintf("PRAGMA application_id = %d", applicationID),
		fmt.Sprintf("PRAGMA user_version = %d", format),
		fmt.Sprintf("INSERT INTO head (id, format, seq, at, sum, writes) VALUES (1, %d, 0, 0, zeroblob(32), 0)", format))
	for _, statement := range statements {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("create journal: %w", explain(err))
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("create journal: %w", explain(err))
	}
	return nil
}

// checkFormat tells whether the database is a journal that this release can
// read. It returns [ErrNewerFormat] when a newer one wrote it.
func checkFormat(ctx context.Context, q querier) error {
	var application, version int
	if err := q.QueryRowContext(ctx, "PRAGMA application_id").Scan(&application); err != nil {
		return damaged(1, err)
	}
	if err := q.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return damaged(1, err)
	}
	same, err := tablesAre(ctx, q)
	switch {
	case err != nil:
		return err
	case same && (application != applicationID || version != format):
		return &remediate.DamageError{Seq: 1, Why: fmt.Sprintf("the file's header says application %#x, format %d, its tables are those of %#x, format %d", application, version, applicationID, format)}
	case application != applicationID:
		return &remediate.DamageError{Seq: 1, Why: fmt.Sprintf("the file is not a journal: application_id is %#x, want %#x", application, applicationID)}
	case version > format:
		return fmt.Errorf("%w: it has format %d, this one reads up to %d: start the newer release again, or restore the copy that was made before it", ErrNewerFormat, version, format)
	case !same:
		return &remediate.DamageError{Seq: 1, Why: "the file's tables are not those of a journal"}
	}
	return nil
}

// isEmpty tells whether nothing was ever created in the database.
func isEmpty(ctx context.Context, q querier) (bool, error) {
	var objects, application int
	if err := q.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&objects); err != nil {
		return false, damaged(1, err)
	}
	if err := q.QueryRowContext(ctx, "PRAGMA application_id").Scan(&application); err != nil {
		return false, damaged(1, err)
	}
	return objects == 0 && application == 0, nil
}

// tablesAre tells whether the database is laid out as [tables] says.
func tablesAre(ctx context.Context, q querier) (bool, error) {
	rows, err := q.QueryContext(ctx, "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL")
	if err != nil {
		return false, damaged(1, err)
	}
	defer rows.Close()
	var have []string
	for rows.Next() {
		var statement string
		if err := rows.Scan(&statement); err != nil {
			return false, damaged(1, err)
		}
		have = append(have, statement)
	}
	if err := rows.Err(); err != nil {
		return false, damaged(1, err)
	}
	want := slices.Sorted(slices.Values(tables))
	slices.Sort(have)
	return slices.Equal(have, want), nil
}

// readHead returns the end of the journal, as the last transaction left it.
func readHead(ctx context.Context, q querier) (head, error) {
	var h head
	var at int64
	var sum []byte
	var version int
	err := q.QueryRowContext(ctx, "SELECT format, seq, at, sum FROM head WHERE id = 1").Scan(&version, &h.seq, &at, &sum)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return head{}, &remediate.DamageError{Seq: 1, Why: "the journal does not say where it ends"}
	case err != nil:
		return head{}, damaged(1, err)
	case len(sum) != len(h.sum) || version != format:
		return head{}, &remediate.DamageError{Seq: 1, Why: "what the journal says of its end makes no sense"}
	}
	h.sum = remediate.Sum(sum)
	if h.seq > 0 {
		h.at = fromMillis(at)
	}
	return h, nil
}

// readCheckpoint returns the checkpoint, the zero one when there is none.
func readCheckpoint(ctx context.Context, q querier) (remediate.Checkpoint, error) {
	var c remediate.Checkpoint
	var at int64
	var before, sum []byte
	err := q.QueryRowContext(ctx, "SELECT seq, at, head, state, sum FROM checkpoint WHERE id = 1").Scan(&c.Seq, &at, &before, &c.State, &sum)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return remediate.Checkpoint{}, nil
	case err != nil:
		return c, damaged(1, err)
	case len(before) != len(c.Head) || len(sum) != len(c.Sum):
		return c, &remediate.DamageError{Seq: c.Seq, Why: "the checkpoint makes no sense"}
	}
	c.At, c.Head, c.Sum = fromMillis(at), remediate.Sum(before), remediate.Sum(sum)
	if err := c.Verify(); err != nil {
		return c, err
	}
	return c, nil
}
