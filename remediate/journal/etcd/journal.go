package etcd

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
)

// Journal is the journal of a member that leads. It is safe for concurrent use; appends
// are one after the other. After an error of etcd or of the history each later call that
// writes returns it: close it and [Member.Open] anew. To append where the journal does
// not end, or what cannot follow, is an error that leaves it as it was.
type Journal struct {
	m      *Member
	lead   *lead
	local  *journal.SQLite
	writer int64 // revision at which it was opened for writing

	trimming sync.Mutex // held by whoever trims; taken before keeping

	keeping sync.Mutex // held by whoever keeps blobs, or gives them up; taken before mu
	blobs   map[string]blobKey
	doomed  map[string]bool // of them, those that go

	appending sync.Mutex // held by whoever appends
	end       journal.End
	head      head
	headBytes string

	mu         sync.Mutex
	broken     error
	logBytes   uint64 // of all rounds that were ever put
	logGone    uint64 // and of those that were deleted
	stateBytes int64
}

// Open returns the journal to a leader, at first and anew after it failed. It reads what
// an attempt came to of which nothing was heard, and voids all that comes of it later.
// It returns [journal.ErrLost] in its error when another leads, or led meanwhile; without
// a quorum it fails within seconds.
func (m *Member) Open(ctx context.Context) (*Journal, error) {
	j, err := m.open(ctx)
	if err != nil {
		return nil, fmt.Errorf("open the journal in etcd under %s: %w", m.options.Prefix, err)
	}
	return j, nil
}

func (m *Member) open(ctx context.Context) (*Journal, error) {
	m.mu.Lock()
	l := m.lead
	m.mu.Unlock()
	if l == nil {
		return nil, fmt.Errorf("%w: this replica does not lead", journal.ErrLost)
	}
	if err := m.stand(ctx, l); err != nil {
		return nil, err
	}
	j := &Journal{m: m, lead: l, doomed: map[string]bool{}}
	if err := j.takePen(ctx); err != nil {
		return nil, err
	}
	if _, err := m.history.End(ctx); err != nil {
		if err := m.reopenHistory(ctx); err != nil {
			return nil, err
		}
	}
	if err := m.lookAtHistory(ctx); err != nil { // the handle before has appended to it
		return nil, err
	}
	n, err := m.catchUp(ctx)
	if err != nil {
		return nil, err
	}
	return j, j.begin(ctx, n)
}

// reopenHistory opens the history anew after its disk failed.
func (m *Member) reopenHistory(ctx context.Context) error {
	if err := m.history.Close(); err != nil {
		m.log.Error("close the failed history", "err", err)
	}
	return m.openHistory(ctx, true)
}

// takePen makes this handle the only one that can write: what another has sent and is still on
// its way comes too late.
func (j *Journal) takePen(ctx context.Context) error {
	writer := j.lead.life + " " + j.m.options.Name + " " + draw()
	j.m.mu.Lock()
	seen := j.lead.writer
	j.m.mu.Unlock()
	changed, err := retry(ctx, j.m.cluster, func(ctx context.Context, client *clientv3.Client) (int64, error) {
		j.m.mu.Lock()
		created := j.lead.created
		j.m.mu.Unlock()
		resp, err := client.Txn(ctx).
			If(clientv3.Compare(clientv3.CreateRevision(j.m.keys.leader()), "=", created), clientv3.Compare(clientv3.ModRevision(j.m.keys.writer()), "=", seen)).
			Then(clientv3.OpPut(j.m.keys.writer(), writer)).
			Else(clientv3.OpGet(j.m.keys.now(), clientv3.WithPrefix())).Commit()
		switch {
		case err != nil:
			return 0, err
		case resp.Succeeded:
			return resp.Header.Revision, nil
		}
		n, err := j.m.parse(resp.Header.Revision, resp.Responses[0].GetResponseRange().Kvs)
		switch {
		case err != nil:
			return 0, err
		case n.writer == writer:
			return n.writerChanged, nil // by a try of which nothing was heard
		case n.created == created:
			seen = n.writerChanged // whoever that was does not lead any more
			return 0, errAgain
		}
		return 0, j.refused(n)
	})
	if err != nil {
		return err
	}
	j.writer = changed
	j.m.mu.Lock()
	j.lead.writer = changed
	j.m.mu.Unlock()
	return nil
}

// begin goes on from where the history and the log end, which is the same.
func (j *Journal) begin(ctx context.Context, n now) error {
	j.local, j.end, j.head, j.headBytes = j.m.history, j.m.end, n.head, n.headBytes
	if n.headBytes == "" {
		if err := j.transact(ctx, clientv3.OpPut(j.m.keys.head(), j.head.encode())); err != nil {
			return err
		}
		j.headBytes = j.head.encode()
	}
	var err error
	if j.blobs, err = j.m.listBlobs(ctx); err != nil {
		return err
	}
	if err := j.sweepBlobs(ctx, nil); err != nil { // that were given up here, and were to be there
		return err
	}
	j.logBytes, j.stateBytes = n.head.Bytes, n.checkpoint.Bytes
	return j.seeGone(ctx)
}

