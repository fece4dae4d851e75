package journal

import (
	"context"
	"database/sql"
	"errors"
)

// prepared runs statements on one connection, in whatever transaction that is in, and
// prepares each of them once: to parse those of a small round takes longer than to run
// them. It is for statements of which there are few, and not safe for concurrent use.
type prepared struct {
	conn       *sql.Conn
	statements map[string]*sql.Stmt
}

func newPrepared(conn *sql.Conn) prepared { return prepared{conn, map[string]*sql.Stmt{}} }

func (p prepared) statement(ctx context.Context, query string) (*sql.Stmt, error) {
	if s, ok := p.statements[query]; ok {
		return s, nil
	}
	s, err := p.conn.PrepareContext(ctx, query)
	if err == nil {
		p.statements[query] = s
	}
	return s, err
}

func (p prepared) exec(ctx context.Context, query string, args ...any) error {
	s, err := p.statement(ctx, query)
	if err != nil {
		return err
	}
	_, err = s.ExecContext(ctx, args...)
	return err
}

// QueryContext is as of [sql.Conn].
func (p prepared) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	s, err := p.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(ctx, args...)
}

// QueryRowContext is as of [sql.Conn].
func (p prepared) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	s, err := p.statement(ctx, query)
	if err != nil {
		return p.conn.QueryRowContext(ctx, query, args...) // which says the same
	}
	return s.QueryRowContext(ctx, args...)
}

// close closes the statements and the connection.
func (p prepared) close() error {
	var errs []error
	for _, s := range p.statements {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, closeIf(p.conn))...)
}
