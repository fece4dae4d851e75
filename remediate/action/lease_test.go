package action

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

const putLease = "PUT /apis/coordination.k8s.io/v1/namespaces/ops/leases/healer"

// leased is an API server with a Lease, and with the fence that asks for it.
type leased struct {
	*api
	lease *coordinationv1.Lease // nil: there is none
	open  bool                  // there is no fence
	deaf  int                   // so many writes are refused before the fence hears who holds the Lease
	fails func(w http.ResponseWriter, r *http.Request, after bool) bool
}

func newLeased(t *testing.T) *leased {
	t.Helper()
	l := &leased{api: newAPI(t), lease: &coordinationv1.Lease{
		TypeMeta:   metav1.TypeMeta{APIVersion: "coordination.k8s.io/v1", Kind: "Lease"},
		ObjectMeta: metav1.ObjectMeta{Name: "healer", Namespace: "ops", ResourceVersion: "7", Labels: map[string]string{"team": "ops"}},
	}}
	l.addDeployment()
	l.fault = l.serveLease
	return l
}

// actor is that of a daemon that is the pod us.
func (l *leased) actor(t *testing.T, lease *Lease) *Actor {
	t.Helper()
	actor, err := New(Options{Clusters: map[string]*rest.Config{"prod": {Host: l.URL}}, Leases: map[string]*Lease{"prod": lease}, Timeout: 500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return actor
}

func ourLease() *Lease { return &Lease{Namespace: "ops", Name: "healer", Pod: "us"} }

// next is a restart after the first one.
func (l *leased) next(t *testing.T, actor *Actor) remediate.Started {
	t.Helper()
	s := l.plan(t, actor, "restart", web)
	s.ID, s.Act.Attempt = "j-i42-a2", "j-i42-a2"
	return s
}

// takenBy is what another daemon does.
func (l *leased) takenBy(pod string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lease.Spec.HolderIdentity = &pod
	touch(&l.lease.ObjectMeta)
}

func (l *leased) serveLease(w http.ResponseWriter, r *http.Request, after bool) bool {
	switch {
	case l.fails != nil && l.fails(w, r, after):
		return true
	case !strings.Contains(r.URL.Path, "/leases/"):
		return !after && l.refuses(w, r)
	case after:
		return false // it was answered before
	}
	answered(w, l.answerLease(r))
	if l.fails != nil {
		l.fails(w, r, true)
	}
	return true
}

func (l *leased) answerLease(r *http.Request) any {
	if l.lease == nil {
		return says(404, metav1.StatusReasonNotFound, `leases.coordination.k8s.io "healer" not found`)
	}
	if r.Method == http.MethodGet {
		return l.lease
	}
	var next coordinationv1.Lease
	l.decode(r, &next)
	if r.URL.Query().Get("fieldManager") != kube.Manager {
		l.t.Errorf("%s in nobody's name", r.URL)
	}
	if next.ResourceVersion != l.lease.ResourceVersion {
		return says(409, metav1.StatusReasonConflict, "the object has been modified")
	}
	touch(&next.ObjectMeta)
	l.lease = &next
	return l.lease
}

// refuses answers a write as the fence does where our pod does not hold the Lease.
func (l *leased) refuses(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet || l.open || l.lease != nil && holderOf(l.lease) == "us" && l.deaf == 0 {
		return false
	}
	l.deaf = max(0, l.deaf-1)
	_, message := LeaseFence("ops", "healer")
	answered(w, says(403, metav1.StatusReasonForbidden, `x is forbidden: ValidatingAdmissionPolicy 'remediated-lease' with binding 'remediated-lease' denied request: `+message))
	return true
}

func answered(w http.ResponseWriter, object any) {
	w.Header().Set("Content-Type", "application/json")
	if s, ok := object.(*metav1.Status); ok {
		w.WriteHeader(int(s.Code))
	}
	_ = json.NewEncoder(w).Encode(object) // a client that went away wants no more
}

// The Lease is taken before the first act and not again, and says what is usual.
func TestTheLeaseIsTakenBeforeTheFirstAct(t *testing.T) {
	l := newLeased(t)
	l.lease.Spec = coordinationv1.LeaseSpec{HolderIdentity: new("them"), LeaseTransitions: new(int32(4))}
	actor := l.actor(t, ourLease())
	s := l.plan(t, actor, "restart", web)
	if writes := l.writes; len(writes) > 0 {
		t.Errorf("it was written before there was an act: %v", writes)
	}
	performed(t, actor, s, remediate.OK, "restarted")
	performed(t, actor, l.next(t, actor), remediate.OK, "restarted")
	if acts := l.acts(); acts[0] != putLease || slices.Contains(acts[1:], putLease) {
		t.Errorf("it wrote %v", acts)
	}
	spec := l.lease.Spec
	if holderOf(l.lease) != "us" || *spec.LeaseTransitions != 5 || time.Since(spec.RenewTime.Time) > time.Minute || !spec.AcquireTime.Equal(spec.RenewTime) || l.lease.Labels["team"] != "ops" {
		t.Errorf("it is %+v", l.lease)
	}
}

// A daemon that is started anew in its pod holds the Lease already, and where none
// has held it yet it is the first.
func TestTheLeaseOfTheSamePod(t *testing.T) {
	l := newLeased(t)
	actor := l.actor(t, ourLease())
	performed(t, actor, l.plan(t, actor, "restart", web), remediate.OK, "restarted")
	actor = l.actor(t, ourLease())
	performed(t, actor, l.next(t, actor), remediate.OK, "restarted")
	if acts := l.acts(); slices.Index(acts, putLease) != 0 || slices.Contains(acts[1:], putLease) || *l.lease.Spec.LeaseTransitions != 1 {
		t.Errorf("it wrote %v: %+v", acts, l.lease.Spec)
	}
}

// What cannot be taken begins nothing, and is tried again where that may help.
func TestALeaseThatCannotBeTaken(t *testing.T) {
	onLease := func(method string, f func(http.ResponseWriter, *http.Request, bool) bool) func(http.ResponseWriter, *http.Request, bool) bool {
		return func(w http.ResponseWriter, r *http.Request, after bool) bool {
			return strings.Contains(r.URL.Path, "/leases/") && r.Method == method && f(w, r, after)
		}
	}
	forbidden := says(403, metav1.StatusReasonForbidden, `leases.coordination.k8s.io "healer" is forbidden: cannot do that`)
	once := func(do func(l *leased)) func(*leased) {
		return func(l *leased) {
			l.fails = onLease(http.MethodPut, func(http.ResponseWriter, *http.Request, bool) bool {
				l.fails = nil
				do(l)
				return false
			})
		}
	}
	for name, tc := range map[string]struct {
		before  func(*leased)
		lease   *Lease
		outcome string
		text    string
		writes  int
	}{
		"not there":        {func(l *leased) { l.lease = nil }, ourLease(), remediate.Later, "there is no Lease ops/healer, and nothing is done without it: apply what remedy policy fence --lease prints", 0},
		"not to be read":   {func(l *leased) { l.fails = onLease(http.MethodGet, all(http.StatusInternalServerError)) }, ourLease(), remediate.Later, "", 0},
		"may not read":     {func(l *leased) { l.fails = onLease(http.MethodGet, all(http.StatusForbidden)) }, ourLease(), remediate.Failed, "not allowed to read", 0},
		"may not take":     {func(l *leased) { l.fails = onLease(http.MethodPut, answer(forbidden)) }, ourLease(), remediate.Failed, `not allowed to take the Lease ops/healer: leases.coordination.k8s.io "healer" is forbidden: cannot do that; see the role and the fence`, 1},
		"another took it":  {once(func(l *leased) { *l.lease = *taken(l.lease) }), ourLease(), remediate.Later, "take the Lease ops/healer: the object has been modified", 1},
		"no answer":        {func(l *leased) { l.fails = onLease(http.MethodPut, cut(1, false)) }, ourLease(), remediate.Later, "take the Lease ops/healer", 1},
		"the answer lost":  {func(l *leased) { l.fails = onLease(http.MethodPut, cut(1, true)) }, ourLease(), remediate.Later, "take the Lease ops/healer", 1},
		"it does not lead": {func(*leased) {}, &Lease{Namespace: "ops", Name: "healer", Pod: "us", Leads: func() bool { return false }}, remediate.Later, "another daemon leads: it is for that one to act", 0},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLeased(t)
			actor := l.actor(t, tc.lease)
			s := l.plan(t, actor, "restart", web)
			l.mu.Lock()
			tc.before(l)
			l.mu.Unlock()
			performed(t, actor, s, tc.outcome, tc.text)
			if acts := l.acts(); len(acts) != tc.writes || tc.writes > 0 && acts[0] != putLease {
				t.Errorf("it wrote %v", acts)
			}
			l.mu.Lock()
			l.fails = nil
			if l.lease == nil {
				l.lease = newLeased(t).lease
			}
			l.mu.Unlock()
			tc.lease.Leads = nil
			performed(t, actor, s, remediate.OK, "restarted")
		})
	}
}