// seeGone notes how much was put before the first round that is there.
func (j *Journal) seeGone(ctx context.Context) error {
	first, err := j.m.list(ctx, j.m.keys.rounds(), behind(j.m.keys.rounds()), clientv3.WithLimit(1))
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.logGone = j.logBytes
	if len(first) == 0 {
		return nil
	}
	r, err := decodeRound(first[0].value)
	if err != nil {
		return fmt.Errorf("%s in etcd: %w", first[0].key, err)
	}
	j.logGone = r.before
	return nil
}

// transact has etcd do ops, all or none, if this member leads still and this handle is the
// one that writes. It tries for as long as [patience]: to do it twice comes to the same. An
// error breaks the handle.
func (j *Journal) transact(ctx context.Context, ops ...clientv3.Op) error {
	return j.transactOr(ctx, nil, func(now) bool { return false }, ops...)
}

// transactOr is transact if all of and holds, too, for what cannot be done twice: done tells whether it was done by a try of
// which nothing was heard.
func (j *Journal) transactOr(ctx context.Context, and []clientv3.Cmp, done func(now) bool, ops ...clientv3.Op) error {
	if err := j.state(); err != nil {
		return err
	}
	// Once it is begun it is brought to an end: nobody is to guess what became of it.
	_, err := retry(context.WithoutCancel(ctx), j.m.cluster, func(ctx context.Context, client *clientv3.Client) (struct{}, error) {
		resp, err := client.Txn(ctx).If(append(j.fence(), and...)...).Then(ops...).
			Else(clientv3.OpGet(j.m.keys.now(), clientv3.WithPrefix())).Commit()
		if err != nil || resp.Succeeded {
			return struct{}{}, err
		}
		n, err := j.m.parse(resp.Header.Revision, resp.Responses[0].GetResponseRange().Kvs)
		if err != nil || done(n) {
			return struct{}{}, err
		}
		return struct{}{}, j.refused(n)
	})
	if err != nil {
		return j.fail(err)
	}
	return nil
}

// fence is what must hold of whoever leads and writes.
func (j *Journal) fence() []clientv3.Cmp {
	j.m.mu.Lock()
	defer j.m.mu.Unlock()
	return []clientv3.Cmp{
		clientv3.Compare(clientv3.CreateRevision(j.m.keys.leader()), "=", j.lead.created),
		clientv3.Compare(clientv3.ModRevision(j.m.keys.writer()), "=", j.writer),
	}
}

// refused says why etcd refused what this handle wanted to write, given what the small keys
// said then.
func (j *Journal) refused(n now) error {
	j.m.mu.Lock()
	leads, created, lease := j.m.lead == j.lead, j.lead.created, j.lead.lease
	j.m.mu.Unlock()
	switch {
	case !leads:
		return fmt.Errorf("%w: this replica does not lead any more", journal.ErrLost)
	case n.leader == nil, n.lease == lease && n.created != created:
		return errAgain // the keeper of the lease is about to take the lead again, or to lose it
	case n.created != created:
		return j.m.lose(j.lead, n.leader)
	case !strings.HasPrefix(n.writer, j.lead.life+" "):
		return j.m.lose(j.lead, nil)
	case n.writerChanged != j.writer:
		return fmt.Errorf("%w: the journal was opened anew", journal.ErrLost)
	}
	return fmt.Errorf("%w: it ends with record %d", journal.ErrLost, n.head.Seq)
}

// Append adds records after the record numbered after: to etcd, in one transaction, then to
// the local history. See [journal.SQLite.Append].
//
// When etcd did not answer they may be there or not. When the history fails, they are
// there; another replica is then to lead, and the error says so.
func (j *Journal) Append(ctx context.Context, after uint64, records []remediate.Record) error {
	if err := j.append(ctx, after, records); err != nil {
		return fmt.Errorf("append to journal: %w", err)
	}
	return nil
}

func (j *Journal) append(ctx context.Context, after uint64, records []remediate.Record) error {
	if err := j.usable(ctx); err != nil {
		return err
	}
	j.appending.Lock()
	defer j.appending.Unlock()
	if after != j.end.Seq {
		return fmt.Errorf("append after record %d: the last one is %d: %w", after, j.end.Seq, journal.ErrLost)
	}
	next, facts, err := j.end.Extend(records)
	if err != nil || len(records) == 0 {
		return err
	}
	to := j.head
	if to.Seq == 0 {
		to.Journal = nameIn(facts)
	}
	if err := j.commit(ctx, records, to); err != nil {
		return err
	}
	j.end = next
	if err := j.local.Append(context.WithoutCancel(ctx), after, records); err != nil {
		return j.localFailed(ctx, err)
	}
	return nil
}

