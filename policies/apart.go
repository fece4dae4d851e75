package policies

import (
	"fmt"
	"slices"
	"strings"

	"github.com/x0tta6bl4/remediated/remediate"
)

// checkApart warns of a policy that acts on the same object as one before it
// while nothing makes either wait for what the other has just done: busy keeps
// them apart only while one is at work.
func (l *loading) checkApart(i int) {
	w := &l.policies[i]
	for j := range l.policies[:i] {
		o := &l.policies[j]
		if w.Target != o.Target || !w.changes() || !o.changes() || w.dependsOn(o) || o.dependsOn(w) || w.cooldown && o.cooldown {
			continue
		}
		at, other := w, o
		if w.cooldown {
			at, other = o, w
		}
		at.target.warn(fmt.Sprintf("%s and %s both act on %s, and nothing has this one wait for what the other has just done", at.Name, other.Name, at.Target),
			fmt.Sprintf("add guards: {cooldown: 10m}, which counts what %s at %s did as well, or say in depends which of them comes first", other.Name, other.Source))
		return
	}
}

// changes tells whether the policy may ever act on one object that can be named.
func (w *written) changes() bool {
	return w.Target != "" && !strings.Contains(w.Target, "$") && len(w.Steps) > 0 && w.Mode != remediate.ModeObserve
}

func (w *written) dependsOn(o *written) bool {
	return slices.ContainsFunc(w.depends, func(d dependency) bool { return d.Policy == o.Name })
}
