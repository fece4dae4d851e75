package journal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
)

// ErrDamagedBlob says that what is kept under a digest is not what was kept.
// Keeping the same bytes again repairs it.
var ErrDamagedBlob = errors.New("what is kept under this digest is damaged")

// Keep keeps blob, durably when it returns, and returns its SHA-256 in
// hexadecimal. What is there already is not written again.
func (s *SQLite) Keep(ctx context.Context, blob []byte) (digest string, err error) {
	sum := sha256.Sum256(blob)
	digest = hex.EncodeToString(sum[:])
	if there, err := s.Load(ctx, digest); err == nil && bytes.Equal(there, blob) {
		return digest, nil
	}
	err = s.write(ctx, func(ctx context.Context, tx *sql.Tx) (head, error) {
		last, err := readHead(ctx, tx)
		if err != nil {
			return last, err
		}
		_, err = tx.ExecContext(ctx, "INSERT OR REPLACE INTO blobs (digest, seq, bytes) VALUES (?, ?, ?)", sum[:], int64(last.seq), append([]byte{}, blob...))
		return last, err
	})
	if err != nil {
		return "", fmt.Errorf("keep a blob: %w", err)
	}
	return digest, nil
}

// Load returns the blob kept under digest, [ErrNotKept] when there is none,
// [ErrDamagedBlob] when it is not what was kept.
func (s *SQLite) Load(ctx context.Context, digest string) ([]byte, error) {
	if err := s.state(); err != nil {
		return nil, err
	}
	return loadBlob(ctx, s.reader, digest)
}

// loadBlob is [SQLite.Load] on any connection.
func loadBlob(ctx context.Context, db *sql.DB, digest string) ([]byte, error) {
	want, err := hex.DecodeString(digest)
	if err != nil || len(want) != sha256.Size {
		return nil, fmt.Errorf("load %q: not a SHA-256: %w", digest, ErrNotKept)
	}
	var blob []byte
	err = db.QueryRowContext(ctx, "SELECT bytes FROM blobs WHERE digest = ?", want).Scan(&blob)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, fmt.Errorf("load %q: %w", digest, ErrNotKept)
	case err != nil && isDamage(damaged(0, err)):
		return nil, fmt.Errorf("load %q: %w: %w", digest, ErrDamagedBlob, err)
	case err != nil:
		return nil, fmt.Errorf("load %q: %w", digest, err)
	case sha256.Sum256(blob) != [sha256.Size]byte(want):
		return nil, fmt.Errorf("load %q: %w", digest, ErrDamagedBlob)
	}
	return blob, nil
}
