package policies

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/x0tta6bl4/remediated/remediate"
)

var (
	// reference is $label or ${label}, as remediate fills it in.
	reference = regexp.MustCompile(`\$(\w+|\{\w+\})`)
	labelName = regexp.MustCompile(`^[A-Za-z_]\w*$`)
)

// aimed is a target and where it is written.
type aimed struct {
	remediate.Target
	at value
}

// readTarget reads a target as a policy, an action or a probe names it, and
// returns it as written. Names are checked as Kubernetes will; what a $label
// stands for is checked when an alert is at hand.
func (r *policyReader) readTarget(v value, w *written) string {
	s, ok := v.text("a target")
	if !ok {
		return ""
	}
	t, err := remediate.ParseTarget("", s)
	if err != nil {
		hint := "write for example deployment/shop/db, owner/$namespace/$pod or node/$node; the name of another cluster may stand before it"
		if unknown := (*remediate.UnknownKindError)(nil); errors.As(err, &unknown) {
			hint = suggest(unknown.Kind, remediate.TargetKinds)
		}
		v.fail(err.Error(), hint)
		return ""
	}
	if t.Cluster != "" && !slices.ContainsFunc(r.config.Clusters, func(c Cluster) bool { return c.Name == t.Cluster }) {
		v.fail(fmt.Sprintf("no cluster is called %q", t.Cluster), "name it under clusters in remediated.yml, or leave it out for the cluster "+r.config.Cluster)
	}
	if t.Kind != "node" {
		v.namePart("namespace", t.Namespace, 63)
	}
	v.namePart("name", t.Name, 253)
	w.take(v, s)
	w.targets = append(w.targets, aimed{t, v})
	return s
}

// namePart checks one part of a target: with its references taken for a plain
// letter, it must be a name.
func (v value) namePart(what, s string, longest int) {
	plain := reference.ReplaceAllString(s, "a")
	err := remediate.CheckName(plain)
	switch {
	case strings.Contains(plain, "$"):
		err = fmt.Errorf("%q has a $ that no label's name follows", s)
	case err == nil && len(plain) > longest:
		err = fmt.Errorf("%q is longer than %d characters", s, longest)
	case err == nil && what == "namespace" && strings.Contains(plain, "."):
		err = fmt.Errorf("%q has a dot, which a namespace cannot have", s)
	}
	if err != nil {
		v.fail(fmt.Sprintf("the target's %s: %v", what, err), "write a name as Kubernetes has it, or $label for the value of an alert's label")
	}
}

// take notes the labels whose values a template uses.
func (w *written) take(v value, template string) {
	for _, ref := range reference.FindAllString(template, -1) {
		name := strings.Trim(ref[1:], "{}")
		if !labelName.MatchString(name) {
			v.fail(fmt.Sprintf("%s is not the name of a label", ref), "a label's name does not begin with a digit")
			continue
		}
		w.takes = append(w.takes, taken{name, v})
	}
}

// checkActs refuses an action that cannot be done to its target: it would be
// refused in the middle of an incident otherwise.
func (r *policyReader) checkActs(w *written) {
	own, err := remediate.ParseTarget("", w.Target)
	if err == nil && (own.Kind == "pod" || own.Kind == "node") {
		for _, v := range w.replicas {
			v.fail(fmt.Sprintf("a %s has no replicas", own.Kind), "ask about what owns the pods, for example target: owner/$namespace/$pod, or leave this out")
		}
	}
	for _, u := range w.acts {
		t, whose := own, "the policy's target, "+w.Target
		if u.target != "" {
			t, err = remediate.ParseTarget("", u.target)
			whose = u.target
		}
		if err != nil {
			continue // said already, or there is none
		}
		fit := r.catalogue.Targets(u.kind)
		possible := []string{t.Kind}
		if t.Kind == "owner" {
			possible = []string{"deployment", "statefulset", "daemonset"}
		}
		if !slices.ContainsFunc(possible, func(k string) bool { return slices.Contains(fit, k) }) {
			u.name.fail(fmt.Sprintf("%s cannot be done to %s", u.kind, whose), "it is for: "+strings.Join(fit, ", "))
		}
	}
}

// confine sees to it that a team's policy deals with the team's namespaces only.
func (r *policyReader) confine(w *written) {
	if len(r.namespaces) == 0 {
		return
	}
	for _, t := range w.targets {
		r.confineTarget(w, t)
	}
	for _, u := range w.acts {
		if n := r.catalogue.Elsewhere(u.kind, u.args); n != "" && !slices.Contains(r.namespaces, n) {
			u.at.fail(fmt.Sprintf("%s is done in the namespace %s, which is not one that these files may target", u.kind, n), "they may target only: "+strings.Join(r.namespaces, ", "))
		}
	}
}

func (r *policyReader) confineTarget(w *written, t aimed) {
	allowed := strings.Join(r.namespaces, ", ")
	switch {
	case t.Cluster != "" && t.Cluster != r.config.Cluster:
		t.at.fail(fmt.Sprintf("%s is in another cluster, but these files may target only: %s", t.at.node.Value, allowed), "leave out the cluster: it is "+r.config.Cluster)
		return
	case t.Namespace == "":
		t.at.fail(fmt.Sprintf("a node is everybody's, but these files may target only: %s", allowed), "have it in a file that may target any namespace")
		return
	}
	values := []string{t.Namespace}
	if strings.Contains(t.Namespace, "$") {
		hint := "write one of them, or a $label alone that a matcher narrows to them"
		values = nil
		if reference.FindString(t.Namespace) == t.Namespace {
			label := strings.Trim(t.Namespace[1:], "{}")
			hint = fmt.Sprintf("narrow it: add '%s=\"%s\"' to when", label, r.namespaces[0])
			values = w.fixed(label)
		}
		if len(values) == 0 {
			t.at.fail(fmt.Sprintf("the namespace %s may be any, but these files may target only: %s", t.Namespace, allowed), hint)
			return
		}
	}
	for _, n := range values {
		if !slices.Contains(r.namespaces, n) {
			t.at.fail(fmt.Sprintf("the namespace %s is not one that these files may target", n), "they may target only: "+allowed)
		}
	}
}
