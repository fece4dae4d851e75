package action

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/x0tta6bl4/remediated/remediate"
)

// What is promised of every kind of act, whatever it does, is held here against one
// example of each: the same attempt twice is one effect, also when the daemon was
// killed between the write and its record; an object that was made anew is not
// touched; and a right that is missing is named. The files of the kinds have the
// rest, and test/e2e the same against a real API server.

// trial is an act that can be carried out, and what can be seen of it.
type trial struct {
	what  remediate.Started
	actor func() *Actor // a daemon that knows of nothing that was done before
	// effects are what was done in the world since it was made ready.
	effects func() []string
	anew    func() // the target is another one of its name
	// between has the world go on where an act is performed again later; nil is not.
	between func()
	lose    func() // from here on no answer comes to what is done
	mend    func()

	// What is not of Kubernetes may refuse, too; nil is that it cannot.
	forbid  func()
	missing string // what is said then
}

// performs performs it to its end.
func (r *trial) performs(t *testing.T, actor *Actor) remediate.Result {
	t.Helper()
	for range 4 {
		got := actor.Perform(t.Context(), r.what)
		if got.Outcome != remediate.Later {
			return got
		}
		if r.between != nil {
			r.between()
		}
	}
	t.Fatal("it does not come to an end")
	return remediate.Result{}
}

// exceptions are kinds that keep a promise in another way, with the reason.
var exceptions = map[string]struct {
	again string // outcome when nobody knows whether it was sent before
	anew  string // outcome when the target is another one
	acts  bool   // and something is done then
}{
	"delete_pod":     {anew: remediate.OK},             // the pod that was meant is gone
	"evict_pod":      {anew: remediate.OK},             // likewise
	"http_call":      {again: remediate.Unknown},       // unless the policy says idempotent: true
	"lift_isolation": {anew: remediate.OK, acts: true}, // what was isolated is given back, whatever became of it
	"unapply":        {anew: remediate.OK, acts: true}, // what was applied is not the target
	"unsilence":      {anew: remediate.OK, acts: true}, // nor is a silence
}

// trials has one of each kind.
var trials = map[string]func(*testing.T, *api) *trial{
	"apply": func(t *testing.T, a *api) *trial {
		a.addDeployment()
		a.addService()
		return a.trial(t, a.applying(t, "apply", toMaintenance))
	},
	"unapply": func(t *testing.T, a *api) *trial {
		a.addDeployment()
		a.addService()
		performed(t, a.actor(t), a.applying(t, "apply", toMaintenance), remediate.OK, "set the selector")
		return a.trial(t, undone(a.applying(t, "unapply", toMaintenance)))
	},
	"cordon": func(t *testing.T, a *api) *trial {
		a.addNode()
		return a.trial(t, a.plan(t, a.actor(t), "cordon", w1))
	},
	"uncordon": func(t *testing.T, a *api) *trial {
		a.addNode()
		performed(t, a.actor(t), a.plan(t, a.actor(t), "cordon", w1), remediate.OK, "cordoned")
		return a.trial(t, undone(a.plan(t, a.actor(t), "uncordon", w1)))
	},
	"drain": func(t *testing.T, a *api) *trial {
		a.addNodePods("db-0", "db-1")
		return a.trial(t, a.plan(t, a.actor(t), "drain", w1))
	},
	"delete_pod": func(t *testing.T, a *api) *trial { return a.podTrial(t, "delete_pod", `{"bypass_pdb":true}`) },
	"evict_pod":  func(t *testing.T, a *api) *trial { return a.podTrial(t, "evict_pod", `{}`) },
	"isolate": func(t *testing.T, a *api) *trial {
		a.addWeb()
		return a.trial(t, a.plan(t, a.actor(t), "isolate", web))
	},
	"lift_isolation": func(t *testing.T, a *api) *trial {
		a.addWeb()
		performed(t, a.actor(t), a.plan(t, a.actor(t), "isolate", web), remediate.OK, "isolated")
		return a.trial(t, undone(a.plan(t, a.actor(t), "lift_isolation", web)))
	},
	"job": func(t *testing.T, a *api) *trial {
		a.addDeployment()
		a.addCronJob()
		r := a.trial(t, a.jobPlan(t, a.actor(t), fromFree("")))
		r.between = func() { a.ends(batchv1.JobComplete, "") }
		return r
	},
	"pause": func(t *testing.T, a *api) *trial {
		a.rolling()
		return a.trial(t, a.plan(t, a.actor(t), "pause", web))
	},
	"resume": func(t *testing.T, a *api) *trial {
		a.rolling()
		performed(t, a.actor(t), a.plan(t, a.actor(t), "pause", web), remediate.OK, "paused")
		return a.trial(t, undone(a.plan(t, a.actor(t), "resume", web)))
	},
	"restart": func(t *testing.T, a *api) *trial {
		a.addDeployment()
		return a.trial(t, a.plan(t, a.actor(t), "restart", web))
	},
	"rollback": func(t *testing.T, a *api) *trial {
		a.released("good", "bad")
		return a.trial(t, a.plan(t, a.actor(t), "rollback", web))
	},
	"scale": func(t *testing.T, a *api) *trial {
		a.addDeployment()
		return a.trial(t, a.scaling(t, a.actor(t), `{"replicas":5}`))
	},
	"dns_update": dnsTrial,
	"http_call":  httpTrial,
	"silence":    func(t *testing.T, a *api) *trial { return a.silenceTrial(t, "silence") },
	"unsilence":  func(t *testing.T, a *api) *trial { return a.silenceTrial(t, "unsilence") },
}

