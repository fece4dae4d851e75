package journal

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// tablesOfFormat1 is the layout of format 1, in which nothing was packed.
var tablesOfFormat1 = []string{
	`CREATE TABLE facts (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, bytes BLOB NOT NULL, sum BLOB NOT NULL) STRICT`,
	`CREATE TABLE head (id INTEGER PRIMARY KEY CHECK (id = 1), format INTEGER NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, sum BLOB NOT NULL, writes INTEGER NOT NULL) STRICT`,
	`CREATE TABLE checkpoint (id INTEGER PRIMARY KEY CHECK (id = 1), seq INTEGER NOT NULL, at INTEGER NOT NULL, head BLOB NOT NULL, state BLOB NOT NULL, sum BLOB NOT NULL) STRICT`,
	`CREATE TABLE blobs (digest BLOB PRIMARY KEY, seq INTEGER NOT NULL, bytes BLOB NOT NULL) STRICT`,
	`CREATE TABLE incidents (id INTEGER PRIMARY KEY, policy TEXT NOT NULL, severity TEXT NOT NULL, status TEXT NOT NULL, target TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, row BLOB NOT NULL, sum BLOB NOT NULL) STRICT`,
	`CREATE TABLE incident_facts (incident INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (incident, seq)) STRICT, WITHOUT ROWID`,
	`CREATE TABLE alerts (id BLOB PRIMARY KEY, seq INTEGER NOT NULL, name TEXT NOT NULL) STRICT, WITHOUT ROWID`,
	`CREATE VIEW readable AS SELECT seq, strftime('%FT%H:%M:%fZ', at / 1000.0, 'unixepoch') AS at, kind, CAST(bytes AS TEXT) AS fact FROM facts`,
}

// upgrade makes format 2 of a database of format 1, in one transaction. No fact is
// written anew: what was not packed stays so until it is trimmed. SQLite keeps a
// table that was altered as if it had been created so.
func upgrade(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("upgrade journal: %w", explain(err))
	}
	defer tx.Rollback()
	for _, statement := range []string{
		"DROP VIEW readable",
		"ALTER TABLE facts ADD COLUMN packed INTEGER",
		"ALTER TABLE blobs ADD COLUMN packed INTEGER",
		"ALTER TABLE alerts DROP COLUMN name",
		createTable("dictionaries"),
		createTable("states"),
		"INSERT INTO states (id, bytes) SELECT 1, state FROM checkpoint",
		"ALTER TABLE checkpoint RENAME TO checkpoint_1",
		createTable("checkpoint"),
		"INSERT INTO checkpoint (id, seq, at, head, first, last, sum) SELECT id, seq, at, head, 1, 1, sum FROM checkpoint_1",
		"DROP TABLE checkpoint_1",
		readableView,
		fmt.Sprintf("PRAGMA user_version = %d", format),
		fmt.Sprintf("UPDATE head SET format = %d, writes = writes + 1", format),
	} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("upgrade journal: %w", explain(err))
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("upgrade journal: %w", explain(err))
	}
	return nil
}

// createTable returns the statement of [tables] that makes one.
func createTable(name string) string {
	for _, statement := range tables {
		if strings.HasPrefix(statement, "CREATE TABLE "+name+" ") {
			return statement
		}
	}
	panic("no table is called " + name)
}
