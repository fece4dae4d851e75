package action

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

// How long a controller is waited for to see a changed template, so that it
// makes the new pods of that and not of the one before.
const (
	observeWithin = 5 * time.Second
	observeEvery  = 100 * time.Millisecond
)

// unstick evicts the pods of a restarted StatefulSet that were not ready when
// it was restarted. Its controller waits for a pod that is not ready to become
// so before it replaces any: the very pod that is the trouble would be kept.
// Only pods older than our mark are meant, so that doing it twice is harmless.
func (t *attempt) unstick(ctx context.Context, said string) remediate.Result {
	w, stop := t.observed(ctx)
	switch {
	case stop != nil:
		return *stop
	case w == nil || string(w.Meta.UID) != t.Act.UID:
		return ok("%s; it was deleted since", said)
	}
	t.again = false // the restart is known to be done; what follows is not begun
	stuck, err := t.stuck(ctx, w)
	if err != nil {
		return t.unread(err)
	}
	var names []string
	for _, p := range stuck {
		e := t.evict(ctx, p.Namespace, p.Name, string(p.UID))
		if e != nil && !kube.IsGone(e.err) {
			r := t.unsent(e)
			r.Text = fmt.Sprintf("%s, but the pod %s that is not ready stands in the way of the new ones and was not evicted: %s", said, p.Name, r.Text)
			return r
		}
		names = append(names, p.Name)
	}
	if len(names) > 0 {
		said += "; evicted " + strings.Join(names, ", ") + ", which was not ready and would have been waited for"
	}
	return ok("%s", said)
}

// observed reads the workload once its controller has seen our mark, or after
// a while.
func (t *attempt) observed(ctx context.Context) (w *kube.Workload, stop *remediate.Result) {
	until := time.Now().Add(observeWithin)
	for {
		w, stop = t.look(ctx)
		if stop != nil || w == nil || w.Observed >= w.Meta.Generation || time.Now().After(until) {
			return w, stop
		}
		select {
		case <-ctx.Done():
			return w, stop
		case <-time.After(observeEvery):
		}
	}
}

// stuck lists the workload's pods that are not ready and older than our mark.
func (t *attempt) stuck(ctx context.Context, w *kube.Workload) ([]corev1.Pod, error) {
	marked := w.AppliedAt()
	if marked.IsZero() {
		return nil, nil
	}
	sel, err := w.LabelSelector()
	if err != nil {
		return nil, err
	}
	var found, out []corev1.Pod
	err = t.read(ctx, func(ctx context.Context) (err error) {
		found, err = t.reader.Pods(ctx, w.Target.Namespace, sel)
		return err
	})
	for _, p := range found {
		ref := metav1.GetControllerOf(&p)
		if ref != nil && ref.UID == w.Meta.UID && !kube.Ready(&p) && p.DeletionTimestamp == nil && p.CreationTimestamp.Time.Before(marked) {
			out = append(out, p)
		}
	}
	return out, err
}
