package action

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

const (
	applyDoc     = "sets a ConfigMap's data or a Service's selector from what it must be, or makes a NetworkPolicy or a PodDisruptionBudget, in the target's namespace"
	applyExample = "apply: {manifest: {apiVersion: v1, kind: Service, metadata: {name: shop}, spec: {selector: {app: maintenance}}}, from: {app: shop}}"

	unapplyDoc     = "takes back what apply, written in the same way, did and nobody changed since: sets it back, or deletes what was made"
	unapplyExample = "unapply: {manifest: {apiVersion: v1, kind: Service, metadata: {name: shop}, spec: {selector: {app: maintenance}}}, from: {app: shop}}"

	// appliedAnnotation holds the ID of the act that applied something to an
	// object, until that is taken back: one at a time.
	appliedAnnotation = "remediated/applied"
)

// apply has one object be as its manifest says. All of it is written out in the
// policy, and what was there before as well: whoever reviews that has seen both
// states between which the object is moved, and the fence knows no other.
type apply struct {
	Manifest map[string]any    `json:"manifest"`
	From     map[string]string `json:"from,omitempty"`  // what is there before, of an object that is changed: of a ConfigMap the keys that the manifest sets, of a Service its selector
	Over     []string          `json:"over,omitempty"`  // field managers that may own what is changed: their fields are taken
	Drift    string            `json:"drift,omitempty"` // accept: also where something else sets the object from a repository or a release
}

// unapply takes back what an apply with the same arguments did. As an undo it
// takes back only what its own attempt did.
type unapply apply

func (a *unapply) validate() error { return (*apply)(a).validate() }

func (a *apply) validate() error {
	m, err := a.read()
	switch {
	case err != nil:
		return err
	case a.Drift != "" && a.Drift != driftAccept:
		return fmt.Errorf(`"drift" is %q: want accept, or leave it out`, a.Drift)
	case slices.Contains(a.Over, ""):
		return errors.New(`"over": one of the field managers is empty`)
	case m.isMade() && (m.from != nil || a.Over != nil || a.Drift != ""):
		return fmt.Errorf(`a %s is made, never changed: leave out "from", "over" and "drift"`, m.kind)
	}
	return nil
}

func applyRules(target string, raw json.RawMessage) []rbacv1.PolicyRule {
	m, err := manifestOf(raw)
	switch {
	case err != nil:
		return nil // no loaded policy says so
	case m.isMade(): // what is not there yet has no name by which it could be allowed: the fence knows it
		return append(sameRules(target), m.rule("get"), kube.Rule(m.group, []string{m.resource}, "create"), eventRule)
	}
	return append(sameRules(target), m.rule("get", "patch"), eventRule)
}

func unapplyRules(target string, raw json.RawMessage) []rbacv1.PolicyRule {
	m, err := manifestOf(raw)
	switch {
	case err != nil:
		return nil
	case m.isMade():
		return append(sameRules(target), m.rule("get", "delete"), eventRule)
	}
	return append(sameRules(target), m.rule("get", "patch"), eventRule)
}

// rule is the permission to do verbs to the one object.
func (m *manifest) rule(verbs ...string) rbacv1.PolicyRule {
	r := kube.Rule(m.group, []string{m.resource}, verbs...)
	r.ResourceNames = []string{m.name}
	return r
}

func (a *apply) perform(ctx context.Context, t *attempt) remediate.Result {
	m, err := a.read()
	if err != nil {
		return refused("%v", err)
	}
	w, stop := t.same(ctx)
	if stop != nil {
		return *stop
	}
	var r remediate.Result
	if m.isMade() {
		r = t.make(ctx, m)
	} else {
		r = t.set(ctx, a.setting(m, t))
	}
	if r.Outcome == remediate.Later {
		return r
	}
	return t.tell(ctx, w, r)
}

func (a *unapply) perform(ctx context.Context, t *attempt) remediate.Result {
	m, err := (*apply)(a).read()
	if err != nil {
		return refused("%v", err)
	}
	var r remediate.Result
	if m.isMade() {
		r = t.unmake(ctx, m)
	} else {
		r = t.set(ctx, (*apply)(a).setBack(m, t))
	}
	return t.tellIfThere(ctx, r)
}

