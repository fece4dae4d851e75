package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver that the journal uses

	"github.com/x0tta6bl4/remediated/remediate"
)

// bareGroup is how many records the bare loop makes durable at once: about as many
// as one round of the engine does when much comes in.
const bareGroup = 2_000

// bareSQLite measures how many records a second can be written into a table like
// the journal's by one who knows them already: nothing is decided, chained,
// checked or indexed.
func (o options) bareSQLite(ctx context.Context) (s sample, err error) {
	records, err := storyRecords(bareGroup)
	if err != nil {
		return s, err
	}
	dir, err := os.MkdirTemp(o.dir, "bare-")
	if err != nil {
		return s, err
	}
	defer os.RemoveAll(dir)
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "bare.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, "CREATE TABLE facts (seq INTEGER PRIMARY KEY, at INTEGER, kind TEXT, bytes BLOB, sum BLOB)"); err != nil {
		return s, err
	}
	seq := int64(0)
	s.value, err = rate(o.sample, func() (int, error) { return len(records), insertBare(ctx, db, &seq, records) })
	return s, err
}

// insertBare writes the records behind the one numbered seq, durably.
func insertBare(ctx context.Context, db *sql.DB, seq *int64, records []remediate.Record) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // of what was committed it is none
	insert, err := tx.PrepareContext(ctx, "INSERT INTO facts (seq, at, kind, bytes, sum) VALUES (?, ?, ?, ?, ?)")
	if err != nil {
		return err
	}
	defer insert.Close()
	for _, r := range records {
		*seq++
		if _, err := insert.ExecContext(ctx, *seq, r.At.UnixMilli(), r.Kind, r.Bytes, r.Sum[:]); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// storyRecords returns at least so many records of whole incidents.
func storyRecords(n int) ([]remediate.Record, error) {
	d, err := newDecider(0)
	if err != nil {
		return nil, err
	}
	var records []remediate.Record
	d.keep = func(rs []remediate.Record) error {
		records = append(records, rs...)
		return nil
	}
	for len(records) < n {
		if _, err := d.story(); err != nil {
			return nil, fmt.Errorf("the records of an incident: %w", err)
		}
	}
	return records, nil
}
