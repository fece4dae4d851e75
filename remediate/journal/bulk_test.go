package journal

import (
	"fmt"
	"path/filepath"
	"testing"
)

// However many rows are added, all are inserted, in that order: the last of one key
// is what is there.
func TestBulk(t *testing.T) {
	for _, n := range []int{0, 1, 7, 8, 9, 31, 32, 33, 75, 130} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			db, err := dial(filepath.Join(t.TempDir(), "some.db"), 1, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			conn, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			p := newPrepared(conn)
			defer p.close()
			if err := p.exec(t.Context(), "CREATE TABLE some (key INTEGER PRIMARY KEY, n INTEGER, text TEXT)"); err != nil {
				t.Fatal(err)
			}
			b := newBulk(p, "INSERT OR REPLACE INTO some (key, n, text)", 3)
			want := map[int]string{}
			for k := range n {
				want[k%50] = fmt.Sprint(k, " ", k)
				if err := b.add(t.Context(), int64(k%50), int64(k), fmt.Sprint(k)); err != nil {
					t.Fatal(err)
				}
			}
			for range 2 { // what was flushed is not inserted again
				if err := b.flush(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			rows, err := p.QueryContext(t.Context(), "SELECT key, n || ' ' || text FROM some")
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			have := map[int]string{}
			for rows.Next() {
				var key int
				var text string
				if err := rows.Scan(&key, &text); err != nil {
					t.Fatal(err)
				}
				have[key] = text
			}
			if fmt.Sprint(have) != fmt.Sprint(want) {
				t.Errorf("%v\nwant %v", have, want)
			}
		})
	}
}
