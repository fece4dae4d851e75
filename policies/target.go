package policies

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/x0tta6bl4/remediated/remediate"
)

// targetKinds are the kinds of objects that a policy may act on.
var targetKinds = []string{"deployment", "statefulset", "daemonset", "pod", "owner"}

var (
	// reference is $label or ${label}, as remediate fills it in.
	reference = regexp.MustCompile(`\$(\w+|\{\w+\})`)
	labelName = regexp.MustCompile(`^[A-Za-z_]\w*$`)
)

// readTarget reads kind/namespace/name. Names are checked as Kubernetes will;
// what a $label stands for is checked when an alert is at hand.
func (w *written) readTarget(v value) string {
	const example = "write kind/namespace/name, for example deployment/shop/db or owner/$namespace/$pod"
	s, ok := v.text("a target")
	if !ok {
		return ""
	}
	p := strings.Split(s, "/")
	if len(p) != 3 {
		v.fail(fmt.Sprintf("the target %q has %d parts, not 3", s, len(p)), example)
		return ""
	}
	if !slices.Contains(targetKinds, p[0]) {
		v.fail(fmt.Sprintf("unknown kind of target %q", p[0]), suggest(p[0], targetKinds))
	}
	v.namePart("namespace", p[1], 63)
	v.namePart("name", p[2], 253)
	w.take(v, s)
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

// checkActs refuses an action that cannot be done to the target: it would be
// refused in the middle of an incident otherwise.
func (r *policyReader) checkActs(w *written) {
	kind, _, _ := strings.Cut(w.Target, "/")
	if !slices.Contains(targetKinds, kind) {
		return // said already, or there is none
	}
	for _, v := range w.replicas {
		if kind == "pod" {
			v.fail("a pod has no replicas", "ask about what owns it, for example target: owner/$namespace/$pod, or leave this out")
		}
	}
	for _, u := range w.acts {
		fit := r.catalogue.Targets(u.kind)
		possible := []string{kind}
		if kind == "owner" {
			possible = []string{"deployment", "statefulset", "daemonset"}
		}
		if !slices.ContainsFunc(possible, func(k string) bool { return slices.Contains(fit, k) }) {
			u.name.fail(fmt.Sprintf("%s cannot be done to the policy's target, %s", u.kind, w.Target), "it is for: "+strings.Join(fit, ", "))
		}
	}
}

// confine sees to it that a team's policy acts in the team's namespaces only.
func (r *policyReader) confine(w *written) {
	parts := strings.Split(w.Target, "/")
	if len(r.namespaces) == 0 || len(parts) != 3 {
		return
	}
	allowed := strings.Join(r.namespaces, ", ")
	namespace := parts[1]
	values := []string{namespace}
	if strings.Contains(namespace, "$") {
		hint := "write one of them, or a $label alone that a matcher narrows to them"
		values = nil
		if reference.FindString(namespace) == namespace {
			label := strings.Trim(namespace[1:], "{}")
			hint = fmt.Sprintf("narrow it: add '%s=\"%s\"' to when", label, r.namespaces[0])
			values = w.fixed(label)
		}
		if len(values) == 0 {
			w.target.fail(fmt.Sprintf("the namespace %s may be any, but these files may target only: %s", namespace, allowed), hint)
			return
		}
	}
	for _, n := range values {
		if !slices.Contains(r.namespaces, n) {
			w.target.fail(fmt.Sprintf("the namespace %s is not one that these files may target", n), "they may target only: "+allowed)
		}
	}
}
