package action

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

const (
	scaleDoc     = "sets the replicas of a deployment or statefulset and notes how many there were; restore: true sets them back"
	scaleExample = "scale: {replicas: 3}"

	// Annotations of what we scaled. They are written with the replicas, in
	// one request.
	scaledFrom = "remediated/scaled-from" // how many replicas there were before we scaled it first
	scaledTo   = "remediated/scaled-to"   // how many we wanted last: another number is somebody else's
	scaledBy   = "remediated/scaled-by"   // which act did it last

	driftAccept = "accept"
)

// scale sets a number of replicas, or sets back what an earlier one changed.
type scale struct {
	Replicas *int32 `json:"replicas,omitempty"`
	Floor    *int32 `json:"floor,omitempty"` // nil is 1
	Drift    string `json:"drift,omitempty"` // accept: also where something else sets the replicas from a repository or a release
	Restore  bool   `json:"restore,omitempty"`
}

func scaleRules(target string, _ json.RawMessage) []rbacv1.PolicyRule {
	var resources []string
	for _, k := range scalable(target) {
		resources = append(resources, k+"s")
	}
	return append(kube.ReadRules(target), kube.Rule("apps", resources, "patch"),
		kube.Rule("autoscaling", []string{"horizontalpodautoscalers"}, "list"), eventRule)
}

// scalable are the kinds that a target of this kind may turn out to be, and that
// can be scaled.
func scalable(target string) []string {
	if target == kube.Deployment || target == kube.StatefulSet {
		return []string{target}
	}
	return []string{kube.Deployment, kube.StatefulSet}
}

func (a *scale) validate() error {
	floor := int32(1)
	if a.Floor != nil {
		floor = *a.Floor
	}
	switch {
	case (a.Replicas != nil) == a.Restore:
		return errors.New(`give exactly one of "replicas", how many there shall be, and "restore", which is true`)
	case a.Restore && (a.Floor != nil || a.Drift != ""):
		return errors.New(`"restore" takes neither floor nor drift: it sets back what there was`)
	case a.Restore:
		return nil
	case a.Drift != "" && a.Drift != driftAccept:
		return fmt.Errorf(`"drift" is %q: want accept, or leave it out`, a.Drift)
	case floor < 0:
		return fmt.Errorf(`"floor" is %d: want 0 or more`, floor)
	case *a.Replicas < 0:
		return fmt.Errorf(`"replicas" is %d: want a number of pods`, *a.Replicas)
	case *a.Replicas < floor && a.Floor == nil:
		return fmt.Errorf(`"replicas" is %d, which stops it: write floor: 0 beside it where that is meant`, *a.Replicas)
	case *a.Replicas < floor:
		return fmt.Errorf(`"replicas" is %d, below the floor of %d`, *a.Replicas, floor)
	}
	return nil
}

// stops tells whether nothing runs then.
func (a *scale) stops() bool { return a.Replicas != nil && *a.Replicas == 0 }

// scaling is what is to be written: the annotations, nil for one that goes, and
// what there is to say of it then.
type scaling struct {
	replicas    int32
	annotations map[string]any
	done        string
}

func (a *scale) perform(ctx context.Context, t *attempt) remediate.Result {
	for range judgings {
		w, next, r := a.judge(ctx, t)
		switch {
		case next == nil && w != nil && r.Outcome == remediate.OK:
			return t.tell(ctx, w, r)
		case next == nil:
			return r
		}
		e := t.merge(ctx, w, next.annotations, map[string]any{"replicas": next.replicas})
		switch {
		case e == nil:
			return t.tell(ctx, w, ok("%s", next.done))
		case apierrors.IsConflict(e.err):
			continue // it changed since it was judged: judge it anew
		case apierrors.IsInvalid(e.err) && ofAnother(e.err):
			return refused("it was deleted and made anew since it was judged: %s", text(e.err))
		}
		r = t.unsent(e)
		if r.Outcome == remediate.Unknown && a.isDone(ctx, t, next) {
			return t.tell(ctx, w, ok("%s; the answer was lost", next.done))
		}
		return r
	}
	return t.later(fmt.Errorf("%s changes faster than it can be judged", t.Act.Target))
}

// judge reads the target and returns what is to be written, or the result where
// there is nothing to write.
func (a *scale) judge(ctx context.Context, t *attempt) (*kube.Workload, *scaling, remediate.Result) {
	w, stop := a.look(ctx, t)
	switch {
	case stop != nil:
		return nil, nil, *stop
	case w == nil:
		return nil, nil, refused("%s", remediate.RefusedGone)
	case string(w.Meta.UID) != t.Act.UID:
		return nil, nil, refused("it was deleted and made anew since it was judged")
	}
	next, r := a.next(w, t)
	if next == nil {
		return w, nil, r
	}
	if stop := t.autoscaled(ctx, w); stop != nil {
		return w, nil, *stop
	}
	return w, next, r
}

