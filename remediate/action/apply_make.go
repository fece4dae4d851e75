package action

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

// make makes the object. It is created, not applied: applied it would be added to
// what somebody has made of that name in between.
func (t *attempt) make(ctx context.Context, m *manifest) remediate.Result {
	there, stop := t.subject(ctx, m)
	switch {
	case stop != nil:
		return *stop
	case there != nil:
		return t.isThere(m, there)
	}
	e := t.create(ctx, m)
	if e == nil {
		return madeAs(m)
	}
	r := t.unsent(e)
	if r.Outcome == remediate.Unknown || apierrors.IsAlreadyExists(e.err) {
		if there, stop := t.subject(ctx, m); stop == nil && there != nil {
			return t.isThere(m, there)
		}
	}
	return r
}

func (t *attempt) create(ctx context.Context, m *manifest) *writeError {
	body, err := json.Marshal(map[string]any{
		"apiVersion": m.apiVersion, "kind": m.kind, "spec": m.spec,
		"metadata": map[string]any{"name": m.name, "annotations": map[string]string{appliedAnnotation: t.ID}},
	})
	if err != nil {
		return &writeError{err: fmt.Errorf("encode what is to be made: %w", err)}
	}
	return t.send(ctx, t.client.CoreV1.Post().AbsPath(m.path(t.Act.Target.Namespace)).
		SetHeader("Content-Type", runtime.ContentTypeJSON).
		VersionedParams(&metav1.CreateOptions{FieldManager: kube.Manager}, kube.Parameters).
		Body(body))
}

// isThere is the result where there is an object of that name.
func (t *attempt) isThere(m *manifest, there *subject) remediate.Result {
	mark := there.mark()
	switch {
	case mark == "":
		return failed("there is a %s that is not ours", m)
	case there.DeletionTimestamp != nil:
		return t.later(fmt.Errorf("the %s is being deleted", m))
	case mark == t.ID && !t.again:
		return failed("the %s of %s was there before it was sent: somebody else uses our IDs, or a journal was copied", m, mark)
	case !m.is(there):
		return failed("the %s that %.60s made is not as the manifest says: somebody changed it, or the policy", m, mark)
	case mark != t.ID:
		return ok("the %s is there already, by %.60s; nothing was sent", m, mark)
	}
	return madeAs(m)
}

func madeAs(m *manifest) remediate.Result { return ok("made the %s as the manifest says", m) }

// is tells whether an object is as the manifest says.
func (m *manifest) is(o *subject) bool { return reflect.DeepEqual(any(o.Spec), m.spec) }

// unmake deletes what was made, that very object. Whether the target is still
// there is no matter.
func (t *attempt) unmake(ctx context.Context, m *manifest) remediate.Result {
	for range judgings {
		there, stop := t.subject(ctx, m)
		switch {
		case stop != nil:
			return *stop
		case there == nil:
			return ok("there is no %s, or no longer", m)
		case there.mark() == "":
			return failed("there is a %s that is not ours: it is left as it is", m)
		case t.Act.Undo && !t.ofThisAttempt(there.mark()):
			return ok("the %s was made by %.60s before, and stays", m, there.mark())
		case there.DeletionTimestamp != nil:
			return ok("the %s is being deleted already", m)
		case !m.is(there):
			return refused("somebody changed the %s since %.60s made it: delete it by hand", m, there.mark())
		}
		e := t.send(ctx, t.client.CoreV1.Delete().AbsPath(m.path(t.Act.Target.Namespace), m.name).
			Body(&metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &there.UID, ResourceVersion: &there.ResourceVersion}}))
		switch {
		case e == nil:
			return ok("deleted the %s that %.60s made", m, there.mark())
		case kube.IsGone(e.err):
			return ok("the %s was gone when the request arrived", m)
		case apierrors.IsConflict(e.err):
			continue // it was changed or replaced since it was looked at
		}
		r := t.unsent(e)
		if r.Outcome == remediate.Unknown {
			if now, stop := t.subject(ctx, m); stop == nil && (now == nil || now.UID != there.UID) {
				return ok("deleted the %s that %.60s made; the answer was lost", m, there.mark())
			}
		}
		return r
	}
	return t.later(fmt.Errorf("the %s changes faster than it can be deleted", m))
}
