package action

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

// addNodePods makes the node w1 with pods of these names.
func (a *api) addNodePods(names ...string) *corev1.Node {
	n := a.addNode()
	for _, name := range names {
		a.addPod(name, corev1.ConditionTrue, time.Hour).Spec.NodeName = "w1"
	}
	return n
}

func evictionOf(name string) string { return "POST /api/v1/namespaces/shop/pods/" + name + "/eviction" }

func TestDrain(t *testing.T) {
	a := newAPI(t)
	n := a.addNodePods("db-0", "db-1", "agent", "static", "done")
	a.pods["agent"].OwnerReferences[0].Kind = "DaemonSet"
	a.pods["static"].Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "x"}
	a.pods["done"].Status.Phase = corev1.PodSucceeded
	actor := a.actor(t)
	s := a.plan(t, actor, "drain", w1)
	r := performed(t, actor, s, remediate.Later, "left are shop/db-0, which is ending; shop/db-1, which is ending")
	soon(t, r, drainEvery)
	if !n.Spec.Unschedulable || n.Annotations[kube.CordonedAnnotation] != s.ID {
		t.Errorf("node %+v %+v", n.Spec, n.Annotations)
	}
	s.Again = true
	performed(t, actor, s, remediate.OK, "drained; pods of DaemonSets, static ones and those that are done stay: 3")
	want := []string{patchNode, evictionOf("db-0"), evictionOf("db-1")}
	if got := a.acts(); !slices.Equal(got, want) {
		t.Errorf("wrote %v, want %v", got, want)
	}
	if len(a.events) != 1 || a.events[0].Action != "drain" {
		t.Errorf("events %+v", a.events)
	}
	// By another process, which knows of it only what is there.
	performed(t, a.actor(t), s, remediate.OK, "drained")
	if len(a.acts()) != 3 || !n.Spec.Unschedulable {
		t.Errorf("wrote %v", a.acts())
	}
}

