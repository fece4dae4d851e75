package kube

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
)

// PausedAnnotation of a Deployment says which attempt of ours paused its
// rollout. It is written with the pause, in one request.
const PausedAnnotation = "remediated/paused"

// Purpose is what a target is read for, where less is refused of it than of a
// restart, which is "".
type Purpose string

// To pause a rollout is for one that is under way, and to resume it for one that
// is paused. To roll back takes a revision to go back to, which is looked for
// besides.
const (
	ToPause    Purpose = "pause"
	ToResume   Purpose = "resume"
	ToRollBack Purpose = "rollback"
)

// Paused tells whether the rollout of a Deployment is paused.
func (w *Workload) Paused() bool { return w.deployment != nil && w.deployment.Spec.Paused }

// PausedBy returns the attempt of ours that paused its rollout last, "" when none
// did. It may be resumed since.
func (w *Workload) PausedBy() string { return w.Meta.Annotations[PausedAnnotation] }

// PauseIsOurs tells whether it was we who paused its rollout, and nobody has
// paused it anew.
func (w *Workload) PauseIsOurs() bool {
	if !w.Paused() || w.PausedBy() == "" {
		return false
	}
	setters := Owners(w.Meta.ManagedFields, "spec", "paused")
	return len(setters) == 1 && setters[0].Manager == Manager
}

// refusedPaused is for a rollout that is paused: a changed template would replace
// no pod.
func (w *Workload) refusedPaused() string {
	if w.PauseIsOurs() {
		return fmt.Sprintf("its rollout is paused by our attempt %.60s: resume it first", w.PausedBy())
	}
	return "its rollout is paused: somebody is working on it"
}

// refusedPurpose names why a Deployment's rollout must not be paused; that it is
// to be resumed is never refused here.
func (w *Workload) refusedPurpose(what Purpose) string {
	switch {
	case what != ToPause || w.Paused():
		return ""
	case w.Observed == w.Meta.Generation && w.Updated >= w.Wanted && w.Current <= w.Updated:
		return "no rollout is under way: to pause it would hold up the next release and nothing else"
	case w.deployment.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType:
		return "its strategy is Recreate: the old pods go before new ones come, and to pause it would leave it with neither"
	}
	return ""
}
