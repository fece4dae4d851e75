package journal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/x0tta6bl4/remediated/remediate"
)

// ErrDamagedBlob says that what is kept under a digest is not what was kept.
// Keeping the same bytes again repairs it.
var ErrDamagedBlob = errors.New("what is kept under this digest is damaged")

// Keep keeps blob, durably when it returns, and returns its SHA-256 in
// hexadecimal. It stays until a trim behind the last record that names it, or
// that was there when it was kept.
func (s *SQLite) Keep(ctx context.Context, blob []byte) (digest string, err error) {
	sum := sha256.Sum256(blob)
	digest = hex.EncodeToString(sum[:])
	small := dictionary{}.pack(append([]byte{}, blob...))
	err = s.write(ctx, func(ctx context.Context, tx *sql.Tx) (End, error) {
		last, err := readHead(ctx, tx)
		if err != nil {
			return last, err
		}
		there, err := loadBlob(ctx, source{tx, s.unpacker}, digest)
		if err == nil && bytes.Equal(there, blob) {
			return last, nameBlob(ctx, s.prepared, digest, last.Seq)
		}
		_, err = tx.ExecContext(ctx, "INSERT OR REPLACE INTO blobs (digest, seq, bytes, packed) VALUES (?, ?, ?, ?)", sum[:], int64(last.Seq), small.bytes, small.by)
		return last, err
	})
	if err != nil {
		return "", fmt.Errorf("keep a blob: %w", err)
	}
	return digest, nil
}

// nameBlobs notes which blobs the facts name.
func nameBlobs(ctx context.Context, p prepared, facts []remediate.Fact) error {
	for _, f := range facts {
		for _, b := range remediate.BlobsOf(f.Body) {
			if err := nameBlob(ctx, p, b.Digest, f.Seq); err != nil {
				return err
			}
		}
	}
	return nil
}

// nameBlob notes that a blob is needed as long as the record numbered seq.
func nameBlob(ctx context.Context, p prepared, digest string, seq uint64) error {
	sum, err := hex.DecodeString(digest)
	if err != nil {
		return nil //nolint:nilerr // nothing can be kept under it
	}
	return p.exec(ctx, "UPDATE blobs SET seq = ?2 WHERE digest = ?1 AND seq < ?2", sum, int64(seq))
}

// Blobs returns the digests of all that is kept, in hexadecimal.
func (s *SQLite) Blobs(ctx context.Context) ([]string, error) {
	if err := s.state(); err != nil {
		return nil, err
	}
	sums, err := digests(ctx, s.reader, "SELECT digest FROM blobs ORDER BY digest")
	if err != nil {
		return nil, fmt.Errorf("list what is kept: %w", explain(err))
	}
	all := make([]string, len(sums))
	for k, sum := range sums {
		all[k] = hex.EncodeToString(sum)
	}
	return all, nil
}

// digests returns the column of digests that a query gives.
func digests(ctx context.Context, q querier, query string, args ...any) (all [][]byte, err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var digest []byte
		if err := rows.Scan(&digest); err != nil {
			return nil, err
		}
		all = append(all, digest)
	}
	return all, rows.Err()
}

// cutBlobs deletes those of the blobs that no record from seq on names by now.
func cutBlobs(ctx context.Context, tx *sql.Tx, seq uint64, blobs [][]byte) error {
	for _, digest := range blobs {
		if _, err := tx.ExecContext(ctx, "DELETE FROM blobs WHERE digest = ? AND seq < ?", digest, int64(seq)); err != nil {
			return err
		}
	}
	return nil
}

// Load returns the blob kept under digest, [ErrNotKept] when there is none,
// [ErrDamagedBlob] when it is not what was kept.
func (s *SQLite) Load(ctx context.Context, digest string) ([]byte, error) {
	if err := s.state(); err != nil {
		return nil, err
	}
	return loadBlob(ctx, source{s.reader, s.unpacker}, digest)
}

// loadBlob is [SQLite.Load] on any connection.
func loadBlob(ctx context.Context, src source, digest string) ([]byte, error) {
	want, err := hex.DecodeString(digest)
	if err != nil || len(want) != sha256.Size {
		return nil, fmt.Errorf("load %q: not a SHA-256: %w", digest, ErrNotKept)
	}
	var b packed
	err = src.QueryRowContext(ctx, "SELECT bytes, "+src.by("blobs")+" FROM blobs WHERE digest = ?", want).Scan(&b.bytes, &b.by)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, fmt.Errorf("load %q: %w", digest, ErrNotKept)
	case err != nil && isDamage(damaged(0, err)):
		return nil, fmt.Errorf("load %q: %w: %w", digest, ErrDamagedBlob, err)
	case err != nil:
		return nil, fmt.Errorf("load %q: %w", digest, err)
	}
	blob, err := b.blob(want)
	if err != nil {
		return nil, fmt.Errorf("load %q: %w", digest, err)
	}
	return blob, nil
}

// blob unpacks what is kept under a digest. Each is packed by itself, if at all.
func (p packed) blob(digest []byte) ([]byte, error) {
	blob, err := p.unpack()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamagedBlob, err)
	}
	if have := sha256.Sum256(blob); string(have[:]) != string(digest) {
		return nil, ErrDamagedBlob
	}
	return blob, nil
}
