package action

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

const (
	restartDoc     = "replaces all pods of a deployment, statefulset or daemonset, by its own update strategy"
	restartExample = "restart: {}"

	// judgings is how often the target is read anew when it changes between
	// being judged and being written.
	judgings = 4
)

// restart marks the pod template with the act's ID, by server-side apply. The
// mark makes it harmless to send twice, tells ours from somebody else's, and
// owns nothing but itself.
type restart struct{}

func restartRules(target string, _ json.RawMessage) []rbacv1.PolicyRule {
	var resources []string
	for _, k := range restartable(target) {
		resources = append(resources, k+"s")
	}
	rules := append(kube.ReadRules(target), kube.Rule("apps", resources, "patch"), eventRule)
	if target != kube.Deployment && target != kube.DaemonSet {
		rules = append(rules, kube.Rule("", []string{"pods"}, "list"), evictionRule)
	}
	return rules
}

// restartable are the kinds that a target of this kind may turn out to be.
func restartable(target string) []string {
	all := []string{kube.Deployment, kube.StatefulSet, kube.DaemonSet}
	if slices.Contains(all, target) {
		return []string{target}
	}
	return all
}

func (*restart) validate() error { return nil }

func (*restart) perform(ctx context.Context, t *attempt) remediate.Result {
	if t.Act.Template == "" && !t.Act.Undo {
		return refused("the plan does not say what it would restart: it has no pod template")
	}
	for range judgings {
		w, stop := t.look(ctx)
		if stop != nil {
			return *stop
		}
		done, stop := t.judge(w)
		switch {
		case stop != nil:
			return *stop
		case done:
			return t.finish(ctx, w, "restarted; the mark of this attempt was there already")
		}
		e := t.apply(ctx, w)
		switch {
		case e == nil:
			return t.finish(ctx, w, "restarted")
		case apierrors.IsConflict(e.err) && !isFieldConflict(e.err):
			continue // it changed since it was judged: judge it anew
		}
		if r := t.unapplied(ctx, e); r != nil {
			return *r
		}
		return t.finish(ctx, w, "restarted; the answer was lost, but its mark is there")
	}
	return t.later(fmt.Errorf("%s changes faster than it can be judged", t.Act.Target))
}

// judge says whether the restart is done already, or why it must not be done.
func (t *attempt) judge(w *kube.Workload) (done bool, stop *remediate.Result) {
	switch {
	case w == nil:
		return false, new(refused("%s", remediate.RefusedGone))
	case string(w.Meta.UID) != t.Act.UID:
		return false, new(refused("it was deleted and made anew since it was judged"))
	case w.Attempt() == t.ID && t.again:
		return true, nil
	case w.Attempt() == t.ID:
		return false, new(failed("the mark %s=%s was there before it was sent: somebody else uses our IDs, or a journal was copied", kube.AttemptAnnotation, t.ID))
	}
	was := t.template(w)
	if was == "" { // what is taken back may have changed it
		was = w.Fingerprint()
	}
	switch kube.Compare(was, w.Fingerprint()) {
	case kube.Moved:
		return false, new(refused("somebody else changed its pod template since it was judged"))
	case kube.Restarted:
		return false, new(ok("%s restarted it already; nothing was sent", w.RestartedBy()))
	}
	switch wait := t.unseen(w); {
	case wait != nil:
		return false, wait
	case w.Refused != "":
		return false, new(refused("%s", w.Refused))
	case w.Wanted == 0:
		return false, new(refused("0 replicas are wanted: there is nothing to restart"))
	}
	return false, nil
}

// apply sends the mark. Its body names the UID and the resourceVersion that
// were judged, so that it changes nothing else than that.
func (t *attempt) apply(ctx context.Context, w *kube.Workload) *writeError {
	body, err := json.Marshal(mark(w, t.ID))
	if err != nil {
		return &writeError{err: fmt.Errorf("encode the restart: %w", err)}
	}
	force := w.MarkIsLeft() // it names nothing but the mark, so it takes nothing else
	r := t.client.AppsV1.Patch(types.ApplyPatchType).
		Namespace(w.Target.Namespace).Resource(w.Target.Kind+"s").Name(w.Target.Name).
		VersionedParams(&metav1.PatchOptions{FieldManager: kube.Manager, Force: &force}, kube.Parameters).
		Body(body)
	return t.send(ctx, r)
}

// mark is all that is said of the workload.
func mark(w *kube.Workload, id string) map[string]any {
	template := map[string]any{"metadata": map[string]any{"annotations": map[string]string{kube.AttemptAnnotation: id}}}
	body := asJudged(w)
	body["spec"] = map[string]any{"template": template}
	return body
}

// asJudged is the beginning of what is applied to an object: it holds for what was
// judged alone, by its UID and its resourceVersion.
func asJudged(w *kube.Workload) map[string]any {
	apiVersion, kind := object(w.Target.Kind)
	meta := map[string]any{"name": w.Target.Name, "uid": w.Meta.UID, "resourceVersion": w.Meta.ResourceVersion}
	if w.Target.Namespace != "" {
		meta["namespace"] = w.Target.Namespace
	}
	return map[string]any{"apiVersion": apiVersion, "kind": kind, "metadata": meta}
}

// unapplied is what became of a mark that was not acknowledged; nil when it is
// there nevertheless.
func (t *attempt) unapplied(ctx context.Context, e *writeError) *remediate.Result {
	switch {
	case isFieldConflict(e.err):
		return new(refused("another field manager owns our mark: %s", text(e.err)))
	case apierrors.IsInvalid(e.err) && ofAnother(e.err):
		return new(refused("it was deleted and made anew since it was judged: %s", text(e.err)))
	}
	r := t.unsent(e)
	if r.Outcome != remediate.Unknown {
		return &r
	}
	if w, stop := t.look(ctx); stop == nil && w != nil && string(w.Meta.UID) == t.Act.UID && w.Attempt() == t.ID {
		return nil
	}
	return &r
}

// finish does what a changed template alone does not, and writes the Event.
func (t *attempt) finish(ctx context.Context, w *kube.Workload, text string) remediate.Result {
	r := ok("%s", text)
	if w.Target.Kind == kube.StatefulSet {
		if r = t.unstick(ctx, text); r.Outcome == remediate.Later {
			return r
		}
	}
	return t.tell(ctx, w, r)
}

func isFieldConflict(err error) bool {
	return apierrors.HasStatusCause(err, metav1.CauseTypeFieldManagerConflict)
}