// taken is a Lease once another daemon has taken it.
func taken(l *coordinationv1.Lease) *coordinationv1.Lease {
	next := l.DeepCopy()
	next.Spec.HolderIdentity = new("them")
	touch(&next.ObjectMeta)
	return next
}

// Whether it leads is asked after the Lease was read: one that does not any more
// takes it from nobody.
func TestTheLeaseIsReadBeforeItIsAskedWhoLeads(t *testing.T) {
	l := newLeased(t)
	lease := ourLease()
	lease.Leads = func() bool {
		l.takenBy("them") // begins to lead as soon as that was answered
		return true
	}
	actor := l.actor(t, lease)
	performed(t, actor, l.plan(t, actor, "restart", web), remediate.Later, "the object has been modified")
	if holderOf(l.lease) != "them" {
		t.Error("it took the Lease from who leads")
	}
}

// An API server hears a moment later who holds the Lease: what it refuses until
// then is sent again, the Event too.
func TestAFenceThatHasNotHeardYet(t *testing.T) {
	l := newLeased(t)
	l.deaf = 3
	actor := l.actor(t, ourLease())
	performed(t, actor, l.plan(t, actor, "restart", web), remediate.OK, "restarted")
	if acts := l.acts(); len(acts) != 5 || len(l.events) != 1 {
		t.Errorf("it wrote %v, and the Events %v", acts, l.events)
	}

	l = newLeased(t)
	l.deaf = 1000
	actor = l.actor(t, ourLease())
	performed(t, actor, l.plan(t, actor, "restart", web), remediate.Later, "this pod holds the Lease ops/healer, of which the API server has not heard: ")
	if l.deployments["web"].Spec.Template.Annotations != nil {
		t.Error("it was restarted")
	}
}