// look reads the target. To set back what we did, it is no matter what else goes
// on: pods that do not come up, or not yet, look like a rollout.
func (a *scale) look(ctx context.Context, t *attempt) (*kube.Workload, *remediate.Result) {
	if a.Restore || t.Act.Undo {
		return t.same(ctx)
	}
	return t.look(ctx)
}

func (a *scale) next(w *kube.Workload, t *attempt) (*scaling, remediate.Result) {
	if a.Restore {
		return t.restoring(w)
	}
	return t.scaling(w, *a.Replicas, a.Drift == driftAccept)
}

// scaling is what sets a number of replicas.
func (t *attempt) scaling(w *kube.Workload, want int32, drift bool) (*scaling, remediate.Result) {
	was := readScaled(w)
	switch {
	case was.by == t.ID && t.again && w.Wanted != want:
		return nil, ok("scaled to %d replicas by this attempt; somebody else made it %d since, and it stays so", want, w.Wanted)
	case was.by == t.ID && t.again:
		return nil, ok("scaled to %d replicas; the mark of this attempt was there already", want)
	case was.by == t.ID:
		return nil, failed("the mark %s=%s was there before it was sent: somebody else uses our IDs, or a journal was copied", scaledBy, t.ID)
	case w.Wanted == want:
		return nil, ok("%d replicas are wanted already; nothing was sent", want)
	case w.Refused != "":
		return nil, refused("%s", w.Refused)
	}
	if by := managedBy(&w.Meta); by != "" && !drift {
		return nil, refused("it is managed by %s, which would set its replicas back or lose them: scale it there, or write drift: accept", by)
	}
	from := w.Wanted
	if was.stands(w.Wanted) {
		from = was.from // ours was not set back: what was before it is what it shall be again
	}
	return &scaling{want, map[string]any{
		scaledFrom: number(from), scaledTo: number(want), scaledBy: t.ID,
	}, fmt.Sprintf("scaled from %d to %d replicas", w.Wanted, want)}, remediate.Result{}
}

// restoring is what sets back the replicas that we changed.
func (t *attempt) restoring(w *kube.Workload) (*scaling, remediate.Result) {
	was := readScaled(w)
	switch {
	case !was.there && (t.again || t.Act.Undo):
		return nil, ok("nothing of ours is scaled, or no longer")
	case !was.there:
		return nil, refused("nothing of ours is scaled: it has no annotation %s; say how many there shall be by scale: {replicas: N}", scaledFrom)
	case t.Act.Undo && !t.ofThisAttempt(was.by):
		return nil, ok("it was scaled by %s before, and stays so", was.by)
	case !was.readable:
		return nil, refused("its annotations %s and %s are not both numbers: set its replicas by hand and remove them", scaledFrom, scaledTo)
	case w.Wanted != was.to:
		return nil, refused("somebody else changed its replicas since %s set %d: there are %d wanted, %+d; set them by hand and remove the annotations remediated/scaled-*",
			was.by, was.to, w.Wanted, w.Wanted-was.to)
	case was.from < 1:
		return nil, refused("there were %d replicas before: to set them back would stop it; that takes a step of its own, scale: {replicas: 0, floor: 0}", was.from)
	}
	return &scaling{was.from, map[string]any{scaledFrom: nil, scaledTo: nil, scaledBy: nil},
		fmt.Sprintf("set back from %d to %d replicas, as they were before %s", w.Wanted, was.from, was.by)}, remediate.Result{}
}

// scaled is what our annotations of a workload say.
type scaled struct {
	from, to        int32
	by              string
	there, readable bool
}

func readScaled(w *kube.Workload) scaled {
	_, there := w.Meta.Annotations[scaledFrom]
	from, err := strconv.ParseInt(w.Meta.Annotations[scaledFrom], 10, 32)
	to, err2 := strconv.ParseInt(w.Meta.Annotations[scaledTo], 10, 32)
	return scaled{int32(from), int32(to), w.Meta.Annotations[scaledBy], there, err == nil && err2 == nil}
}

// stands tells whether the replicas are those that we set.
func (s scaled) stands(replicas int32) bool { return s.readable && s.to == replicas }

func number(n int32) string { return strconv.Itoa(int(n)) }

// isDone tells whether a request whose answer was lost was carried out.
func (a *scale) isDone(ctx context.Context, t *attempt, next *scaling) bool {
	w, stop := t.same(ctx)
	if stop != nil {
		return false
	}
	was := readScaled(w)
	if a.Restore {
		return !was.there && w.Wanted == next.replicas
	}
	return was.by == t.ID
}
