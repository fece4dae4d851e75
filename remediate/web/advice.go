package web

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// happening says in one line what is happening with the incident of r.
func happening(r Row) string {
	if r.Drill != "" {
		return "a drill: " + happens(r)
	}
	if r.Live != "" {
		return "a live drill: " + happens(r)
	}
	return happens(r)
}

func happens(r Row) string {
	if r.asking != "" {
		return r.asking
	}
	switch r.Status {
	case remediate.StatusListed:
		return "fired already when its policy was loaded; only listed until somebody says run"
	case remediate.StatusDeciding:
		return "the guards are being asked"
	case remediate.StatusActing:
		return fmt.Sprintf("attempt %d is being carried out", r.Attempts)
	case remediate.StatusVerifying:
		return fmt.Sprintf("attempt %d was carried out; looking whether it helped", r.Attempts)
	case remediate.StatusHealed:
		return fmt.Sprintf("good again after %s; waiting for its alerts to resolve", r.Took)
	case remediate.StatusUnconfirmed:
		return "its alerts are gone, but it is not seen to be well"
	}
	return r.Why
}

// askings are what is looked at besides the guards and an attempt.
var askings = map[string]string{
	remediate.ForConfirmation: "its alerts resolved; looking whether it is well, before it is closed",
	remediate.ForSettling:     "the last attempt broke off; looking whether it helped all the same",
	remediate.ForEvidence:     "keeping what there is to be seen, before it is destroyed",
}

// asking says which of them is going on, "" when none is.
func asking(i *remediate.Incident) string {
	for _, p := range i.Pending {
		if p.Ask != nil && p.Ask.Purpose == remediate.ForConfirmation && len(i.Firing) > 0 {
			return "somebody else changed its target; looking whether that helped"
		}
		if p.Ask != nil && askings[p.Ask.Purpose] != "" {
			return askings[p.Ask.Purpose]
		}
	}
	return ""
}

// nextOf says what the incident waits for and what a human may do.
func nextOf(i *remediate.Incident) string {
	if now := asking(i); now != "" {
		return "Nothing to do: " + now + "."
	}
	why := whyOf(i)
	switch i.Status {
	case remediate.StatusListed:
		return "It fired already when its policy was loaded, so it is only listed: nothing is done and nobody is paged. Run it to have it judged, or close it."
	case remediate.StatusDeciding:
		return "The guards are being asked. Nothing to do yet."
	case remediate.StatusWaiting:
		return "Not now: " + why + ". " + again(i.Until)
	case remediate.StatusDenied:
		return denied(i, why)
	case remediate.StatusHeld:
		return "A human said not now: " + why + ". " + again(i.Until) + " Run it when it may go on."
	case remediate.StatusApproval:
		return fmt.Sprintf("P%s. Read it, then approve or deny it%s.", strings.TrimPrefix(why, "approval: p"), before(i.Until))
	case remediate.StatusObserved:
		if i.Drill != "" {
			return "It is a drill: what would be done is written down, and nothing is done. Say what you would say in earnest; write down what you learned. Close ends it."
		}
		return "The policy only observes: what would be done is written down, and nothing is done. Run changes nothing until the policy may act."
	case remediate.StatusActing, remediate.StatusVerifying:
		return "Nothing to do: " + happening(rowOf(i)) + ". Take it over to keep further steps from being tried."
	case remediate.StatusUnconfirmed:
		return "Its alerts are gone, but it is not seen to be well: " + i.Lost + ". See whether Prometheus and the exporter are there, repair it, or close it. It closes by itself as soon as it is well."
	case remediate.StatusHealed:
		return "Nothing to do: it is looked at every few seconds, and closes when its alerts resolve."
	}
	return "Nothing: it is over."
}

func denied(i *remediate.Incident, why string) string {
	switch {
	case i.ToldOnly != "":
		return "Nothing can be done by itself: " + i.ToldOnly + ". Repair it by hand; it closes when its alerts resolve."
	case pausedBy(i.Verdicts):
		when := "when that is resumed."
		if !i.Until.IsZero() {
			when = "then, or when that is resumed."
		}
		return "Nothing is done while automation is paused (" + why + "). It goes on by itself " + when
	}
	ack := "acknowledge it so that nobody else is called, "
	if i.Acked != "" {
		ack = ""
	}
	return "It will not be acted on: " + why + ". " + again(i.Until) + " Until then it is yours: " + ack + "repair it, or clear what stands in the way and run it."
}

func pausedBy(vs []remediate.Verdict) bool {
	return slices.ContainsFunc(vs, func(v remediate.Verdict) bool { return v.Guard == "paused" && v.Decision == remediate.Denied })
}

func again(until time.Time) string {
	if until.IsZero() {
		return "It is judged again when that changes."
	}
	return "It is judged again at " + stamp(until) + "."
}

func before(until time.Time) string {
	if until.IsZero() {
		return ""
	}
	return " until " + stamp(until)
}

// commandsOf returns the commands that fit the incident as it stands, those
// first that are most likely meant. The decider has the last word.
func commandsOf(i *remediate.Incident) []string {
	if i.Status == remediate.StatusClosed {
		return []string{remediate.Note}
	}
	busy := i.Status == remediate.StatusActing || i.Status == remediate.StatusVerifying
	cs := []string{}
	if i.Status == remediate.StatusApproval {
		cs = append(cs, remediate.Approve, remediate.Deny)
	}
	if i.Acked == "" {
		cs = append(cs, remediate.Ack)
	}
	if i.Taken == "" {
		cs = append(cs, remediate.TakeOver)
	}
	if i.ToldOnly == "" && i.Drill == "" && !busy && i.Status != remediate.StatusDeciding {
		cs = append(cs, remediate.Run)
	}
	if !busy {
		cs = append(cs, remediate.Close)
	}
	if i.Acked != "" {
		cs = append(cs, remediate.Unack)
	}
	if i.ToldOnly == "" && standing[i.Status] && len(InTheWay(i.Verdicts)) > 0 {
		cs = append(cs, remediate.Override)
	}
	return append(cs, remediate.Rate, remediate.Note)
}

// standing are the statuses in which a guard stands in the way.
var standing = map[remediate.Status]bool{
	remediate.StatusWaiting: true, remediate.StatusDenied: true, remediate.StatusHeld: true,
}

// InTheWay returns the names of the guards that stand in the way and for which
// an override may be given.
func InTheWay(vs []remediate.Verdict) []string {
	var names []string
	for _, v := range vs {
		if v.Overridable() {
			names = append(names, v.Guard)
		}
	}
	return names
}

// short is a wire name less the journal's name: a1 of q4m2x7kd-i42-a1.
func short(id string) string {
	parts := strings.SplitN(id, "-", 3)
	return parts[len(parts)-1]
}
