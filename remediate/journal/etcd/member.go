package etcd

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
)

// Member is one replica: it follows the log, or leads. It is safe for concurrent use,
// but for Lead and Open, which are called one after the other.
type Member struct {
	options Options
	keys    keys
	cluster *cluster
	log     *slog.Logger

	mu      sync.Mutex
	history *journal.SQLite
	heard   *Leader       // who leads, as last heard; nil: nobody, or not known
	lead    *lead         // nil: another leads, or nobody
	lost    chan struct{} // closed when the lead was lost

	standing sync.Mutex // held by whoever sees whether this member still leads

	// What follows belongs to who follows the log: Join, Lead and Open.
	end     journal.End // of the history
	name    string      // of the journal in it, "": it is empty
	trimmed uint64      // the last record that its checkpoint stands for
	dropped int64       // when evidence was given up that is given up here as well
	out     bool        // the log could not be followed the last time, which was said
}

// Join connects, opens the local history and sees that it belongs to this log. A history
// that is damaged is moved aside, into a folder beside it, when the log has what was in it.
//
// It refuses a history of another journal, and one that nobody has put into etcd yet
// unless that is to be published; [journal.ErrLocked] and [journal.ErrNewerFormat] are as
// of [journal.Open].
func Join(ctx context.Context, o Options) (*Member, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("join the journal in etcd: %w", err)
	}
	m := &Member{options: o, keys: keys(o.Prefix), cluster: newCluster(o), log: o.Log, lost: make(chan struct{})}
	if err := m.join(ctx); err != nil {
		return nil, fmt.Errorf("join the journal in etcd under %s: %w", o.Prefix, errors.Join(err, m.Close()))
	}
	return m, nil
}

func (m *Member) join(ctx context.Context) error {
	n, err := m.read(ctx)
	if err != nil {
		return err
	}
	m.hear(n.leader)
	if err := m.openHistory(ctx, !n.isEmpty()); err != nil {
		return err
	}
	if err := m.belongs(n); err != nil {
		return err
	}
	if m.end.Seq > 0 && m.end.Seq >= n.checkpoint.Seq && m.end.Seq < n.head.Seq {
		_, err = m.rounds(ctx) // whose first has to follow
	}
	return err
}

// openHistory opens the local history. One that is damaged is moved aside when there is
// a log to make it from.
func (m *Member) openHistory(ctx context.Context, log bool) error {
	h, err := journal.Open(ctx, m.options.Folder, journal.Options{})
	if damage := (*remediate.DamageError)(nil); errors.As(err, &damage) && log {
		if err := m.moveAside(err.Error()); err != nil {
			return err
		}
		h, err = journal.Open(ctx, m.options.Folder, journal.Options{})
	}
	if err != nil {
		return err
	}
	m.mu.Lock()
	m.history = h
	m.mu.Unlock()
	return m.lookAtHistory(ctx)
}

// lookAtHistory reads where the history begins and ends.
func (m *Member) lookAtHistory(ctx context.Context) (err error) {
	c, _, err := m.history.Checkpoint(ctx)
	if err != nil {
		return err
	}
	m.trimmed, m.dropped = c.Seq, 0
	if m.end, err = m.history.End(ctx); err != nil {
		return err
	}
	m.name, err = m.journalName(ctx, c)
	return err
}

// moveAside moves the files of the history aside, which is closed.
func (m *Member) moveAside(why string) error {
	to, err := journal.MoveAside(m.options.Folder)
	if err != nil {
		return err
	}
	m.log.Warn("the local history was moved aside and is made anew from etcd; delete the old one when nobody wants to look at it", "why", why, "to", to)
	return nil
}

// History is the local history. It is the same handle until Lead or Open has to open it
// anew, or to make it anew.
func (m *Member) History() *journal.SQLite {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.history
}

// Leader is who leads as last heard; false when nobody does or that is not known.
func (m *Member) Leader() (Leader, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.heard == nil {
		return Leader{}, false
	}
	return *m.heard, true
}

func (m *Member) hear(l *Leader) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if l != nil && (m.heard == nil || *m.heard != *l) {
		m.log.Info("another replica leads", "leader", l.Name, "address", l.Address)
	}
	m.heard = l
}

// Leads is whether this member may act now: by its own monotonic clock its lease has
// not ended. It is to be asked right before each act.
func (m *Member) Leads() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lead != nil && time.Now().Before(m.lead.until)
}

// Lost is closed when the lead is lost for good, since another leads or may: whoever
// acts must stop. To resign does not close it. The next lead has another one.
func (m *Member) Lost() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lost
}

// Close gives everything back. Who leads and did not resign leads in the eyes of the
// others until its lease ends.
func (m *Member) Close() error {
	m.stopKeeping()
	var errs []error
	if h := m.History(); h != nil {
		errs = append(errs, h.Close())
	}
	return errors.Join(append(errs, m.cluster.close())...)
}

// draw draws a name that nobody else has.
func draw() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}
