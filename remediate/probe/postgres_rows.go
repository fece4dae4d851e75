package probe

import (
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate/internal/args"
)

// rowsWithin bounds a question for which rows are counted.
const rowsWithin = 20 * time.Second

// newestRow is how old the newest row of a table may be.
type newestRow struct {
	Table  string         `json:"table"`  // name or schema.name
	Column string         `json:"column"` // of a time or a date; one without a zone is UTC
	MaxAge model.Duration `json:"max_age"`
}

// rowCount is how many rows a table must have: so many, or a share of those
// that were last known.
type rowCount struct {
	Table   string  `json:"table"` // name or schema.name
	Min     int64   `json:"min,omitempty"`
	OfKnown float64 `json:"of_known,omitempty"`
	Known   string  `json:"known,omitempty"` // a PromQL query: how many rows were last known
}

// sqlName is a name that is put into a statement, in quotes.
var sqlName = regexp.MustCompile(`^[\pL_][\pL\pN_]{0,62}$`)

// identifier reads a name, or one with its schema.
func identifier(argument, s string, parts int) (pgx.Identifier, error) {
	if s == "" {
		return nil, fmt.Errorf(`"%s" is missing`, argument)
	}
	id := pgx.Identifier(strings.Split(s, "."))
	for _, part := range id {
		if len(id) > parts || !sqlName.MatchString(part) {
			return nil, fmt.Errorf(`"%s" %q: want a plain name of letters, digits and _%s`, argument, s, map[int]string{2: ", its schema before it: shop.orders"}[parts])
		}
	}
	return id, nil
}

func (n *newestRow) validate() error {
	if n == nil {
		return nil
	}
	if _, err := identifier("table", args.Sample(n.Table), 2); err != nil {
		return err
	}
	if _, err := identifier("column", args.Sample(n.Column), 1); err != nil {
		return err
	}
	if n.MaxAge <= 0 {
		return errors.New(`"max_age" is missing: want how old the newest row may be, such as 5m`)
	}
	return nil
}

func (n *newestRow) look(ctx context.Context, tx pgx.Tx) (ok bool, text string, err error) {
	table, err := identifier("table", n.Table, 2)
	if err != nil {
		return false, "", err
	}
	query := fmt.Sprintf("SELECT EXTRACT(EPOCH FROM clock_timestamp() - max(%s)::timestamptz)::float8 FROM %s", pgx.Identifier{n.Column}.Sanitize(), table.Sanitize())
	var age *float64
	if err := tx.QueryRow(ctx, query).Scan(&age); err != nil {
		return absent(n.Table, err)
	}
	return n.judge(age)
}

// judge takes the age of the newest row, in seconds; nil: there is none.
func (n *newestRow) judge(age *float64) (ok bool, text string, err error) {
	if age == nil {
		return false, n.Table + " has no row with a " + n.Column, nil
	}
	d := secondsOf(*age)
	if d < -time.Duration(n.MaxAge) {
		return false, "", fmt.Errorf("the newest row of %s is dated %s in the future: how old it is is not known", n.Table, rough(-d))
	}
	return d <= time.Duration(n.MaxAge), fmt.Sprintf("the newest row of %s is %s old, want at most %s", n.Table, rough(max(d, 0)), n.MaxAge), nil
}

func (c *rowCount) validate() error {
	if c == nil {
		return nil
	}
	if _, err := identifier("table", args.Sample(c.Table), 2); err != nil {
		return err
	}
	switch {
	case c.Min < 0:
		return fmt.Errorf(`"min" is %d: want at least 1`, c.Min)
	case c.Min > 0 && (c.OfKnown != 0 || c.Known != ""):
		return errors.New(`"min" cannot stand beside "of_known" and "known"`)
	case c.Min == 0 && c.OfKnown == 0:
		return errors.New(`"rows": want "min", or "of_known" with "known"`)
	case c.Min == 0 && (c.OfKnown < 0 || c.OfKnown > 1):
		return fmt.Errorf(`"of_known" is %v: want a share of more than 0 and at most 1, such as 0.99`, c.OfKnown)
	case c.Min == 0 && c.Known == "":
		return errors.New(`"known" is missing: want a PromQL query for the number of rows last known, such as max_over_time(shop_orders_rows[1d])`)
	}
	return nil
}

// wanted is how many rows there must be.
func (c *rowCount) wanted(ctx context.Context, p *clients) (int64, error) {
	if c.Min > 0 {
		return c.Min, nil
	}
	known, err := p.number(ctx, c.Known)
	if err != nil {
		return 0, fmt.Errorf("how many rows were last known: %w", err)
	}
	if known < 1 || known > math.MaxInt64/2 {
		return 0, fmt.Errorf("how many rows were last known: %s, of which no share says anything", written(known))
	}
	return int64(math.Ceil(known * c.OfKnown)), nil
}

// look counts no further than to what is wanted.
func (c *rowCount) look(ctx context.Context, tx pgx.Tx, want int64) (ok bool, text string, err error) {
	table, err := identifier("table", c.Table, 2)
	if err != nil {
		return false, "", err
	}
	var n int64
	query := fmt.Sprintf("SELECT count(*) FROM (SELECT 1 FROM %s LIMIT %d) AS few", table.Sanitize(), want)
	if err := tx.QueryRow(ctx, query).Scan(&n); err != nil {
		return absent(c.Table, err)
	}
	if n < want {
		return false, fmt.Sprintf("%s has %d rows, want at least %d", c.Table, n, want), nil
	}
	return true, fmt.Sprintf("%s has at least %d rows", c.Table, want), nil
}

// absent tells a table that is not there, which is a no, from one that could
// not be looked at.
func absent(table string, err error) (bool, string, error) {
	const (
		noTable, noSchema = "42P01", "3F000"
		notAllowed        = "42501"
		tookTooLong       = "57014"
	)
	var said *pgconn.PgError
	if !errors.As(err, &said) {
		return false, "", fmt.Errorf("look at %s: %w", table, err)
	}
	switch said.Code {
	case noTable, noSchema:
		return false, table + " is not there", nil
	case notAllowed:
		return false, "", fmt.Errorf("look at %s: %s: its user needs GRANT SELECT on it", table, said.Message)
	case tookTooLong:
		return false, "", fmt.Errorf("look at %s: %s: it took too long", table, said.Message)
	}
	return false, "", fmt.Errorf("look at %s: %w", table, err)
}
