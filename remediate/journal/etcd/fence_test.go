package etcd_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/x0tta6bl4/remediated/remediate/journal"
	"github.com/x0tta6bl4/remediated/remediate/journal/etcd"
	"github.com/x0tta6bl4/remediated/remediate/journal/journaltest"
	etcdprocess "github.com/x0tta6bl4/remediated/test/etcd"
)

// Whoever hangs for longer than its lease lasts may not act, and appends nothing when it
// wakes up.
func TestWhoHangsIsFencedOff(t *testing.T) {
	w := newWorld(t)
	a, old, c := w.founded()
	if !a.Leads() {
		t.Fatal("who leads does not lead")
	}
	lost := a.Lost()
	a.StopRenewing()
	b := w.join("b")
	j := w.lead(b)
	if a.Leads() {
		t.Error("two lead at a time")
	}
	late := c
	journaltest.Append(t, j, c.Next(t, journaltest.Story(1)...))

	batch := late.Next(t, journaltest.Story(2)...)
	for range 2 {
		if err := old.Append(t.Context(), 1, batch); !errors.Is(err, journal.ErrLost) {
			t.Errorf("append by who hung: %v, want ErrLost", err)
		}
	}
	<-lost
	if _, err := old.Keep(t.Context(), []byte("late")); !errors.Is(err, journal.ErrLost) {
		t.Errorf("keep by who hung: %v, want ErrLost", err)
	}
	if _, err := a.Open(t.Context()); !errors.Is(err, journal.ErrLost) {
		t.Errorf("open by who hung: %v, want ErrLost", err)
	}
	if l, ok := a.Leader(); !ok || l != (etcd.Leader{Name: "b", Address: "http://b"}) {
		t.Errorf("leader %+v, %t, want b", l, ok)
	}

	// It follows again, and leads when it is its turn.
	if err := b.Resign(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := w.lead(a)
	journaltest.Append(t, again, c.Next(t, journaltest.Story(3)...))
	if records, err := journaltest.Read(again, 1); err != nil || uint64(len(records)) != c.Seq {
		t.Errorf("%d records, %v, want %d", len(records), err, c.Seq)
	}
}

// Who resigns is followed at once, and knows it.
func TestResign(t *testing.T) {
	w := newWorld(t)
	a, j, c := w.founded()
	b := w.join("b")
	leads := w.leading(b)
	await(t, "b follows", func() bool { l, ok := b.Leader(); return ok && l.Name == "a" })
	if err := a.Resign(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-leads; err != nil {
		t.Fatal(err)
	}
	select {
	case <-a.Lost():
		t.Error("to resign is to lose")
	default:
	}
	if a.Leads() || !b.Leads() {
		t.Errorf("a leads %t, b %t", a.Leads(), b.Leads())
	}
	if err := j.Append(t.Context(), 1, c.Next(t, journaltest.Story(1)...)); !errors.Is(err, journal.ErrLost) {
		t.Errorf("append by who resigned: %v, want ErrLost", err)
	}
}

// Whose key is gone takes the lead again when nobody else did, and the handle goes on.
func TestWhoseKeyIsGoneLeadsAgain(t *testing.T) {
	w := newWorld(t)
	a, j, c := w.founded()
	if _, err := w.client().Delete(t.Context(), w.prefix+"now/leader"); err != nil {
		t.Fatal(err)
	}
	journaltest.Append(t, j, c.Next(t, journaltest.Story(1)...)) // waits for that
	select {
	case <-a.Lost():
		t.Error("it is lost")
	default:
	}
	if !a.Leads() {
		t.Error("it does not lead")
	}
}

// Whose key is gone, and who cannot know that nobody acted meanwhile, has lost.
func TestWhoMissedAnotherHasLost(t *testing.T) {
	w := newWorld(t)
	a, j, c := w.founded()
	lost := a.Lost()
	client := w.client()
	_, err := client.Txn(t.Context()).Then(clientv3.OpDelete(w.prefix+"now/leader"), clientv3.OpPut(w.prefix+"now/writer", "0123456789abcdef b x")).Commit()
	if err != nil {
		t.Fatal(err)
	}
	<-lost
	if a.Leads() {
		t.Error("it leads still")
	}
	if err := j.Append(t.Context(), 1, c.Next(t, journaltest.Story(1)...)); !errors.Is(err, journal.ErrLost) {
		t.Errorf("append: %v, want ErrLost", err)
	}
}

// A handle is void once another one is open.
func TestAHandleIsVoidOnceAnotherIsOpen(t *testing.T) {
	w := newWorld(t)
	a, old := w.leader("a")
	j, err := a.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var c journaltest.Chain
	first := c.Next(t, journaltest.Founding())
	if err := old.Append(t.Context(), 0, first); !errors.Is(err, journal.ErrLost) {
		t.Errorf("append by the old one: %v, want ErrLost", err)
	}
	journaltest.Append(t, j, first)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := j.Append(t.Context(), 1, c.Next(t, journaltest.Story(1)...)); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("append when closed: %v, want ErrClosed", err)
	}
}

// Without a quorum nothing is appended and nobody acts; when it is back, it goes on.
func TestQuorum(t *testing.T) {
	w, cluster := newCluster(t, etcdprocess.Options{Members: 3})
	a, j, c := w.founded()
	if err := cluster.Members[0].Kill(); err != nil {
		t.Fatal(err)
	}
	journaltest.Append(t, j, c.Next(t, journaltest.Story(1)...)) // two of three are enough
	if err := cluster.Members[1].Kill(); err != nil {
		t.Fatal(err)
	}
	before := c
	next := c.Next(t, journaltest.Story(2)...)
	err := j.Append(t.Context(), before.Seq, next)
	if err == nil || errors.Is(err, journal.ErrLost) || !strings.Contains(err.Error(), "majority") {
		t.Fatalf("append without a quorum: %v, want one that says what to see to", err)
	}
	if again := j.Append(t.Context(), before.Seq, next); again == nil || !strings.Contains(again.Error(), "opened anew") {
		t.Errorf("append by a handle that failed: %v", again)
	}
	if j, err := a.Open(t.Context()); err == nil || errors.Is(err, journal.ErrLost) {
		t.Errorf("open without a quorum: %v, %v", j, err)
	}
	await(t, "it may not act", func() bool { return !a.Leads() })
	select {
	case <-a.Lost():
		t.Error("it is lost, though nobody else can lead")
	default:
	}
	for _, m := range cluster.Members[:2] {
		if err := m.Start(); err != nil {
			t.Fatal(err)
		}
	}
	await(t, "it can be opened again", func() bool { j, err = a.Open(t.Context()); return err == nil })
	await(t, "it may act again", a.Leads)
	if records, err := journaltest.Read(j, 1); err != nil || len(records) == int(before.Seq) {
		journaltest.Append(t, j, next) // the attempt did not get through
	} else if len(records) != int(c.Seq) {
		t.Errorf("%d records, %v, want none or all of the last %d", len(records), err, len(next))
	}
}

// A member of etcd that hangs costs time, and nothing else, even that which leads there.
func TestAMemberOfEtcdThatHangs(t *testing.T) {
	w, cluster := newCluster(t, etcdprocess.Options{Members: 3})
	a, j, c := w.founded()
	for _, m := range cluster.Members {
		status, err := w.client().Status(t.Context(), m.URL)
		if err != nil {
			t.Fatal(err)
		}
		if status.Leader == status.Header.MemberId {
			if err := m.Pause(); err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	for i := range uint64(10) {
		journaltest.Append(t, j, c.Next(t, journaltest.Story(i+1)...))
	}
	select {
	case <-a.Lost():
		t.Error("the lead was lost")
	default:
	}
}

// proxy stands in front of a member, and can keep back what it answers.
type proxy struct {
	net.Listener
	to   string
	deaf atomic.Bool

	mu    sync.Mutex
	conns []net.Conn
	ended sync.WaitGroup
}

func newProxy(t *testing.T, to string) *proxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{Listener: l, to: strings.TrimPrefix(to, "http://")}
	p.ended.Go(p.serve)
	t.Cleanup(func() { l.Close(); p.cut(); p.ended.Wait() })
	return p
}

func (p *proxy) serve() {
	for {
		client, err := p.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.to)
		if err != nil {
			client.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, client, server)
		p.mu.Unlock()
		p.ended.Go(func() { defer server.Close(); _, _ = io.Copy(server, client) })
		p.ended.Go(func() { defer client.Close(); _, _ = io.Copy(answers{p, client}, server) })
	}
}

// cut ends all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.Close()
	}
	p.conns = nil
}

