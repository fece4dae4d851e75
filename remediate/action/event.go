package action

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

// eventTimeout is all that an Event may cost.
const eventTimeout = 2 * time.Second

// eventReason is the reason of all our Events.
const eventReason = "Remediation"

var eventRule = kube.Rule("events.k8s.io", []string{"events"}, "create")

// tell writes an Event beside the target that says what was done to it, for
// which incident, and how it ended. That it cannot be written is said, and
// changes nothing.
func (t *attempt) tell(ctx context.Context, w *kube.Workload, r remediate.Result) remediate.Result {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), eventTimeout)
	defer cancel()
	e := t.event(w, r)
	err := t.write(ctx, t.client.EventsV1.Post().Namespace(e.Namespace).Resource("events").Body(e))
	if err != nil && !apierrors.IsAlreadyExists(err) {
		r.Text += "; its Event could not be written: " + text(err)
	}
	return r
}

// tellIfThere is [attempt.tell] of what ended, where the target need not be there
// any more: an Event of what is gone, or cannot be read, would be about nothing.
func (t *attempt) tellIfThere(ctx context.Context, r remediate.Result) remediate.Result {
	if r.Outcome == remediate.Later {
		return r
	}
	w, stop := t.same(ctx)
	if stop != nil {
		return r
	}
	return t.tell(ctx, w, r)
}

// event has the act's ID for a name: written again, it is there already.
func (t *attempt) event(w *kube.Workload, r remediate.Result) *eventsv1.Event {
	class := corev1.EventTypeNormal
	if r.Outcome != remediate.OK {
		class = corev1.EventTypeWarning
	}
	note := fmt.Sprintf("incident %d, %s: %s: %s", t.Incident, t.ID, t.Act.Kind, r.Text)
	if len(note) > 1000 {
		note = strings.ToValidUTF8(note[:1000], "")
	}
	group, kind := object(w.Target.Kind)
	namespace := w.Target.Namespace
	if w.IsNode() {
		namespace = kube.NodeEvents
	}
	return &eventsv1.Event{
		ObjectMeta:          metav1.ObjectMeta{Name: kube.Manager + "-" + t.ID, Namespace: namespace},
		EventTime:           metav1.NowMicro(),
		ReportingController: kube.Manager,
		ReportingInstance:   t.actor.instance,
		Action:              t.Act.Kind,
		Reason:              eventReason,
		Type:                class,
		Note:                note,
		Regarding: corev1.ObjectReference{
			APIVersion: group, Kind: kind, Namespace: w.Target.Namespace, Name: w.Target.Name, UID: w.Meta.UID,
		},
	}
}

func object(kind string) (apiVersion, name string) {
	switch kind {
	case kube.Deployment:
		return "apps/v1", "Deployment"
	case kube.StatefulSet:
		return "apps/v1", "StatefulSet"
	case kube.DaemonSet:
		return "apps/v1", "DaemonSet"
	case kube.Node:
		return "v1", "Node"
	}
	return "v1", "Pod"
}
