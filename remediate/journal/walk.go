package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/x0tta6bl4/remediated/remediate"
)

// walk goes along verified records.
type walk struct {
	Extent
	wrong    error // with the record after the last
	evidence evidenceNamed
}

// take takes up the next record. It must be a fact.
func (w *walk) take(r remediate.Record) error {
	f, err := r.Decode()
	if err != nil {
		w.wrong = err
		return err
	}
	if b, ok := f.Body.(remediate.Founded); ok {
		w.Journal = b.Journal
	}
	if w.From.IsZero() {
		w.First, w.From = r.Seq, r.At
	}
	w.evidence.by(f.Body)
	w.Last, w.To, w.Head = r.Seq, r.At, r.Sum
	return nil
}

// Check reads all records and blobs, decodes each fact, and says how far the
// journal goes. With an error it says how far all is as it was written. A daemon
// may write meanwhile; what it does not look at is the write-ahead log itself,
// whose damage shows as records that are missing.
func (r *Reading) Check(ctx context.Context) (Extent, error) {
	w, err := r.check(ctx)
	if err != nil {
		return w.Extent, fmt.Errorf("check journal %s: %w", r.dir, err)
	}
	return w.Extent, nil
}

func (r *Reading) check(ctx context.Context) (w walk, err error) {
	bound, err := r.acked() // before the head is read: it is never ahead
	if err != nil {
		return w, err
	}
	begin, behind, err := r.begin(ctx)
	if err != nil {
		return w, err
	}
	w.Journal, w.Last, w.Head = begin.Journal, behind.Seq, behind.Head
	for record, err := range readAll(ctx, r.reader, r.unpacker) {
		if err == nil {
			err = w.take(record)
		}
		if err != nil {
			return w, err
		}
		if record.Seq == bound.Seq && record.Sum != bound.Sum {
			return w, &remediate.DamageError{Seq: record.Seq, Why: "it is another one than was acknowledged, see " + ackedName}
		}
	}
	if bound.Seq > w.Last {
		return w, &remediate.DamageError{Seq: w.Last + 1, Why: fmt.Sprintf("it is missing: records up to %d were acknowledged, see %s", bound.Seq, ackedName)}
	}
	return w, view(ctx, r.reader, func(q querier) error {
		_, _, err := checkEnds(ctx, source{q, r.unpacker})
		if err == nil {
			err = q.QueryRowContext(ctx, "SELECT count(*) FROM blobs").Scan(&w.Blobs)
		}
		if err == nil {
			err = checkBlobs(ctx, source{q, r.unpacker})
		}
		if err == nil {
			w.Gone, err = w.evidence.gone(ctx, q)
		}
		return err
	})
}

// acked returns the last record that was acknowledged, zero when that is not
// said.
func (r *Reading) acked() (End, error) {
	b, err := os.ReadFile(filepath.Join(r.dir, ackedName))
	if errors.Is(err, os.ErrNotExist) {
		return End{}, nil
	}
	return parseAcked(b), err
}