// undone is an act that takes back what the attempt before it did.
func undone(s remediate.Started) remediate.Started {
	s.ID, s.Act.Undo = s.ID+"-u1", true
	return s
}

// trial is one of an act whose effects are what the API server was told to write.
func (a *api) trial(t *testing.T, what remediate.Started) *trial {
	before := len(a.acts())
	return &trial{
		what: what, actor: func() *Actor { return a.actor(t) },
		effects: func() []string { return a.acts()[before:] },
		anew:    func() { a.madeAnew(what.Act.Target) },
		lose: func() {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.fault = cut(1, true)
		},
		mend: a.mend,
	}
}

func (a *api) podTrial(t *testing.T, kind, args string) *trial {
	a.addStatefulSet()
	a.addPod("db-0", corev1.ConditionFalse, time.Hour)
	s := a.plan(t, a.actor(t), kind, db0)
	s.Act.Args = []byte(args)
	return a.trial(t, s)
}

// madeAnew gives what is acted on the UID of another object.
func (a *api) madeAnew(target remediate.Target) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch target.Kind {
	case "deployment":
		a.deployments[target.Name].UID = "another"
	case "pod":
		a.pods[target.Name].UID = "another"
	case "node":
		a.nodes[target.Name].UID = "another"
	}
}

func dnsTrial(t *testing.T, a *api) *trial {
	p := newPrimary(t, oldRecord)
	r := a.trial(t, a.dnsPlan(t, failover))
	r.actor = func() *Actor { return p.actor(t, a, nil) }
	r.effects = func() []string {
		p.mu.Lock()
		defer p.mu.Unlock()
		return make([]string, p.updates)
	}
	set := func(after func(*dns.Msg) bool, fault func(dns.ResponseWriter, *dns.Msg) bool) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.after, p.fault = after, fault
	}
	r.lose = func() { set(func(m *dns.Msg) bool { return m.Opcode == dns.OpcodeUpdate }, nil) }
	r.mend = func() { set(nil, nil) }
	r.forbid = func() { set(nil, answering(dns.RcodeRefused, 0, false)) }
	r.missing = `answers REFUSED: the key "remediated" may not do that: grant it`
	return r
}

