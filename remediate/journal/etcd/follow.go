package etcd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
)

const (
	// roundsAtOnce is how many rounds are read at a time: four mebibytes at the most.
	roundsAtOnce = 8
	// keysAtOnce is how many small keys are.
	keysAtOnce = 1000
)

// catchUp has the history follow all that was in the log when it returns, and says what
// the small keys were then.
func (m *Member) catchUp(ctx context.Context) (now, error) {
	n, err := m.read(ctx)
	if err != nil {
		return n, err
	}
	if err := m.belongs(n); err != nil {
		return n, err
	}
	if m.end.Seq < n.checkpoint.Seq {
		if err := m.beginAnew(ctx, n.checkpoint); err != nil {
			return n, err
		}
	}
	for m.end.Seq < n.head.Seq {
		if err := m.followRounds(ctx); err != nil {
			return n, err
		}
		m.name = n.head.Journal
	}
	if m.end.Seq == n.head.Seq && m.end.Sum != n.head.Sum {
		return n, &remediate.DamageError{Seq: n.head.Seq, Why: "it is not the one that the head in etcd names"}
	}
	if n.checkpoint.Seq > m.trimmed {
		if err := m.trimHistory(ctx, n.checkpoint); err != nil {
			return n, err
		}
	}
	if n.dropped != m.dropped {
		if err := m.dropGone(ctx); err != nil {
			return n, err
		}
		m.dropped = n.dropped
	}
	return n, nil
}

// belongs refuses a history that is not of this log.
func (m *Member) belongs(n now) error {
	switch {
	case m.end.Seq == 0 || m.mustPublish(n):
		return nil
	case n.isEmpty():
		return fmt.Errorf("there is no journal in etcd under %s, and one in %s: start with --storage.etcd.publish to move that one there, or with another folder", m.options.Prefix, m.options.Folder)
	case m.name != n.head.Journal:
		return fmt.Errorf("the journal in etcd under %s is %q and the one in %s is %q: start with the folder of a replica of that one, or an empty one, or with another prefix", m.options.Prefix, n.head.Journal, m.options.Folder, m.name)
	case m.end.Seq > n.head.Seq:
		return m.parted(fmt.Errorf("it has records up to %d, and etcd up to %d", m.end.Seq, n.head.Seq))
	case m.end.Seq == n.head.Seq && m.end.Sum != n.head.Sum:
		return m.parted(fmt.Errorf("record %d is another one", m.end.Seq))
	}
	return nil
}

// parted says that history and log were one once, and are not any more: a copy of either was
// put back, or etcd was restored.
func (m *Member) parted(why error) error {
	return fmt.Errorf("the history in %s is not of what is in etcd under %s any more: %w: one of them was put back from a copy; to go on with etcd, move the folder away, to go on with the history, start with --storage.etcd.publish and another prefix", m.options.Folder, m.options.Prefix, why)
}

// journalName is the name of the journal in the history, "" when there is none; c is its
// checkpoint.
func (m *Member) journalName(ctx context.Context, c remediate.Checkpoint) (string, error) {
	if c.Seq > 0 {
		var state struct{ Journal string }
		if err := json.Unmarshal(c.State, &state); err != nil {
			return "", fmt.Errorf("the state in the checkpoint of %s: %w", m.options.Folder, err)
		}
		return state.Journal, nil
	}
	for r, err := range m.history.Read(ctx, 1) {
		if err != nil {
			return "", err
		}
		f, err := r.Decode()
		if err != nil {
			return "", err
		}
		return nameIn([]remediate.Fact{f}), nil
	}
	return "", nil
}

// nameIn is the name of the journal that the facts begin with, "" when they do not begin one.
func nameIn(facts []remediate.Fact) string {
	if len(facts) == 0 {
		return ""
	}
	b, _ := facts[0].Body.(remediate.Founded)
	return b.Journal
}

// followRounds appends the next rounds to the history, with what they name.
func (m *Member) followRounds(ctx context.Context) error {
	records, err := m.rounds(ctx)
	if err != nil {
		return err
	}
	next, facts, err := m.end.Extend(records)
	if err != nil {
		return err
	}
	for _, f := range facts {
		for _, b := range remediate.BlobsOf(f.Body) {
			if err := m.fetchBlob(ctx, b.Digest); err != nil {
				return err
			}
		}
	}
	if err := m.history.Append(ctx, m.end.Seq, records); err != nil {
		return err
	}
	m.end = next
	return nil
}

// rounds reads the next rounds from the log: records that follow the history's end, one at
// the least.
func (m *Member) rounds(ctx context.Context) ([]remediate.Record, error) {
	from := m.end.Seq + 1
	kvs, err := m.roundsFrom(ctx, from)
	if err != nil {
		return nil, err
	}
	var records []remediate.Record
	for _, kv := range kvs {
		some, err := m.recordsIn(ctx, kv)
		if err != nil {
			return nil, err
		}
		records = append(records, some...)
	}
	for len(records) > 0 && records[0].Seq < from {
		records = records[1:]
	}
	if len(records) == 0 || records[0].Seq != from {
		return nil, m.missing(ctx, from)
	}
	if err := records[0].Verify(m.end.Seq, m.end.Sum); err != nil && m.end.Seq > 0 {
		return nil, m.parted(err)
	}
	return records, nil
}