// One pod that must not be evicted keeps the whole drain from being begun.
func TestDrainRefuses(t *testing.T) {
	scratch := func(p *corev1.Pod) {
		p.Spec.Volumes = []corev1.Volume{{Name: "scratch", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
	}
	bare := func(p *corev1.Pod) { p.OwnerReferences = nil }
	for name, tc := range map[string]struct {
		change     func(*corev1.Pod)
		args, text string
	}{
		"bare":                  {bare, `{}`, "shop/db-1 is a bare pod that nothing would bring back (force: true evicts it)"},
		"bare, the other word":  {bare, `{"delete_empty_dir":true}`, "bare pod"},
		"emptyDir":              {scratch, `{}`, "shop/db-1 would lose its emptyDir scratch (delete_empty_dir: true evicts it)"},
		"emptyDir, the other":   {scratch, `{"force":true}`, "emptyDir"},
		"bare, said so":         {bare, `{"force":true}`, ""},
		"emptyDir, said so":     {scratch, `{"delete_empty_dir":true}`, ""},
		"a finished one":        {func(p *corev1.Pod) { bare(p); p.Status.Phase = corev1.PodFailed }, `{}`, ""},
		"a Node's that is none": {func(p *corev1.Pod) { p.OwnerReferences[0].APIVersion, p.OwnerReferences[0].Kind = "x.io/v1", "Node" }, `{}`, ""},
	} {
		a := newAPI(t)
		a.addNodePods("db-0", "db-1")
		tc.change(a.pods["db-1"])
		actor := a.actor(t)
		s := a.plan(t, actor, "drain", w1)
		s.Act.Args = []byte(tc.args)
		if tc.text == "" {
			performed(t, actor, s, remediate.Later, "draining")
			continue
		}
		performed(t, actor, s, remediate.Refused, tc.text)
		if len(a.writes) != 0 {
			t.Errorf("%s: wrote %v", name, a.writes)
		}
	}

	a := newAPI(t)
	a.addNodePods("db-0")
	actor := a.actor(t)
	s := a.plan(t, actor, "drain", w1)
	s.Deadline = time.Now().Add(6 * time.Second)
	performed(t, actor, s, remediate.Refused, "there is no time to drain it: want more than 7s")
	s = a.plan(t, actor, "drain", w1)
	a.nodes["w1"].Labels["node-role.kubernetes.io/control-plane"] = ""
	performed(t, actor, s, remediate.Refused, "control plane")
	if len(a.writes) != 0 {
		t.Errorf("wrote %v", a.writes)
	}
}

// A disruption budget keeps its pod, and the others go.
func TestDrainHonoursTheBudget(t *testing.T) {
	a := newAPI(t)
	n := a.addNodePods("db-0", "db-1")
	a.held = "db-0"
	actor := a.actor(t)
	s := a.plan(t, actor, "drain", w1)
	performed(t, actor, s, remediate.Later, "shop/db-0: Cannot evict pod as it would violate the pod's disruption budget")
	if a.pods["db-1"] != nil || a.pods["db-0"] == nil {
		t.Errorf("pods %v", a.pods)
	}
	soon(t, performed(t, actor, s, remediate.Later, "disruption budget db needs 1 healthy pods"), retryAfter)
	// At its deadline it is taken back, and says what was left.
	s.Deadline = time.Now().Add(9 * time.Second)
	r := performed(t, actor, s, remediate.Failed, "gave up at its deadline; left are shop/db-0: Cannot evict")
	if !strings.HasSuffix(r.Text, "; uncordoned") || n.Spec.Unschedulable || n.Annotations[kube.CordonedAnnotation] != "" {
		t.Errorf("%q, node %+v %+v", r.Text, n.Spec, n.Annotations)
	}
}

// What somebody else has cordoned stays cordoned when it is given up, and so
// does what another act of the procedure has.
func TestDrainTakesBackOnlyItsOwnCordon(t *testing.T) {
	for name, cordon := range map[string]func(*corev1.Node){
		"somebody's": func(n *corev1.Node) { byPerson(n, true) },
		"the act's before": func(n *corev1.Node) {
			n.Spec.Unschedulable, n.ManagedFields = true, []metav1.ManagedFieldsEntry{owned(kube.Manager)}
			n.Annotations[kube.CordonedAnnotation] = "j-i42-a1-1"
		},
	} {
		a := newAPI(t)
		n := a.addNodePods("db-0")
		cordon(n)
		a.budget = true
		actor := a.actor(t)
		s := a.plan(t, actor, "drain", w1)
		s.ID = "j-i42-a1-2"
		performed(t, actor, s, remediate.Later, "disruption budget")
		s.Again, s.Deadline = true, time.Now().Add(9*time.Second)
		performed(t, actor, s, remediate.Failed, "its cordon is not this act's and stays as it is")
		if !n.Spec.Unschedulable || slices.Contains(a.acts(), patchNode) {
			t.Errorf("%s: node %+v, wrote %v", name, n.Spec, a.acts())
		}
	}
}

// Somebody uncordons the node in the middle: nothing more is evicted, in this
// process, and in another one that takes over.
func TestDrainIsCancelled(t *testing.T) {
	for name, tc := range map[string]struct {
		cordoned, another bool // by somebody before it began; another process goes on
		unmarked          bool // the mark was taken away as well
	}{
		"ours":                {},
		"ours, mark and all":  {unmarked: true},
		"ours, after a crash": {another: true},
		"what was somebody's": {cordoned: true},
	} {
		a := newAPI(t)
		n := a.addNodePods("db-0")
		a.budget = true
		if tc.cordoned {
			byPerson(n, true)
		}
		actor := a.actor(t)
		s := a.plan(t, actor, "drain", w1)
		performed(t, actor, s, remediate.Later, "disruption budget")
		byPerson(n, false)
		if tc.unmarked {
			delete(n.Annotations, kube.CordonedAnnotation)
		}
		a.budget, s.Again = false, true
		before := len(a.acts())
		if tc.another {
			actor = a.actor(t)
		}
		performed(t, actor, s, remediate.Failed, "somebody uncordoned it")
		if len(a.acts()) != before || n.Spec.Unschedulable || a.pods["db-0"] == nil {
			t.Errorf("%s: wrote %v", name, a.acts()[before:])
		}
	}
}

// No more pods are ending at a time than is said.
func TestDrainInTurns(t *testing.T) {
	a := newAPI(t)
	a.addNodePods("db-0", "db-1", "db-2")
	for _, p := range a.pods {
		p.Finalizers = []string{"their/node"}
	}
	actor := a.actor(t)
	s := a.plan(t, actor, "drain", w1)
	s.Act.Args = []byte(`{"max_parallel":2}`)
	for range 2 { // the second time both are ending still
		performed(t, actor, s, remediate.Later, "shop/db-2 and what comes after it, 1 in all")
	}
	if got := a.acts(); len(got) != 3 {
		t.Errorf("wrote %v", got)
	}
	delete(a.pods, "db-0")
	performed(t, actor, s, remediate.Later, "shop/db-2, which is ending")
	delete(a.pods, "db-1")
	delete(a.pods, "db-2")
	performed(t, actor, s, remediate.OK, "drained")
}

// A node that is not heard of never says that its pods have ended: they are not
// waited for.
func TestDrainOfANodeThatIsLost(t *testing.T) {
	a := newAPI(t)
	n := a.addNodePods("db-0", "db-1")
	n.Status.Conditions[0].Status = corev1.ConditionUnknown
	for _, p := range a.pods {
		p.Finalizers = []string{"their/node"}
	}
	actor := a.actor(t)
	performed(t, actor, a.plan(t, actor, "drain", w1), remediate.OK, "of a node that is not heard of it is not known when they end: 2")
}

// It goes on after a crash, wherever that was.
func TestDrainPerformedAgain(t *testing.T) {
	for _, done := range []int{0, 1, 2} { // of a cordon and two evictions
		a := newAPI(t)
		a.addNodePods("db-0", "db-1")
		s := a.plan(t, a.actor(t), "drain", w1)
		sent := 0
		a.fault = func(w http.ResponseWriter, r *http.Request, after bool) bool {
			if isWrite(r) && !after {
				if sent++; sent > done {
					panic(http.ErrAbortHandler)
				}
			}
			return false
		}
		a.actor(t).Perform(t.Context(), s)
		a.mend()
		s.Again = true
		actor := a.actor(t)
		performed(t, actor, s, remediate.Later, "which is ending")
		performed(t, actor, s, remediate.OK, "drained")
		cordons := 0
		for _, w := range a.acts() {
			if w == patchNode {
				cordons++
			}
		}
		if len(a.pods) != 0 || cordons > 2 {
			t.Errorf("%d done: pods %v, wrote %v", done, a.pods, a.acts())
		}
	}
}

// A pod that must not be evicted and has come since ends it, and so does a right
// that is missing; the cordon is taken back.
func TestDrainBreaksOff(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*api)
		text   string
	}{
		"a bare pod came": {func(a *api) {
			p := a.addPod("bare", corev1.ConditionTrue, 0)
			p.Spec.NodeName, p.OwnerReferences = "w1", nil
		}, "stopped: shop/bare is a bare pod"},
		"not allowed": {func(a *api) {
			a.fault = func(w http.ResponseWriter, r *http.Request, after bool) bool {
				return strings.HasSuffix(r.URL.Path, "/eviction") && answer(says(403, metav1.StatusReasonForbidden, `cannot create resource "pods/eviction"`))(w, r, after)
			}
		}, `not allowed: cannot create resource "pods/eviction"; see the role`},
	} {
		a := newAPI(t)
		n := a.addNodePods("db-0")
		a.budget = true
		actor := a.actor(t)
		s := a.plan(t, actor, "drain", w1)
		performed(t, actor, s, remediate.Later, "disruption budget")
		tc.change(a)
		r := performed(t, actor, s, remediate.Failed, tc.text)
		if !strings.HasSuffix(r.Text, "; uncordoned") || n.Spec.Unschedulable {
			t.Errorf("%s: %q, node %+v", name, r.Text, n.Spec)
		}
	}
}
