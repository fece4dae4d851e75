package action

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

// leaseEvery is how often a write is sent again to an API server that has not
// heard yet who holds the Lease. It hears of it in milliseconds.
const leaseEvery = 50 * time.Millisecond

// Lease is the object by which the API server knows which of several daemons may
// write: the pod that holds it. It is taken before the first act and never given
// back: the next daemon to lead takes it, and from then on what the one before
// still sends is refused. One Lease serves the Actors of one daemon in turn,
// since what was taken once is not taken again.
type Lease struct {
	Namespace, Name string
	Pod             string // UID of the pod that this daemon is in
	// Leads tells whether this daemon leads; nil is one that is alone. It is asked
	// between reading the Lease and writing it: who begins to lead after that writes
	// it first, so that ours is a conflict, or last.
	Leads func() bool

	mu   sync.Mutex
	held bool
}

// LeaseRules are the permissions to hold the Lease of this name. Making it is not
// among them: a right to create knows no names.
func LeaseRules(name string) []rbacv1.PolicyRule {
	rule := kube.Rule(coordinationv1.GroupName, []string{"leases"}, "get", "update")
	rule.ResourceNames = []string{name}
	return []rbacv1.PolicyRule{rule}
}

// String is how the Lease is named in flags and to people: NAMESPACE/NAME.
func (l *Lease) String() string { return l.Namespace + "/" + l.Name }

// hold takes the Lease of the attempt's cluster, if there is one and it was not
// taken yet. The result is set when it could not be: nothing was begun then.
func (t *attempt) hold(ctx context.Context) *remediate.Result {
	l := t.lease
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held {
		return nil
	}
	now, stop := find(ctx, t, func(ctx context.Context) (*coordinationv1.Lease, error) { return l.read(ctx, t.client) })
	switch {
	case stop != nil:
		return stop
	case now == nil:
		return new(t.later(fmt.Errorf("there is no Lease %s, and nothing is done without it: apply what remedy policy fence --lease prints", l)))
	case l.Leads != nil && !l.Leads():
		return new(t.later(errors.New("another daemon leads: it is for that one to act")))
	case holderOf(now) != l.Pod:
		if stop := t.take(ctx, l, now); stop != nil {
			return stop
		}
	}
	l.held = true
	return nil
}

// take writes that our pod holds the Lease, if it is as it was read.
func (t *attempt) take(ctx context.Context, l *Lease, now *coordinationv1.Lease) *remediate.Result {
	at, transitions := metav1.NowMicro(), int32(1)
	if n := now.Spec.LeaseTransitions; n != nil {
		transitions += *n
	}
	now.Spec.HolderIdentity, now.Spec.AcquireTime, now.Spec.RenewTime, now.Spec.LeaseTransitions = &l.Pod, &at, &at, &transitions
	err := t.read(ctx, func(ctx context.Context) error {
		return t.client.CoordinationV1.Put().Namespace(l.Namespace).Resource("leases").Name(l.Name).
			VersionedParams(&metav1.UpdateOptions{FieldManager: kube.Manager}, kube.Parameters).
			Body(now).MaxRetries(0).Do(ctx).Error()
	})
	switch {
	case err == nil:
		return nil
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
		return new(t.stopped("not allowed to take the Lease %s: %s; see the role and the fence that remedy policy prints with --lease", l, text(err)))
	}
	return new(t.later(fmt.Errorf("take the Lease %s: %w", l, err)))
}

func (l *Lease) read(ctx context.Context, c *kube.Client) (*coordinationv1.Lease, error) {
	return c.Leases(l.Namespace).Get(ctx, l.Name, metav1.GetOptions{})
}

// holderOf is the UID of the pod that holds a Lease, "" when none does.
func holderOf(l *coordinationv1.Lease) string {
	if l.Spec.HolderIdentity == nil {
		return ""
	}
	return *l.Spec.HolderIdentity
}

// takenError is a write that was refused because another pod took the Lease that
// we held.
type takenError struct {
	error
	holder string
}

func (e *takenError) Unwrap() error { return e.error }

// write sends a write, and again as long as it is refused by an API server that
// has not heard yet that our pod holds the Lease: what was refused was not done.
func (t *attempt) write(ctx context.Context, r *rest.Request) error {
	for {
		err := r.MaxRetries(0).Do(ctx).Error()
		if t.lease == nil || !isUnheld(err) {
			return err
		}
		if now, unread := t.lease.read(ctx, t.client); unread == nil && holderOf(now) != t.lease.Pod {
			return &takenError{err, holderOf(now)}
		}
		select {
		case <-time.After(leaseEvery):
		case <-ctx.Done():
			return err
		}
	}
}

// isUnheld tells whether the fence refused a write because of the Lease.
func isUnheld(err error) bool {
	return apierrors.IsForbidden(err) && strings.Contains(err.Error(), unheld)
}

// unheldResult is the result of a write that the fence refused because of the
// Lease.
func (t *attempt) unheldResult(err error) remediate.Result {
	var taken *takenError
	switch {
	case errors.As(err, &taken):
		return failed("not allowed: this daemon took the Lease %s, and the pod %q holds it now: see which daemon is to act, and stop the other one, or start this one anew; %s",
			t.lease, taken.holder, text(err))
	case t.lease == nil:
		return failed("not allowed: %s; say in --cluster.lease which Lease this daemon takes", text(err))
	}
	return t.later(fmt.Errorf("this pod holds the Lease %s, of which the API server has not heard: %w", t.lease, err))
}
