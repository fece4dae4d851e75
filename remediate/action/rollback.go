package action

import (
	"context"
	"encoding/json"
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

const (
	rollbackDoc     = "puts back the pod template of a deployment's last revision that was good"
	rollbackExample = "rollback: {}"
)

// rollback puts back an earlier pod template, as `kubectl rollout undo` does. The
// mark that it was done is on the Deployment, not on the template: that stays
// what it was, so that the ReplicaSet which is still there serves again.
type rollback struct {
	Drift string `json:"drift,omitempty"` // accept: also where something else sets the template from a repository or a release
}

func rollbackRules(string, json.RawMessage) []rbacv1.PolicyRule {
	return append(kube.ReadRules(kube.Deployment),
		kube.RevisionsRule, kube.Rule("apps", []string{"deployments"}, "patch"), eventRule)
}

func (a *rollback) validate() error {
	if a.Drift != "" && a.Drift != driftAccept {
		return fmt.Errorf(`"drift" is %q: want accept, or leave it out`, a.Drift)
	}
	return nil
}

func (a *rollback) perform(ctx context.Context, t *attempt) remediate.Result {
	switch {
	case t.Act.Undo:
		return refused("a rollback takes nothing back that a step did: it would put back whatever there was before the last release")
	case t.Act.Template == "":
		return refused("the plan does not say what it would roll back: it has no pod template")
	}
	for range judgings {
		w, next, stop := a.judge(ctx, t)
		switch {
		case stop != nil && stop.Outcome == remediate.OK:
			return t.tell(ctx, w, *stop)
		case stop != nil:
			return *stop
		}
		e := t.rollBack(ctx, w, next)
		switch {
		case e == nil:
			return t.tell(ctx, w, ok("%s", rolledBack(next)))
		case apierrors.IsConflict(e.err):
			continue // it changed since it was judged: judge it anew
		case apierrors.IsInvalid(e.err) && ofAnother(e.err):
			return refused("it was deleted and made anew since it was judged: %s", text(e.err))
		}
		r := t.unsent(e)
		if r.Outcome == remediate.Unknown && t.isRolledBack(ctx) {
			return t.tell(ctx, w, ok("%s; the answer was lost, but its mark is there", rolledBack(next)))
		}
		return r
	}
	return t.later(fmt.Errorf("%s changes faster than it can be judged", t.Act.Target))
}

// rolledBack says what was done.
func rolledBack(b *kube.Rollback) string {
	known := "; which of the earlier ones was good nobody knows any more, it is the last one"
	if b.To.Available > 0 {
		known = fmt.Sprintf(", of which %d pods still served", b.To.Available)
	}
	return fmt.Sprintf("rolled back from %s to %s%s", &b.From, &b.To, known)
}

// judge reads the target and returns from where to where it is to be rolled
// back, or the result where nothing is to be written.
func (a *rollback) judge(ctx context.Context, t *attempt) (*kube.Workload, *kube.Rollback, *remediate.Result) {
	w, stop := t.look(ctx)
	if stop == nil {
		stop = a.refuse(w, t)
	}
	if stop != nil {
		return w, nil, stop
	}
	var all []kube.Revision
	err := t.read(ctx, func(ctx context.Context) (err error) {
		all, err = t.reader.Revisions(ctx, w)
		return err
	})
	if err != nil {
		return w, nil, new(t.unread(err))
	}
	next, err := kube.RollbackOf(w, all)
	switch {
	case err != nil:
		return w, nil, new(refused("%v", err))
	case next.To.Fingerprint() != t.Act.Revision:
		return w, nil, new(refused("it would be rolled back %s by now, which is not what was judged", next))
	}
	return w, next, nil
}

// refuse says what there is to say of it before its revisions are looked at,
// nil for nothing.
func (a *rollback) refuse(w *kube.Workload, t *attempt) *remediate.Result {
	switch {
	case w == nil:
		return new(refused("%s", remediate.RefusedGone))
	case string(w.Meta.UID) != t.Act.UID:
		return new(refused("it was deleted and made anew since it was judged"))
	case w.RolledBackBy() == t.ID && t.again:
		return new(ok("rolled back; the mark of this attempt was there already"))
	case w.RolledBackBy() == t.ID:
		return new(failed("the mark %s=%s was there before it was sent: somebody else uses our IDs, or a journal was copied", kube.RolledBackBy, t.ID))
	case kube.Compare(t.template(w), w.Fingerprint()) != kube.Same:
		return new(refused("somebody else changed its pod template since it was judged"))
	}
	if wait := t.unseen(w); wait != nil {
		return wait
	}
	if w.Refused != "" {
		return new(refused("%s", w.Refused))
	}
	if by := managedBy(&w.Meta); by != "" && a.Drift != driftAccept {
		return new(refused("it is managed by %s, which would bring the release back or lose the rollback: %s, or write drift: accept", by, rollBackThere(by)))
	}
	return nil
}

// rollBackThere says how what manages an object is had to roll it back.
func rollBackThere(by string) string {
	if by == byHelm {
		return "have Helm roll it back, as the policy bad-helm-release does with the Job of deploy/helm"
	}
	return "roll it back there"
}
