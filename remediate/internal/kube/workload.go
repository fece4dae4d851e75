package kube

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Annotations of a pod template that stand for a restart.
const (
	AttemptAnnotation   = "remediated/attempt"                // ours: which attempt restarted it last
	RestartedAnnotation = "kubectl.kubernetes.io/restartedAt" // what kubectl rollout restart writes
)

// ModeAnnotation of an object or a namespace says that no more may be done to
// it than a [remediate.Mode] allows.
const ModeAnnotation = "remediated/mode"

// Workload is a target as it was read.
type Workload struct {
	Target remediate.Target
	Meta   metav1.ObjectMeta
	// Template is the pod template, nil for a pod and a node.
	Template *corev1.PodTemplateSpec
	Selector *metav1.LabelSelector // nil for a pod and a node

	Observed  int64 // the generation that its controller has seen
	Wanted    int32 // pods
	Current   int32 // pods that its controller counts, old and new
	Updated   int32 // pods of the present template
	Available int32 // pods
	Revised   bool  // a StatefulSet's current revision is the update revision; true for the others

	// Refused names why this target must not be acted on, "" when it may.
	Refused string
	// Above is the workload that a pod belongs to, nil when there is none that
	// we know, for all that is no pod, and for what was not read by
	// [Reader.Workload].
	Above *Workload

	deployment  *appsv1.Deployment
	statefulSet *appsv1.StatefulSet
	daemonSet   *appsv1.DaemonSet
	pod         *corev1.Pod
	node        *corev1.Node
}

func fromDeployment(t remediate.Target, d *appsv1.Deployment) *Workload {
	return &Workload{
		Target: t, Meta: d.ObjectMeta, Template: &d.Spec.Template, Selector: d.Spec.Selector,
		Observed: d.Status.ObservedGeneration, Wanted: one(d.Spec.Replicas),
		Current: d.Status.Replicas, Updated: d.Status.UpdatedReplicas, Available: d.Status.AvailableReplicas,
		Revised: true, deployment: d,
	}
}

func fromStatefulSet(t remediate.Target, s *appsv1.StatefulSet) *Workload {
	return &Workload{
		Target: t, Meta: s.ObjectMeta, Template: &s.Spec.Template, Selector: s.Spec.Selector,
		Observed: s.Status.ObservedGeneration, Wanted: one(s.Spec.Replicas),
		Current: s.Status.Replicas, Updated: s.Status.UpdatedReplicas, Available: s.Status.AvailableReplicas,
		Revised: s.Status.CurrentRevision == s.Status.UpdateRevision, statefulSet: s,
	}
}

func fromDaemonSet(t remediate.Target, d *appsv1.DaemonSet) *Workload {
	return &Workload{
		Target: t, Meta: d.ObjectMeta, Template: &d.Spec.Template, Selector: d.Spec.Selector,
		Observed: d.Status.ObservedGeneration, Wanted: d.Status.DesiredNumberScheduled,
		Current: d.Status.CurrentNumberScheduled, Updated: d.Status.UpdatedNumberScheduled, Available: d.Status.NumberAvailable,
		Revised: true, daemonSet: d,
	}
}

func fromPod(t remediate.Target, p *corev1.Pod) *Workload {
	w := &Workload{Target: t, Meta: p.ObjectMeta, Wanted: 1, Current: 1, Updated: 1, Revised: true, pod: p}
	w.Observed = w.Meta.Generation
	if Ready(p) {
		w.Available = 1
	}
	return w
}

// one is the API's default for an absent number of replicas.
func one(n *int32) int32 {
	if n == nil {
		return 1
	}
	return *n
}