// Who lost the Lease says so, and does not take it back: not by the next act, and
// not after a reload.
func TestALeaseThatAnotherTook(t *testing.T) {
	l := newLeased(t)
	lease := ourLease()
	actor := l.actor(t, lease)
	performed(t, actor, l.plan(t, actor, "restart", web), remediate.OK, "restarted")
	l.takenBy("them")
	for _, actor := range []*Actor{actor, l.actor(t, lease)} {
		performed(t, actor, l.next(t, actor), remediate.Failed, `not allowed: this daemon took the Lease ops/healer, and the pod "them" holds it now: see which daemon is to act, and stop the other one, or start this one anew; `)
	}
	if holderOf(l.lease) != "them" || l.deployments["web"].Spec.Template.Annotations[kube.AttemptAnnotation] != "j-i42-a1" {
		t.Errorf("it is held by %s, and the act was done", holderOf(l.lease))
	}
}

// A daemon that was not told of the Lease says which flag it needs.
func TestAFenceThatWantsALease(t *testing.T) {
	l := newLeased(t)
	actor := l.actor(t, nil)
	performed(t, actor, l.plan(t, actor, "restart", web), remediate.Failed, "is not held by the pod that sends this; say in --cluster.lease which Lease this daemon takes")
}

// Only the cluster that has one is written to with it.
func TestAClusterWithoutALease(t *testing.T) {
	l := newLeased(t)
	l.open = true
	actor, err := New(Options{Clusters: map[string]*rest.Config{"prod": {Host: l.URL}}, Leases: map[string]*Lease{"dr": ourLease()}})
	if err != nil {
		t.Fatal(err)
	}
	performed(t, actor, l.plan(t, actor, "restart", web), remediate.OK, "restarted")
	if acts := l.acts(); slices.Contains(acts, putLease) {
		t.Errorf("it wrote %v", acts)
	}
}
