package policies

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/alertmanager/pkg/labels"

	"github.com/x0tta6bl4/remediated/remediate"
)

// checkSilences sees to it that what an action silences is certainly none of the
// policy's own alerts: people would hear no more of what it works on. Nor may it
// be the alert by which we hear that alerts come, nor that of another team.
func (r *policyReader) checkSilences(w *written) {
	for _, u := range w.acts {
		ms := matchersOf(r.catalogue.Silences(u.kind, u.args))
		if len(ms) == 0 {
			continue
		}
		at := u.at.blamed(`"alert"`, u.name)
		if !neverBoth(ms, matchersOf(w.When)) {
			at.fail("this may silence the policy's own alerts: people would not hear of what it works on", "name other alerts, or add a matcher that contradicts when")
		}
		if d := r.config.Watchdog; d != nil && !neverBoth(ms, matchersOf(d.When)) {
			at.fail("this may silence the watchdog's alert, which must always come", "name other alerts")
		}
		r.confineSilence(at, ms, w)
	}
}

// confineSilence sees to it that a team silences alerts of its own namespaces
// only.
func (r *policyReader) confineSilence(at value, ms []*labels.Matcher, w *written) {
	if len(r.namespaces) == 0 || slices.ContainsFunc(ms, func(m *labels.Matcher) bool {
		values, few := valuesOf(m)
		if few && m.Value == "$namespace" {
			values = w.fixed("namespace")
		}
		return m.Name == "namespace" && few && len(values) > 0 && !slices.ContainsFunc(values, func(s string) bool { return !slices.Contains(r.namespaces, s) })
	}) {
		return
	}
	at.fail("this may silence alerts of any namespace, but these files may target only: "+strings.Join(r.namespaces, ", "),
		fmt.Sprintf(`add 'namespace="%s"'`, r.namespaces[0]))
}

// neverBoth tells whether no alert satisfies all of ms and all of others. It says
// so only where that is sure: where all values that a matcher of the one lets
// pass are refused by one of the other.
func neverBoth(ms, others []*labels.Matcher) bool {
	return slices.ContainsFunc(ms, func(m *labels.Matcher) bool {
		return slices.ContainsFunc(others, func(o *labels.Matcher) bool {
			return m.Name == o.Name && !strings.Contains(m.Value, "$") && (refusesAll(m, o) || refusesAll(o, m))
		})
	})
}

// refusesAll tells whether m lets pass only a few values, and o none of them.
func refusesAll(m, o *labels.Matcher) bool {
	values, few := valuesOf(m)
	return few && !slices.ContainsFunc(values, o.Matches)
}

// unsilence is the kind of action that ends what was silenced.
const unsilence = "unsilence"

// checkSilenced warns of a procedure that, when it breaks off, leaves silenced
// what it silenced.
func (r *policyReader) checkSilenced(step value, s remediate.Step) {
	i := slices.IndexFunc(s.Do, func(d remediate.Do) bool { return len(r.catalogue.Silences(d.Kind, d.Args)) > 0 })
	if i < 0 || i == len(s.Do)-1 || slices.ContainsFunc(s.Undo, func(d remediate.Do) bool { return d.Kind == unsilence }) {
		return
	}
	step.warn("when this breaks off, what it silenced stays so until the silence's time is over", "write undo: [{unsilence: {}}] beside do")
}
