package remediate

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The guards by which people decide: the kill switch, modes, a human at work,
// silences, approvals.

// paused is the kill switch.
func paused(v *view) Verdict {
	is := allow("nothing is paused")
	if len(v.h.s.Paused) == 0 {
		return is
	}
	for _, scope := range v.h.scopes(v.i) {
		if c, on := v.h.s.Paused[scope]; on {
			d := deny(c.Until, "%s is paused by %s%s%s", scope, c.By, untilWhen(c.Until), said(c.Reason))
			d.For = "paused"
			is = stricter(is, d)
		}
	}
	return is
}

// mode is what the policy may do by itself: the strictest of what it was when
// the incident was opened, what it is now, what a human set, what the target
// and its namespace say of themselves, and observe while the release is held.
func mode(v *view) Verdict {
	m := v.mode()
	switch {
	case m.gone:
		return deny(time.Time{}, "policy %s is no longer in the rulebook", v.p.Name)
	case m.Mode == ModeObserve:
		return Verdict{Decision: Observed, Reason: m.why, Until: m.until}
	}
	return allow("%s", m.why)
}

// ruledMode is a mode, and whose word it is.
type ruledMode struct {
	Mode
	why   string
	until time.Time // when to look anew, zero when its change is heard of
	gone  bool      // the policy is no longer there
}

// may says a mode in words.
func may(m Mode) string {
	switch m {
	case ModeAct:
		return "may act"
	case ModeApprove:
		return "may act on a plan that a human approves"
	}
	return "only observes"
}

// stricterMode returns the mode that lets less be done, the first among equals.
func stricterMode(a, b ruledMode) ruledMode {
	order := []Mode{ModeObserve, ModeApprove, ModeAct}
	if slices.Index(order, b.Mode) < slices.Index(order, a.Mode) {
		b.gone = a.gone
		return b
	}
	return a
}

// modeOf returns the incident's mode, as far as it is known without asking.
func (h *handler) modeOf(i *Incident) ruledMode {
	opened, now := h.policy(i), h.policyNow(i)
	if opened == nil {
		return ruledMode{Mode: ModeObserve, gone: true}
	}
	m := ruledMode{Mode: opened.Mode, why: "policy " + i.Policy + " " + may(opened.Mode), gone: now == nil}
	if now != nil {
		m = stricterMode(m, ruledMode{Mode: now.Mode, why: "policy " + i.Policy + " by now " + may(now.Mode)})
	}
	if i.Drill != "" {
		m = stricterMode(m, ruledMode{Mode: ModeObserve, why: "it is a drill"})
	}
	if h.s.Release.Held {
		m = stricterMode(m, ruledMode{Mode: ModeObserve, why: h.s.Release.heldWhy()})
	}
	if len(h.s.Modes) == 0 {
		return m
	}
	for _, scope := range h.scopes(i) {
		if c, set := h.s.Modes[scope]; set {
			m = stricterMode(m, ruledMode{Mode: Mode(c.Value), why: fmt.Sprintf("%s %s, as %s set it%s", scope, may(Mode(c.Value)), c.By, said(c.Reason))})
		}
	}
	return m
}

// mode is modeOf, and the annotations that were seen.
func (v *view) mode() ruledMode {
	m := v.h.modeOf(v.i)
	for _, s := range v.all() {
		if said := s.Values[ValueNamespaceMode]; said != "" {
			m = stricterMode(m, v.annotated("namespace "+s.Namespace, said))
		}
		if said := s.Values[ValueMode]; said != "" {
			m = stricterMode(m, v.annotated(s.Target.String(), said))
		}
	}
	return m
}

// annotated is the mode that an object says of itself.
func (v *view) annotated(whose, said string) ruledMode {
	m := ruledMode{Mode: Mode(said), why: fmt.Sprintf("%s is annotated remediated/mode: %s", whose, said), until: v.soon(4 * askAgain)}
	if !slices.Contains([]Mode{ModeObserve, ModeApprove, ModeAct}, m.Mode) {
		m.Mode, m.why = ModeObserve, m.why+", which is none of observe, approve and act, and so taken for observe"
	}
	return m
}

// scopes are those that a pause or a mode may name the incident by.
func (h *handler) scopes(i *Incident) []string {
	scopes := []string{"all", "policy/" + i.Policy}
	for _, t := range h.objects(i) {
		if scope := "namespace/" + t.Namespace; t.Namespace != "" && !slices.Contains(scopes, scope) {
			scopes = append(scopes, scope)
		}
	}
	return scopes
}

