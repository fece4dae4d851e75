package replay

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/remediate"
)

// teller tells what followed from what happened, as policy tests have it: not
// what was heard, asked and told, but what was decided and done. A judgement
// that says what the one before it said is told once.
type teller struct {
	start    time.Time
	book     *remediate.Rulebook
	policies map[uint64]string // of the incidents
	stands   map[uint64]string // what was judged last
	acts     map[string]bool   // what was begun, by ID: true for an act, false for a verification
}

func newTeller(start time.Time, book *remediate.Rulebook) *teller {
	return &teller{start: start, book: book, policies: map[uint64]string{}, stands: map[uint64]string{}, acts: map[string]bool{}}
}

// tell returns what a fact says, false when that is no part of the story.
func (t *teller) tell(f remediate.Fact) (policies.Happening, bool) {
	h := policies.Happening{At: f.At.Sub(t.start), Incident: remediate.IncidentOf(f.Body)}
	h.What, h.Details = t.decided(f.Body)
	if h.What == "" {
		h.What, h.Details = t.followed(f.Body)
	}
	return h, h.What != ""
}

type details = map[string]string

// decided tells of what was decided about an incident.
func (t *teller) decided(b remediate.Body) (string, details) {
	switch b := b.(type) {
	case remediate.Opened:
		t.policies[b.Incident] = b.Policy
		d := details{"policy": b.Policy, "severity": string(b.Severity), "only": b.ToldOnly, "found": fmt.Sprint(b.Found)}
		if !b.Target.IsZero() {
			d["target"] = b.Target.String()
		}
		return "opened", d
	case remediate.Joined:
		return "joined", details{}
	case remediate.Judged:
		return t.judged(b)
	case remediate.Rated:
		return "rated", details{"severity": string(b.To), "why": b.Why}
	case remediate.Escalated:
		return "called", details{"who": b.Tell, "why": b.Why}
	case remediate.Rerouted:
		return "rerouted", details{"why": b.Why}
	case remediate.Late:
		return "late", details{"what": b.What, "why": b.Why}
	case remediate.Warned:
		return "warned", details{}
	case remediate.Breached:
		return "breached", details{}
	case remediate.CommandRefused:
		return "refused", details{"word": b.Command, "why": b.Why}
	case remediate.Closed:
		return "closed", details{"why": b.Why}
	}
	return "", nil
}

// followed tells of what was done, and what came of it.
func (t *teller) followed(b remediate.Body) (string, details) {
	switch b := b.(type) {
	case remediate.Started:
		return t.started(b)
	case remediate.Finished:
		return t.finished(b)
	case remediate.BreakerCounted:
		if b.State != "closed" {
			return "breaker", details{"state": b.State}
		}
	case remediate.Healed:
		d := details{"took": b.Took.String(), "objective": "none"}
		if b.Objective > 0 {
			d["objective"] = map[bool]string{true: "met", false: "missed"}[b.Met]
		}
		return "healed", d
	case remediate.Reopened:
		return "reopened", details{"why": b.Why}
	case remediate.Exhausted:
		return "exhausted", details{}
	}
	return "", nil
}

// judged tells of a judgement that lets nothing be done yet; that something is
// done says by itself that it was allowed.
func (t *teller) judged(b remediate.Judged) (string, details) {
	guards, reasons := inTheWay(b)
	d := details{"guard": strings.Join(guards, ", "), "step": t.step(b.Incident, b.Step), "why": strings.Join(reasons, "; ")}
	stand := string(b.Decision) + d["guard"] + d["step"]
	if b.Decision == remediate.Allowed || t.stands[b.Incident] == stand {
		stand, d = "", nil
	}
	if b.Decision == remediate.Allowed || stand != "" {
		t.stands[b.Incident] = stand
	}
	if d == nil {
		return "", nil
	}
	return string(b.Decision), d
}

// inTheWay are the guards by whose verdict a judgement came out as it did.
func inTheWay(b remediate.Judged) (guards, reasons []string) {
	for _, v := range b.Verdicts {
		if v.Decision == b.Decision && b.Decision != remediate.Allowed {
			guards, reasons = append(guards, v.Guard), append(reasons, v.Reason)
		}
	}
	return guards, reasons
}

func (t *teller) started(b remediate.Started) (string, details) {
	switch {
	case b.Act != nil:
		t.acts[b.ID] = true
		t.stands[b.Incident] = ""
		return "act", details{"kind": b.Act.Kind, "target": b.Act.Target.String(), "step": t.step(b.Incident, b.Act.Step), "undo": fmt.Sprint(b.Act.Undo)}
	case b.Ask != nil && b.Ask.Sampled() && b.Ask.Purpose != remediate.ForProbingOn && b.Ask.Purpose != remediate.ForSettling:
		t.acts[b.ID] = false
	}
	return "", nil
}

// finished tells of what did not go well. What did is told by what follows.
func (t *teller) finished(b remediate.Finished) (string, details) {
	act, known := t.acts[b.ID]
	if !known || b.Outcome == remediate.OK {
		return "", nil
	}
	d := details{"outcome": b.Outcome, "why": b.Text}
	if act {
		return "acted", d
	}
	return "verified", d
}

// step is the name of a step of an incident's policy.
func (t *teller) step(incident uint64, n int) string {
	p := t.book.Policy(t.policies[incident])
	if p == nil || n >= len(p.Steps) {
		return ""
	}
	return p.Steps[n].Name
}

// meets tells whether what followed is what was expected, as far as that says.
// A reason is met when it contains what is said of it, and guards when they are
// among those in the way.
func meets(want, got policies.Happening) bool {
	if want.At != got.At || want.What != got.What || want.Incident != got.Incident {
		return false
	}
	for name, value := range want.Details {
		is := got.Details[name]
		switch name {
		case "why", "only":
			if !strings.Contains(is, value) {
				return false
			}
		case "guard":
			for _, guard := range strings.Split(value, ", ") {
				if !slices.Contains(strings.Split(is, ", "), guard) {
					return false
				}
			}
		default:
			if is != value {
				return false
			}
		}
	}
	return true
}

// Line is a happening as a test would expect it.
func Line(h policies.Happening) string {
	var b strings.Builder
	fmt.Fprintf(&b, "- {at: %s, %s: i%d", model.Duration(h.At), h.What, h.Incident)
	for _, name := range policies.Happenings[h.What] {
		value := h.Details[name]
		if value == "" || value == "false" {
			continue
		}
		if strings.ContainsAny(value, ":,'\"{}[]#&*!|>%@`") {
			value = "'" + strings.ReplaceAll(value, "'", "''") + "'"
		}
		fmt.Fprintf(&b, ", %s: %s", name, value)
	}
	return b.String() + "}"
}
