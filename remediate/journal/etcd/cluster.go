package etcd

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// cluster has a client for each member of etcd and uses one of them for as long as it answers.
// A client of all of them asks one after the other, and comes back to one that hangs with
// every third call.
type cluster struct {
	options Options
	ctx     context.Context // ends with close
	end     context.CancelFunc

	mu      sync.Mutex
	clients []*clientv3.Client // nil: not used yet
	current int
}

func newCluster(o Options) *cluster {
	c := &cluster{options: o, clients: make([]*clientv3.Client, len(o.Endpoints)), current: rand.IntN(len(o.Endpoints))} //nolint:gosec // any will do
	c.ctx, c.end = context.WithCancel(context.Background())
	return c
}

// use returns the client to ask, and which one that is.
func (c *cluster) use() (*clientv3.Client, int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.current
	if c.clients[k] != nil {
		return c.clients[k], k, nil
	}
	client, err := clientv3.New(clientv3.Config{
		Context: c.ctx, Endpoints: c.options.Endpoints[k : k+1], TLS: c.options.TLS,
		Username: c.options.Username, Password: c.options.Password, DialTimeout: lastTry, // for which a user's token is waited for
		DialKeepAliveTime: 10 * time.Second, DialKeepAliveTimeout: 2 * time.Second, // gRPC has no shorter ones
		Logger: zap.NewNop(), // what concerns us comes as an error
	})
	if err != nil {
		return nil, k, err
	}
	c.clients[k] = client
	return client, k, nil
}

// turn has another member be asked than k, which did not answer.
func (c *cluster) turn(k int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current == k {
		c.current = (k + 1) % len(c.clients)
	}
}

// uses tells whether it is k that is asked.
func (c *cluster) uses(k int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current == k
}

// close closes all clients.
func (c *cluster) close() error {
	c.end()
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for _, client := range c.clients {
		if client == nil {
			continue
		}
		if err := client.Close(); !errors.Is(err, context.Canceled) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
