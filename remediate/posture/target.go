package posture

import (
	"slices"
	"strings"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Target is an object that policies are about or act on.
type Target struct {
	Name     string   // as a [Finding] has it
	Policies []string // their names

	object   remediate.Target
	unlooked string              // why it is not looked at, "" when it is
	acted    bool                // one of the policies acts on it
	guarded  bool                // one of these has the guard backup
	policies []*remediate.Policy // whose own target it is
}

// of is the target as that of one of its policies alone.
func (t Target) of(p *remediate.Policy) Target {
	t.Policies = []string{p.Name}
	return t
}

// targetsOf returns the targets of the rulebook's policies and of their acts,
// each once, as they first stand there.
func targetsOf(book *remediate.Rulebook) []Target {
	var out []Target
	at := func(o remediate.Target) *Target {
		for i := range out {
			if out[i].object == o {
				return &out[i]
			}
		}
		out = append(out, Target{Name: o.String(), object: o, unlooked: unlooked(o)})
		return &out[len(out)-1]
	}
	for i := range book.Policies {
		p := &book.Policies[i]
		own, err := remediate.ParseTarget(book.Cluster, p.Target)
		if err != nil {
			continue // it has none: it only tells people
		}
		t := at(own)
		t.take(p)
		t.policies = append(t.policies, p)
		for _, d := range actsOf(p) {
			if o, err := remediate.ParseTarget(own.Cluster, d.Target); err == nil {
				at(o).take(p)
			}
		}
	}
	return out
}

// take notes that a policy is about the target.
func (t *Target) take(p *remediate.Policy) {
	if !slices.Contains(t.Policies, p.Name) {
		t.Policies = append(t.Policies, p.Name)
	}
	acts := len(actsOf(p)) > 0
	t.acted = t.acted || acts
	t.guarded = t.guarded || acts && p.Guards.Backup != nil
}

// actsOf are all that a policy does or takes back.
func actsOf(p *remediate.Policy) (out []remediate.Do) {
	for _, s := range p.Steps {
		out = append(append(out, s.Do...), s.Undo...)
	}
	return out
}

// unlooked says why a target cannot be looked at.
func unlooked(t remediate.Target) string {
	switch {
	case strings.Contains(t.Namespace+t.Name, "$"):
		return "which object it is is known only when an alert says it"
	case t.Namespace == "":
		return "a node has no replicas"
	}
	return ""
}