func takeover(v *view) Verdict {
	if v.i.Taken != "" {
		return hold("taken over by %s", v.i.Taken)
	}
	return allow("nobody has taken it over")
}

// silenced is a human's word to stop, as far as it is known without asking.
func silenced(v *view) Verdict {
	if len(v.i.Firing) == 0 {
		return allow("none of its alerts fires")
	}
	if by, all := v.h.silencers(v.i); all {
		return hold("all of its alerts are silenced or inhibited: %s", strings.Join(by, ", "))
	}
	return allow("%d of its alerts fire, not all of them suppressed", len(v.i.Firing))
}

// silencers returns what suppresses the incident's firing alerts, and whether
// that is all of them. Then a human, or another alert, said that nobody is to
// be bothered: nothing is done, and nobody called.
func (h *handler) silencers(i *Incident) (by []string, all bool) {
	for id := range i.Firing {
		k := h.s.Known[id]
		if k == nil || len(k.Suppressed) == 0 {
			return nil, false
		}
		by = append(by, k.Suppressed...)
	}
	slices.Sort(by)
	return slices.Compact(by), len(i.Firing) > 0
}

// approval asks humans when the mode or the step wants it. What was approved is
// a plan: another one needs another approval.
func (v *view) approval(plan *Plan, hash string) Verdict {
	m := v.mode().Mode
	by := v.p.Steps[v.step].Approval
	people, within := by.terms()
	var fresh []Approving
	if v.i.Approved == hash {
		fresh = v.i.approvals(v.h.now, within)
	}
	verdict := func() Verdict {
		switch {
		case v.i.Refused != "": // also when no approval is needed any more
			return hold("denied by %s", v.i.Refused)
		case m == ModeObserve:
			return allow("not asked for: nothing would be done")
		case m != ModeApprove && by == nil:
			return allow("not needed")
		case len(fresh) >= people:
			return allow("plan %s is approved by %s", hash, approvers(fresh))
		case len(fresh) > 0:
			why := fmt.Sprintf("plan %s is approved by %s: %d of the %d people who must", hash, approvers(fresh), len(fresh), people)
			return Verdict{Decision: Approval, Reason: why, Until: fresh[0].At.Add(within)}
		case v.i.Status == StatusApproval && v.i.Hash == hash:
			return deny(time.Time{}, "%s approved plan %s in time", tooFew(v.i.Approvals), hash)
		}
		return Verdict{Decision: Approval, Reason: v.waits(hash, people, within) + plan.changes(v.own().Target), Until: v.h.now.Add(within)}
	}()
	verdict.Guard = "approval"
	return verdict
}

// waits says for whom a plan waits, and why what was approved is not it.
func (v *view) waits(hash string, people int, within time.Duration) string {
	why := "plan " + hash + " waits for a human"
	if people > 1 {
		why = fmt.Sprintf("plan %s waits for %d people", hash, people)
	}
	if len(v.i.Approvals) == 0 {
		return why
	}
	last := v.i.Approvals[len(v.i.Approvals)-1]
	if v.i.Approved == hash {
		return why + fmt.Sprintf(": %s approved it %s ago, longer than the %s that an approval holds", approvers(v.i.Approvals), since(v.h.now, last.At), within)
	}
	return why + fmt.Sprintf(": what %s approved was plan %s, and things have changed", approvers(v.i.Approvals), v.i.Approved)
}

// terms are how many people must approve, and for how long an approval holds.
func (a *ApprovalBy) terms() (people int, within time.Duration) {
	people, within = 1, defaultApproval
	if a != nil {
		people = max(people, a.People)
	}
	if a != nil && a.Within > 0 {
		within = time.Duration(a.Within)
	}
	return people, within
}

// defaultApproval is how long a human is waited for.
const defaultApproval = 10 * time.Minute

// approvals are those that still hold, the oldest first.
func (i *Incident) approvals(now time.Time, within time.Duration) []Approving {
	return slices.DeleteFunc(slices.Clone(i.Approvals), func(a Approving) bool { return now.Sub(a.At) >= within })
}

func approvers(all []Approving) string {
	var names []string
	for _, a := range all {
		names = append(names, a.By)
	}
	return strings.Join(names, " and ")
}

func tooFew(all []Approving) string {
	if len(all) == 0 {
		return "nobody"
	}
	return "only " + approvers(all)
}