func httpTrial(t *testing.T, a *api) *trial {
	c := newCalled(t, httptest.NewServer)
	r := a.trial(t, a.callPlan(t, c.URL, ""))
	r.effects = func() (out []string) {
		for _, one := range c.requests() {
			out = append(out, one.Method+" "+one.URL.Path)
		}
		return out
	}
	var how atomic.Int32 // what it answers: a status, 0 for none
	how.Store(http.StatusNoContent)
	c.answer = func(w http.ResponseWriter, _ *http.Request) {
		if how.Load() == 0 {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(int(how.Load()))
	}
	r.lose = func() { how.Store(0) }
	r.mend = func() { how.Store(http.StatusNoContent) }
	r.forbid = func() { how.Store(http.StatusForbidden) }
	r.missing = "403 Forbidden"
	return r
}

// keeper has silences by the attempt that they are of, as remediate/alertmanager keeps
// them.
type keeper struct {
	there map[string]bool
	did   []string
	says  remediate.Result // in place of what was done; "" is that
}

func (k *keeper) Silence(_ context.Context, of remediate.Started, _ []string, _ time.Duration) remediate.Result {
	return k.set(of.Act.Attempt, true)
}

func (k *keeper) Unsilence(_ context.Context, of remediate.Started) remediate.Result {
	return k.set(of.Act.Attempt, false)
}

func (k *keeper) set(attempt string, there bool) remediate.Result {
	switch {
	case k.says.Outcome == remediate.Failed:
		return k.says
	case k.there[attempt] != there:
		k.there[attempt] = there
		k.did = append(k.did, fmt.Sprint(attempt, " ", there))
	}
	if k.says.Outcome != "" {
		return k.says
	}
	return ok("as it is to be")
}

func (a *api) silenceTrial(t *testing.T, kind string) *trial {
	a.addDeployment()
	k := &keeper{there: map[string]bool{"j-i42-a1": kind == "unsilence"}}
	s := a.plan(t, a.actor(t), kind, web)
	if kind == "silence" {
		s.Act.Args = json.RawMessage(silenceArgs)
	}
	r := a.trial(t, s)
	r.actor = func() *Actor {
		actor, err := New(Options{Clusters: map[string]*rest.Config{"prod": {Host: a.URL}}, Silencer: k, Timeout: 500 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		return actor
	}
	r.effects = func() []string { return k.did }
	r.lose = func() { k.says = unknown("no answer came") }
	r.mend = func() { k.says = remediate.Result{} }
	r.forbid = func() { k.says = failed("am-1 answers 403 Forbidden") }
	r.missing = "403 Forbidden"
	return r
}

// Of each kind there is a trial: one that is added without fails here.
func TestEachKindIsTried(t *testing.T) {
	if have, want := slices.Sorted(maps.Keys(trials)), slices.Sorted(maps.Keys(kinds)); !slices.Equal(have, want) {
		t.Errorf("promises are held against %v, and there is %v", have, want)
	}
	for kind := range exceptions {
		if trials[kind] == nil {
			t.Errorf("%s is no kind, and an exception", kind)
		}
	}
}

// tryEach makes a trial ready for each kind.
func tryEach(t *testing.T, do func(t *testing.T, kind string, a *api, r *trial)) {
	for _, kind := range slices.Sorted(maps.Keys(trials)) {
		t.Run(kind, func(t *testing.T) {
			a := newAPI(t)
			do(t, kind, a, trials[kind](t, a))
		})
	}
}

// wanted is what an act comes to that was not done before.
func (r *trial) wanted(t *testing.T) []string {
	t.Helper()
	if got := r.performs(t, r.actor()); got.Outcome != remediate.OK || len(r.effects()) == 0 {
		t.Fatalf("%+v, did %q", got, r.effects())
	}
	return slices.Clone(r.effects())
}

func TestSameAttemptTwiceIsOneEffect(t *testing.T) {
	tryEach(t, func(t *testing.T, kind string, _ *api, r *trial) {
		once := r.wanted(t)
		r.what.Again = true
		for range 2 { // each by a daemon that knows nothing
			got := r.performs(t, r.actor())
			if want := cmp.Or(exceptions[kind].again, remediate.OK); got.Outcome != want {
				t.Errorf("again: %+v, want %s", got, want)
			}
		}
		if did := r.effects(); !slices.Equal(did, once) {
			t.Errorf("did %q, once it is %q", did, once)
		}
	})
}

// No answer comes to what was done, nothing of it is written down, and the next life
// begins it anew.
func TestKilledBetweenTheWriteAndItsRecord(t *testing.T) {
	tryEach(t, func(t *testing.T, kind string, _ *api, r *trial) {
		other := newAPI(t)
		once := trials[kind](t, other).wanted(t)
		r.lose()
		r.actor().Perform(t.Context(), r.what)
		if len(r.effects()) == 0 {
			t.Fatal("nothing was done that could be lost")
		}
		r.mend()
		r.what.Again = true
		got := r.performs(t, r.actor())
		if want := cmp.Or(exceptions[kind].again, remediate.OK); got.Outcome != want {
			t.Errorf("in the next life: %+v, want %s", got, want)
		}
		if did := r.effects(); !slices.Equal(did, once) {
			t.Errorf("did %q, once it is %q", did, once)
		}
	})
}

func TestWhatWasMadeAnewIsNotTouched(t *testing.T) {
	tryEach(t, func(t *testing.T, kind string, _ *api, r *trial) {
		r.anew()
		got := r.performs(t, r.actor())
		if want := cmp.Or(exceptions[kind].anew, remediate.Refused); got.Outcome != want {
			t.Errorf("%+v, want %s", got, want)
		}
		if did := r.effects(); len(did) > 0 != exceptions[kind].acts {
			t.Errorf("did %q", did)
		}
	})
}

// Without a right that it may use, an act is done, or it fails and says which verb and
// which resource it is; without one that it writes with, it is not done.
func TestAMissingRightIsNamed(t *testing.T) {
	for _, kind := range slices.Sorted(maps.Keys(trials)) {
		a := newAPI(t)
		what := trials[kind](t, a).what
		rules := kinds[kind].rules(what.Act.Target.Kind, what.Act.Args)
		_, elsewhere := kinds[kind].elsewhere(what.Act.Args)
		for _, rule := range append(slices.Clone(rules), elsewhere...) {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					t.Run(kind+" "+verb+" "+resource, func(t *testing.T) { withoutRight(t, kind, verb, resource) })
				}
			}
		}
		t.Run(kind+" elsewhere", func(t *testing.T) {
			r := trials[kind](t, newAPI(t))
			if r.forbid == nil {
				return
			}
			r.forbid()
			if got := r.performs(t, r.actor()); got.Outcome != remediate.Failed || !strings.Contains(got.Text, r.missing) {
				t.Errorf("%+v, want %q", got, r.missing)
			}
		})
	}
}

// withoutRight performs an act whose daemon lacks one right.
func withoutRight(t *testing.T, kind, verb, resource string) {
	a := newAPI(t)
	r := trials[kind](t, a)
	says := fmt.Sprintf("cannot %s resource %q", verb, resource)
	asked := false
	a.mu.Lock()
	a.fault = func(w http.ResponseWriter, q *http.Request, after bool) bool {
		if v, of := rightOf(q); after || v != verb || of != resource {
			return false
		}
		asked = true
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		json.NewEncoder(w).Encode(forbidden(says))
		return true
	}
	a.mu.Unlock()
	got := r.performs(t, r.actor())
	writes := verb != "get" && verb != "list" && resource != "events"
	switch {
	case writes && !asked:
		t.Fatalf("it does not use the right: %+v", got)
	case writes && got.Outcome != remediate.Failed:
		t.Errorf("%+v, want it failed", got)
	case asked && (got.Outcome != remediate.OK || resource == "events") && !strings.Contains(got.Text, says):
		t.Errorf("%+v, want %q", got, says)
	case got.Outcome != remediate.Failed && len(r.effects()) == 0:
		t.Errorf("nothing was done, and it did not fail: %+v", got)
	}
}

func forbidden(message string) *metav1.Status {
	return says(http.StatusForbidden, metav1.StatusReasonForbidden, message)
}

// rightOf is the right that a request needs.
func rightOf(r *http.Request) (verb, resource string) {
	part := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	part = part[map[bool]int{true: 2, false: 3}[part[0] == "api"]:] // less api/v1 or apis/group/v1
	if len(part) > 2 && part[0] == "namespaces" {
		part = part[2:]
	}
	resource = part[0]
	if len(part) > 2 {
		resource += "/" + part[2]
	}
	verb = map[string]string{http.MethodPost: "create", http.MethodPatch: "patch", http.MethodDelete: "delete", http.MethodGet: "get"}[r.Method]
	if verb == "get" && len(part) == 1 {
		verb = "list"
	}
	return verb, resource
}
