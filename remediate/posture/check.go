package posture

import (
	"context"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Severity says whether something is wrong.
type Severity string

const (
	Error Severity = "error" // something is wrong, or it is not known whether it is
	Note  Severity = "note"  // it was not looked at, and nothing can be said
)

// Finding is what there is to say of one target. It has one line of text.
type Finding struct {
	Target   string   `json:"target"` // cluster/kind/namespace/name, or with its $labels as the policy has it
	Policies []string `json:"policies"`
	Check    string   `json:"check"`
	Severity Severity `json:"severity"`
	Message  string   `json:"message"`        // what is wrong
	Hint     string   `json:"hint,omitempty"` // what to do
}

// World answers what a look needs to know.
type World interface {
	// Posture reads a workload. What stands beside it and cannot be read is
	// among what is not known of it, and no error.
	Posture(context.Context, remediate.Target) (Workload, error)
	// Number is the one number that a PromQL query has now.
	Number(ctx context.Context, query string) (float64, error)
}

// Check looks at all targets of a rulebook's policies, and at the backups that
// its guards count on. It returns what there is to say, in the order of the
// policies, and the targets that were looked at and of which there is nothing
// to say.
func Check(ctx context.Context, book *remediate.Rulebook, world World, now time.Time) (found []Finding, well []Target) {
	for _, t := range targetsOf(book) {
		about := t.look(ctx, world)
		for _, p := range t.policies {
			if g := p.Guards.Backup; g != nil {
				newest, err := world.Number(ctx, g.Newest)
				about = append(about, judgeBackup(t.of(p), g, newest, err, now)...)
			}
		}
		if len(about) == 0 {
			well = append(well, t)
		}
		found = append(found, about...)
	}
	return found, well
}

// look looks at one target.
func (t Target) look(ctx context.Context, world World) []Finding {
	if t.unlooked != "" {
		return []Finding{{t.Name, t.Policies, Looking, Note, "not looked at: " + t.unlooked, ""}}
	}
	w, err := world.Posture(ctx, t.object)
	if err != nil {
		return []Finding{t.amiss(Looking, err.Error(), "see that the policy names what there is, and that the account that is used may read it")}
	}
	return judge(t, w)
}

func (t Target) amiss(check, message, hint string) Finding {
	return Finding{t.Name, t.Policies, check, Error, message, hint}
}