// commit puts a round after the head, which goes on from to. j.appending is held.
func (j *Journal) commit(ctx context.Context, records []remediate.Record, to head) error {
	k, first, last := j.m.keys, records[0].Seq, records[len(records)-1]
	pieces := cut(journal.EncodeRecords(records))
	r := round{before: j.head.Bytes, piece: pieces[0]}
	parts := k.partsOf(first)
	dead := []clientv3.Op{clientv3.OpDelete(parts, clientv3.WithRange(behind(parts)))}
	if len(pieces) > 1 {
		r = round{before: j.head.Bytes, parts: len(pieces), attempt: draw()}
		ours := k.attempt(first, r.attempt)
		for _, op := range putPieces(ours, pieces) {
			if err := j.transact(ctx, op); err != nil {
				return err
			}
		}
		dead = []clientv3.Op{
			clientv3.OpDelete(parts, clientv3.WithRange(ours)),
			clientv3.OpDelete(behind(ours), clientv3.WithRange(behind(parts))),
		}
	}
	to.Seq, to.At, to.Sum, to.Bytes = last.Seq, last.At.UnixMilli(), last.Sum, j.head.Bytes+uint64(sizeOf(pieces))
	value := to.encode()
	ops := append(dead, clientv3.OpPut(k.round(first), string(r.encode())), clientv3.OpPut(k.head(), value))
	follows := []clientv3.Cmp{clientv3.Compare(clientv3.Value(k.head()), "=", j.headBytes)}
	if err := j.transactOr(ctx, follows, func(n now) bool { return n.headBytes == value }, ops...); err != nil {
		return err
	}
	j.head, j.headBytes = to, value
	j.mu.Lock()
	defer j.mu.Unlock()
	j.logBytes = to.Bytes
	return nil
}

// usable says why nothing can be asked of the journal, or by ctx any more.
func (j *Journal) usable(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return j.state()
}

// state returns why the journal must not be used, nil when it may be.
func (j *Journal) state() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.broken
}

// fail remembers the first error and returns it.
func (j *Journal) fail(err error) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken == nil {
		j.broken = fmt.Errorf("the journal broke off and must be opened anew: %w", err)
	}
	return j.broken
}

// localFailed is for an error of the history. When it broke, this member cannot go on, and
// another is to lead.
func (j *Journal) localFailed(ctx context.Context, err error) error {
	if _, broken := j.local.End(context.WithoutCancel(ctx)); broken == nil {
		return err
	}
	err = fmt.Errorf("the local history in %s failed, so another replica is to lead; see to its disk: %w: %w", j.m.options.Folder, journal.ErrLost, err)
	return errors.Join(j.fail(err), j.m.giveUp(context.WithoutCancel(ctx), j.lead))
}

// Read yields the records from the one numbered from. See [journal.SQLite.Read].
func (j *Journal) Read(ctx context.Context, from uint64) iter.Seq2[remediate.Record, error] {
	return j.local.Read(ctx, from)
}

// Checkpoint returns the checkpoint behind which records were trimmed, false when none
// were.
func (j *Journal) Checkpoint(ctx context.Context) (remediate.Checkpoint, bool, error) {
	return j.local.Checkpoint(ctx)
}

// Snapshot returns the newest snapshot in the local folder. See [journal.SQLite.Snapshot].
func (j *Journal) Snapshot(ctx context.Context) (remediate.Checkpoint, bool, error) {
	return j.local.Snapshot(ctx)
}

// SaveSnapshot keeps c in the local folder: it is a cache, and each replica has its own.
func (j *Journal) SaveSnapshot(ctx context.Context, c remediate.Checkpoint) error {
	return j.local.SaveSnapshot(ctx, c)
}

// Evidence is [journal.SQLite.Evidence].
func (j *Journal) Evidence(ctx context.Context, before time.Time) ([]journal.Evidence, error) {
	return j.local.Evidence(ctx, before)
}

// Space is of the local folder; what the journal takes is said of the local one or of etcd, by
// which of them takes more.
func (j *Journal) Space(ctx context.Context) (journal.Space, error) {
	space, err := j.local.Space(ctx)
	if err != nil {
		return space, err
	}
	space.Used = max(space.Used, j.inEtcd())
	return space, nil
}

// inEtcd is how many bytes there are in etcd.
func (j *Journal) inEtcd() int64 {
	j.keeping.Lock()
	defer j.keeping.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	bytes := int64(j.logBytes-j.logGone) + j.stateBytes
	for _, b := range j.blobs {
		bytes += b.Bytes
	}
	return bytes
}

// Close has no call write any more. The history stays open, and the member leads.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.broken = journal.ErrClosed
	return nil
}
