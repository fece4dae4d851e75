package action

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

var w1 = remediate.Target{Cluster: "prod", Kind: "node", Name: "w1"}

const patchNode = "PATCH /api/v1/nodes/w1"

// addNode makes one that is ready.
func (a *api) addNode() *corev1.Node {
	n := &corev1.Node{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Node"},
		ObjectMeta: metav1.ObjectMeta{Name: "w1", UID: "u3", ResourceVersion: "10", Annotations: map[string]string{}, Labels: map[string]string{}},
		Status:     corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}},
	}
	a.nodes["w1"] = n
	return n
}

// applyNode is a server-side apply of what we own of a node: given up is what is
// not applied anew, and gone when nobody else has set it.
func (a *api) applyNode(r *http.Request, n *corev1.Node) *metav1.Status {
	if r.Method != http.MethodPatch {
		return nil
	}
	q := r.URL.Query()
	if r.Header.Get("Content-Type") != string(types.ApplyPatchType) || q.Get("fieldManager") != kube.Manager || q.Get("force") != "false" {
		a.t.Errorf("patch %s as %s", r.URL, r.Header.Get("Content-Type"))
	}
	var body corev1.Node
	a.decode(r, &body)
	switch {
	case body.UID != n.UID:
		s := says(422, metav1.StatusReasonInvalid, "metadata.uid: Invalid value: field is immutable")
		s.Details.Causes = []metav1.StatusCause{{Field: "metadata.uid", Message: "field is immutable"}}
		return s
	case body.ResourceVersion != n.ResourceVersion:
		return says(409, metav1.StatusReasonConflict, "the object has been modified")
	}
	n.ManagedFields = slices.DeleteFunc(n.ManagedFields, func(e metav1.ManagedFieldsEntry) bool { return e.Manager == kube.Manager })
	if len(n.ManagedFields) == 0 || body.Spec.Unschedulable {
		n.Spec.Unschedulable = body.Spec.Unschedulable
	}
	if body.Spec.Unschedulable {
		n.ManagedFields = append(n.ManagedFields, owned(kube.Manager))
	}
	delete(n.Annotations, kube.CordonedAnnotation)
	if id := body.Annotations[kube.CordonedAnnotation]; id != "" {
		n.Annotations[kube.CordonedAnnotation] = id
	}
	touch(&n.ObjectMeta)
	return nil
}

func owned(manager string) metav1.ManagedFieldsEntry {
	return metav1.ManagedFieldsEntry{Manager: manager, FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(`{"f:spec":{"f:unschedulable":{}}}`)}
}

// byPerson cordons a node, or uncordons it, as kubectl does.
func byPerson(n *corev1.Node, cordon bool) {
	n.Spec.Unschedulable, n.ManagedFields = cordon, nil
	if cordon {
		n.ManagedFields = []metav1.ManagedFieldsEntry{owned("kubectl-cordon")}
	}
	touch(&n.ObjectMeta)
}

func TestCordonAndUncordon(t *testing.T) {
	a := newAPI(t)
	n := a.addNode()
	actor := a.actor(t)
	s := a.plan(t, actor, "cordon", w1)
	performed(t, actor, s, remediate.OK, "cordoned")
	if !n.Spec.Unschedulable || n.Annotations[kube.CordonedAnnotation] != s.ID {
		t.Errorf("node %+v %+v", n.Spec, n.Annotations)
	}
	if len(a.events) != 1 || a.events[0].Namespace != "default" || a.events[0].Regarding.Kind != "Node" || a.events[0].Regarding.Namespace != "" {
		t.Errorf("events %+v", a.events)
	}
	s.Again = true
	performed(t, actor, s, remediate.OK, "the mark of this attempt was there already")
	other := s
	other.ID, other.Again = "j-i43-a1", false
	performed(t, actor, other, remediate.OK, "cordoned already, by our attempt j-i42-a1")
	if got := a.acts(); !slices.Equal(got, []string{patchNode}) {
		t.Errorf("wrote %v", got)
	}

	back := a.plan(t, actor, "uncordon", w1)
	back.ID, back.Act.Undo = "j-i42-a1-u1", true
	performed(t, actor, back, remediate.OK, "uncordoned; attempt j-i42-a1 had cordoned it")
	if n.Spec.Unschedulable || n.Annotations[kube.CordonedAnnotation] != "" {
		t.Errorf("node %+v %+v", n.Spec, n.Annotations)
	}
	back.Again = true
	performed(t, actor, back, remediate.OK, "it is not cordoned; nothing was sent")
	if len(a.acts()) != 2 {
		t.Errorf("wrote %v", a.acts())
	}
}