// setting is how an object gets what the manifest says.
func (a *apply) setting(m *manifest, t *attempt) setting {
	return setting{
		manifest: m, to: m.sets, mark: t.ID, over: a.Over,
		judge: func(o *subject) *remediate.Result { return a.judge(m, o, t) },
		done:  fmt.Sprintf("set %s from %s to %s", m, inWords(m.from), inWords(m.sets)),
	}
}

// setBack is how it gets back what was there.
func (a *apply) setBack(m *manifest, t *attempt) setting {
	return setting{
		manifest: m, to: m.from, over: a.Over,
		judge: func(o *subject) *remediate.Result { return a.judgeBack(m, o, t) },
		done:  fmt.Sprintf("set %s back to %s", m, inWords(m.from)),
	}
}

// judge says whether the object is so already, or why it must not be; nil when it
// is to be set.
func (a *apply) judge(m *manifest, o *subject, t *attempt) *remediate.Result {
	if o == nil {
		return new(refused("there is no %s: apply changes one that is there, and makes none", m.called()))
	}
	mark, now := o.mark(), m.of(o)
	switch {
	case mark == t.ID && !t.again:
		return new(failed("the mark %s=%s was there before it was sent: somebody else uses our IDs, or a journal was copied", appliedAnnotation, t.ID))
	case mark == t.ID && maps.Equal(now, m.sets):
		return new(ok("set %s to %s; the mark of this attempt was there already", m, inWords(m.sets)))
	case mark == t.ID:
		return new(ok("%s was set by this attempt; somebody else made it %s since, and it stays so", m, inWords(now)))
	case maps.Equal(now, m.sets) && mark != "":
		return new(ok("%s is so already, by our attempt %.60s; nothing was sent", m, mark))
	case maps.Equal(now, m.sets):
		return new(ok("%s is so already, by somebody else; it stays theirs and nothing was sent", m))
	case mark != "":
		return new(refused("%s still has what %.60s applied to it, or somebody changed that since: have unapply take it back, or remove the annotation %s", m, mark, appliedAnnotation))
	case !maps.Equal(now, m.from):
		return new(refused("%s is %s, and the policy is for %s: somebody changed it, or the policy is out of date", m, inWords(now), inWords(m.from)))
	}
	if why := o.refuses(a.Drift == driftAccept); why != "" {
		return new(refused("the %s: %s", m.called(), why))
	}
	return nil
}

// judgeBack says whether nothing is to be taken back, or why it must not be; nil
// when it is.
func (a *apply) judgeBack(m *manifest, o *subject, t *attempt) *remediate.Result {
	if o == nil {
		return new(ok("there is no %s any more; nothing was sent", m.called()))
	}
	mark, now := o.mark(), m.of(o)
	switch {
	case mark == "" && (t.again || t.Act.Undo || maps.Equal(now, m.from)):
		return new(ok("nothing of ours is applied to %s, or no longer", m))
	case mark == "":
		return new(refused("%s is %s, and not by us: it has no annotation %s; who set it must set it back", m, inWords(now), appliedAnnotation))
	case t.Act.Undo && !t.ofThisAttempt(mark):
		return new(ok("%s was set by %.60s before, and stays so", m, mark))
	case maps.Equal(now, m.from) && !m.isWhole(): // the mark may be that of other keys
		return new(ok("%s is as it was before, and the annotation %s stays; nothing was sent", m, appliedAnnotation))
	case !maps.Equal(now, m.sets) && !maps.Equal(now, m.from):
		return new(refused("somebody else changed %s since %.60s set it to %s: it is %s; set it by hand and remove the annotation %s", m, mark, inWords(m.sets), inWords(now), appliedAnnotation))
	}
	for key := range m.sets {
		if _, stays := m.from[key]; stays || m.isWhole() {
			continue
		}
		if by := o.othersOf(m.part, key); len(by) > 0 {
			return new(refused("the field manager %q has set %q of %s as well: it would stay", by[0], key, m))
		}
	}
	return nil
}
