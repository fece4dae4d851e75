package action

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/client-go/rest"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
	"github.com/x0tta6bl4/remediated/remediate/internal/outbound"
)

// Options say where something can be done.
type Options struct {
	// Clusters are the Kubernetes clusters by name.
	Clusters map[string]*rest.Config
	// Leases are those that are held while a cluster is written to, by the
	// cluster's name. One that has none, or nil, is written to without.
	Leases map[string]*Lease
	// NameServers are those whose zones may be changed, by name.
	NameServers map[string]NameServer
	// Silencer silences alerts for people. Nil: nothing can be silenced.
	Silencer Silencer
	// Instance names this daemon in Events, for example the host's name; ""
	// is "remediated".
	Instance string
	// Timeout bounds one request; 0 is DefaultTimeout.
	Timeout time.Duration
	// Changed is told when an outbound circuit breaker changes its state. It
	// must not block. Nil is fine.
	Changed func(name, from, to string)
}

// DefaultTimeout of one request to an API server.
const DefaultTimeout = 10 * time.Second

// Actor carries out acts. It is safe for use by many goroutines.
type Actor struct {
	clusters    map[string]*cluster
	nameServers map[string]*nameServer
	silencer    Silencer // nil: none
	instance    string
	timeout     time.Duration

	mu sync.Mutex
	// sent holds the acts whose first request may have been carried out
	// while they are not finished.
	sent map[string]sending
}

// sending is what is remembered of an act that is not finished.
type sending struct {
	until time.Time // to remember it
	made  bool      // it was answered that what it makes is there
}

// cluster is what we write to.
type cluster struct {
	client  *kube.Client
	reader  kube.Reader
	breaker *outbound.Breaker
	lease   *Lease // nil: it is written to without
}

// New returns an Actor. It connects to nothing yet.
func New(o Options) (*Actor, error) {
	a := &Actor{clusters: map[string]*cluster{}, nameServers: newNameServers(o.NameServers, o.Changed), silencer: o.Silencer, instance: o.Instance, timeout: o.Timeout, sent: map[string]sending{}}
	if a.instance == "" {
		a.instance = kube.Manager
	}
	if a.timeout == 0 {
		a.timeout = DefaultTimeout
	}
	for name, cfg := range o.Clusters {
		cfg = rest.CopyConfig(cfg)
		cfg.QPS = -1 // acts are few, and the guards are what limits them
		cfg.Wrap(kube.Answers)
		client, err := kube.NewClient(rest.AddUserAgent(cfg, "action"))
		if err != nil {
			return nil, fmt.Errorf("client of cluster %q: %w", name, err)
		}
		a.clusters[name] = &cluster{client, kube.NewReader(client), outbound.NewBreaker("kubernetes "+name, isFault, o.Changed), o.Leases[name]}
	}
	return a, nil
}

// attempt is one act that is being carried out.
type attempt struct {
	remediate.Started
	*cluster
	actor   *Actor
	timeout time.Duration
	again   bool // it may have been done, or begun, before
	made    bool // what it makes was there
}

// Perform carries out an act. The outcome is OK, Failed, Refused (nothing was
// done), Unknown (it was sent, and nobody knows more) or Later, when it is
// not done yet and is to be performed again under the same ID at Until.
func (a *Actor) Perform(ctx context.Context, s remediate.Started) remediate.Result {
	t, what, r := a.prepare(s)
	if what == nil {
		return r
	}
	if !s.Deadline.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, s.Deadline)
		defer cancel()
	}
	if stop := t.hold(ctx); stop != nil {
		r = *stop
	} else {
		r = what.perform(ctx, t)
	}
	if r.Outcome != remediate.Later {
		a.forget(s.ID)
	}
	return r
}