// What is refused, and what is left as it is: nothing is sent.
func TestCordonAndUncordonLeaveAlone(t *testing.T) {
	ours := func(n *corev1.Node, by string) {
		n.Spec.Unschedulable, n.ManagedFields = true, []metav1.ManagedFieldsEntry{owned(kube.Manager)}
		n.Annotations[kube.CordonedAnnotation] = by
	}
	for name, tc := range map[string]struct {
		kind          string
		change        func(*corev1.Node, *remediate.Started)
		outcome, text string
	}{
		"somebody else's":           {"cordon", func(n *corev1.Node, _ *remediate.Started) { byPerson(n, true) }, remediate.OK, "cordoned already, by somebody else"},
		"a mark before it was sent": {"cordon", func(n *corev1.Node, _ *remediate.Started) { ours(n, "j-i42-a1") }, remediate.Failed, "somebody else uses our IDs"},
		"uncordoned since": {"cordon", func(n *corev1.Node, s *remediate.Started) {
			n.Annotations[kube.CordonedAnnotation], s.Again = "j-i42-a1", true
		}, remediate.Refused, "somebody uncordoned it"},
		"another node":  {"cordon", func(n *corev1.Node, _ *remediate.Started) { n.UID = "another" }, remediate.Refused, "made anew"},
		"gone":          {"cordon", func(n *corev1.Node, s *remediate.Started) { s.Act.Target.Name = "w2" }, remediate.Refused, remediate.RefusedGone},
		"control plane": {"cordon", func(n *corev1.Node, _ *remediate.Started) { n.Labels["node-role.kubernetes.io/control-plane"] = "" }, remediate.Refused, "control plane"},
		"no node":       {"cordon", func(_ *corev1.Node, s *remediate.Started) { s.Act.Target = web }, remediate.Refused, "it is for node"},
		"no mark":       {"uncordon", func(n *corev1.Node, _ *remediate.Started) { byPerson(n, true) }, remediate.Refused, "not by us"},
		"cordoned anew": {"uncordon", func(n *corev1.Node, _ *remediate.Started) {
			ours(n, "j-i41-a1")
			byPerson(n, true)
		}, remediate.Refused, "somebody else cordoned it since"},
		"an undo of another attempt's": {"uncordon", func(n *corev1.Node, s *remediate.Started) {
			ours(n, "j-i42-a11")
			s.Act.Undo = true
		}, remediate.Refused, "not this one's to take back"},
	} {
		a := newAPI(t)
		n := a.addNode()
		actor := a.actor(t)
		s := a.plan(t, actor, tc.kind, w1)
		tc.change(n, &s)
		performed(t, actor, s, tc.outcome, tc.text)
		if len(a.acts()) != 0 {
			t.Errorf("%s: wrote %v", name, a.acts())
		}
	}
}

// A mark that somebody's uncordon has left behind keeps no later attempt.
func TestCordonOverAnOldMark(t *testing.T) {
	a := newAPI(t)
	n := a.addNode()
	n.Annotations[kube.CordonedAnnotation] = "j-i40-a1"
	actor := a.actor(t)
	performed(t, actor, a.plan(t, actor, "cordon", w1), remediate.OK, "cordoned")
	if n.Annotations[kube.CordonedAnnotation] != "j-i42-a1" {
		t.Errorf("marks %v", n.Annotations)
	}
}

func TestCordonWhoseAnswerIsLost(t *testing.T) {
	for name, tc := range map[string]struct {
		fault   func(http.ResponseWriter, *http.Request, bool) bool
		outcome string
	}{
		"after it was done":  {cut(1, true), remediate.OK},
		"before it was done": {cut(1, false), remediate.Unknown},
		"forbidden":          {answer(says(403, metav1.StatusReasonForbidden, `cannot patch resource "nodes"`)), remediate.Failed},
		"unavailable":        {answer(says(503, metav1.StatusReasonServiceUnavailable, "later")), remediate.Later},
	} {
		a := newAPI(t)
		a.addNode()
		actor := a.actor(t)
		s := a.plan(t, actor, "cordon", w1)
		a.fault = tc.fault
		if r := actor.Perform(t.Context(), s); r.Outcome != tc.outcome {
			t.Errorf("%s: got %+v, want %s", name, r, tc.outcome)
		}
		if len(a.acts()) != 1 {
			t.Errorf("%s: sent %d times", name, len(a.acts()))
		}
	}
}

// The node changes between the look and the request: it is judged anew, and left
// alone where a person was faster.
func TestCordonOfANodeThatChanges(t *testing.T) {
	for name, tc := range map[string]struct {
		change        func(*corev1.Node)
		outcome, text string
	}{
		"a heartbeat": {func(n *corev1.Node) { touch(&n.ObjectMeta) }, remediate.OK, "cordoned"},
		"a person":    {func(n *corev1.Node) { byPerson(n, true) }, remediate.OK, "by somebody else"},
		"another one": {func(n *corev1.Node) { n.UID = "another" }, remediate.Refused, "made anew"},
	} {
		a := newAPI(t)
		n := a.addNode()
		actor := a.actor(t)
		s := a.plan(t, actor, "cordon", w1)
		done := false
		a.fault = func(_ http.ResponseWriter, r *http.Request, after bool) bool {
			if isWrite(r) && !after && !done {
				done = true
				tc.change(n)
			}
			return false
		}
		performed(t, actor, s, tc.outcome, tc.text)
		if ours := n.Annotations[kube.CordonedAnnotation] != ""; ours != (name == "a heartbeat") {
			t.Errorf("%s: marks %v", name, n.Annotations)
		}
	}
}

// soon is when to look again, and whether the result asks for it.
func soon(t *testing.T, r remediate.Result, want time.Duration) {
	t.Helper()
	if wait := time.Until(r.Until).Round(time.Second); wait != want {
		t.Errorf("look again in %s, want %s: %s", wait, want, strings.TrimSpace(r.Text))
	}
}
