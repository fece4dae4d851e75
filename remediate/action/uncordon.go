package action

import (
	"context"
	"encoding/json"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

const (
	uncordonDoc     = "lets new pods be put on a node again that we cordoned, and nobody else since"
	uncordonExample = "uncordon: {}"
)

// uncordon gives up what cordon or drain has set. As an undo it takes back only
// what its own attempt did.
type uncordon struct{}

func uncordonWrites(string, json.RawMessage) []Write {
	return append(eventWrites("uncordon", kube.Node), uncordonWrite())
}

func (*uncordon) validate() error { return nil }

func (*uncordon) perform(ctx context.Context, t *attempt) remediate.Result {
	w, stop := t.change(ctx, false, t.judgeUncordon)
	if stop != nil {
		return *stop
	}
	return t.tell(ctx, w, ok("uncordoned; attempt %.60s had cordoned it", w.CordonedBy()))
}

// judgeUncordon says whether the node is not cordoned, or why it must stay so;
// nil when it is to be uncordoned.
func (t *attempt) judgeUncordon(w *kube.Workload) *remediate.Result {
	switch mark := w.CordonedBy(); {
	case !w.Cordoned():
		return new(ok("it is not cordoned; nothing was sent"))
	case mark == "":
		return new(refused("it is cordoned, and not by us: who cordoned it must say when it is over"))
	case !w.CordonIsOurs():
		return new(refused("somebody else cordoned it since our attempt %.60s did: who did must say when it is over", mark))
	case t.Act.Undo && !t.ofThisAttempt(mark):
		return new(refused("our attempt %.60s cordoned it, not this one: that is not this one's to take back", mark))
	}
	return nil
}
