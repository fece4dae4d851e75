package probe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/x0tta6bl4/remediated/remediate"
)

const (
	postgresDoc     = "PostgreSQL answers a query in a read-only transaction, and where they are given its replication lag, a table's newest row and a table's number of rows are as wanted"
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
	Query          string          `json:"query,omitempty"`
	ReplicationLag *replicationLag `json:"replication_lag,omitempty"`
	Newest         *newestRow      `json:"newest,omitempty"`
	Rows           *rowCount       `json:"rows,omitempty"`
}

func (a *postgres) validate() error {
	switch {
	case a.DSNFile == "":
		return errors.New(`"dsn_file" is missing: the connection string is read from a file`)
	case strings.Contains(a.DSNFile, "$"):
		return errors.New(`"dsn_file": which file is read must not depend on a label`)
	}
	return cmp.Or(a.ReplicationLag.validate(), a.Newest.validate(), a.Rows.validate())
}

func (a *postgres) dependency(remediate.Question) string { return "postgres " + a.DSNFile }

func (a *postgres) queries() []string {
	if a.Rows == nil {
		return nil
	}
	return []string{a.Rows.Known}
}

// within is longer where rows are counted: all of them may have to be read.
func (a *postgres) within() time.Duration {
	if a.Rows != nil {
		return rowsWithin
	}
	return 0
}

func (a *postgres) put(ctx context.Context, p *clients, _ remediate.Question) (remediate.Answer, error) {
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
	// Whoever writes the file chooses the host, which may be this machine; those
	// of the policies of a team are the team's.
	cfg.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		if network == "unix" {
			return new(net.Dialer).DialContext(ctx, network, address)
		}
		return dialer(true).DialContext(ctx, network, address)
	}
	// A named prepared statement would not survive a pooler, and the simple
	// protocol would take several statements for one.
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec

	looks, err := a.looks(ctx, p)
	if err != nil {
		return remediate.Answer{}, err
	}
	var f findings
	began := time.Now()
	err = a.transaction(ctx, cfg, cmp.Or(a.within(), p.timeout), func(tx pgx.Tx) error {
		ok, err := a.query(ctx, tx)
		if err != nil {
			return err
		}
		f.add(ok, answered(ok, time.Since(began)), nil)
		for _, look := range looks {
			ok, text, err := apart(ctx, tx, look)
			if err != nil {
				err = errors.New(without(err, dsn, cfg.Password))
			}
			f.add(ok, text, err)
		}
		return nil
	})
	if err != nil {
		took := time.Since(began).Round(time.Millisecond)
		return remediate.Answer{Text: fmt.Sprintf("does not answer after %s: %s", took, without(err, dsn, cfg.Password))}, nil
	}
	return f.answer()
}

func answered(ok bool, took time.Duration) string {
	if !ok {
		return fmt.Sprintf("the query answered no in %s", took.Round(time.Millisecond))
	}
	return fmt.Sprintf("the query answered in %s", took.Round(time.Millisecond))
}

// transaction has f look in a transaction that cannot write and that the server
// itself ends, should our cancellation not reach it. A time without a zone is
// taken for UTC in it.
func (a *postgres) transaction(ctx context.Context, cfg *pgx.ConnConfig, timeout time.Duration, f func(pgx.Tx) error) error {
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly})
	if err != nil {
		return err
	}
	defer tx.Rollback(ctx)
	for _, set := range []string{fmt.Sprintf("SET LOCAL statement_timeout = %d", timeout.Milliseconds()), "SET LOCAL TIME ZONE 'UTC'"} {
		if _, err := tx.Exec(ctx, set); err != nil {
			return err
		}
	}
	return f(tx)
}

func (a *postgres) query(ctx context.Context, tx pgx.Tx) (bool, error) {
	rows, err := tx.Query(ctx, cmp.Or(a.Query, postgresQuery))
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

// postgresLook looks at one thing in a transaction. What it could not see is an
// error.
type postgresLook func(context.Context, pgx.Tx) (ok bool, text string, err error)

// looks are those that are asked for beside the query. What they are held
// against is had before there is a transaction.
func (a *postgres) looks(ctx context.Context, p *clients) ([]postgresLook, error) {
	var out []postgresLook
	if a.ReplicationLag != nil {
		out = append(out, a.ReplicationLag.look)
	}
	if a.Newest != nil {
		out = append(out, a.Newest.look)
	}
	if a.Rows != nil {
		want, err := a.Rows.wanted(ctx, p)
		if err != nil {
			return nil, err
		}
		out = append(out, func(ctx context.Context, tx pgx.Tx) (bool, string, error) { return a.Rows.look(ctx, tx, want) })
	}
	return out, nil
}

// apart looks behind a savepoint and goes back to it, so that what fails does
// not keep the others from looking.
func apart(ctx context.Context, tx pgx.Tx, look postgresLook) (ok bool, text string, err error) {
	inner, err := tx.Begin(ctx)
	if err != nil {
		return false, "", err
	}
	defer inner.Rollback(ctx)
	return look(ctx, inner)
}
