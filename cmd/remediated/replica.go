package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/config"

	"github.com/x0tta6bl4/remediated/notify"
	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/alertmanager"
	"github.com/x0tta6bl4/remediated/remediate/engine"
	"github.com/x0tta6bl4/remediated/remediate/journal"
	"github.com/x0tta6bl4/remediated/remediate/journal/etcd"
	"github.com/x0tta6bl4/remediated/remediate/web"
)

// errLost is how a replica ends that led. What it knows may be of the past, so it
// begins anew, when it is started again, and follows.
var errLost = errors.New("the lead is lost: another replica leads, or may; started again, this one follows")

// member is this replica among the others. An etcd.Member is one.
type member interface {
	Lead(ctx context.Context) error
	Leader() (etcd.Leader, bool)
	Leads() bool
	Lost() <-chan struct{}
	Open(ctx context.Context) (engine.Journal, error)
	History() *journal.SQLite
	Resign(ctx context.Context) error
	Close() error
}

// joined is a member as the engine wants it.
type joined struct{ *etcd.Member }

// Open opens the journal to a leader.
func (m joined) Open(ctx context.Context) (engine.Journal, error) {
	j, err := m.Member.Open(ctx)
	if err != nil {
		return nil, err
	}
	return j, nil
}

// lost is closed when this replica has led and does no more; never when it is alone.
func (d *daemon) lost() <-chan struct{} {
	if d.member == nil {
		return nil
	}
	return d.member.Lost()
}

// performer is what carries out what was started.
func (d *daemon) performer() engine.Performer {
	if d.member == nil {
		return d
	}
	if l := d.options.lease; l != nil {
		l.Leads = d.member.Leads
	}
	return leader{d, d.member.Leads}
}

// leader acts as long as it leads for sure: of another replica nobody could stop an act
// in time. It asks and tells in any case.
type leader struct {
	engine.Performer
	leads func() bool
}

// Perform carries out one ask, act or tell.
func (l leader) Perform(ctx context.Context, s remediate.Started) remediate.Result {
	if s.Act == nil {
		return l.Performer.Perform(ctx, s)
	}
	if !l.leads() {
		return remediate.Result{Outcome: remediate.Unknown, Text: "not begun: another replica may lead by now"}
	}
	ctx, cancel := while(ctx, l.leads)
	defer cancel()
	return l.Performer.Perform(ctx, s)
}

// follow joins the other replicas and passes on what comes to this one, until it leads,
// which it tells, or is to stop.
func (d *daemon) follow(ctx context.Context, parts *lifecycle, sig signals) (leads bool, err error) {
	if err := d.join(ctx); err != nil {
		return false, err
	}
	parts.add("member", func(context.Context) error { return d.member.Close() })
	peers, err := newPeers(d.options.replica.peers)
	if err != nil {
		return false, err
	}
	parts.add("connections to other replicas", func(context.Context) error { peers.CloseIdleConnections(); return nil })
	if err := d.passOn(peers); err != nil {
		return false, err
	}
	if err := d.startListeners(parts); err != nil {
		return false, err
	}
	parts.run("who leads", d.watchLeader)
	led := make(chan struct{})
	parts.run("following", func(ctx context.Context) error {
		switch err := d.member.Lead(ctx); {
		case err == nil:
			close(led)
			<-ctx.Done()
		case ctx.Err() == nil:
			return err
		}
		return nil
	})
	d.log.Info("ready", "replica", d.name, "leads", false)
	if leads, err = d.await(ctx, parts, sig, led); !leads {
		return false, err
	}
	parts.add("lead", func(ctx context.Context) error { return d.handOver(ctx, peers) })
	return true, nil
}

// handOver has another replica lead, when all that acts has ended here, and passes on to
// it what comes until the listeners are closed. An act that does not end ends with this
// process, before the lease does.
func (d *daemon) handOver(ctx context.Context, peers http.RoundTripper) error {
	d.watch.leads.Set(0)
	d.working.Store(false)
	err := d.passOn(peers)
	select {
	case <-d.ended:
		return errors.Join(err, d.member.Resign(ctx))
	default:
		return errors.Join(err, errors.New("what is being done does not end, so another leads only when the lease has ended"))
	}
}

