package etcd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// Lead follows the log of whoever leads, and returns nil when this member leads and its
// history has all of it. While etcd cannot be reached it waits. It returns the error of ctx
// when that ends, and what is wrong with the log or the history when it is not for time to
// mend.
func (m *Member) Lead(ctx context.Context) error {
	m.mu.Lock()
	leads := m.lead != nil
	m.mu.Unlock()
	if leads {
		return errors.New("this replica leads already")
	}
	for {
		err := m.follow(ctx)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case !isOutage(err):
			return fmt.Errorf("follow the journal in etcd under %s: %w", m.options.Prefix, err)
		}
		if !m.out {
			m.log.Warn("the journal in etcd cannot be followed; it is tried again", "err", err)
		}
		m.out = true
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// follow follows the log until this member leads.
func (m *Member) follow(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if err := m.lookAtHistory(ctx); err != nil { // who led has appended to it
		return err
	}
	n, err := m.catchUp(ctx)
	if err != nil {
		return err
	}
	if m.out {
		m.log.Info("the journal in etcd is followed again", "until", m.end.Seq)
	}
	m.out = false
	news, err := m.watch(ctx, n)
	if err != nil {
		return err
	}
	for {
		m.hear(n.leader)
		if n.leader == nil && m.mayLead(n) {
			led, err := m.campaign(ctx, n)
			if err != nil {
				return err
			}
			if led {
				return m.publishIfAsked(ctx)
			}
		} else if err := m.await(ctx, news); err != nil {
			return err
		}
		if n, err = m.catchUp(ctx); err != nil {
			return err
		}
		if !m.cluster.uses(news.member) { // from which nothing need be heard any more
			news.stop()
			if news, err = m.watch(ctx, n); err != nil {
				return err
			}
		}
	}
}

// news are what changes, as a member of etcd says.
type news struct {
	clientv3.WatchChan
	member int
	stop   context.CancelFunc
}

// watch has what changes after n was read be told.
func (m *Member) watch(ctx context.Context, n now) (news, error) {
	client, member, err := m.cluster.use()
	if err != nil {
		return news{}, outageError{err}
	}
	ctx, stop := context.WithCancel(ctx)
	return news{client.Watch(clientv3.WithRequireLeader(ctx), m.keys.now(), clientv3.WithPrefix(), clientv3.WithRev(n.revision+1)), member, stop}, nil
}

// await waits until something is new, or it is time to look: a member that hangs tells nothing.
func (m *Member) await(ctx context.Context, news news) error {
	timer := time.NewTimer(m.options.TTL)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	case what, ok := <-news.WatchChan:
		err := what.Err()
		if !ok {
			err = errors.New("etcd ended it")
		}
		if err != nil {
			m.cluster.turn(news.member)
			return outageError{fmt.Errorf("watch %s: %w", m.keys.now(), err)}
		}
		return nil
	}
}

// mayLead tells whether the history has all that is in the log. What is being published
// can be brought to its end by whoever has the rest.
func (m *Member) mayLead(n now) bool {
	return m.end.Seq == n.head.Seq && n.head.Publishing == 0 || m.mustPublish(n)
}

// lead is the time in which this member leads.
type lead struct {
	life    string // drawn: what the member calls itself as a writer
	lease   clientv3.LeaseID
	created int64     // revision of the leader's key
	writer  int64     // when the journal was last opened for writing
	until   time.Time // when the lease ends by the own clock, of etcd's at the earliest

	stop  context.CancelFunc
	ended chan struct{} // of who keeps the lease alive
}

// claim is what it takes to lead.
type claim struct {
	lease   clientv3.LeaseID
	created int64
	until   time.Time
}

// campaign takes the lead when nobody has it and nothing was appended since n was read,
// so that the history has all.
func (m *Member) campaign(ctx context.Context, n now) (bool, error) {
	c, err := m.claim(ctx, clientv3.Compare(clientv3.ModRevision(m.keys.head()), "=", n.headChanged))
	if err != nil || c == nil {
		return false, err
	}
	l := &lead{life: draw(), lease: c.lease, created: c.created, writer: n.writerChanged, until: c.until, ended: make(chan struct{})}
	keeping, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop = stop
	m.mu.Lock()
	m.lead, m.heard = l, m.self()
	select {
	case <-m.lost:
		m.lost = make(chan struct{})
	default:
	}
	m.mu.Unlock()
	go m.keep(keeping, l)
	m.log.Info("this replica leads", "after", m.end.Seq)
	return true, nil
}

func (m *Member) self() *Leader { return &Leader{m.options.Name, m.options.Address} }

// claim puts the leader's key when it is not there and all of and holds. It returns nil
// when it is, or does not.
func (m *Member) claim(ctx context.Context, and ...clientv3.Cmp) (*claim, error) {
	value, err := json.Marshal(m.self())
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	grant, err := retry(ctx, m.cluster, func(ctx context.Context, client *clientv3.Client) (*clientv3.LeaseGrantResponse, error) {
		return client.Grant(ctx, int64(m.options.TTL/time.Second))
	})
	if err != nil {
		return nil, fmt.Errorf("be granted a lease: %w", err)
	}
	and = append(and, clientv3.Compare(clientv3.CreateRevision(m.keys.leader()), "=", 0))
	created, err := retry(ctx, m.cluster, func(ctx context.Context, client *clientv3.Client) (int64, error) {
		resp, err := client.Txn(ctx).If(and...).
			Then(clientv3.OpPut(m.keys.leader(), string(value), clientv3.WithLease(grant.ID))).
			Else(clientv3.OpGet(m.keys.leader())).Commit()
		switch {
		case err != nil:
			return 0, err
		case resp.Succeeded:
			return resp.Header.Revision, nil
		}
		for _, kv := range resp.Responses[0].GetResponseRange().Kvs {
			if clientv3.LeaseID(kv.Lease) == grant.ID {
				return kv.CreateRevision, nil // by a try of which nothing was heard
			}
		}
		return 0, nil
	})
	if err != nil || created == 0 {
		_ = m.revoke(ctx, grant.ID) // else it ends by itself
		return nil, err
	}
	return &claim{grant.ID, created, begun.Add(time.Duration(grant.TTL) * time.Second)}, nil
}

// revoke ends a lease, and with it the lead. Where that fails it ends by itself.
func (m *Member) revoke(ctx context.Context, lease clientv3.LeaseID) error {
	_, err := retry(ctx, m.cluster, func(ctx context.Context, client *clientv3.Client) (*clientv3.LeaseRevokeResponse, error) {
		return client.Revoke(ctx, lease)
	})
	return err
}

// Resign has the next one lead at once. Who acts must have stopped before.
func (m *Member) Resign(ctx context.Context) error {
	l := m.stopKeeping()
	if l == nil {
		return nil
	}
	if err := m.revoke(ctx, l.lease); err != nil {
		return fmt.Errorf("resign: another leads when the lease has ended: %w", err)
	}
	m.log.Info("this replica resigned")
	return nil
}

// giveUp has another lead, since this member cannot: whoever acts here must stop.
func (m *Member) giveUp(ctx context.Context, l *lead) error {
	_ = m.lose(l, nil) // which says more than is known
	<-l.ended
	return m.revoke(ctx, l.lease)
}

// stopKeeping has this member no longer lead, and returns the lead that it had.
func (m *Member) stopKeeping() *lead {
	m.mu.Lock()
	l := m.lead
	m.lead = nil
	if l != nil {
		m.heard = nil
	}
	m.mu.Unlock()
	if l != nil {
		l.stop()
		<-l.ended
	}
	return l
}
