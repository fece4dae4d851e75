package remediate

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// TargetKinds are the kinds of objects that a policy may be about. An owner
// stands for the workload that owns the pod of that name. A node has no
// namespace.
var TargetKinds = []string{"deployment", "statefulset", "daemonset", "pod", "owner", nodeKind}

const nodeKind = "node"

// Target is one object of a cluster that something may be done to. Kind is one
// of [TargetKinds]; an owner is replaced by the object that it stands for once
// the cluster was asked.
type Target struct{ Cluster, Kind, Namespace, Name string }

// ParseTarget reads a target as a policy writes it: kind/namespace/name,
// node/name, and either of them behind the name of a cluster. Without one it is
// in the given cluster. References to labels stay as they are, and the names
// are not looked at.
func ParseTarget(cluster, written string) (Target, error) {
	p := strings.Split(written, "/")
	isKind := func(n int) bool { return n < len(p) && slices.Contains(TargetKinds, p[n]) }
	if !isKind(0) && (isKind(1) || len(p) == 4) {
		cluster, p = p[0], p[1:]
	}
	switch {
	case !isKind(0) && len(p) == 3:
		return Target{}, &UnknownKindError{p[0]}
	case isKind(0) && p[0] == nodeKind && len(p) == 2:
		p = slices.Insert(p, 1, "")
	case !isKind(0) || p[0] == nodeKind || len(p) != 3:
		return Target{}, fmt.Errorf("the target %q is not kind/namespace/name or node/name", written)
	}
	return Target{cluster, p[0], p[1], p[2]}, nil
}

// UnknownKindError is returned for a target of a kind that there is none of.
type UnknownKindError struct{ Kind string }

func (e *UnknownKindError) Error() string { return fmt.Sprintf("unknown kind of target %q", e.Kind) }

// IsZero tells whether nothing is named.
func (t Target) IsZero() bool { return t == Target{} }

// lasts tells whether it is one of the targets that a storm's share is a share
// of. Pods come and go, and what an owner stands for is known only later.
func (t Target) lasts() bool { return !t.IsZero() && t.Kind != "pod" && t.Kind != "owner" }

// String returns cluster/kind/namespace/name, and cluster/node/name for a node.
func (t Target) String() string {
	if t.IsZero() {
		return ""
	}
	return t.Cluster + "/" + t.plain()
}

// plain is the target as its own cluster calls it.
func (t Target) plain() string {
	if t.Kind == nodeKind {
		return t.Kind + "/" + t.Name
	}
	return t.Kind + "/" + t.Namespace + "/" + t.Name
}

// MarshalText is [Target.String].
func (t Target) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (t *Target) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*t = Target{}
		return nil
	}
	p := strings.Split(string(b), "/")
	if len(p) == 3 && p[1] == nodeKind {
		p = slices.Insert(p, 2, "")
	}
	if len(p) != 4 {
		return fmt.Errorf("target %q: want cluster/kind/namespace/name", b)
	}
	*t = Target{p[0], p[1], p[2], p[3]}
	return nil
}

// kubernetesName is RFC 1123's subdomain, which is what object names are held to.
var kubernetesName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)

// CheckName says why s cannot be the name of a Kubernetes object, nil when it can.
func CheckName(s string) error {
	switch {
	case s == "":
		return fmt.Errorf("the name is empty")
	case len(s) > 253:
		return fmt.Errorf("a name of %d characters is longer than the 253 that Kubernetes allows", len(s))
	case !kubernetesName.MatchString(s):
		return fmt.Errorf("%q is not a Kubernetes name: want lower case letters, digits, '-' and '.', beginning and ending with a letter or digit", s)
	}
	return nil
}

// plainValue is what a label value must look like to be put into a probe's
// argument: label values are data from outside and must not become syntax.
var plainValue = regexp.MustCompile(`^[A-Za-z0-9_.:/@-]{1,253}$`)

// reference is $label or ${label} in a template.
var reference = regexp.MustCompile(`\$(\w+|\{\w+\})`)

// expand replaces each $label of template by the label's value, after check
// has let the value pass. A label that is missing is an error: an empty name
// or selector would mean "everything".
func expand(template string, ls Labels, check func(string) error) (string, error) {
	var bad error
	out := reference.ReplaceAllStringFunc(template, func(ref string) string {
		name := strings.Trim(ref[1:], "{}")
		v := ls.Get(name)
		if v == "" {
			bad = fmt.Errorf("the alert has no label %q, which %q needs", name, template)
			return ""
		}
		if err := check(v); err != nil && bad == nil {
			bad = fmt.Errorf("label %s: %w", name, err)
		}
		return v
	})
	return out, bad
}

func checkPlain(v string) error {
	if !plainValue.MatchString(v) {
		return fmt.Errorf("the value %q has characters that may not go into a probe: want letters, digits and _.:/@-", v)
	}
	return nil
}

// otherTarget is the target that an act or a probe names for itself, and own,
// the policy's, when it names none. Where it says no cluster it is in the same.
func otherTarget(own Target, template string, ls Labels) (Target, error) {
	if template == "" {
		return own, nil
	}
	return targetOf(own.Cluster, template, ls)
}

// objects are what a step acts on, the policy's own target first, each
// once.
func (st *Step) objects(own Target, ls Labels) []Target {
	all := []Target{own}
	for _, list := range [...][]Do{st.Do, st.Undo} {
		for _, d := range list {
			// That it cannot be filled in was seen when the incident was opened.
			if t, err := otherTarget(own, d.Target, ls); err == nil && !slices.Contains(all, t) {
				all = append(all, t)
			}
		}
	}
	return all
}

// kindsOn are the kinds of acts that a step does to one object, in their order.
func (st *Step) kindsOn(object, own Target, ls Labels) (kinds []string) {
	for _, d := range slices.Concat(st.Do, st.Undo) {
		if t, err := otherTarget(own, d.Target, ls); err == nil && t == object {
			kinds = append(kinds, d.Kind)
		}
	}
	return kinds
}

// targetOf fills a target template such as deployment/$namespace/db.
func targetOf(cluster, template string, ls Labels) (Target, error) {
	s, err := expand(template, ls, CheckName)
	if err != nil {
		return Target{}, err
	}
	t, err := ParseTarget(cluster, s)
	if err != nil {
		return Target{}, err
	}
	names := []string{t.Namespace, t.Name}
	if t.Kind == nodeKind {
		names = names[1:]
	}
	for _, name := range names {
		if err := CheckName(name); err != nil {
			return Target{}, fmt.Errorf("target %q: %w", s, err)
		}
	}
	return t, nil
}
