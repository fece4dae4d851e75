package replay

import (
	"slices"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Coverage is what tests have reached of a rulebook's policies: what may be
// reached, and whether it was, in the order of the policies.
type Coverage struct {
	policies []*covered
	byName   map[string]*covered
}

// covered is what may be reached of one policy.
type covered struct {
	policy  *remediate.Policy
	items   []string // in the order in which they are shown
	reached map[string]bool
}

// Reach is one thing of a policy that a test may reach.
type Reach struct {
	Policy  string `json:"policy"`
	What    string `json:"what"` // "opened", "step restart", "step restart does not help", "cooldown refuses"
	Reached bool   `json:"reached"`
}

// NewCoverage begins with nothing reached.
func NewCoverage() *Coverage { return &Coverage{byName: map[string]*covered{}} }

const opened = "opened"

func tried(step string) string    { return "step " + step }
func helpless(step string) string { return "step " + step + " does not help" }
func refuses(guard string) string { return guard + " refuses" }

// Count takes up what a test has reached.
func (c *Coverage) Count(o *Outcome) {
	if o.Book == nil {
		return
	}
	for i := range o.Book.Policies {
		c.add(&o.Book.Policies[i])
	}
	of := map[uint64]*course{}
	for _, f := range o.Facts {
		if b, ok := f.Body.(remediate.Opened); ok {
			if p := c.byName[b.Policy]; p != nil {
				of[b.Incident] = &course{of: p}
				p.reached[opened] = true
			}
			continue
		}
		if i := of[remediate.IncidentOf(f.Body)]; i != nil {
			i.count(f.Body)
		}
	}
}

// Reached is all there is to reach, policy by policy.
func (c *Coverage) Reached() []Reach {
	var out []Reach
	for _, p := range c.policies {
		for _, what := range p.items {
			out = append(out, Reach{Policy: p.policy.Name, What: what, Reached: p.reached[what]})
		}
	}
	return out
}

// add makes a policy known.
func (c *Coverage) add(p *remediate.Policy) {
	if c.byName[p.Name] != nil {
		return
	}
	one := &covered{policy: p, items: []string{opened}, reached: map[string]bool{}}
	for _, s := range p.Steps {
		one.items = append(one.items, tried(s.Name), helpless(s.Name))
	}
	for _, guard := range ownGuards(p) {
		one.items = append(one.items, refuses(guard))
	}
	c.byName[p.Name] = one
	c.policies = append(c.policies, one)
}

// ownGuards are those to which the policy gives numbers of its own.
func ownGuards(p *remediate.Policy) []string {
	g := p.Guards
	var out []string
	for _, own := range []struct {
		guard string
		is    bool
	}{
		{"window", g.Window != nil},
		{"depends", len(g.Depends) > 0},
		{"cooldown", g.Cooldown > 0},
		{"attempts", g.Attempts != 0 && g.Attempts != remediate.DefaultAttempts},
		{"flapping", g.Flapping.Heals != 0 && g.Flapping != remediate.DefaultFlapping()},
		{"budget", len(g.Budget) > 0},
		{"breaker", g.Breaker.Failures != 0 && g.Breaker != remediate.DefaultBreaker()},
		{"healthy", g.Healthy != nil},
		{"backup", g.Backup != nil},
		{"approval", slices.ContainsFunc(p.Steps, func(s remediate.Step) bool { return s.Approval != nil })},
	} {
		if own.is && len(p.Steps) > 0 {
			out = append(out, own.guard)
		}
	}
	return out
}

// course is an incident of a policy, and the step that it is at.
type course struct {
	of   *covered
	step string
}

// count takes up a fact about the incident.
func (i *course) count(b remediate.Body) {
	switch b := b.(type) {
	case remediate.Started:
		if b.Act != nil && !b.Act.Undo && b.Act.Step < len(i.of.policy.Steps) {
			i.step = i.of.policy.Steps[b.Act.Step].Name
			i.of.reached[tried(i.step)] = true
		}
	case remediate.BreakerCounted:
		if !b.Success {
			i.of.reached[helpless(i.step)] = true
		}
	case remediate.Judged:
		for _, v := range b.Verdicts {
			if v.Decision != remediate.Allowed && v.Decision != remediate.Observed {
				i.of.reached[refuses(v.Guard)] = true
			}
		}
	}
}
