package policies

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/x0tta6bl4/remediated/remediate"
)

func (r *policyReader) steps(v value, w *written) {
	v.list("steps", func(v value) {
		s := r.step(v, w)
		if slices.ContainsFunc(w.Steps, func(o remediate.Step) bool { return o.Name == s.Name && s.Name != "" }) {
			v.fail(fmt.Sprintf("two steps are called %q", s.Name), "people read these names in reports: rename one of them")
		}
		w.Steps = append(w.Steps, s)
		w.stepsAt = append(w.stepsAt, v)
	})
}

func (r *policyReader) step(v value, w *written) remediate.Step {
	s := remediate.Step{Within: remediate.DefaultActWithin}
	var undo value
	before := len(w.acts)
	v.object("a step", fields{
		"name":     func(v value) { s.Name, _ = v.text("a name") },
		"approval": func(v value) { s.Approval = r.approval(v) },
		"do":       func(v value) { s.Do = r.procedure(v, w, false) },
		"undo":     func(v value) { undo = v; s.Undo = r.procedure(v, w, true) },
		"evidence": func(v value) { s.Evidence = v.truth() },
		"verify":   func(v value) { s.Verify = r.verify(v, w) },
		"within":   func(v value) { s.Within = v.duration() },
	}, "name", "do", "verify")
	if !v.has("evidence") {
		s.Evidence = slices.ContainsFunc(slices.Concat(s.Do, s.Undo), func(d remediate.Do) bool { return r.catalogue.Destructive(d.Kind) })
	}
	r.checkStops(v, w.acts[before:])
	r.checkSilenced(v, s)
	if undo.node != nil && len(s.Do) == 1 {
		undo.warn("this is never done: undo takes back what was done before a later action failed", "leave it out where do has one action only")
	}
	return s
}

// checkStops sees to it that nothing is stopped that nobody was asked about,
// whatever the mode is.
func (r *policyReader) checkStops(step value, acts []use) {
	for _, u := range acts {
		if !step.has("approval") && r.catalogue.Stops(u.kind, u.args) {
			u.name.fail("scaling to 0 stops the service: give the step approval", "write approval: {within: 15m} beside do")
		}
	}
}

// procedure reads actions that are done in order.
func (r *policyReader) procedure(v value, w *written, undo bool) []remediate.Do {
	var out []remediate.Do
	var looked value // what is said to be seen after the last of them
	v.list("actions", func(v value) {
		var d remediate.Do
		looked = value{}
		beside := fields{
			"within": func(v value) { d.Within = v.duration() },
			"verify": func(v value) { looked, d.Verify = v, new(r.verify(v, w)) },
		}
		if u, ok := r.use(v, r.catalogue.actions(), w, beside); ok {
			w.takeArgs(u)
			w.acts = append(w.acts, u)
			d.Kind, d.Args, d.Target = u.kind, u.args, u.target
			out = append(out, d)
		}
		if undo && looked.node != nil {
			looked.fail("what an undo did is not looked at before the next: as much as can be is taken back", "leave verify out")
		}
	})
	if !undo && looked.node != nil {
		looked.fail("no action follows that could count on this", "the step's own verify looks at what the last action did: leave this one out")
	}
	return out
}

// mostApprovers is how many people a step may want: who is awake at three in the
// morning must be enough.
const mostApprovers = 5

// approval reads who may approve a step, approvers where nothing is said, how
// many of them must, and for how long it is waited for each.
func (r *policyReader) approval(v value) *remediate.ApprovalBy {
	a := &remediate.ApprovalBy{By: []string{RoleApprover}}
	v.object("an approval", fields{
		"by": func(v value) {
			a.By = nil
			v.list("roles", func(v value) {
				if s, ok := v.word("a role", RoleOperator, RoleApprover); ok {
					a.By = append(a.By, s)
				}
			})
		},
		"people": func(v value) {
			if n := v.count(1, mostApprovers); n > 1 { // one is what is meant where nothing is said
				a.People = n
			}
		},
		"within": func(v value) { a.Within = v.duration() },
	}, "within")
	roles := strings.Join(a.By, " or ")
	switch n := r.manyAre(a.By...); {
	case len(a.By) == 0:
	case n == 0:
		v.warn("nobody may approve this step", "give one of the people in the configuration the role "+roles)
	case n < a.People:
		v.warn(fmt.Sprintf("%d people must approve this step, and %d may", a.People, n), fmt.Sprintf("give more of the people in the configuration the role %s, or let people be %d", roles, n))
	}
	return a
}

func (r *policyReader) verify(v value, w *written) remediate.Verify {
	y := remediate.Verify{Every: remediate.DefaultVerifyEvery}
	if v.node.Kind == yaml.SequenceNode {
		v.fail("verify is a mapping, not a list", "write verify: {all: [...], within: 3m}")
		return y
	}
	v.object("verify", fields{
		"all": func(v value) {
			v.list("probes", func(v value) {
				if u, ok := r.use(v, r.catalogue.probes(), w, fields{}); ok {
					w.takeArgs(u)
					for _, query := range r.catalogue.Queries(u.kind, u.args) {
						r.needPrometheus(v)
						w.queries = append(w.queries, u.at.scalar(query))
					}
					y.All = append(y.All, remediate.Check{Kind: u.kind, Args: u.args, Target: u.target})
				}
			})
		},
		"for":    func(v value) { y.For = v.duration() },
		"within": func(v value) { y.Within = v.duration() },
		"every":  func(v value) { y.Every = v.duration() },
	}, "all", "within")
	if y.Within > 0 && y.For >= y.Within {
		v.fail(fmt.Sprintf("it must hold for %s, but only %s are left for all of it", y.For, y.Within), "let within be longer than for and the time that the remedy takes")
	}
	if y.Within > 0 && y.Every > y.Within {
		v.fail(fmt.Sprintf("it is looked at every %s, but only %s are left for all of it", y.Every, y.Within), "let every be shorter than within")
	}
	return y
}

// takeArgs notes the labels whose values go into arguments.
func (w *written) takeArgs(u use) {
	if u.at.node.Kind == yaml.MappingNode {
		w.takeFrom(u.at, u.kind)
	}
}

func (w *written) takeFrom(v value, kind string) {
	for _, item := range v.items() {
		w.takeFrom(item, kind)
	}
	switch {
	case v.node.Kind == yaml.MappingNode:
		for i := range len(v.node.Content) / 2 {
			key, child := v.pair(i)
			if namesFile(key.node.Value) && strings.Contains(child.node.Value, "$") {
				child.fail("the path of a file may not depend on an alert", "an alert must not choose which file is read: write the path out")
				continue
			}
			w.takeFrom(child, kind)
		}
	case v.node.Kind == yaml.ScalarNode && wholeTarget.MatchString(v.node.Value):
		v.fail("$target cannot be a part of the arguments", fmt.Sprintf("the policy's target goes with every probe and action: write {%s: $target}, or leave it out; another one stands beside the kind as target", kind))
	case v.node.Kind == yaml.ScalarNode:
		w.take(v, v.node.Value)
	}
}

// wholeTarget finds $target where it was meant to be filled in.
var wholeTarget = regexp.MustCompile(`\$target\b|\$\{target\}`)
