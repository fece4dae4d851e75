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
	format        = 2          // user_version; a release writes this one, reads those before it and refuses newer ones
)

// tables is the layout, each statement as SQLite keeps it. Facts, dictionaries, head,
// checkpoint with the parts of its state, and blobs are the truth; the others are made from them and can be
// made again. The view is for operators with a sqlite3 shell.
var tables = []string{
	`CREATE TABLE facts (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, bytes BLOB NOT NULL, sum BLOB NOT NULL, packed INTEGER) STRICT`,
	`CREATE TABLE dictionaries (id INTEGER PRIMARY KEY, after INTEGER NOT NULL, bytes BLOB NOT NULL, sum BLOB NOT NULL) STRICT`,
	`CREATE TABLE head (id INTEGER PRIMARY KEY CHECK (id = 1), format INTEGER NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, sum BLOB NOT NULL, writes INTEGER NOT NULL) STRICT`,
	`CREATE TABLE checkpoint (id INTEGER PRIMARY KEY CHECK (id = 1), seq INTEGER NOT NULL, at INTEGER NOT NULL, head BLOB NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, sum BLOB NOT NULL) STRICT`,
	`CREATE TABLE states (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL, packed INTEGER) STRICT`,
	`CREATE TABLE blobs (digest BLOB PRIMARY KEY, seq INTEGER NOT NULL, bytes BLOB NOT NULL, packed INTEGER) STRICT`,
	`CREATE TABLE incidents (id INTEGER PRIMARY KEY, policy TEXT NOT NULL, severity TEXT NOT NULL, status TEXT NOT NULL, target TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, row BLOB NOT NULL, sum BLOB NOT NULL) STRICT`,
	`CREATE TABLE incident_facts (incident INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (incident, seq)) STRICT, WITHOUT ROWID`,
	`CREATE TABLE alerts (id BLOB PRIMARY KEY, seq INTEGER NOT NULL) STRICT, WITHOUT ROWID`,
	readableView,
}

// readableView says of what is packed no more than it knows.
const readableView = `CREATE VIEW readable AS SELECT seq, strftime('%FT%H:%M:%fZ', at / 1000.0, 'unixepoch') AS at, kind, iif(packed IS NULL, CAST(bytes AS TEXT), '(packed: remedy journal export says it)') AS fact FROM facts`

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

// checkFormat returns the format of the database, which is a journal that this
// release can read. It returns [ErrNewerFormat] when a newer one wrote it.
func checkFormat(ctx context.Context, q querier) (int, error) {
	var application, version int
	if err := q.QueryRowContext(ctx, "PRAGMA application_id").Scan(&application); err != nil {
		return 0, damaged(1, err)
	}
	if err := q.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return 0, damaged(1, err)
	}
	laidOut, err := formatOfTables(ctx, q)
	switch {
	case err != nil:
		return 0, err
	case laidOut != 0 && (application != applicationID || version != laidOut):
		return 0, &remediate.DamageError{Seq: 1, Why: fmt.Sprintf("the file's header says application %#x, format %d, its tables are those of %#x, format %d", application, version, applicationID, laidOut)}
	case application != applicationID:
		return 0, &remediate.DamageError{Seq: 1, Why: fmt.Sprintf("the file is not a journal: application_id is %#x, want %#x", application, applicationID)}
	case version > format:
		return 0, newerFormat(version)
	case laidOut == 0:
		return 0, &remediate.DamageError{Seq: 1, Why: "the file's tables are not those of a journal"}
	}
	return version, nil
}

func newerFormat(version int) error {
	return fmt.Errorf("%w: it has format %d, this one reads up to %d: start the newer release again, or restore the copy that was made before it", ErrNewerFormat, version, format)
}

// readFormat returns the format that the journal itself says it has.
func readFormat(ctx context.Context, q querier) (version int, err error) {
	if err := q.QueryRowContext(ctx, "SELECT format FROM head WHERE id = 1").Scan(&version); err != nil {
		return 0, damaged(1, err)
	}
	return version, nil
}