// join makes this replica one of several.
func (d *daemon) join(ctx context.Context) error {
	o, err := d.options.etcd()
	if err != nil {
		return err
	}
	o.Log = d.log
	m, err := etcd.Join(ctx, o)
	if err != nil {
		return err
	}
	d.member, d.name = joined{m}, o.Name
	return nil
}

// etcd is what a replica needs to join the others. It reads the files that the flags name.
func (o options) etcd() (e etcd.Options, err error) {
	r := o.replica
	e = etcd.Options{
		Endpoints: r.endpoints, Username: r.user, Prefix: r.prefix, Name: r.name, Address: r.web + " " + r.intake,
		Folder: o.storage, Publish: r.publish,
	}
	if e.Name == "" {
		if e.Name, err = os.Hostname(); err != nil {
			return e, fmt.Errorf("%w: give this replica a name with --cluster.name", err)
		}
	}
	if e.TLS, err = config.NewTLSConfig(&r.tls); err != nil {
		return e, fmt.Errorf("TLS to etcd, by --storage.etcd.ca-file, .cert-file and .key-file: %w", err)
	}
	if r.password != "" {
		password, err := notify.SecretFile(r.password).Read()
		if err != nil {
			return e, fmt.Errorf("--storage.etcd.password-file: %w", err)
		}
		e.Password = password.Reveal()
	}
	return e, nil
}

// leader is who leads, as last heard.
func (d *daemon) leader() (leading, bool) {
	l, known := d.member.Leader()
	web, intake, _ := strings.Cut(l.Address, " ")
	return leading{l.Name, web, intake}, known
}

// passOn has the listeners pass on what comes to the replica that leads.
func (d *daemon) passOn(peers http.RoundTripper) error {
	to := func(listener string, where func(leading) string) *forwarder {
		return &forwarder{
			self: d.name, leader: d.leader, where: where, peers: peers, log: d.log.With("listener", listener),
			passed: func(ok bool) { d.watch.passed.WithLabelValues(listener, strconv.FormatBool(ok)).Inc() },
		}
	}
	page := to("web", func(l leading) string { return l.web })
	webhooks := to("intake", func(l leading) string { return l.intake })
	guarded, err := alertmanager.Guard(alertmanager.IntakeOptions{TokenFiles: d.options.tokens, Guess: d.guesses.begin, Observe: d.watch.delivered}, webhooks)
	if err != nil {
		return err
	}
	d.web.set(web.NewForwarding(d.pageOptions(), func(w http.ResponseWriter, r *http.Request) error {
		r, err := d.outside.Load().callers.portable(r)
		if err != nil {
			return err
		}
		return page.forward(w, r)
	}))
	d.intake.set(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == alertmanagerPath {
			guarded.ServeHTTP(w, r)
			return
		}
		webhooks.ServeHTTP(w, r) // it is signed, or the leader has nothing there
	}))
	return nil
}

// leaderEvery is how often is looked who leads.
const leaderEvery = 500 * time.Millisecond

// watchLeader counts when another replica leads than before, and says when none does,
// until ctx ends.
func (d *daemon) watchLeader(ctx context.Context) error {
	tick := time.NewTicker(leaderEvery)
	defer tick.Stop()
	var last leading
	for known := true; ; {
		now, is := d.leader()
		switch {
		case is && now != last:
			d.watch.leaders.Inc()
			last = now
		case known && !is:
			d.log.Warn("no replica leads, or it is not known which")
		}
		known = is
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// working looks at the loop of a replica that has one: there is nothing to be stuck in
// another.
type working struct{ d *daemon }

// Look runs f between two rounds of the engine.
func (w working) Look(ctx context.Context, f func(*remediate.State, remediate.Rulebooks)) error {
	if !w.d.working.Load() {
		return nil
	}
	return w.d.engine.Look(ctx, f)
}
