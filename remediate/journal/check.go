package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Check reads everything there is: SQLite's own integrity check, the chain of
// all records, the decoding of each, the checkpoint, the kept blobs and the history. It
// returns the first that is not as it was written: a [*remediate.DamageError],
// [ErrDamagedBlob] or [ErrDamagedHistory]. Appends go on meanwhile.
func (s *SQLite) Check(ctx context.Context) error {
	if err := s.state(); err != nil {
		return err
	}
	if err := checkStructure(ctx, s.reader, s.unpacker, "integrity_check"); err != nil {
		return fmt.Errorf("check journal %s: %w", s.dir, err)
	}
	for r, err := range s.Read(ctx, s.firstSeq(ctx)) {
		if err == nil {
			_, err = r.Decode()
		}
		if err != nil {
			return fmt.Errorf("check journal %s: %w", s.dir, err)
		}
	}
	for _, check := range []func(context.Context, source) error{checkCheckpoint, checkBlobs, checkHistory} {
		err := view(ctx, s.reader, func(q querier) error { return check(ctx, source{q, s.unpacker}) })
		if err != nil {
			return fmt.Errorf("check journal %s: %w", s.dir, err)
		}
	}
	return nil
}

// firstSeq returns the number of the first record that was not trimmed.
func (s *SQLite) firstSeq(ctx context.Context) uint64 {
	behind, err := readBehind(ctx, s.reader)
	if err != nil {
		return 1 // reading will say what is wrong with the checkpoint
	}
	return behind.Seq + 1
}

func checkCheckpoint(ctx context.Context, src source) error {
	_, err := readCheckpoint(ctx, src)
	return err
}

func checkBlobs(ctx context.Context, src source) error {
	rows, err := src.QueryContext(ctx, "SELECT digest, bytes, "+src.by("blobs")+" FROM blobs")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var digest []byte
		var b packed
		if err := rows.Scan(&digest, &b.bytes, &b.by); err != nil {
			return err
		}
		if _, err := b.blob(digest); err != nil {
			return fmt.Errorf("blob %x: %w", digest, err)
		}
	}
	return rows.Err()
}

// checkHistory tells whether each incident whose beginning was not trimmed has
// the row that its facts make.
func checkHistory(ctx context.Context, src source) error {
	behind, err := readBehind(ctx, src)
	if err != nil {
		return err
	}
	ids, err := numbers(ctx, src, "SELECT DISTINCT incident FROM incident_facts ORDER BY incident")
	if err != nil {
		return err
	}
	for _, id := range ids {
		facts, err := factsOf(ctx, src, id, behind)
		if err != nil {
			return err
		}
		if len(facts) == 0 {
			continue // they were trimmed, and are yet to be swept
		}
		if err := checkRow(ctx, src, id, facts); err != nil {
			return err
		}
	}
	return nil
}

func checkRow(ctx context.Context, q querier, id uint64, facts []remediate.Fact) error {
	have, err := fetchRow(ctx, q, id)
	if err != nil {
		return err
	}
	opened, ok := facts[0].Body.(remediate.Opened)
	if !ok {
		return nil // its beginning was trimmed
	}
	if have == nil {
		return fmt.Errorf("the row of incident %d: %w", id, ErrDamagedHistory)
	}
	want := openedRow(facts[0], opened, have.AlertName)
	for _, f := range facts[1:] {
		want.fold(f)
	}
	a, errA := json.Marshal(want)
	b, errB := json.Marshal(have)
	if errA != nil || errB != nil || string(a) != string(b) {
		return fmt.Errorf("the row of incident %d: %w", id, ErrDamagedHistory)
	}
	return nil
}

// numbers returns the column of numbers that a query gives.
func numbers(ctx context.Context, q querier, query string, args ...any) ([]uint64, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []uint64
	for rows.Next() {
		var n uint64
		if err := rows.Scan(&n); err != nil {
			return nil, err
		}
		list = append(list, n)
	}
	return list, rows.Err()
}

// Rebuild makes the history anew from the facts. Rows of incidents whose
// beginning was trimmed stay as they are.
func (s *SQLite) Rebuild(ctx context.Context) error {
	err := s.write(ctx, func(ctx context.Context, tx *sql.Tx) (End, error) {
		last, err := readHead(ctx, tx)
		if err != nil {
			return last, err
		}
		behind, err := readBehind(ctx, tx)
		if err != nil {
			return last, err
		}
		clear(s.openRows)
		for _, statement := range []string{
			"DELETE FROM incident_facts",
			"DELETE FROM alerts WHERE seq > ?1",
			"DELETE FROM incidents WHERE first > ?1",
		} {
			if _, err := tx.ExecContext(ctx, statement, int64(behind.Seq)); err != nil {
				return last, err
			}
		}
		return last, factsAfter(ctx, source{tx, s.unpacker}, endOf(behind), last.Seq, func(facts []remediate.Fact) error {
			return projectAll(ctx, s.prepared, s.unpacker, s.openRows, facts)
		})
	})
	if err != nil {
		return fmt.Errorf("rebuild the history: %w", err)
	}
	return nil
}

// factsAfter gives to take the facts of the records after behind, up to and with
// the one numbered last, page by page.
func factsAfter(ctx context.Context, src source, behind End, last uint64, take func([]remediate.Fact) error) error {
	for behind.Seq < last {
		page, err := readPage(ctx, src, behind.Seq+1, last)
		if err == nil && len(page) == 0 {
			err = &remediate.DamageError{Seq: behind.Seq + 1, Why: "it is missing"}
		}
		if err != nil {
			return err
		}
		next, facts, err := behind.Extend(page)
		if err == nil {
			err = take(facts)
		}
		if err != nil {
			return err
		}
		behind = next
	}
	return nil
}
