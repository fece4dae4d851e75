package remediate

import (
	"fmt"
	"slices"
	"strings"
)

// command takes a human's word, or says why it does not fit.
func (h *handler) command(c CommandGiven) error {
	if c.By == "" {
		return refuse("a command needs to say who gives it")
	}
	if c.Command == Pause || c.Command == Resume {
		return h.scoped(c)
	}
	i := h.s.Incidents[c.Incident]
	if i == nil || i.Status == StatusClosed {
		return &RefusedError{NotFound: true, Why: fmt.Sprintf("incident i%d is not open", c.Incident)}
	}
	if err := i.fits(c); err != nil {
		return err
	}
	c.Scope = ""
	h.emit(c)
	if c.Command == Close {
		h.close(i, "closed by "+c.By+said(c.Reason))
	}
	return nil
}

// scoped takes the kill switch.
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
	h.emit(CommandGiven{Command: c.Command, By: c.By, Scope: c.Scope, Reason: c.Reason}) // about no incident
	return nil
}

// fits says why a command does not fit the incident as it stands.
func (i *Incident) fits(c CommandGiven) error {
	switch c.Command {
	case Ack, TakeOver:
		return nil
	case Close:
		if i.acting() || i.asking(ForVerification) {
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
