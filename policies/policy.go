package policies

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/x0tta6bl4/remediated/remediate"
)

// policyName keeps names usable in URLs, file names, metrics and commands.
var policyName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// policyReader reads the policy files of one group.
type policyReader struct {
	folder
	catalogue  Catalogue
	config     *Config
	namespaces []string // the only ones that may be targeted; none: any
}

// written is a policy and where its parts were written, for the checks that
// need to see more than one place.
type written struct {
	remediate.Policy
	at       value
	name     value
	when     value
	per      value
	target   value
	targets  []aimed // all targets: of the policy, of acts and of probes
	breaker  value
	steps    value
	stepsAt  []value // where each of Steps is written
	mode     value
	cooldown bool
	matchers []string // When, in one way of writing
	acts     []use
	depends  []dependency
	replicas []value // where replicas of the target are asked for
	queries  []value // where PromQL is written
	// takes are the labels whose values go into the target and the arguments,
	// each with the place where they are taken.
	takes []taken
}

// taken is one use of a label's value: $namespace.
type taken struct {
	label string
	at    value
}

// read reads one policy file.
func (r *policyReader) read(v value) []written {
	var out []written
	v.object("a policy file", fields{
		"policies": func(v value) {
			v.list("policies", func(v value) { out = append(out, r.policy(v)) })
		},
	}, "policies")
	return out
}

func (r *policyReader) policy(v value) written {
	w := written{at: v}
	p := &w.Policy
	p.Mode = remediate.ModeObserve
	p.Guards = remediate.Guards{
		Settle: remediate.DefaultSettle, Breaker: remediate.DefaultBreaker(),
		Attempts: remediate.DefaultAttempts, Flapping: remediate.DefaultFlapping(),
	}
	p.Source = fmt.Sprintf("%s:%d", v.doc.source, v.node.Line)
	ok := v.object("a policy", fields{
		"name":     func(v value) { w.name = v; p.Name = v.ownName() },
		"when":     func(v value) { w.when = v; p.When, w.matchers = v.when() },
		"per":      func(v value) { w.per = v; p.Per = v.labelNames("labels") },
		"continue": func(v value) { p.Continue = v.truth() },
		"severity": func(v value) { r.severity(v, &w) },
		"mode":     func(v value) { w.mode = v; p.Mode = v.mode() },
		"target":   func(v value) { w.target = v; p.Target = r.readTarget(v, &w) },
		"guards":   func(v value) { r.guards(v, &w) },
		"objective": func(v value) {
			v.object("an objective", fields{"rto": func(v value) { p.Objective = v.duration() }}, "rto")
		},
		"runbooks": func(v value) { r.runbooks(v, p) },
		"hold_page": func(v value) {
			if p.HoldPage = v.truth(); p.HoldPage && !r.config.Raise {
				v.fail("a page is held by an alert of ours at the Alertmanagers, and none is raised", "write notify: {alertmanager: {raise: true}} in remediated.yml, and see docs/alertmanager.md")
			}
		},
		"steps": func(v value) { w.steps = v; r.steps(v, &w) },
	}, "name", "when", "severity")
	if ok {
		r.check(&w)
	}
	return w
}

// runbooks reads those that take the place of everybody's for this policy.
func (r *policyReader) runbooks(v value, p *remediate.Policy) {
	p.Runbooks = map[remediate.Severity]remediate.Runbook{}
	for _, g := range v.runbooks(p.Runbooks) {
		if message, hint := r.config.untold(g); message != "" {
			g.at.fail(message, hint)
		}
	}
}

func (v value) policyName() string {
	s, ok := v.text("a name")
	if ok && !policyName.MatchString(s) {
		v.fail(fmt.Sprintf("%q cannot be the name of a policy", s), "want lower case letters, digits and '-', at most 63, for example postgres-down")
		return ""
	}
	return s
}

// ownName reads the name that a policy gives itself.
func (v value) ownName() string {
	s := v.policyName()
	if new(remediate.Rulebook).Policy(s) != nil {
		v.fail(fmt.Sprintf("%q is the name of incidents of remediated's own", s), "rename the policy: commands and reports would take one for the other")
		return ""
	}
	return s
}

func (v value) mode() remediate.Mode {
	s, _ := v.word("a mode", string(remediate.ModeObserve), string(remediate.ModeApprove), string(remediate.ModeAct))
	return remediate.Mode(s)
}

// check looks at a policy as a whole.
func (r *policyReader) check(w *written) {
	if w.steps.node == nil && w.mode.node == nil && !w.at.meant("steps") && !w.at.meant("mode") {
		w.Mode = remediate.ModeAct // there is nothing to observe: it only tells
	}
	if w.steps.node == nil && !w.at.meant("steps") && w.mode.node != nil && w.Mode != remediate.ModeObserve && w.Mode != "" {
		w.mode.fail(fmt.Sprintf("the mode is %s, but there are no steps", w.Mode), "add steps, or leave out mode for a policy that only tells")
	}
	if w.steps.node != nil && w.target.node == nil && !w.at.meant("target") {
		w.at.fail("a policy with steps needs a target", "write for example target: deployment/shop/db, or target: owner/$namespace/$pod")
	}
	r.checkActs(w)
	r.checkNamed(w)
	r.checkTaken(w)
	r.checkDepends(w)
	r.checkSilences(w)
	r.confine(w)
	r.checkLimits(w)
	w.checkAbsent()
	w.checkExported()
	w.checkQuoted()
	w.checkLate()
	w.checkObjective()
	w.checkBreaker()
}

// checkTaken sees to it that a label whose value is used is the same for all
// alerts of an incident: otherwise the first alert would decide what is done
// and verified for the others.
func (r *policyReader) checkTaken(w *written) {
	for _, t := range w.takes {
		switch {
		case slices.Contains(r.config.ReplicaLabels, t.label):
			t.at.fail(fmt.Sprintf("$%s is a replica label, which is not part of an alert's identity", t.label), "use a label that tells alerts apart")
		case !w.steady(t.label):
			t.at.fail(fmt.Sprintf("$%s may differ between the alerts of one incident", t.label), addToPer(t.label))
		}
	}
}

// steady tells whether a label is the same for all alerts of an incident.
func (w *written) steady(label string) bool {
	return slices.Contains(w.Per, label) || len(w.fixed(label)) == 1
}

func addToPer(label string) string {
	return fmt.Sprintf("add %s to per, or fix it in when: '%s=\"...\"'", label, label)
}

// checkLimits warns of a policy that may never act, and of one that may act as
// often as it likes.
func (r *policyReader) checkLimits(w *written) {
	if w.Mode == remediate.ModeApprove && r.manyAre(RoleApprover) == 0 {
		w.mode.warn("nobody may approve what this policy wants to do", "give one of the people in the configuration the role "+RoleApprover)
	}
	if w.steps.node == nil || w.Mode != remediate.ModeAct || w.cooldown || len(w.Guards.Budget) > 0 || len(r.config.Budget) > 0 {
		return
	}
	w.mode.warn("nothing limits how often this policy acts while its remedy helps", "add guards: {cooldown: 10m, budget: [{actions: 3, per: 1h}]}")
}

// manyAre is how many of the people have one of the roles.
func (r *policyReader) manyAre(roles ...string) (n int) {
	for _, p := range r.config.People {
		if slices.ContainsFunc(roles, func(role string) bool { return slices.Contains(p.Roles, role) }) {
			n++
		}
	}
	return n
}
