package remediate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// command takes a human's word, or says why it does not fit.
func (h *handler) command(c CommandGiven) error {
	if c.By == "" {
		return refuse("a command needs to say who gives it")
	}
	if c.By == Itself {
		if err := h.tightens(c); err != nil {
			return err
		}
	}
	switch c.Command {
	case Pause, Resume, SetMode:
		return h.scoped(c)
	case Accept:
		return h.accept(c)
	case Drill, EndDrill, LiveDrill:
		return h.drill(c)
	case Note:
		return h.note(c)
	}
	i := h.s.Incidents.Get(c.Incident)
	if i == nil || i.Status == StatusClosed {
		return &RefusedError{NotFound: true, Why: fmt.Sprintf("incident i%d is not open", c.Incident)}
	}
	if err := i.fits(c); err != nil {
		return err
	}
	if c.Command == Approve && h.approved(i, c.By) {
		return refuse("%s has approved plan %s already: it takes somebody else as well", c.By, i.Hash)
	}
	c.Scope, c.Labels, c.Until = "", nil, time.Time{}
	h.emit(c)
	switch c.Command {
	case Close:
		h.close(i, "closed by "+c.By+said(c.Reason))
	case Rate:
		h.emit(Rated{Incident: i.ID, From: i.Severity, To: Severity(c.Value), Why: cmp.Or(c.Reason, "says "+c.By)})
	}
	return nil
}

// approved tells whether somebody's approval of the plan that waits still holds.
func (h *handler) approved(i *Incident, by string) bool {
	p := h.policy(i)
	if p == nil || i.Approved != i.Hash {
		return false
	}
	_, within := p.Steps[i.Step].Approval.terms()
	return slices.ContainsFunc(i.approvals(h.now, within), func(a Approving) bool { return a.By == by })
}

// note takes what somebody learned from an incident. That is known best when it
// is over, and then all that is left of it here is that its number was given.
func (h *handler) note(c CommandGiven) error {
	switch {
	case c.Incident == 0 || c.Incident > h.s.Last:
		return &RefusedError{NotFound: true, Why: fmt.Sprintf("there never was an incident i%d", c.Incident)}
	case strings.TrimSpace(c.Reason) == "":
		return refuse("a note needs a text: it is kept with incident i%d for ever", c.Incident)
	}
	h.emit(CommandGiven{Command: Note, By: c.By, Incident: c.Incident, Reason: c.Reason, Via: c.Via})
	return nil
}

// scoped takes the kill switch, and modes.
func (h *handler) scoped(c CommandGiven) error {
	kind, name, _ := strings.Cut(c.Scope, "/")
	switch {
	case c.Scope == "all":
	case (kind == "policy" || kind == "namespace") && name != "":
	default:
		return refuse("scope %q: want all, policy/NAME or namespace/NAME", c.Scope)
	}
	if _, paused := h.s.Paused[c.Scope]; !paused && c.Command == Resume {
		return refuse("%s is not paused", c.Scope)
	}
	switch c.Command {
	case Pause:
		return h.pause(c)
	case Resume:
		h.emit(CommandGiven{Command: Resume, By: c.By, Scope: c.Scope, Reason: c.Reason}) // about no incident
		return nil
	}
	if !slices.Contains([]Mode{ModeObserve, ModeApprove, ModeAct}, Mode(c.Value)) {
		return refuse("mode %q: want observe, approve, or act to lift what was set", c.Value)
	}
	if _, set := h.s.Modes[c.Scope]; !set && Mode(c.Value) == ModeAct {
		return refuse("no mode is set for %s; what its policy may do stands in the policy's file", c.Scope)
	}
	h.emit(CommandGiven{Command: c.Command, By: c.By, Scope: c.Scope, Reason: c.Reason, Value: c.Value})
	return nil
}

// tightens says why the daemon may not say this: by itself it puts one policy
// that does more back to observe, and nothing else.
func (h *handler) tightens(c CommandGiven) error {
	name, one := strings.CutPrefix(c.Scope, "policy/")
	if c.Command != SetMode || Mode(c.Value) != ModeObserve || !one {
		return refuse("%s only ever puts a policy back to observe", Itself)
	}
	if c.Reason == "" {
		return refuse("%s needs to say why it puts %s back to observe", Itself, c.Scope)
	}
	book := h.books[h.s.Rulebook]
	if book == nil || book.Policy(name) == nil {
		return refuse("there is no policy %s", name)
	}
	if set := h.s.Modes[c.Scope]; book.Policy(name).Mode == ModeObserve || Mode(set.Value) == ModeObserve {
		return refuse("%s only observes already", c.Scope)
	}
	return nil
}

// fits says why a command does not fit the incident as it stands.
func (i *Incident) fits(c CommandGiven) error {
	switch c.Command {
	case Ack, TakeOver:
		return nil
	case Unack:
		if i.Acked == "" {
			return refuse("incident i%d is not acknowledged", i.ID)
		}
		return nil
	case Close:
		if i.Policy == WatchdogPolicy || i.Policy == UntoldPolicy {
			return refuse("incident i%d is about ourselves, and ends when what it says is no longer so", i.ID)
		}
		if i.Policy == StormPolicy {
			return refuse("incident i%d is a storm, which ends by itself; to act on one incident in spite of it, override the guard storm there", i.ID)
		}
		if i.underWay() {
			return refuse("incident i%d has an act under way: take it over, and close it when the act has ended", i.ID)
		}
		return nil
	case Approve, Deny:
		if i.Status != StatusApproval {
			return refuse("incident i%d has no plan that waits for approval; it is %s", i.ID, i.Status)
		}
		if len(c.Plan) < 6 || !strings.HasPrefix(i.Hash, c.Plan) {
			return refuse("plan %q is not the one that waits for approval, which is %s: look at it again with remedy incident explain i%d", c.Plan, i.Hash, i.ID)
		}
		return nil
	case Override:
		return i.fitsOverride(c)
	case Rate:
		if !slices.Contains([]Severity{P1, P2, P3}, Severity(c.Value)) {
			return refuse("severity %q: want P1, P2 or P3", c.Value)
		}
		if Severity(c.Value) == i.Severity {
			return refuse("incident i%d is %s already", i.ID, i.Severity)
		}
		return nil
	case Run:
		if i.ToldOnly != "" {
			return refuse("incident i%d cannot be acted on: %s", i.ID, i.ToldOnly)
		}
		if slices.Contains([]Status{StatusActing, StatusVerifying, StatusDeciding}, i.Status) {
			return refuse("incident i%d is %s already", i.ID, i.Status)
		}
		return nil
	}
	return refuse("command %q is not known", c.Command)
}

// fitsOverride says why a guard may not be overridden now: it takes a reason,
// and a guard that stands in the way and may be.
func (i *Incident) fitsOverride(c CommandGiven) error {
	switch {
	case c.Reason == "":
		return refuse("an override needs a reason: it is written down for ever")
	case !slices.Contains(overridable, c.Guard):
		return refuse("guard %q cannot be overridden; these can: %s", c.Guard, strings.Join(overridable, ", "))
	}
	var ways []string
	for _, v := range i.Verdicts {
		if strictness[v.Decision] >= strictness[Waiting] {
			ways = append(ways, v.Guard)
		}
	}
	if !slices.Contains(ways, c.Guard) {
		return refuse("guard %s does not stand in the way of incident i%d; in its way stand: %s", c.Guard, i.ID, cmp.Or(strings.Join(ways, ", "), "none"))
	}
	return nil
}
