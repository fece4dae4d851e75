package kube

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
)

// Bounds of one log.
const (
	logLines = 200
	logBytes = 64 << 10
	// logRead is what is read of the last lines before the end of that is
	// taken: a node that is told the bytes would send the beginning.
	logRead = 1 << 20
)

// Owner reads the workload that a pod belongs to, nil when there is none that
// we know, and for all that is no pod.
func (r Reader) Owner(ctx context.Context, w *Workload) (*Workload, error) {
	if w.pod == nil {
		return nil, nil
	}
	above, err := r.above(ctx, w)
	if err != nil {
		return nil, fmt.Errorf("read the owner of %s: %w", w.Target, err)
	}
	return above.workload, nil
}

// Object returns the object as it was read.
func (w *Workload) Object() runtime.Object {
	switch {
	case w.deployment != nil:
		return w.deployment
	case w.statefulSet != nil:
		return w.statefulSet
	case w.daemonSet != nil:
		return w.daemonSet
	case w.node != nil:
		return w.node
	}
	return w.pod
}

// Events lists what was reported about the object with this UID, the oldest
// first.
func (r Reader) Events(ctx context.Context, namespace string, uid types.UID) ([]corev1.Event, error) {
	if namespace == "" || uid == "" {
		return nil, judgement{errors.New("list events: an empty namespace or UID means every event: name which")}
	}
	list, err := r.client.Events(namespace).List(ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector("involvedObject.uid", string(uid)).String(),
	})
	if err != nil {
		return nil, fmt.Errorf("list events: %w", err)
	}
	events := slices.DeleteFunc(list.Items, func(e corev1.Event) bool { return e.InvolvedObject.UID != uid })
	SortEvents(events)
	return events, nil
}

// SortEvents puts the oldest first.
func SortEvents(events []corev1.Event) {
	slices.SortStableFunc(events, func(a, b corev1.Event) int {
		return cmp.Or(EventTime(&a).Compare(EventTime(&b)), strings.Compare(a.Name, b.Name))
	})
}

// EventTime is when an event was last seen, in whichever of its fields whoever
// wrote it says so.
func EventTime(e *corev1.Event) time.Time {
	at := e.CreationTimestamp.Time
	for _, t := range []time.Time{e.FirstTimestamp.Time, e.LastTimestamp.Time, e.EventTime.Time} {
		if t.After(at) {
			at = t
		}
	}
	if e.Series != nil && e.Series.LastObservedTime.After(at) {
		at = e.Series.LastObservedTime.Time
	}
	return at
}

// Log reads the last lines of a container's log, or of the log of its previous
// run; of very long lines the last 64 KiB. What was read before an error is
// returned beside it.
func (r Reader) Log(ctx context.Context, p *corev1.Pod, container string, previous bool) ([]byte, error) {
	lines, limit := int64(logLines), int64(logRead)
	stream, err := r.client.Log(p.Namespace, p.Name, &corev1.PodLogOptions{
		Container: container, Previous: previous, Timestamps: true, TailLines: &lines, LimitBytes: &limit,
	}).MaxRetries(0).Stream(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	defer stream.Close()
	b, err := io.ReadAll(io.LimitReader(stream, logRead))
	if err != nil {
		err = fmt.Errorf("read the log: %w", err)
	}
	return lastOf(b), err
}

// lastOf returns the last whole lines that a log may have.
func lastOf(b []byte) []byte {
	if len(b) <= logBytes {
		return b
	}
	b = b[len(b)-logBytes:]
	if _, whole, ok := bytes.Cut(b, []byte("\n")); ok && len(whole) > 0 {
		return whole
	}
	return b
}