// stillOfFormat refuses a journal that somebody upgraded since it was opened to be
// read: what is there now is no damage, but is read in another way.
func stillOfFormat(ctx context.Context, src source) error {
	version, err := readFormat(ctx, src)
	if err == nil && version != src.format {
		err = errors.New("the journal was upgraded while it was read: begin anew")
	}
	return err
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

// formatOfTables returns the format as which the database is laid out, 0 when it is
// none.
func formatOfTables(ctx context.Context, q querier) (int, error) {
	rows, err := q.QueryContext(ctx, "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL")
	if err != nil {
		return 0, damaged(1, err)
	}
	defer rows.Close()
	var have []string
	for rows.Next() {
		var statement string
		if err := rows.Scan(&statement); err != nil {
			return 0, damaged(1, err)
		}
		have = append(have, statement)
	}
	if err := rows.Err(); err != nil {
		return 0, damaged(1, err)
	}
	slices.Sort(have)
	for version, layout := range map[int][]string{1: tablesOfFormat1, format: tables} {
		if slices.Equal(have, slices.Sorted(slices.Values(layout))) {
			return version, nil
		}
	}
	return 0, nil
}

// readHead returns the end of the journal, as the last transaction left it.
func readHead(ctx context.Context, q querier) (End, error) {
	var h End
	var at int64
	var sum []byte
	var version int
	err := q.QueryRowContext(ctx, "SELECT format, seq, at, sum FROM head WHERE id = 1").Scan(&version, &h.Seq, &at, &sum)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return End{}, &remediate.DamageError{Seq: 1, Why: "the journal does not say where it ends"}
	case err != nil:
		return End{}, damaged(1, err)
	case version > format:
		return End{}, newerFormat(version)
	case len(sum) != len(h.Sum) || version < 1:
		return End{}, &remediate.DamageError{Seq: 1, Why: "what the journal says of its end makes no sense"}
	}
	h.Sum = remediate.Sum(sum)
	if h.Seq > 0 {
		h.At = fromMillis(at)
	}
	return h, nil
}

// readBehind returns the checkpoint without its state, which may be long, the zero
// one when there is none. It is not verified: that what follows it can be is.
func readBehind(ctx context.Context, q querier) (remediate.Checkpoint, error) {
	var c remediate.Checkpoint
	var at int64
	var before, sum []byte
	err := q.QueryRowContext(ctx, "SELECT seq, at, head, sum FROM checkpoint WHERE id = 1").Scan(&c.Seq, &at, &before, &sum)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return remediate.Checkpoint{}, nil
	case err != nil:
		return c, damaged(1, err)
	case len(before) != len(c.Head) || len(sum) != len(c.Sum):
		return c, &remediate.DamageError{Seq: c.Seq, Why: "the checkpoint makes no sense"}
	}
	c.At, c.Head, c.Sum = fromMillis(at), remediate.Sum(before), remediate.Sum(sum)
	return c, nil
}

// readCheckpoint returns the checkpoint, verified, the zero one when there is none.
func readCheckpoint(ctx context.Context, src source) (remediate.Checkpoint, error) {
	c, err := readBehind(ctx, src)
	if err != nil || c.Seq == 0 && c.At.IsZero() {
		return c, err
	}
	if err := stillOfFormat(ctx, src); err != nil {
		return c, err
	}
	if c.State, err = readState(ctx, src); err != nil {
		return c, damaged(c.Seq, err)
	}
	return c, c.Verify()
}

// readState returns the state in the checkpoint.
func readState(ctx context.Context, src source) ([]byte, error) {
	query := "SELECT bytes, packed FROM states JOIN checkpoint ON states.id BETWEEN first AND last ORDER BY states.id"
	if src.format == 1 {
		query = "SELECT state, NULL FROM checkpoint"
	}
	rows, err := src.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	state := []byte{}
	for rows.Next() {
		var p packed
		if err := rows.Scan(&p.bytes, &p.by); err != nil {
			return nil, err
		}
		part, err := p.unpack()
		if err != nil {
			continue // the checksum will not fit
		}
		state = append(state, part...)
	}
	return state, rows.Err()
}
