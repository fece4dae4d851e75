package etcd

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
)

// format is of all that is in etcd. A release writes this one, and refuses newer ones.
const format = 1

// Leader is who leads.
type Leader struct {
	Name    string `json:"name"`
	Address string `json:"address,omitempty"` // "": not told
}

// now is what the small keys say at one revision of etcd.
type now struct {
	revision int64

	leader  *Leader // nil: nobody leads
	created int64   // revision of the leader's key, by which one lead differs from another
	lease   clientv3.LeaseID

	writer        string // who opened the journal last, "": nobody ever did
	writerChanged int64

	head        head
	headBytes   string // "": there is none
	headChanged int64

	checkpoint pointer
	dropped    int64 // when evidence was given up last
}

// head is the last record of the log. Before the first its Seq is 0.
type head struct {
	Format  int           `json:"format"`
	Journal string        `json:"journal,omitempty"` // its name
	Seq     uint64        `json:"seq"`
	At      int64         `json:"at"` // ms since 1970
	Sum     remediate.Sum `json:"sum"`
	Bytes   uint64        `json:"bytes"` // of all rounds that were ever put
	// Publishing is the last record of those that a member is putting here from its
	// folder; nobody can lead before all of them are. 0: all are.
	Publishing uint64 `json:"publishing,omitempty"`
}

func (h head) encode() string {
	h.Format = format
	b, err := json.Marshal(h)
	if err != nil {
		panic(err) // it has nothing that JSON has not
	}
	return string(b)
}

func (h head) end() journal.End {
	if h.Seq == 0 {
		return journal.End{}
	}
	return journal.End{Seq: h.Seq, At: time.UnixMilli(h.At).UTC(), Sum: h.Sum}
}

// pointer is the checkpoint but for its state. Seq 0: there is none.
type pointer struct {
	Seq    uint64        `json:"seq"`
	At     int64         `json:"at"` // ms since 1970
	Head   remediate.Sum `json:"head"`
	Sum    remediate.Sum `json:"sum"`
	State  string        `json:"state"`  // under which its pieces are
	Pieces int           `json:"pieces"` // how many
	Bytes  int64         `json:"bytes"`  // that they take
}

// read returns what the small keys say.
func (m *Member) read(ctx context.Context) (now, error) {
	n, err := retry(ctx, m.cluster, func(ctx context.Context, client *clientv3.Client) (now, error) {
		resp, err := client.Get(ctx, m.keys.now(), clientv3.WithPrefix())
		if err != nil {
			return now{}, err
		}
		return m.parse(resp.Header.Revision, resp.Kvs)
	})
	if err != nil {
		return n, fmt.Errorf("read %s from etcd: %w", m.keys.now(), err)
	}
	return n, nil
}

// parse reads the small keys.
func (m *Member) parse(revision int64, kvs []*mvccpb.KeyValue) (now, error) {
	n := now{revision: revision}
	for _, kv := range kvs {
		var into any
		switch string(kv.Key) {
		case m.keys.leader():
			n.leader, n.created, n.lease = new(Leader), kv.CreateRevision, clientv3.LeaseID(kv.Lease)
			into = n.leader
		case m.keys.writer():
			n.writer, n.writerChanged = string(kv.Value), kv.ModRevision
		case m.keys.head():
			n.headBytes, n.headChanged = string(kv.Value), kv.ModRevision
			into = &n.head
		case m.keys.checkpoint():
			into = &n.checkpoint
		case m.keys.dropped():
			n.dropped = kv.ModRevision
		}
		if into == nil {
			continue
		}
		if err := json.Unmarshal(kv.Value, into); err != nil {
			return n, fmt.Errorf("%s is not what was put there: %w: restore etcd, or use another prefix", kv.Key, err)
		}
	}
	if n.head.Format > format {
		return n, fmt.Errorf("%w: what is under %s has format %d, this one reads up to %d: start the newer release again", journal.ErrNewerFormat, string(m.keys), n.head.Format, format)
	}
	return n, nil
}

// isEmpty tells whether there is no log.
func (n now) isEmpty() bool {
	return n.head.Seq == 0 && n.checkpoint.Seq == 0 && n.head.Publishing == 0
}