func (a *Actor) prepare(s remediate.Started) (*attempt, act, remediate.Result) {
	if s.Act == nil || s.ID == "" {
		return nil, nil, refused("this is no act, or it has no ID")
	}
	k, ok := kinds[s.Act.Kind]
	if !ok {
		return nil, nil, refused("there is no action %q", s.Act.Kind)
	}
	what, err := k.parse(s.Act.Args)
	if err != nil {
		return nil, nil, refused("%s: %v", s.Act.Kind, err)
	}
	if !slices.Contains(k.targets, s.Act.Target.Kind) {
		return nil, nil, refused("%s cannot be done to a %s; it is for %s", s.Act.Kind, s.Act.Target.Kind, strings.Join(k.targets, ", "))
	}
	if s.Act.UID == "" {
		return nil, nil, refused("the plan does not say which %s it means: it has no UID", s.Act.Target.Kind)
	}
	c, ok := a.clusters[s.Act.Target.Cluster]
	if !ok {
		return nil, nil, refused("cluster %q is not configured", s.Act.Target.Cluster)
	}
	before, sent := a.wasSent(s.ID)
	return &attempt{Started: s, cluster: c, actor: a, timeout: a.timeout, again: s.Again || sent, made: before.made}, what, remediate.Result{}
}

// remember that a request of the act may have been carried out, so that a later
// try knows its own mark when it finds it.
func (t *attempt) remember() {
	a, now := t.actor, time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	for id, s := range a.sent {
		if now.After(s.until) {
			delete(a.sent, id)
		}
	}
	until := t.Deadline
	if until.IsZero() {
		until = now.Add(24 * time.Hour)
	}
	a.sent[t.ID] = sending{until, t.made}
	t.again = true
}

func (a *Actor) wasSent(id string) (sending, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s, ok := a.sent[id]
	return s, ok
}

func (a *Actor) forget(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.sent, id)
}

// ofThisAttempt tells whether a mark is of an act of the attempt that this act
// belongs to: it itself, or another one of the procedure.
func (t *attempt) ofThisAttempt(mark string) bool {
	return mark != "" && (mark == t.ID || mark == t.Act.Attempt || strings.HasPrefix(mark, t.Act.Attempt+"-"))
}

// look reads the target as it is now, nil when it is not there. The result is
// set when it could not be read.
func (t *attempt) look(ctx context.Context) (w *kube.Workload, stop *remediate.Result) {
	return find(ctx, t, func(ctx context.Context) (*kube.Workload, error) { return t.reader.Workload(ctx, t.Act.Target) })
}

// same reads the target and judges nothing about it but that it is the one that
// was meant, for acts that do not touch it.
func (t *attempt) same(ctx context.Context) (w *kube.Workload, stop *remediate.Result) {
	w, stop = find(ctx, t, func(ctx context.Context) (*kube.Workload, error) { return t.reader.Object(ctx, t.Act.Target) })
	switch {
	case stop != nil:
		return nil, stop
	case w == nil:
		return nil, new(refused("%s", remediate.RefusedGone))
	case string(w.Meta.UID) != t.Act.UID:
		return nil, new(refused("it was deleted and made anew since it was judged"))
	}
	return w, nil
}

// sameRules are the permissions that same needs for targets of a kind.
func sameRules(target string) []rbacv1.PolicyRule {
	if target == kube.Pod {
		return []rbacv1.PolicyRule{kube.Rule("", []string{"pods"}, "get")}
	}
	return kube.ObjectRules(target)
}

// find reads an object, nil when it is not there. The result is set when it
// could not be read.
func find[T any](ctx context.Context, t *attempt, get func(context.Context) (*T, error)) (found *T, stop *remediate.Result) {
	err := t.read(ctx, func(ctx context.Context) (err error) {
		found, err = get(ctx)
		return err
	})
	switch {
	case kube.IsGone(err):
		return nil, nil
	case err != nil:
		return nil, new(t.unread(err))
	}
	return found, nil
}

// read carries out a read behind the breaker.
func (t *attempt) read(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	return t.breaker.Do(func() error { return f(ctx) })
}
