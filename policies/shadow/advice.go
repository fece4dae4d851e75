package shadow

import (
	"fmt"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate"
)

// From how many incidents on something may be said, and by how much a remedy
// must do better than waiting.
const (
	enough = 10
	better = 0.2 // of all incidents
)

// Advice is what may be done with a policy, and why.
type Advice struct {
	Mode remediate.Mode `json:"mode,omitempty"` // that is proposed; "" is to leave it as it is
	Why  string         `json:"why"`
}

// Advice proposes a mode. It goes one way at a time: from observe to approve,
// where a human sees each plan; from there to act when that helped; and back to
// observe when the remedy does no better than waiting did.
func (p Policy) Advice() Advice {
	switch {
	case p.Mode == "":
		return Advice{Why: "the policy is no longer there"}
	case p.Limit == 0:
		return Advice{Why: "it has no steps: there is nothing to be done"}
	case p.Mode == remediate.ModeObserve:
		return p.observed()
	case p.Held != "":
		return Advice{Why: p.Held}
	case p.Remedied.Known() < enough:
		return Advice{Why: fmt.Sprintf("it has acted on %d incidents; from %d on it can be judged", p.Remedied.Known(), enough)}
	case p.Alone.Known() < enough:
		return p.unmeasured()
	case p.Remedied.Share() < p.Alone.Share()+better:
		return Advice{remediate.ModeObserve, fmt.Sprintf("%d of the %d incidents it acted on ended in %s (%s), of those left alone %d of %d did (%s): it does no better than waiting",
			p.Remedied.InTime, p.Remedied.Known(), model.Duration(p.Limit), percent(p.Remedied.Share()), p.Alone.InTime, p.Alone.Known(), percent(p.Alone.Share()))}
	case p.Mode == remediate.ModeApprove:
		return Advice{remediate.ModeAct, p.helps()}
	}
	return Advice{Why: p.helps()}
}

func (p Policy) observed() Advice {
	switch {
	case p.Alone.Known() < enough:
		return Advice{Why: fmt.Sprintf("something would have been done about %d incidents; from %d on it can be judged", p.Alone.Known(), enough)}
	case p.Alone.Share() > 1-better:
		return Advice{Why: fmt.Sprintf("%s of its incidents ended by themselves in %s: there is little to be won", percent(p.Alone.Share()), model.Duration(p.Limit))}
	}
	return Advice{remediate.ModeApprove, fmt.Sprintf("%s of its incidents ended by themselves in %s: the others may be won", percent(p.Alone.Share()), model.Duration(p.Limit))}
}

// unmeasured judges a policy that was never only observed.
func (p Policy) unmeasured() Advice {
	return Advice{Why: fmt.Sprintf("%s of the incidents it acted on ended in %s; how many would have by themselves is not known: it was observed on %d, from %d on it can be compared",
		percent(p.Remedied.Share()), model.Duration(p.Limit), p.Alone.Known(), enough)}
}

func (p Policy) helps() string {
	return fmt.Sprintf("%s of the incidents it acted on ended in %s; of those left alone %s did", percent(p.Remedied.Share()), model.Duration(p.Limit), percent(p.Alone.Share()))
}

func percent(share float64) string { return fmt.Sprintf("%.0f %%", 100*share) }
