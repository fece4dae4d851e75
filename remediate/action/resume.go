package action

import (
	"context"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

const (
	resumeDoc     = "lets the rollout of a deployment go on that we paused, and nobody else since"
	resumeExample = "resume: {}"
)

// resume gives up what pause has set. As an undo it takes back only what its own
// attempt did.
type resume struct{}

func (*resume) validate() error { return nil }

func (*resume) perform(ctx context.Context, t *attempt) remediate.Result {
	w, stop := t.bring(ctx, change{
		look:  t.lookFor(kube.ToResume),
		judge: t.judgeResume,
		send: func(ctx context.Context, w *kube.Workload) *writeError {
			return t.merge(ctx, w, map[string]any{kube.PausedAnnotation: nil}, map[string]any{"paused": nil})
		},
		done: func(w *kube.Workload) bool { return !w.Paused() && w.PausedBy() == "" },
	})
	if stop != nil {
		return *stop
	}
	return t.tell(ctx, w, ok("resumed"))
}

// judgeResume says whether the rollout is not paused, or why it must stay so; nil
// when it is to be resumed.
func (t *attempt) judgeResume(w *kube.Workload) *remediate.Result {
	switch mark := w.PausedBy(); {
	case !w.Paused():
		return new(ok("it is not paused; nothing was sent"))
	case t.Act.Undo && (!w.PauseIsOurs() || !t.ofThisAttempt(mark)):
		return new(ok("it was not paused by this attempt, and stays so"))
	case mark == "":
		return new(refused("it is paused, and not by us: who paused it must say when it goes on, by kubectl rollout resume"))
	case !w.PauseIsOurs():
		return new(refused("somebody else paused it since our attempt %.60s did: who did must say when it goes on, by kubectl rollout resume", mark))
	case w.Refused != "":
		return new(refused("%s", w.Refused))
	}
	return nil
}
