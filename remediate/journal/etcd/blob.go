package etcd

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/x0tta6bl4/remediated/remediate/journal"
)

// blobKey is what stands under a digest.
type blobKey struct {
	Pieces int   `json:"pieces"`
	Bytes  int64 `json:"bytes"` // that they take
}

// loadBlob returns what etcd keeps under a digest, [journal.ErrNotKept] when it is not
// there, or not as a whole any more.
func (m *Member) loadBlob(ctx context.Context, digest string) ([]byte, error) {
	kvs, err := m.list(ctx, m.keys.blob(digest), m.keys.blob(digest)+"\x00")
	if err != nil {
		return nil, err
	}
	if len(kvs) == 0 {
		return nil, fmt.Errorf("load %q from etcd: %w", digest, journal.ErrNotKept)
	}
	var key blobKey
	if err := json.Unmarshal(kvs[0].value, &key); err != nil {
		return nil, fmt.Errorf("load %q from etcd: %w: %w", digest, journal.ErrDamagedBlob, err)
	}
	b, err := m.pieces(ctx, m.keys.chunks(digest), key.Pieces)
	switch sum := sha256.Sum256(b); {
	case errors.Is(err, errPieceMissing):
		return nil, fmt.Errorf("load %q from etcd: %w: %w", digest, journal.ErrNotKept, err)
	case isOutage(err) || ctx.Err() != nil:
		return nil, err
	case err != nil || hex.EncodeToString(sum[:]) != digest:
		return nil, fmt.Errorf("load %q from etcd: %w", digest, errors.Join(journal.ErrDamagedBlob, err))
	}
	return b, nil
}

// fetchBlob keeps in the history what etcd keeps under a digest, if that is not there. What was
// given up meanwhile is nowhere.
func (m *Member) fetchBlob(ctx context.Context, digest string) error {
	if !isDigest(digest) {
		return nil // nothing can be kept under it
	}
	_, err := m.history.Load(ctx, digest)
	if !errors.Is(err, journal.ErrNotKept) && !errors.Is(err, journal.ErrDamagedBlob) {
		return err
	}
	b, err := m.loadBlob(ctx, digest)
	if errors.Is(err, journal.ErrNotKept) {
		return nil
	}
	if err == nil {
		_, err = m.history.Keep(ctx, b)
	}
	return err
}

func isDigest(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == sha256.Size
}

// listBlobs returns what etcd keeps, by digest.
func (m *Member) listBlobs(ctx context.Context) (map[string]blobKey, error) {
	kvs, err := m.listAll(ctx, m.keys.blobs())
	if err != nil {
		return nil, err
	}
	all := map[string]blobKey{}
	for _, kv := range kvs {
		var key blobKey
		if err := json.Unmarshal(kv.value, &key); err != nil {
			return nil, fmt.Errorf("%s in etcd is not what was put there: %w: delete it when it is nobody's", kv.key, err)
		}
		all[strings.TrimPrefix(kv.key, m.keys.blobs())] = key
	}
	return all, nil
}

// Keep keeps blob, durably in etcd when it returns. See [journal.SQLite.Keep].
func (j *Journal) Keep(ctx context.Context, blob []byte) (digest string, err error) {
	if err := j.usable(ctx); err != nil {
		return "", fmt.Errorf("keep a blob: %w", err)
	}
	j.keeping.Lock()
	defer j.keeping.Unlock()
	if digest, err = j.local.Keep(ctx, blob); err != nil {
		return "", j.localFailed(ctx, err)
	}
	delete(j.doomed, digest)
	if err := j.put(ctx, digest, blob); err != nil {
		return "", fmt.Errorf("keep a blob: %w", err)
	}
	return digest, nil
}

// put puts a blob into etcd. One that is there is put no second time, but its key is: whoever
// keeps something wants to know that it can be written. j.keeping is held.
func (j *Journal) put(ctx context.Context, digest string, blob []byte) error {
	key, there := j.blobs[digest]
	var ops []clientv3.Op
	if !there {
		pieces := cut(blob)
		key = blobKey{len(pieces), sizeOf(pieces)}
		ops = putPieces(j.m.keys.chunks(digest), pieces)
	}
	b, err := json.Marshal(key)
	if err != nil {
		return err
	}
	for ; len(ops) > 1; ops = ops[1:] {
		if err := j.transact(ctx, ops[0]); err != nil {
			return err
		}
	}
	if err := j.transact(ctx, append(ops, clientv3.OpPut(j.m.keys.blob(digest), string(b)))...); err != nil {
		return err
	}
	j.blobs[digest] = key
	return nil
}

// putPieces are the operations that put pieces, each of which fits into one transaction.
func putPieces(prefix string, pieces [][]byte) []clientv3.Op {
	ops := make([]clientv3.Op, len(pieces))
	for n, p := range pieces {
		ops[n] = clientv3.OpPut(piece(prefix, n), string(p))
	}
	return ops
}

// Load returns the blob kept under digest, from the history or else from etcd. See
// [journal.SQLite.Load].
func (j *Journal) Load(ctx context.Context, digest string) ([]byte, error) {
	if err := j.state(); err != nil {
		return nil, err
	}
	b, err := j.local.Load(ctx, digest)
	if isDigest(digest) && (errors.Is(err, journal.ErrNotKept) || errors.Is(err, journal.ErrDamagedBlob)) {
		return j.m.loadBlob(ctx, digest)
	}
	return b, err
}

// deleteBlob are the operations that delete what is kept under a digest.
func (j *Journal) deleteBlob(digest string) []clientv3.Op {
	chunks := j.m.keys.chunks(digest)
	return []clientv3.Op{
		clientv3.OpDelete(j.m.keys.blob(digest)),
		clientv3.OpDelete(chunks, clientv3.WithRange(behind(chunks))),
	}
}