// Ready tells whether a pod serves and is not being deleted.
func Ready(p *corev1.Pod) bool {
	if p.DeletionTimestamp != nil {
		return false
	}
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// Ended tells whether a pod runs no more, or is being deleted.
func Ended(p *corev1.Pod) bool {
	return p.DeletionTimestamp != nil || p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
}

// Text says how it stands: "1 of 1 unavailable".
func (w *Workload) Text() string {
	switch {
	case w.node != nil:
		return nodeText(w.node)
	case w.pod != nil && w.Available == 1:
		return "the pod is ready"
	case w.pod != nil:
		return "the pod is not ready"
	case w.Wanted == 0:
		return "0 replicas wanted"
	case w.Available >= w.Wanted:
		return fmt.Sprintf("%d of %d available", w.Available, w.Wanted)
	default:
		return fmt.Sprintf("%d of %d unavailable", w.Wanted-w.Available, w.Wanted)
	}
}

// Complete tells whether the last change of the template has reached every pod
// and all are available, and says what is missing. Nothing wanted is not
// complete: nothing would run.
func (w *Workload) Complete() (bool, string) {
	switch {
	case w.pod != nil, w.node != nil:
		return w.Available == 1, w.Text()
	case w.Observed < w.Meta.Generation:
		return false, fmt.Sprintf("generation %d is not observed yet", w.Meta.Generation)
	case w.Wanted == 0:
		return false, "0 replicas wanted: nothing runs"
	case w.Updated < w.Wanted:
		return false, fmt.Sprintf("%d of %d updated", w.Updated, w.Wanted)
	case w.Current > w.Updated:
		return false, fmt.Sprintf("%d old pods remain", w.Current-w.Updated)
	case w.Available < w.Wanted:
		return false, fmt.Sprintf("%d of %d available", w.Available, w.Wanted)
	case !w.Revised:
		return false, "the new revision is not the current one yet"
	}
	return true, fmt.Sprintf("%d of %d updated and available", w.Available, w.Wanted)
}

// Attempt returns the attempt that restarted it last, "" when none did.
func (w *Workload) Attempt() string {
	if w.Template == nil {
		return ""
	}
	return w.Template.Annotations[AttemptAnnotation]
}

// Fingerprint returns a hash of the pod template less our own annotation; "" for
// a pod. A restart by a human stands apart behind a dot, so that [Compare] can
// tell it from a change of what runs.
func (w *Workload) Fingerprint() string {
	if w.Template == nil {
		return ""
	}
	return fingerprint(w.Template)
}

func fingerprint(template *corev1.PodTemplateSpec) string {
	t := template.DeepCopy()
	restarted := t.Annotations[RestartedAnnotation]
	delete(t.Annotations, AttemptAnnotation)
	delete(t.Annotations, RestartedAnnotation)
	if len(t.Annotations) == 0 {
		t.Annotations = nil
	}
	sum := sha256.Sum256([]byte(canonical(t)))
	out := hex.EncodeToString(sum[:12])
	if restarted != "" {
		sum = sha256.Sum256([]byte(restarted))
		out += "." + hex.EncodeToString(sum[:4])
	}
	return out
}

// Change is what became of a pod template.
type Change int

// What [Compare] tells.
const (
	Same      Change = iota
	Restarted        // nothing but a restart by somebody else
	Moved            // what runs is another one
)

// Compare tells what became of a pod template between two fingerprints.
func Compare(before, now string) Change {
	baseBefore, _, _ := strings.Cut(before, ".")
	baseNow, restarted, _ := strings.Cut(now, ".")
	switch {
	case before == now:
		return Same
	case baseBefore == baseNow && restarted != "":
		return Restarted
	}
	return Moved
}

// SameButRestarts tells whether two fingerprints differ in nothing but a restart,
// whichever of them came first.
func SameButRestarts(a, b string) bool {
	baseA, _, _ := strings.Cut(a, ".")
	baseB, _, _ := strings.Cut(b, ".")
	return baseA == baseB
}

// RestartedBy says in words who restarted it last by kubectl's annotation.
func (w *Workload) RestartedBy() string {
	at := w.Template.Annotations[RestartedAnnotation]
	if _, err := time.Parse(time.RFC3339, at); err != nil {
		at = "a time that cannot be read"
	}
	by := "somebody"
	for _, e := range Owners(w.Meta.ManagedFields, "spec", "template", "metadata", "annotations", RestartedAnnotation) {
		by = fmt.Sprintf("somebody (field manager %.60q)", e.Manager)
	}
	return fmt.Sprintf("%s at %s", by, at)
}

// Mode returns the remediated/mode annotation as it was written, "" when there
// is none; for a pod the stricter one of its own and its workload's.
func (w *Workload) Mode() string {
	mode := w.Meta.Annotations[ModeAnnotation]
	if w.Above != nil {
		mode = stricter(mode, w.Above.Mode())
	}
	return mode
}

// stricter returns the mode that allows less. A word that is no mode is handed
// on before all others: whoever judges by it must not overlook it.
func stricter(a, b string) string {
	rank := func(mode string) int {
		return slices.Index([]string{"", string(remediate.ModeAct), string(remediate.ModeApprove), string(remediate.ModeObserve)}, mode)
	}
	if ra, rb := rank(a), rank(b); ra < 0 || rb >= 0 && ra >= rb {
		return a
	}
	return b
}

// ChangedBy says in words which field manager beside ours changed the pod
// template last, and when; "" when there is none. For a pod it is about its
// workload's. The time is when that manager last changed anything of the
// object: managedFields tell no more.
func (w *Workload) ChangedBy() string {
	if w.Above != nil {
		return w.Above.ChangedBy()
	}
	last := w.lastChange()
	switch {
	case last == nil:
		return ""
	case last.Time == nil:
		return fmt.Sprintf("%.60s at a time that is not known", last.Manager)
	}
	return fmt.Sprintf("%.60s at %s", last.Manager, last.Time.UTC().Format(time.RFC3339))
}

// AppliedAt returns when our annotation was last changed, to the second and by
// the API server's clock; zero when it never was.
func (w *Workload) AppliedAt() time.Time {
	for _, e := range Owners(w.Meta.ManagedFields, "spec", "template", "metadata", "annotations", AttemptAnnotation) {
		if e.Manager == Manager && e.Time != nil {
			return e.Time.Time
		}
	}
	return time.Time{}
}

// LabelSelector returns which pods are its own by label. It is an error when
// that would be all pods of the namespace.
func (w *Workload) LabelSelector() (labels.Selector, error) {
	s, err := metav1.LabelSelectorAsSelector(w.Selector)
	if err != nil {
		return nil, judgement{fmt.Errorf("selector of %s: %w", w.Target, err)}
	}
	if s.Empty() {
		return nil, judgement{fmt.Errorf("selector of %s: it is empty and would mean every pod of the namespace", w.Target)}
	}
	return s, nil
}