// missing says that a record is not in the log, or that it was trimmed just now.
func (m *Member) missing(ctx context.Context, seq uint64) error {
	n, err := m.read(ctx)
	if err == nil && n.checkpoint.Seq >= seq {
		return outageError{fmt.Errorf("record %d: %w while it was read", seq, journal.ErrTrimmed)}
	}
	return errors.Join(err, &remediate.DamageError{Seq: seq, Why: "it is missing in etcd under " + m.keys.rounds()})
}

// keyValue is a key and its value.
type keyValue struct {
	key   string
	value []byte
}

// roundsFrom reads the round that has the record numbered seq, and some after it.
func (m *Member) roundsFrom(ctx context.Context, seq uint64) ([]keyValue, error) {
	next, err := m.list(ctx, m.keys.round(seq), behind(m.keys.rounds()), clientv3.WithLimit(roundsAtOnce))
	if err != nil || len(next) > 0 && next[0].key == m.keys.round(seq) {
		return next, err
	}
	begun, err := m.list(ctx, m.keys.rounds(), m.keys.round(seq), clientv3.WithLimit(1), clientv3.WithSort(clientv3.SortByKey, clientv3.SortDescend))
	return append(begun, next...), err
}

// list reads the keys from the one given up to before another.
func (m *Member) list(ctx context.Context, from, to string, options ...clientv3.OpOption) ([]keyValue, error) {
	kvs, err := retry(ctx, m.cluster, func(ctx context.Context, client *clientv3.Client) ([]keyValue, error) {
		resp, err := client.Get(ctx, from, append(options, clientv3.WithRange(to))...)
		if err != nil {
			return nil, err
		}
		var all []keyValue
		for _, kv := range resp.Kvs {
			all = append(all, keyValue{string(kv.Key), kv.Value})
		}
		return all, nil
	})
	if err != nil {
		return nil, fmt.Errorf("read %s from etcd: %w", from, err)
	}
	return kvs, nil
}

// listAll reads all keys that begin with prefix, of which there may be many.
func (m *Member) listAll(ctx context.Context, prefix string, options ...clientv3.OpOption) (all []keyValue, err error) {
	for from := prefix; ; from = all[len(all)-1].key + "\x00" {
		some, err := m.list(ctx, from, behind(prefix), append(options, clientv3.WithLimit(keysAtOnce))...)
		all = append(all, some...)
		if err != nil || len(some) < keysAtOnce {
			return all, err
		}
	}
}

// recordsIn returns the records of a round, which have to be verified.
func (m *Member) recordsIn(ctx context.Context, kv keyValue) ([]remediate.Record, error) {
	first, err := strconv.ParseUint(strings.TrimPrefix(kv.key, m.keys.rounds()), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("%s in etcd is no round: somebody else put it there; delete it", kv.key)
	}
	damage := func(err error) error { return &remediate.DamageError{Seq: first, Why: err.Error()} }
	r, err := decodeRound(kv.value)
	if err != nil {
		return nil, damage(err)
	}
	var b []byte
	if r.parts == 0 {
		b, err = unpack(r.piece)
	} else {
		b, err = m.pieces(ctx, m.keys.attempt(first, r.attempt), r.parts)
	}
	if errors.Is(err, errPieceMissing) {
		return nil, m.missing(ctx, first)
	}
	if isOutage(err) || ctx.Err() != nil {
		return nil, err
	}
	if err != nil {
		return nil, damage(err)
	}
	records, err := journal.DecodeRecords(first, b)
	if err != nil {
		return nil, damage(err)
	}
	return records, nil
}

// errPieceMissing says that what is kept in pieces is not there as a whole, or not any
// more.
var errPieceMissing = errors.New("a piece of it is missing in etcd")

// pieces reads n pieces and returns what is in them.
func (m *Member) pieces(ctx context.Context, prefix string, n int) ([]byte, error) {
	var all []byte
	for k := range n {
		kvs, err := m.list(ctx, piece(prefix, k), piece(prefix, k)+"\x00")
		if err != nil {
			return nil, err
		}
		if len(kvs) == 0 {
			return nil, fmt.Errorf("%s: %w", piece(prefix, k), errPieceMissing)
		}
		b, err := unpack(kvs[0].value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", piece(prefix, k), err)
		}
		all = append(all, b...)
	}
	return all, nil
}

// dropGone gives up evidence here that was given up in etcd.
func (m *Member) dropGone(ctx context.Context) error {
	kept, err := m.listAll(ctx, m.keys.blobs(), clientv3.WithKeysOnly())
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, kv := range kept {
		there[strings.TrimPrefix(kv.key, m.keys.blobs())] = true
	}
	all, err := m.history.Evidence(ctx, time.UnixMilli(math.MaxInt64/2))
	if err != nil {
		return err
	}
	var gone []journal.Evidence
	for _, e := range all {
		if !there[e.Digest] {
			gone = append(gone, e)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	return m.history.DropEvidence(ctx, gone)
}
