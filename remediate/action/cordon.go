package action

import (
	"context"
	"encoding/json"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

const (
	cordonDoc     = "has no new pods put on a node; one that somebody else has cordoned stays theirs"
	cordonExample = "cordon: {}"
)

// cordon sets that no new pods are put on the node, and our mark beside it. What
// somebody else has cordoned is left as it is, so that uncordon leaves it too.
type cordon struct{}

func cordonWrites(string, json.RawMessage) []Write {
	return append(eventWrites("cordon", kube.Node), cordonWrite())
}

func (*cordon) validate() error { return nil }

func (*cordon) perform(ctx context.Context, t *attempt) remediate.Result {
	w, stop := t.change(ctx, true, t.judgeCordon)
	switch {
	case stop == nil:
		return t.tell(ctx, w, ok("cordoned"))
	case stop.Outcome == remediate.OK && w.CordonedBy() == t.ID:
		return t.tell(ctx, w, *stop)
	}
	return *stop
}

// judgeCordon says whether the node is cordoned already, or why it must not be;
// nil when it is to be.
func (t *attempt) judgeCordon(w *kube.Workload) *remediate.Result {
	mark := w.CordonedBy()
	switch {
	case mark == t.ID && !t.again:
		return new(failed("the mark %s=%s was there before it was sent: somebody else uses our IDs, or a journal was copied", kube.CordonedAnnotation, t.ID))
	case w.CordonIsOurs() && mark == t.ID:
		return new(ok("cordoned; the mark of this attempt was there already"))
	case w.CordonIsOurs():
		return new(ok("cordoned already, by our attempt %.60s; nothing was sent", mark))
	case w.Cordoned():
		return new(ok("cordoned already, by somebody else; it stays theirs and nothing was sent"))
	case t.ofThisAttempt(mark):
		return new(refused("%s since this attempt cordoned it", whatUncordoned))
	}
	return nil
}
