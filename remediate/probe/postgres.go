package probe

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/x0tta6bl4/remediated/remediate"
)

const (
	postgresDoc     = "PostgreSQL answers a query in a read-only transaction"
	postgresExample = "postgres: {dsn_file: /etc/remediated/db.dsn}"

	postgresQuery = "SELECT 1"
)

// postgres connects anew for each question: a pooled connection could hide
// that nobody else can connect.
type postgres struct {
	// DSNFile holds a connection string, as a URL or as key=value.
	DSNFile string `json:"dsn_file"`
	// Query must return at least one row, whose first column is not false;
	// default SELECT 1.
	Query string `json:"query,omitempty"`
}

func (a *postgres) validate() error {
	switch {
	case a.DSNFile == "":
		return errors.New(`"dsn_file" is missing: the connection string is read from a file`)
	case strings.Contains(a.DSNFile, "$"):
		return errors.New(`"dsn_file": which file is read must not depend on a label`)
	}
	return nil
}

func (a *postgres) dependency(remediate.Question) string { return "postgres " + a.DSNFile }

func (a *postgres) put(ctx context.Context, p *Prober, _ remediate.Question) (remediate.Answer, error) {
	dsn, err := secret(a.DSNFile)
	if err != nil {
		return remediate.Answer{}, err
	}
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		// What the parser says may quote the string, password and all.
		return remediate.Answer{}, fmt.Errorf("%s does not hold a connection string: want postgres://user:password@host/database or key=value", a.DSNFile)
	}
	cfg.ConnectTimeout = p.timeout
	// A named prepared statement would not survive a pooler, and the simple
	// protocol would take several statements for one.
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec

	began := time.Now()
	ok, err := a.query(ctx, cfg)
	took := time.Since(began).Round(time.Millisecond)
	switch {
	case err != nil:
		return remediate.Answer{Text: fmt.Sprintf("does not answer after %s: %s", took, without(err, dsn, cfg.Password))}, nil
	case !ok:
		return remediate.Answer{Text: fmt.Sprintf("the query answered no in %s", took)}, nil
	}
	return remediate.Answer{OK: true, Text: fmt.Sprintf("the query answered in %s", took)}, nil
}

// query runs the query in a transaction that cannot write and that the server
// itself ends, should our cancellation not reach it.
func (a *postgres) query(ctx context.Context, cfg *pgx.ConnConfig) (bool, error) {
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return false, err
	}
	defer conn.Close(ctx)
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly})
	if err != nil {
		return false, err
	}
	defer tx.Rollback(ctx)
	if _, err := tx.Exec(ctx, fmt.Sprintf("SET LOCAL statement_timeout = %d", cfg.ConnectTimeout.Milliseconds())); err != nil {
		return false, err
	}
	query := a.Query
	if query == "" {
		query = postgresQuery
	}
	rows, err := tx.Query(ctx, query)
	if err != nil {
		return false, err
	}
	defer rows.Close()
	if !rows.Next() {
		return false, rows.Err()
	}
	values, err := rows.Values()
	if err != nil {
		return false, err
	}
	rows.Close()
	return len(values) > 0 && values[0] != false && values[0] != nil, rows.Err()
}
