package action

import (
	"context"
	"encoding/json"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

// change is how an object is brought to where it is to be.
type change struct {
	look  func(context.Context) (*kube.Workload, *remediate.Result)
	judge func(*kube.Workload) *remediate.Result // that it is there already, or must not be brought there; nil to send
	send  func(context.Context, *kube.Workload) *writeError
	done  func(*kube.Workload) bool // what was sent is there
}

// bring brings the target to where judge says that it is, by one write. It reads
// it anew when it changed since it was judged. The result is nil when the write
// was carried out.
func (t *attempt) bring(ctx context.Context, c change) (*kube.Workload, *remediate.Result) {
	for range judgings {
		w, stop := c.look(ctx)
		if stop == nil {
			stop = t.meant(w)
		}
		if stop == nil {
			stop = c.judge(w)
		}
		if stop != nil {
			return w, stop
		}
		e := c.send(ctx, w)
		switch {
		case e == nil:
			return w, nil
		case isFieldConflict(e.err):
			return w, new(refused("another field manager owns what would be set: %s", text(e.err)))
		case apierrors.IsConflict(e.err):
			continue // it changed since it was judged: judge it anew
		case apierrors.IsInvalid(e.err) && ofAnother(e.err):
			return w, new(refused("it was deleted and made anew since it was judged: %s", text(e.err)))
		}
		r := t.unsent(e)
		if r.Outcome != remediate.Unknown {
			return w, &r
		}
		now, stop := c.look(ctx)
		if stop == nil && t.meant(now) == nil && c.done(now) {
			return now, nil // the answer was lost
		}
		return w, &r
	}
	return nil, new(t.later(fmt.Errorf("%s changes faster than it can be judged", t.Act.Target)))
}

// meant says that an object that was read is not the one that was judged, nil
// when it is.
func (t *attempt) meant(w *kube.Workload) *remediate.Result {
	switch {
	case w == nil:
		return new(refused("%s", remediate.RefusedGone))
	case string(w.Meta.UID) != t.Act.UID:
		return new(refused("it was deleted and made anew since it was judged"))
	}
	return nil
}

// template is the fingerprint that the pod template of the target must have: what
// was judged, or what an act before this one, of the same attempt, made of it.
func (t *attempt) template(w *kube.Workload) string {
	if t.ofThisAttempt(w.RolledBackBy()) {
		return w.Meta.Annotations[kube.RolledBackTo]
	}
	return t.Act.Template
}

// unseen asks to be performed again while the target's controller has not seen
// what an act before this one, of the same attempt, did to the pod template: that
// a rollout begins is our own doing. It is nil when there is nothing to wait for.
func (t *attempt) unseen(w *kube.Workload) *remediate.Result {
	ours := t.ofThisAttempt(w.RolledBackBy()) || t.ofThisAttempt(w.Attempt())
	if !ours || w.Observed >= w.Meta.Generation {
		return nil
	}
	return new(t.later(fmt.Errorf("its controller has not observed yet what this attempt did before, generation %d", w.Meta.Generation)))
}

// merge sends annotations and fields of the spec of a workload, nil for what goes.
// The body names the UID and the resourceVersion that were judged, so that it
// changes nothing else than that. It is no server-side apply: that would give up
// what a restart has applied in our name.
func (t *attempt) merge(ctx context.Context, w *kube.Workload, annotations, spec map[string]any) *writeError {
	body, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": w.Meta.UID, "resourceVersion": w.Meta.ResourceVersion, "annotations": annotations},
		"spec":     spec,
	})
	if err != nil {
		return &writeError{err: fmt.Errorf("encode what is to be changed: %w", err)}
	}
	return t.send(ctx, t.client.AppsV1.Patch(types.MergePatchType).
		Namespace(w.Target.Namespace).Resource(w.Target.Kind+"s").Name(w.Target.Name).
		VersionedParams(&metav1.PatchOptions{FieldManager: kube.Manager}, kube.Parameters).
		Body(body))
}
