package action

import (
	"context"
	"encoding/json"
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

const (
	pauseDoc     = "holds up the rollout of a deployment that is under way; one that somebody else has paused stays theirs"
	pauseExample = "pause: {}"

	// whatResumed is said when somebody has resumed what we paused.
	whatResumed = "somebody resumed it"
)

// pause sets that a Deployment's rollout does not go on, and our mark beside it.
// What somebody else has paused is left as it is, so that resume leaves it too.
type pause struct {
	Drift string `json:"drift,omitempty"` // accept: also where something else sets the Deployment from a repository or a release
}

func pauseRules(string, json.RawMessage) []rbacv1.PolicyRule {
	return append(kube.ObjectRules(kube.Deployment), kube.Rule("apps", []string{"deployments"}, "patch"), eventRule)
}

func (a *pause) validate() error {
	if a.Drift != "" && a.Drift != driftAccept {
		return fmt.Errorf(`"drift" is %q: want accept, or leave it out`, a.Drift)
	}
	return nil
}

func (a *pause) perform(ctx context.Context, t *attempt) remediate.Result {
	w, stop := t.bring(ctx, change{
		look:  t.lookFor(kube.ToPause),
		judge: func(w *kube.Workload) *remediate.Result { return a.judge(w, t) },
		send: func(ctx context.Context, w *kube.Workload) *writeError {
			return t.merge(ctx, w, map[string]any{kube.PausedAnnotation: t.ID}, map[string]any{"paused": true})
		},
		done: func(w *kube.Workload) bool { return w.Paused() && w.PausedBy() == t.ID },
	})
	switch {
	case stop == nil:
		return t.tell(ctx, w, ok("paused; the pods that there are stay as they are"))
	case stop.Outcome == remediate.OK && w.PausedBy() == t.ID:
		return t.tell(ctx, w, *stop)
	}
	return *stop
}

// judge says whether the rollout is paused already, or why it must not be; nil
// when it is to be.
func (a *pause) judge(w *kube.Workload, t *attempt) *remediate.Result {
	mark := w.PausedBy()
	switch {
	case mark == t.ID && !t.again:
		return new(failed("the mark %s=%s was there before it was sent: somebody else uses our IDs, or a journal was copied", kube.PausedAnnotation, t.ID))
	case w.PauseIsOurs() && mark == t.ID:
		return new(ok("paused; the mark of this attempt was there already"))
	case w.PauseIsOurs():
		return new(ok("paused already, by our attempt %.60s; nothing was sent", mark))
	case w.Paused():
		return new(ok("paused already, by somebody else; it stays theirs and nothing was sent"))
	case t.ofThisAttempt(mark):
		return new(refused("%s since this attempt paused it", whatResumed))
	case w.Refused != "":
		return new(refused("%s", w.Refused))
	}
	if by := managedBy(&w.Meta); by != "" && a.Drift != driftAccept {
		return new(refused("it is managed by %s, which would resume it or lose that it is paused: pause it there, or write drift: accept", by))
	}
	return nil
}

// lookFor returns how the target is read for a purpose.
func (t *attempt) lookFor(what kube.Purpose) func(context.Context) (*kube.Workload, *remediate.Result) {
	return func(ctx context.Context) (*kube.Workload, *remediate.Result) {
		return find(ctx, t, func(ctx context.Context) (*kube.Workload, error) {
			return t.reader.WorkloadFor(ctx, t.Act.Target, what)
		})
	}
}
