package etcd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
)

const (
	// sweptKeys is how many keys one transaction deletes of those that are large.
	sweptKeys = 64
	// sweptBlobs is how many blobs one deletes: each takes two operations, and etcd takes
	// 128 of them.
	sweptBlobs = 10
)

// Trim makes c the checkpoint and cuts off the records up to and with c.Seq, and with them the
// blobs that only they named: in the local history first, which refuses what cannot be, then in
// etcd. See [journal.SQLite.Trim].
//
// What breaks it off in etcd leaves one checkpoint or the other; what is left over is
// deleted by the next trim. Who follows trims its own history when it sees the checkpoint.
func (j *Journal) Trim(ctx context.Context, c remediate.Checkpoint, needed []string) error {
	if err := j.trim(ctx, c, needed); err != nil {
		return fmt.Errorf("trim journal: %w", err)
	}
	return nil
}

func (j *Journal) trim(ctx context.Context, c remediate.Checkpoint, needed []string) error {
	if err := j.usable(ctx); err != nil {
		return err
	}
	j.trimming.Lock()
	defer j.trimming.Unlock()
	if err := j.local.Trim(ctx, c, needed); err != nil {
		return j.localFailed(ctx, err)
	}
	n, err := j.m.read(ctx)
	if err != nil {
		return err
	}
	p := n.checkpoint
	if p.Seq < c.Seq {
		var op clientv3.Op
		if p, op, err = j.putState(ctx, c, needed); err == nil {
			err = j.transact(ctx, op)
		}
		if err != nil {
			return err
		}
	}
	return j.sweep(ctx, p, needed)
}

// putState puts the state of c in pieces, which nobody looks at yet, and returns the operation
// that makes c the checkpoint.
func (j *Journal) putState(ctx context.Context, c remediate.Checkpoint, needed []string) (p pointer, op clientv3.Op, err error) {
	b, err := encodeState(c, needed)
	if err != nil {
		return p, op, err
	}
	pieces := cut(b)
	p = pointer{
		Seq: c.Seq, At: c.At.UnixMilli(), Head: c.Head, Sum: c.Sum,
		State: fmt.Sprintf("%020d-%s", c.Seq, draw()), Pieces: len(pieces), Bytes: sizeOf(pieces),
	}
	for _, op := range putPieces(j.m.keys.state(p.State), pieces) {
		if err := j.transact(ctx, op); err != nil {
			return p, op, err
		}
	}
	b, err = json.Marshal(p)
	return p, clientv3.OpPut(j.m.keys.checkpoint(), string(b)), err
}

// encodeState returns the state of c behind a line that says what it needs.
func encodeState(c remediate.Checkpoint, needed []string) ([]byte, error) {
	b, err := json.Marshal(needed)
	return append(append(b, '\n'), c.State...), err
}

// loadCheckpoint returns the checkpoint that p points to, and what its state needs.
func (m *Member) loadCheckpoint(ctx context.Context, p pointer) (c remediate.Checkpoint, needed []string, err error) {
	b, err := m.pieces(ctx, m.keys.state(p.State), p.Pieces)
	if errors.Is(err, errPieceMissing) {
		return c, nil, outageError{fmt.Errorf("the checkpoint at record %d: %w: another one is in its place by now", p.Seq, err)}
	}
	if err != nil {
		return c, nil, err
	}
	line, state, _ := strings.Cut(string(b), "\n")
	if err := json.Unmarshal([]byte(line), &needed); err != nil {
		return c, nil, &remediate.DamageError{Seq: p.Seq, Why: "the checkpoint in etcd: " + err.Error()}
	}
	c = remediate.Checkpoint{Seq: p.Seq, At: time.UnixMilli(p.At).UTC(), Head: p.Head, State: []byte(state), Sum: p.Sum}
	return c, needed, c.Verify()
}

// sweep deletes what the checkpoint at p stands for, and states that are of none.
func (j *Journal) sweep(ctx context.Context, p pointer, needed []string) error {
	k := j.m.keys
	bound, err := j.bound(ctx, p)
	if err != nil {
		return err
	}
	state := k.state(p.State)
	for _, old := range []struct{ from, to string }{
		{k.rounds(), k.round(bound)},
		{k.parts(), k.partsOf(bound)},
		{k.states(), state},
		{behind(state), behind(k.states())},
	} {
		if err := j.sweepKeys(ctx, old.from, old.to); err != nil {
			return err
		}
	}
	if err := j.sweepBlobs(ctx, needed); err != nil {
		return err
	}
	if err := j.seeGone(ctx); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.stateBytes = p.Bytes
	return nil
}

// bound returns the number that the first round has at the least which p does not stand
// for as a whole.
func (j *Journal) bound(ctx context.Context, p pointer) (uint64, error) {
	last, err := j.m.list(ctx, j.m.keys.rounds(), j.m.keys.round(p.Seq+1)+"\x00", clientv3.WithLimit(1), clientv3.WithSort(clientv3.SortByKey, clientv3.SortDescend))
	if err != nil || len(last) == 0 {
		return 0, err
	}
	records, err := j.m.recordsIn(ctx, last[0])
	if err != nil {
		return 0, err
	}
	if records[len(records)-1].Seq <= p.Seq {
		return p.Seq + 1, nil
	}
	return records[0].Seq, nil
}