// hear lets answers through again, to whoever connects anew.
func (p *proxy) hear() { p.deaf.Store(false); p.cut() }

// answers go to a client, unless they are kept back.
type answers struct {
	*proxy
	client net.Conn
}

func (a answers) Write(b []byte) (int, error) {
	if a.deaf.Load() {
		return len(b), nil
	}
	return a.client.Write(b)
}

// What was appended without the answer being heard is there once, whether the answer is
// waited for or the journal opened anew.
func TestAnAnswerThatIsNotHeard(t *testing.T) {
	w := newWorld(t)
	direct, p := w.client(), newProxy(t, w.endpoints[0])
	w.endpoints = []string{"http://" + p.Addr().String()}
	a, j, c := w.founded()
	rounds := func() int64 {
		resp, err := direct.Get(t.Context(), w.prefix+"log/", clientv3.WithPrefix(), clientv3.WithCountOnly())
		if err != nil {
			t.Fatal(err)
		}
		return resp.Count
	}

	p.deaf.Store(true)
	appended := make(chan error, 1)
	next := c.Next(t, journaltest.Story(1)...)
	go func() { appended <- j.Append(context.Background(), 1, next) }()
	await(t, "it is in etcd", func() bool { return rounds() == 2 })
	p.hear()
	if err := <-appended; err != nil {
		t.Fatalf("append, whose first answer was not heard: %v", err)
	}

	p.deaf.Store(true)
	before := c.Seq
	next = c.Next(t, journaltest.Story(2)...)
	if err := j.Append(t.Context(), before, next); err == nil || errors.Is(err, journal.ErrLost) {
		t.Fatalf("append, no answer to which was heard: %v", err)
	}
	p.hear()
	j, err := a.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if records, err := journaltest.Read(j, before+1); err != nil || len(records) != len(next) {
		t.Errorf("%d records, %v, want the %d of which nothing was heard", len(records), err, len(next))
	}
	journaltest.Append(t, j, c.Next(t, journaltest.Story(3)...))
	if n := rounds(); n != 4 {
		t.Errorf("%d rounds in etcd, want 4", n)
	}
}

// A history whose disk fails is no reason to stand still: another replica leads.
func TestTheHistoryFails(t *testing.T) {
	w := newWorld(t)
	a, j, c := w.founded()
	lost, b := a.Lost(), w.join("b")
	leads := w.leading(b)
	if err := a.History().Close(); err != nil {
		t.Fatal(err)
	}
	err := j.Append(t.Context(), 1, c.Next(t, journaltest.Story(1)...))
	if !errors.Is(err, journal.ErrLost) || !strings.Contains(err.Error(), "local history") {
		t.Errorf("append: %v, want one that says that the history failed", err)
	}
	<-lost
	if err := <-leads; err != nil {
		t.Fatal(err)
	}
	if end, err := b.History().End(t.Context()); err != nil || end.Seq != c.Seq {
		t.Errorf("the other has records up to %d, %v, want %d", end.Seq, err, c.Seq)
	}
}
