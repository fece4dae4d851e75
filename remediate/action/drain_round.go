package action

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

// maxNamed is how many pods are named where there may be many.
const maxNamed = 5

// moves tells whether a pod is one that a drain is about: neither its node's
// own, nor done.
func moves(p *corev1.Pod) bool {
	if _, mirror := p.Annotations[corev1.MirrorPodAnnotationKey]; mirror {
		return false
	}
	if p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
		return false
	}
	ref := metav1.GetControllerOf(p)
	if ref == nil {
		return true
	}
	daemon := ref.Kind == "DaemonSet" && strings.HasPrefix(ref.APIVersion, appsv1.GroupName+"/")
	static := ref.Kind == "Node" && ref.APIVersion == corev1.SchemeGroupVersion.String()
	return !daemon && !static
}

// refuses names the pods that must not be evicted, and why; "" when all may.
func (d *drain) refuses(pods []corev1.Pod) string {
	var why []string
	for i := range pods {
		p := &pods[i]
		if !moves(p) || p.DeletionTimestamp != nil {
			continue
		}
		if metav1.GetControllerOf(p) == nil && !d.Force {
			why = append(why, nameOf(p)+" is a bare pod that nothing would bring back (force: true evicts it)")
		}
		if v := emptyDir(p); v != "" && !d.DeleteEmptyDir {
			why = append(why, fmt.Sprintf("%s would lose its emptyDir %s (delete_empty_dir: true evicts it)", nameOf(p), v))
		}
	}
	return capped(why)
}

// emptyDir is the name of a volume whose data ends with the pod, "" when there
// is none.
func emptyDir(p *corev1.Pod) string {
	for _, v := range p.Spec.Volumes {
		if v.EmptyDir != nil {
			return v.Name
		}
	}
	return ""
}

func nameOf(p *corev1.Pod) string { return p.Namespace + "/" + p.Name }

func capped(texts []string) string {
	if more := len(texts) - maxNamed; more > 0 {
		texts = append(texts[:maxNamed:maxNamed], fmt.Sprintf("%d more", more))
	}
	return strings.Join(texts, "; ")
}

// remains are the pods that a round leaves on a node, with why each is there.
type remains struct {
	why     []string
	ending  int  // of them
	budget  bool // a disruption budget, or the API server, said to wait
	adrift  int  // pods that are ending on a node that is not heard of: it will not say when
	staying int  // pods that are not a drain's business
}

// round evicts so many pods as may be ending at a time, and asks to be performed
// again until none is left.
func (d *drain) round(ctx context.Context, t *attempt, w *kube.Workload, pods []corev1.Pod) remediate.Result {
	left, e := d.evict(ctx, t, w, pods)
	wait := drainEvery
	switch {
	case e != nil && (apierrors.IsForbidden(e.err) || apierrors.IsUnauthorized(e.err)):
		return t.giveUp(ctx, t.unsent(e).Text)
	case len(left.why) == 0:
		return t.tell(ctx, w, ok("drained%s", left.done()))
	case left.budget && left.ending == 0 || e != nil:
		wait = retryAfter
	}
	if !t.hasTime(wait) {
		return t.giveUp(ctx, "gave up at its deadline; left are "+capped(left.why))
	}
	return remediate.Result{Outcome: remediate.Later, Until: time.Now().Add(wait), Text: "draining; left are " + capped(left.why)}
}

// evict evicts in turn. A pod that is not evicted now does not keep the others;
// an API server that fails does.
func (d *drain) evict(ctx context.Context, t *attempt, w *kube.Workload, pods []corev1.Pod) (left remains, failure *writeError) {
	room := d.MaxParallel
	if room == 0 {
		room = defaultParallel
	}
	var stay []*corev1.Pod
	for i := range pods {
		switch p := &pods[i]; {
		case !moves(p):
			left.staying++
		case p.DeletionTimestamp == nil:
			stay = append(stay, p)
		case left.ends(p, w):
			room--
		}
	}
	for i, p := range stay {
		if room <= 0 || failure != nil {
			left.why = append(left.why, fmt.Sprintf("%s and what comes after it, %d in all, which wait for their turn", nameOf(p), len(stay)-i))
			break
		}
		e := t.evict(ctx, p.Namespace, p.Name, string(p.UID))
		status := (*metav1.Status)(nil)
		if e != nil {
			status = statusOf(e.err)
		}
		switch {
		case e == nil:
			left.ends(p, w)
			room--
		case kube.IsGone(e.err):
		case apierrors.IsConflict(e.err):
			left.why = append(left.why, nameOf(p)+", which changed as it was evicted")
		case status != nil && status.Code == http.StatusTooManyRequests:
			left.why, left.budget = append(left.why, nameOf(p)+": "+text(e.err)), true
		default:
			left.why, failure = append(left.why, nameOf(p)+": "+text(e.err)), e
		}
	}
	return left, failure
}

// ends counts a pod that is ending, and tells whether it is waited for.
func (r *remains) ends(p *corev1.Pod, w *kube.Workload) bool {
	if !w.Heard() {
		r.adrift++
		return false
	}
	r.ending++
	r.why = append(r.why, nameOf(p)+", which is ending")
	return true
}

// done says what is on a node that is drained.
func (r *remains) done() (text string) {
	if r.staying > 0 {
		text += fmt.Sprintf("; pods of DaemonSets, static ones and those that are done stay: %d", r.staying)
	}
	if r.adrift > 0 {
		text += fmt.Sprintf("; of a node that is not heard of it is not known when they end: %d", r.adrift)
	}
	return text
}