// sweepKeys deletes the keys from the one given up to before another, some at a time.
func (j *Journal) sweepKeys(ctx context.Context, from, to string) error {
	for {
		some, err := j.m.list(ctx, from, to, clientv3.WithKeysOnly(), clientv3.WithLimit(sweptKeys))
		if err != nil || len(some) == 0 {
			return err
		}
		last := some[len(some)-1].key + "\x00"
		if err := j.transact(ctx, clientv3.OpDelete(from, clientv3.WithRange(last))); err != nil {
			return err
		}
		if len(some) < sweptKeys {
			return nil
		}
	}
}

// sweepBlobs deletes the blobs that the history has given up, but for those that are needed.
func (j *Journal) sweepBlobs(ctx context.Context, needed []string) error {
	if err := j.doom(ctx, needed); err != nil {
		return err
	}
	for more := true; more; {
		var err error
		if more, err = j.sweepDoomed(ctx); err != nil {
			return err
		}
	}
	return nil
}

// doom notes which blobs are to go. Whoever keeps one again meanwhile has it stay.
func (j *Journal) doom(ctx context.Context, needed []string) error {
	j.keeping.Lock()
	defer j.keeping.Unlock()
	kept, err := j.local.Blobs(ctx)
	if err != nil {
		return err
	}
	j.doomed = map[string]bool{}
	for digest := range j.blobs {
		j.doomed[digest] = true
	}
	for _, digest := range slices.Concat(kept, needed) {
		delete(j.doomed, digest)
	}
	return nil
}

// sweepDoomed deletes some of the blobs that are to go, and tells whether there were any.
func (j *Journal) sweepDoomed(ctx context.Context) (more bool, err error) {
	j.keeping.Lock()
	defer j.keeping.Unlock()
	var some []string
	for digest := range j.doomed {
		if some = append(some, digest); len(some) == sweptBlobs {
			break
		}
	}
	return len(some) > 0, j.delete(ctx, some)
}

// delete deletes blobs in etcd, and has who follows look for what they are to give up. j.keeping is
// held.
func (j *Journal) delete(ctx context.Context, digests []string) error {
	if len(digests) == 0 {
		return nil
	}
	ops := []clientv3.Op{clientv3.OpPut(j.m.keys.dropped(), "")}
	for _, digest := range digests {
		ops = append(ops, j.deleteBlob(digest)...)
	}
	if err := j.transact(ctx, ops...); err != nil {
		return err
	}
	for _, digest := range digests {
		delete(j.blobs, digest)
		delete(j.doomed, digest)
	}
	return nil
}

// DropEvidence gives up evidence, here, in etcd and in each history that follows. What breaks off in
// between is brought to its end when the journal is opened anew. See
// [journal.SQLite.DropEvidence].
func (j *Journal) DropEvidence(ctx context.Context, all []journal.Evidence) error {
	if err := j.usable(ctx); err != nil {
		return fmt.Errorf("drop evidence: %w", err)
	}
	j.keeping.Lock()
	defer j.keeping.Unlock()
	if err := j.local.DropEvidence(ctx, all); err != nil {
		return j.localFailed(ctx, err)
	}
	for some := range slices.Chunk(all, sweptBlobs) {
		var gone []string
		for _, e := range some {
			if _, err := j.local.Load(ctx, e.Digest); errors.Is(err, journal.ErrNotKept) && isDigest(e.Digest) {
				gone = append(gone, e.Digest)
			}
		}
		if err := j.delete(ctx, gone); err != nil {
			return fmt.Errorf("drop evidence: %w", err)
		}
	}
	return nil
}

// trimHistory has the history begin behind the checkpoint at p, as the log does.
func (m *Member) trimHistory(ctx context.Context, p pointer) error {
	c, needed, err := m.loadCheckpoint(ctx, p)
	if err != nil {
		return err
	}
	if err := m.history.Trim(ctx, c, needed); err != nil && !errors.Is(err, journal.ErrTrimmed) {
		return err
	}
	m.trimmed = p.Seq
	return nil
}

// beginAnew makes the history anew from the checkpoint at p, behind whose records it ends. What is
// there is moved aside.
func (m *Member) beginAnew(ctx context.Context, p pointer) error {
	c, needed, err := m.loadCheckpoint(ctx, p)
	if err != nil {
		return err
	}
	if m.end.Seq > 0 {
		if err := m.history.Close(); err != nil {
			m.log.Error("close the history that is moved aside", "err", err)
		}
		if err := m.moveAside(fmt.Sprintf("it ends with record %d, and the log in etcd begins behind %d", m.end.Seq, p.Seq)); err != nil {
			return err
		}
		if err := m.openHistory(ctx, true); err != nil {
			return err
		}
	}
	for _, digest := range needed {
		if err := m.fetchBlob(ctx, digest); err != nil {
			return err
		}
	}
	if err := m.history.Begin(ctx, c, needed); err != nil {
		return err
	}
	return m.lookAtHistory(ctx)
}
