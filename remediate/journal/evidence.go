package journal

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Evidence is a blob that is kept as nothing but what was to be seen before an act.
type Evidence struct {
	Digest string // SHA-256, in hexadecimal
	Seq    uint64 // the last record that names it
	At     time.Time
}

// Evidence returns the evidence that no record of then or later names, oldest
// first. What was kept and no record names yet is not known to be evidence.
func (s *SQLite) Evidence(ctx context.Context, before time.Time) ([]Evidence, error) {
	if err := s.state(); err != nil {
		return nil, err
	}
	all, err := oldEvidence(ctx, source{s.reader, s.unpacker}, before)
	if err != nil {
		return nil, fmt.Errorf("look for old evidence: %w", explain(err))
	}
	return all, nil
}

func oldEvidence(ctx context.Context, src source, before time.Time) (all []Evidence, err error) {
	rows, digests, err := oldBlobRows(ctx, src, before)
	if err != nil {
		return nil, err
	}
	for k, row := range rows {
		r, err := row.record(ctx, src)
		if err != nil && !isDamage(err) { // reading the record will tell of that
			return nil, err
		}
		if e := (Evidence{hex.EncodeToString(digests[k]), r.Seq, r.At}); err == nil && isEvidence(r, e.Digest) {
			all = append(all, e)
		}
	}
	return all, nil
}

// oldBlobRows returns the last records that name a blob, of those written before
// then, and for each the digest of the blob.
func oldBlobRows(ctx context.Context, src source, before time.Time) (records []recordRow, digests [][]byte, err error) {
	rows, err := src.QueryContext(ctx, "SELECT facts.seq, facts.at, facts.kind, facts.bytes, facts.sum, "+src.by("facts")+", blobs.digest FROM blobs JOIN facts ON facts.seq = blobs.seq WHERE facts.at < ? AND facts.seq > (SELECT coalesce(max(seq), 0) FROM checkpoint) ORDER BY facts.seq", before.UnixMilli())
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var digest []byte
		r, err := scanRow(rows, &digest)
		if err != nil {
			return nil, nil, err
		}
		records, digests = append(records, r), append(digests, digest)
	}
	return records, digests, rows.Err()
}

// isEvidence tells whether the record names the blob as evidence, and as nothing
// else.
func isEvidence(r remediate.Record, digest string) bool {
	f, err := r.Decode()
	if err != nil {
		return false // who can read it knows what it names
	}
	is := false
	for _, b := range remediate.BlobsOf(f.Body) {
		if b.Digest == digest {
			is = b.Is == remediate.BlobEvidence
		}
	}
	return is
}

// DropEvidence gives up evidence, as [SQLite.Evidence] returned it. What another
// record has named since stays. The records that name it stay as they are, and
// loading it is [ErrNotKept] from then on.
func (s *SQLite) DropEvidence(ctx context.Context, all []Evidence) error {
	err := s.write(ctx, func(ctx context.Context, tx *sql.Tx) (End, error) {
		last, err := readHead(ctx, tx)
		if err != nil {
			return last, err
		}
		for _, e := range all {
			digest, err := hex.DecodeString(e.Digest)
			if err != nil {
				return last, refusal{err}
			}
			if _, err := tx.ExecContext(ctx, "DELETE FROM blobs WHERE digest = ? AND seq = ?", digest, int64(e.Seq)); err != nil {
				return last, err
			}
		}
		return last, nil
	})
	if err != nil {
		return fmt.Errorf("drop evidence: %w", err)
	}
	return nil
}

// evidenceNamed are the digests of the evidence that records name.
type evidenceNamed map[string]bool

func (n *evidenceNamed) by(body remediate.Body) {
	for _, b := range remediate.BlobsOf(body) {
		if b.Is != remediate.BlobEvidence {
			continue
		}
		if *n == nil {
			*n = evidenceNamed{}
		}
		(*n)[b.Digest] = true
	}
}

// gone counts those that are not there.
func (n evidenceNamed) gone(ctx context.Context, q querier) (gone int, err error) {
	for digest := range n {
		want, err := hex.DecodeString(digest)
		if err != nil {
			continue // nothing can be kept under it
		}
		var there int
		if err := q.QueryRowContext(ctx, "SELECT count(*) FROM blobs WHERE digest = ?", want).Scan(&there); err != nil {
			return gone, err
		}
		gone += 1 - there
	}
	return gone, nil
}

// Evidence is [SQLite.Evidence].
func (m *Memory) Evidence(ctx context.Context, before time.Time) ([]Evidence, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	var all []Evidence
	for digest, b := range m.blobs {
		if b.seq <= m.checkpoint.Seq {
			continue
		}
		r := m.records[b.seq-m.checkpoint.Seq-1]
		if r.At.Before(before) && isEvidence(r, digest) {
			all = append(all, Evidence{digest, b.seq, r.At})
		}
	}
	slices.SortFunc(all, func(a, b Evidence) int { return cmp.Or(cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.Digest, b.Digest)) })
	return all, ctx.Err()
}

// DropEvidence is [SQLite.DropEvidence].
func (m *Memory) DropEvidence(ctx context.Context, all []Evidence) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range all {
		if m.blobs[e.Digest].seq == e.Seq {
			delete(m.blobs, e.Digest)
		}
	}
	return ctx.Err()
}
