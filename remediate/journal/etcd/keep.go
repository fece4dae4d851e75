package etcd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/x0tta6bl4/remediated/remediate/journal"
)

// keep keeps the lease of l alive and sees that the leader's key stands, until it is lost
// or resigned.
func (m *Member) keep(ctx context.Context, l *lead) {
	defer close(l.ended)
	third := m.options.TTL / 3
	tick := time.NewTicker(third)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := m.renew(ctx, l, third); errors.Is(err, journal.ErrLost) {
			return
		}
	}
}

// renew has the lease last for its time from now on. The own clock counts from before
// etcd was asked, so that it is never the later of the two.
func (m *Member) renew(ctx context.Context, l *lead, within time.Duration) error {
	begun := time.Now()
	ttl, err := retryWithin(ctx, within, m.cluster, func(ctx context.Context, client *clientv3.Client) (time.Duration, error) {
		return keepAlive(ctx, client, l.lease)
	})
	if err != nil {
		return err
	}
	if err := m.stand(ctx, l); err != nil || ttl == 0 {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if until := begun.Add(ttl); until.After(l.until) {
		l.until = until
	}
	return nil
}

// keepAlive renews a lease once and returns how long it lasts, 0 when it has ended. The
// client's own would ask again without a pause for as long as nobody answers.
func keepAlive(ctx context.Context, client *clientv3.Client, lease clientv3.LeaseID) (time.Duration, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	stream, err := etcdserverpb.NewLeaseClient(client.ActiveConnection()).LeaseKeepAlive(ctx)
	if err != nil {
		return 0, err
	}
	if err := stream.Send(&etcdserverpb.LeaseKeepAliveRequest{ID: int64(lease)}); err != nil {
		return 0, err
	}
	resp, err := stream.Recv()
	if err != nil {
		return 0, err
	}
	return max(0, time.Duration(resp.TTL)*time.Second), nil
}

// stand sees by etcd's word whether l still leads. When its key is gone and nobody else
// leads, or has opened the journal meanwhile, it takes the lead again: nothing has
// happened without it. [journal.ErrLost] says that it is lost for good.
func (m *Member) stand(ctx context.Context, l *lead) error {
	m.standing.Lock()
	defer m.standing.Unlock()
	n, err := m.read(ctx)
	if err != nil {
		return err
	}
	m.mu.Lock()
	created, writer := l.created, l.writer
	m.mu.Unlock()
	switch {
	case n.leader != nil && n.created == created:
		return nil
	case n.leader != nil:
		return m.lose(l, n.leader)
	case n.writerChanged != writer && !strings.HasPrefix(n.writer, l.life):
		return m.lose(l, nil)
	}
	c, err := m.claim(ctx, clientv3.Compare(clientv3.ModRevision(m.keys.writer()), "=", n.writerChanged))
	if err != nil {
		return err
	}
	if c == nil {
		return m.lose(l, nil)
	}
	m.mu.Lock()
	l.lease, l.created, l.until = c.lease, c.created, c.until
	m.mu.Unlock()
	m.log.Warn("the lease had ended; this replica leads again, as nobody else did meanwhile")
	return nil
}

// lose ends l for good. by is who leads, nil when that is not known.
func (m *Member) lose(l *lead, by *Leader) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lead == l {
		m.lead, m.heard = nil, by
		close(m.lost)
		l.stop()
		m.log.Error("the lead is lost; nothing may be done here any more")
	}
	if by == nil {
		return fmt.Errorf("%w: another replica led meanwhile", journal.ErrLost)
	}
	return fmt.Errorf("%w: %s leads", journal.ErrLost, by.Name)
}
