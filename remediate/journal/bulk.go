package journal

import (
	"context"
	"strings"
)

// bulk inserts rows into one table, many of them with one statement: to bind and run
// one for each row takes longer than SQLite takes for the rows. What was added is there
// when it is flushed.
type bulk struct {
	prepared
	insert  string // of one row: up to VALUES
	row     string // and after it: (?, ?)
	columns int
	values  []any // of rows that are not inserted yet
}

// bulkRows are how many rows one statement inserts, the most first. With the last
// everything can be inserted.
var bulkRows = []int{32, 8, 1}

func newBulk(p prepared, insert string, columns int) *bulk {
	return &bulk{prepared: p, insert: insert, row: "(?" + strings.Repeat(", ?", columns-1) + ")", columns: columns}
}

// add inserts a row, by the next flush at the latest. Until then nobody may change
// what the values point to.
func (b *bulk) add(ctx context.Context, values ...any) error {
	b.values = append(b.values, values...)
	if len(b.values) < bulkRows[0]*b.columns {
		return nil
	}
	return b.flush(ctx)
}

// flush inserts what was added, in that order.
func (b *bulk) flush(ctx context.Context) error {
	rest := b.values
	for _, rows := range bulkRows {
		for n := rows * b.columns; len(rest) >= n; rest = rest[n:] {
			query := b.insert + " VALUES " + b.row + strings.Repeat(", "+b.row, rows-1)
			if err := b.exec(ctx, query, rest[:n]...); err != nil {
				return err
			}
		}
	}
	clear(b.values)
	b.values = b.values[:0]
	return nil
}
