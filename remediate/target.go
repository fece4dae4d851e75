package remediate

import (
	"fmt"
	"regexp"
	"strings"
)

// Target is one object of a cluster that something may be done to. Kind is in
// lower case: deployment, statefulset, daemonset, pod; or owner, which stands
// for the workload that owns the pod called Name and is replaced by it once
// the cluster was asked.
type Target struct{ Cluster, Kind, Namespace, Name string }

// IsZero tells whether nothing is named.
func (t Target) IsZero() bool { return t == Target{} }

// lasts tells whether it is one of the targets that a storm's share is a share
// of. Pods come and go, and what an owner stands for is known only later.
func (t Target) lasts() bool { return !t.IsZero() && t.Kind != "pod" && t.Kind != "owner" }

// String returns cluster/kind/namespace/name.
func (t Target) String() string {
	if t.IsZero() {
		return ""
	}
	return t.Cluster + "/" + t.Kind + "/" + t.Namespace + "/" + t.Name
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

// targetOf fills a target template such as deployment/$namespace/db.
func targetOf(cluster, template string, ls Labels) (Target, error) {
	s, err := expand(template, ls, CheckName)
	if err != nil {
		return Target{}, err
	}
	p := strings.Split(s, "/")
	if len(p) != 3 {
		return Target{}, fmt.Errorf("target %q: want kind/namespace/name", s)
	}
	for _, name := range p[1:] {
		if err := CheckName(name); err != nil {
			return Target{}, fmt.Errorf("target %q: %w", s, err)
		}
	}
	return Target{cluster, p[0], p[1], p[2]}, nil
}
