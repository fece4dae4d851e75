package etcd_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/x0tta6bl4/remediated/remediate/journal/etcd"
	"github.com/x0tta6bl4/remediated/remediate/journal/journaltest"
	etcdprocess "github.com/x0tta6bl4/remediated/test/etcd"
	"github.com/x0tta6bl4/remediated/test/leak"
)

// shared is a cluster of one member that no test takes away.
var shared struct {
	sync.Mutex
	*etcdprocess.Cluster
	dir string
}

func TestMain(m *testing.M) {
	leak.Main(m, func() {
		if shared.Cluster != nil {
			shared.Close()
			os.RemoveAll(shared.dir)
		}
	})
}

// prefixes counts them: each test has one of its own.
var prefixes atomic.Int64

// world is where the members of one test live.
type world struct {
	t         testing.TB
	endpoints []string
	prefix    string
	tls       *tls.Config
}

func newWorld(t testing.TB) world {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.Cluster == nil {
		dir, err := os.MkdirTemp("", "etcd-test-")
		if err != nil {
			t.Fatal(err)
		}
		c, err := etcdprocess.Start(context.Background(), dir, etcdprocess.Options{})
		if err != nil {
			t.Fatal(err)
		}
		shared.Cluster, shared.dir = c, dir
	}
	return world{t: t, endpoints: shared.Endpoints(), prefix: fmt.Sprintf("/test-%d/", prefixes.Add(1))}
}

// newCluster starts a cluster of its own.
func newCluster(t testing.TB, o etcdprocess.Options) (world, *etcdprocess.Cluster) {
	t.Helper()
	c, err := etcdprocess.Start(t.Context(), t.TempDir(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return world{t: t, endpoints: c.Endpoints(), prefix: "/test/"}, c
}

func (w world) options(name, folder string) etcd.Options {
	return etcd.Options{Endpoints: w.endpoints, TLS: w.tls, Prefix: w.prefix, Name: name, Address: "http://" + name, Folder: folder}
}

// join joins, and has the member closed when the test ends.
func (w world) join(name string) *etcd.Member { return w.joinFrom(w.options(name, w.t.TempDir())) }

func (w world) joinFrom(o etcd.Options) *etcd.Member {
	w.t.Helper()
	m, err := etcd.Join(w.t.Context(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { m.Close() })
	return m
}

// leader joins, leads and opens.
func (w world) leader(name string) (*etcd.Member, *etcd.Journal) {
	w.t.Helper()
	m := w.join(name)
	return m, w.lead(m)
}

// founded is the leader a, its journal, and the chain of that, which has been founded.
func (w world) founded() (*etcd.Member, *etcd.Journal, journaltest.Chain) {
	w.t.Helper()
	var c journaltest.Chain
	m, j := w.leader("a")
	journaltest.Append(w.t, j, c.Next(w.t, journaltest.Founding()))
	return m, j, c
}

func (w world) lead(m *etcd.Member) *etcd.Journal {
	w.t.Helper()
	if err := m.Lead(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	j, err := m.Open(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return j
}

// leading has m lead in the background; what is received is how that ended.
func (w world) leading(m *etcd.Member) <-chan error {
	ctx, stop := context.WithCancel(w.t.Context())
	ended, done := make(chan error, 1), make(chan struct{})
	go func() {
		ended <- m.Lead(ctx)
		close(done)
	}()
	w.t.Cleanup(func() { stop(); <-done })
	return ended
}

// client is another one, for what somebody does to etcd.
func (w world) client() *clientv3.Client {
	w.t.Helper()
	c, err := clientv3.New(clientv3.Config{Endpoints: w.endpoints, TLS: w.tls, Logger: zap.NewNop()})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { c.Close() })
	return c
}

// await waits until something is so.
func await(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}
