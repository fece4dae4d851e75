package action

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

const (
	drainDoc     = "cordons a node and evicts its pods, as their disruption budgets allow; uncordons it when that is not done in time"
	drainExample = "drain: {max_parallel: 5}"

	defaultParallel = 5
	maxParallel     = 50

	// drainEvery is when to look again whether evicted pods are gone.
	drainEvery = 2 * time.Second
	// drainReserve of the time before the deadline is kept for taking the cordon
	// back.
	drainReserve = 5 * time.Second
)

// drain empties a node: all pods but those of DaemonSets, static ones and those
// that are done. It is performed again and again until none is left, and looks
// at the node anew each time: what it did is seen there.
type drain struct {
	// Force evicts pods that nothing would bring back.
	Force bool `json:"force,omitempty"`
	// DeleteEmptyDir evicts pods whose data is lost with them.
	DeleteEmptyDir bool `json:"delete_empty_dir,omitempty"`
	// MaxParallel is how many pods may be ending at a time; 0 is 5.
	MaxParallel int `json:"max_parallel,omitempty"`
}

func drainRules(target string, args json.RawMessage) []rbacv1.PolicyRule {
	return append(nodeRules(target, args), kube.Rule("", []string{"pods"}, "list"), evictionRule)
}

func drainWrites(string, json.RawMessage) []Write {
	eviction := evictionWrite("")
	eviction.Where, eviction.Named = `variables.where != ""`, ""
	return append(eventWrites("drain", kube.Node), cordonWrite(), uncordonWrite(), eviction)
}

func (d *drain) validate() error {
	if d.MaxParallel < 0 || d.MaxParallel > maxParallel {
		return fmt.Errorf(`"max_parallel" is %d: want 1 to %d pods that may be ending at a time, or nothing for %d`, d.MaxParallel, maxParallel, defaultParallel)
	}
	return nil
}

func (d *drain) perform(ctx context.Context, t *attempt) remediate.Result {
	_, begun := t.actor.wasSent(t.ID) // before a crash it is known by its mark alone
	w, stop := t.look(ctx)
	if stop != nil {
		return t.orGiveUp(ctx, *stop)
	}
	if stop = t.judgeNode(w); stop != nil {
		return *stop
	}
	if !w.Cordoned() && (begun || t.ofThisAttempt(w.CordonedBy())) {
		return t.tell(ctx, w, failed("%s while it was drained: nothing more is evicted", whatUncordoned))
	}
	begun = begun || t.again && w.CordonedBy() == t.ID
	pods, stop := t.podsOn(ctx, w)
	if stop != nil {
		return t.orGiveUp(ctx, *stop)
	}
	switch why := d.refuses(pods); {
	case !begun && why != "":
		return refused("%s", why)
	case !begun && !t.hasTime(drainEvery):
		return refused("there is no time to drain it: want more than %s to its deadline", drainEvery+drainReserve)
	case !begun:
		if stop = t.cordoned(ctx); stop != nil {
			return *stop
		}
		// From here on a node that is not cordoned is one that somebody uncordoned.
		t.remember()
		if pods, stop = t.podsOn(ctx, w); stop != nil { // one may have come before it was cordoned
			return t.orGiveUp(ctx, *stop)
		}
	}
	if why := d.refuses(pods); why != "" {
		return t.giveUp(ctx, "stopped: "+why)
	}
	return d.round(ctx, t, w, pods)
}

// cordoned has the node cordoned, by us unless it is already.
func (t *attempt) cordoned(ctx context.Context) *remediate.Result {
	_, stop := t.change(ctx, true, t.judgeCordon)
	if stop != nil && stop.Outcome == remediate.OK {
		return nil
	}
	return stop
}

// podsOn lists the pods of the node, by their names.
func (t *attempt) podsOn(ctx context.Context, w *kube.Workload) ([]corev1.Pod, *remediate.Result) {
	var pods []corev1.Pod
	err := t.read(ctx, func(ctx context.Context) (err error) {
		pods, err = t.reader.PodsOn(ctx, w.Target.Name)
		return err
	})
	if err != nil {
		return nil, new(t.unread(err))
	}
	slices.SortFunc(pods, func(a, b corev1.Pod) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	return pods, nil
}

// hasTime tells whether there is time to wait, and to take the cordon back then.
func (t *attempt) hasTime(wait time.Duration) bool {
	return t.Deadline.IsZero() || time.Until(t.Deadline) > wait+drainReserve
}

// orGiveUp gives up after a failure, unless it is to be tried again or nothing
// was begun.
func (t *attempt) orGiveUp(ctx context.Context, r remediate.Result) remediate.Result {
	if r.Outcome == remediate.Later || !t.again {
		return r
	}
	return t.giveUp(ctx, r.Text)
}

// giveUp takes the cordon back, if it is ours. What was evicted is evicted.
func (t *attempt) giveUp(ctx context.Context, why string) remediate.Result {
	w, stop := t.change(ctx, false, func(w *kube.Workload) *remediate.Result {
		if w.CordonIsOurs() && w.CordonedBy() == t.ID {
			return nil
		}
		return new(ok("its cordon is not this act's and stays as it is"))
	})
	switch {
	case stop == nil:
		return t.tell(ctx, w, failed("%s; uncordoned", why))
	case stop.Outcome == remediate.OK:
		return t.tell(ctx, w, failed("%s; %s", why, stop.Text))
	}
	return failed("%s; it could not be uncordoned: %s", why, stop.Text)
}
