package etcd

import (
	"context"
	"errors"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
)

// publishedRecords and publishedBytes are how much one round has at the most that is published.
const (
	publishedRecords = 4096
	publishedBytes   = pieceSize
)

// mustPublish tells whether this member is to put what is in its folder into etcd, or the rest of
// it.
func (m *Member) mustPublish(n now) bool {
	switch {
	case !m.options.Publish || m.end.Seq == 0:
		return false
	case n.head.Publishing > 0:
		return m.end.Seq >= n.head.Publishing && (n.head.Seq == 0 || m.name == n.head.Journal)
	}
	return n.isEmpty()
}

// publishIfAsked publishes what is in the folder, if that is to be done. When it fails
// somebody else may lead, or this member once more, which goes on from where it was.
func (m *Member) publishIfAsked(ctx context.Context) error {
	n, err := m.read(ctx)
	if err == nil && !m.mustPublish(n) {
		return nil
	}
	if err == nil {
		m.log.Info("the journal in the folder is being published in etcd", "folder", m.options.Folder, "records", m.end.Seq, "after", n.head.Seq)
		err = m.publish(ctx, n)
	}
	if errors.Is(err, journal.ErrLost) {
		err = outageError{err} // whoever leads now is followed
	}
	if err != nil {
		return errors.Join(err, m.Resign(context.WithoutCancel(ctx)))
	}
	return nil
}

func (m *Member) publish(ctx context.Context, n now) error {
	m.mu.Lock()
	l := m.lead
	m.mu.Unlock()
	if l == nil {
		return outageError{errors.New("the lead was lost before the journal was published")}
	}
	j := &Journal{m: m, lead: l, doomed: map[string]bool{}, local: m.history, head: n.head, headBytes: n.headBytes}
	err := j.takePen(ctx)
	if err == nil {
		j.blobs, err = m.listBlobs(ctx)
	}
	if err == nil {
		err = j.publishBeginning(ctx, n)
	}
	if err == nil {
		err = j.publishRecords(ctx)
	}
	if err != nil {
		return fmt.Errorf("publish the journal in %s: %w", m.options.Folder, err)
	}
	return nil
}

// publishBeginning puts the checkpoint, if there is one, and a head that says how far all of it goes.
func (j *Journal) publishBeginning(ctx context.Context, n now) error {
	if n.head.Publishing > 0 {
		return nil
	}
	c, trimmed, err := j.local.Checkpoint(ctx)
	if err != nil {
		return err
	}
	to := head{Journal: j.m.name, Publishing: j.m.end.Seq}
	ops := []clientv3.Op{}
	if trimmed {
		to.Seq, to.At, to.Sum = c.Seq, c.At.UnixMilli(), c.Head
		op, err := j.publishCheckpoint(ctx, c)
		if err != nil {
			return err
		}
		ops = append(ops, op)
	}
	value := to.encode()
	if err := j.transact(ctx, append(ops, clientv3.OpPut(j.m.keys.head(), value))...); err != nil {
		return err
	}
	j.head, j.headBytes = to, value
	return nil
}

// publishCheckpoint puts the state in the checkpoint and what it needs, and returns the operation
// that makes it the checkpoint.
func (j *Journal) publishCheckpoint(ctx context.Context, c remediate.Checkpoint) (clientv3.Op, error) {
	s, err := remediate.Reinstate(c.State)
	if err != nil {
		return clientv3.Op{}, err
	}
	var needed []string
	for _, b := range s.Blobs() {
		needed = append(needed, b.Digest)
		if err := j.publishBlob(ctx, b.Digest); err != nil {
			return clientv3.Op{}, err
		}
	}
	_, op, err := j.putState(ctx, c, needed)
	return op, err
}

// publishBlob puts what the history keeps under a digest, if anything.
func (j *Journal) publishBlob(ctx context.Context, digest string) error {
	if _, there := j.blobs[digest]; there || !isDigest(digest) {
		return nil
	}
	b, err := j.local.Load(ctx, digest)
	if errors.Is(err, journal.ErrNotKept) {
		return nil // it was given up
	}
	if err != nil {
		return err
	}
	j.keeping.Lock()
	defer j.keeping.Unlock()
	return j.put(ctx, digest, b)
}

// publishRecords puts the records after the head, and what they name before them.
func (j *Journal) publishRecords(ctx context.Context) error {
	j.end = j.head.end()
	var some []remediate.Record
	bytes := 0
	for r, err := range j.local.Read(ctx, j.end.Seq+1) {
		if err != nil {
			return err
		}
		some, bytes = append(some, r), bytes+len(r.Bytes)
		if len(some) < publishedRecords && bytes < publishedBytes && r.Seq < j.m.end.Seq {
			continue
		}
		if err := j.publishRound(ctx, some); err != nil {
			return err
		}
		some, bytes = nil, 0
	}
	if j.head.Publishing == 0 {
		return nil
	}
	to := j.head // all was there, or there is nothing behind the checkpoint
	to.Publishing = 0
	value := to.encode()
	if err := j.transact(ctx, clientv3.OpPut(j.m.keys.head(), value)); err != nil {
		return err
	}
	j.head, j.headBytes = to, value
	return nil
}

func (j *Journal) publishRound(ctx context.Context, records []remediate.Record) error {
	next, facts, err := j.end.Extend(records)
	if err != nil {
		return j.m.parted(err)
	}
	for _, f := range facts {
		for _, b := range remediate.BlobsOf(f.Body) {
			if err := j.publishBlob(ctx, b.Digest); err != nil {
				return err
			}
		}
	}
	if err := j.commit(ctx, records, j.head); err != nil {
		return err
	}
	j.end = next
	return nil
}
