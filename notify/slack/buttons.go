package slack

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	api "github.com/slack-go/slack"

	"github.com/x0tta6bl4/remediated/notify"
	"github.com/x0tta6bl4/remediated/remediate"
)

// Explain is the command of the button that asks why: it is answered and
// changes nothing. The other commands are the core's.
const Explain = "explain"

// actionPrefix begins the action_id of our buttons; the command follows.
const actionPrefix = "remediated_"

// Limits of a confirmation in characters.
const (
	maxConfirmTitle = 100
	maxConfirmText  = 300
)

// What a button's value may hold. It comes back from outside: what has another
// form was not made here.
var (
	keyForm    = regexp.MustCompile(`^([0-9a-z]{1,32}-i([1-9][0-9]{0,18}))(-[1-9][0-9]*)?$`)
	planForm   = regexp.MustCompile(`^[0-9a-z]{6,64}$`)
	policyForm = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
)

// keyOf returns the incident's own key: that of a page has a number behind it.
// It is "" when the notice's key is none that a press could bring back.
func keyOf(n remediate.Notice) string {
	m := keyForm.FindStringSubmatch(n.Key)
	if m == nil || m[2] != strconv.FormatUint(n.Incident, 10) {
		return ""
	}
	return m[1]
}

// buttons shows what can be done now, nil when that is nothing.
func (s *Slack) buttons(n remediate.Notice) []api.Block {
	key := keyOf(n)
	if !s.options.pressable() || key == "" || n.Status == remediate.StatusClosed {
		return nil
	}
	var all []api.BlockElement
	if n.Status == remediate.StatusApproval && planForm.MatchString(n.Plan) {
		approve := button(remediate.Approve, key+" "+n.Plan, "Approve").WithStyle(api.StylePrimary)
		approve.Confirm = confirm("Approve this plan?", planned(n), "Approve")
		all = append(all, approve, button(remediate.Deny, key+" "+n.Plan, "Deny").WithStyle(api.StyleDanger))
	}
	if n.Acked == "" {
		all = append(all, button(remediate.Ack, key, "Acknowledge"), button(remediate.TakeOver, key, "Take over"))
	}
	if policyForm.MatchString(n.Policy) {
		pause := button(remediate.Pause, key+" "+n.Policy, "Pause this policy")
		pause.Confirm = confirm("Pause this policy?", "Nothing more is done by "+n.Policy+", for this incident or any other, until somebody resumes it.", "Pause")
		all = append(all, pause)
	}
	all = append(all, button(Explain, key, "Show why"))
	return []api.Block{api.NewActionBlock(actionPrefix+"buttons", all...)}
}

func button(command, value, label string) *api.ButtonBlockElement {
	return api.NewButtonBlockElement(actionPrefix+command, value, plain(label, maxHeader))
}

func confirm(title, text, yes string) *api.ConfirmationBlockObject {
	return api.NewConfirmationBlockObject(plain(title, maxConfirmTitle), plain(text, maxConfirmText), plain(yes, 30), plain("Cancel", 30))
}

// planned says what an approval would let happen.
func planned(n remediate.Notice) string {
	text := "Plan " + n.Plan
	if n.Policy != "" {
		text += " of " + n.Policy
	}
	if !n.Target.IsZero() {
		text += " on " + n.Target.String()
	}
	// Not by a template: who approves reads what is so.
	if why := notify.Clean(n.Why, maxConfirmText); why != "" {
		text += ": " + why
	}
	return text
}

// parseButton reads what a pressed button says, into the fields of a press that
// it is about.
func parseButton(action, value string) (Press, error) {
	var p Press
	command, ours := strings.CutPrefix(action, actionPrefix)
	key, rest, more := strings.Cut(value, " ")
	m := keyForm.FindStringSubmatch(key)
	if !ours || m == nil || m[3] != "" {
		return p, fmt.Errorf("button %.80q with value %.80q is none of ours", action, value)
	}
	p.Command, p.Key = command, key
	var err error
	if p.Incident, err = strconv.ParseUint(m[2], 10, 64); err != nil {
		return p, fmt.Errorf("incident of button value %.80q: %w", value, err)
	}
	fits := false
	switch command {
	case remediate.Approve, remediate.Deny:
		p.Plan, fits = rest, planForm.MatchString(rest)
	case remediate.Pause:
		p.Policy, fits = rest, policyForm.MatchString(rest)
	case remediate.Ack, remediate.TakeOver, Explain:
		fits = !more
	}
	if !fits {
		return p, fmt.Errorf("button %.80q does not have the value %.80q", action, value)
	}
	return p, nil
}
