package remediate

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Dependencies between policies: the root of a trouble is acted on, its leaves
// are held. They are released when the root is verified, and until then the
// root's page is theirs.

// depends holds a leaf while what it depends on is broken.
func depends(v *view) Verdict {
	for _, d := range v.p.Guards.Depends {
		if verdict := v.dependency(d); verdict.Decision != Allowed {
			return verdict
		}
	}
	if len(v.p.Guards.Depends) == 0 {
		return allow("the policy depends on nothing")
	}
	return allow("what it depends on is well, as far as %s", map[bool]string{true: "was asked", false: "is known without asking"}[v.asked])
}

func (v *view) dependency(d Dependency) Verdict {
	switch {
	case d.Policy != "":
		if root := v.h.brokenRoot(v.i, d); root != nil {
			w := wait(time.Time{}, "it depends on policy %s, whose incident i%d is %s", d.Policy, root.ID, root.Status)
			w.For = rootKey(root.ID)
			return w
		}
	case !v.asked:
	case len(d.Alert) > 0:
		return v.dependencyAlert(d)
	case d.Query != "":
		value, err := v.number(d.Query)
		switch {
		case err != nil:
			return wait(v.soon(askAgain), "%s is not known: %v", d.Query, err)
		case value < d.Min:
			return wait(v.soon(askAgain), "%s is %v, and it depends on that being at least %v", d.Query, value, d.Min)
		}
	}
	return allow("")
}

func (v *view) dependencyAlert(d Dependency) Verdict {
	args, err := alertsArgs(d, v.i.Alert.Labels)
	if err != nil {
		return wait(v.soon(4*askAgain), "what it depends on cannot be asked for: %v", err)
	}
	a := v.answer("alerts", args)
	n, err := count(a, ValueCount)
	switch {
	case err != nil:
		return wait(v.soon(askAgain), "whether an alert fires that it depends on is not known: %v", err)
	case n > 0:
		return wait(v.soon(askAgain), "it depends on an alert that fires: %s", a.Text)
	}
	return allow("")
}

// alertsArgs are the arguments of the question for the alerts of a dependency.
func alertsArgs(d Dependency, ls Labels) (json.RawMessage, error) {
	args, err := json.Marshal(map[string][]string{"filter": d.Alert})
	if err != nil {
		return nil, err
	}
	return fill(args, ls)
}

// queryArgs are the arguments of a question for one value.
func queryArgs(query string) json.RawMessage {
	args, _ := json.Marshal(map[string]string{"query": query}) // a map of strings
	return args
}

// brokenRoot returns the open incident that a leaf depends on and that is not
// healed, the oldest of several, nil when there is none.
func (h *handler) brokenRoot(leaf *Incident, d Dependency) *Incident {
	for _, n := range slices.Sorted(maps.Keys(h.s.index.byPolicy[d.Policy])) {
		root := h.s.Incidents.Get(n)
		same := !slices.ContainsFunc(d.Same, func(label string) bool {
			return root.Alert.Labels.Get(label) != leaf.Alert.Labels.Get(label)
		})
		if n != leaf.ID && same && leaf.sameWorld(root) && root.Status != StatusHealed {
			return root
		}
	}
	return nil
}

// isRoot tells whether a policy of the rulebook that governs depends on this
// one.
func (h *handler) isRoot(policy string) bool {
	book := h.books[h.s.Rulebook]
	return book != nil && book.roots[policy]
}

// rootOf returns the incident whose page is the leaf's: what the leaf was last
// held for, as far up as that goes. It is nil when the leaf is held for
// nothing, or when nobody would hear of the root.
func (h *handler) rootOf(leaf *Incident) *Incident {
	var root *Incident
	for at, n := leaf, 0; n < maxDepth; n++ {
		if at = h.heldFor(at); at == nil {
			break
		}
		root = at
	}
	if root == nil || root.ID == leaf.ID || root.Drill != leaf.Drill || !h.tellable(root) || root.ID == h.s.Storm && leaf.Severity == P1 {
		return nil
	}
	return root
}

// maxDepth is how far up roots are looked for: policies that depend on each
// other in a circle are refused by the loader, not here.
const maxDepth = 8

// heldFor returns the incident that this one was last judged to wait for. It
// is a leaf also while it is judged anew, or when its alerts are gone: that it
// is not well is its root's doing.
func (h *handler) heldFor(i *Incident) *Incident {
	if d, _ := strictest(i.Verdicts); d != Waiting {
		return nil
	}
	for _, v := range i.Verdicts {
		name, ok := strings.CutPrefix(v.For, rootPrefix)
		n, err := strconv.ParseUint(name, 10, 64)
		if !ok || err != nil || v.Decision != Waiting {
			continue
		}
		if root := h.s.Incidents.Get(n); root != nil && root.Status != StatusHealed && root.Status != StatusClosed {
			return root
		}
	}
	return nil
}

// tellable tells whether people hear of an incident, by a ladder.
func (h *handler) tellable(i *Incident) bool {
	_, silenced := h.silencers(i)
	book := h.runbook(i)
	return !silenced && !i.Found && !h.silent(i) && book.Page != PageNever && book.rungs() > 0
}
