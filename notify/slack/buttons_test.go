package slack

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	api "github.com/slack-go/slack"

	"github.com/x0tta6bl4/remediated/remediate"
)

// shown returns the buttons of the incident's message, as action_id=value.
func shown(t *testing.T, s *Slack, n remediate.Notice) string {
	t.Helper()
	_, blocks := s.rootMessage(n)
	var all []string
	for _, b := range blocks {
		if a, ok := b.(*api.ActionBlock); ok {
			for _, e := range a.Elements.ElementSet {
				button := e.(*api.ButtonBlockElement)
				all = append(all, button.ActionID+"="+button.Value)
			}
		}
	}
	return strings.Join(all, " | ")
}

func TestButtonsAreThoseThatFit(t *testing.T) {
	const ack = "remediated_ack=q4m2x7kd-i42 | remediated_takeover=q4m2x7kd-i42"
	const rest = "remediated_pause=q4m2x7kd-i42 postgres-down | remediated_explain=q4m2x7kd-i42"
	const decide = "remediated_approve=q4m2x7kd-i42 a1610bcd8bd0 | remediated_deny=q4m2x7kd-i42 a1610bcd8bd0"
	approval := func(n *remediate.Notice) { n.Status, n.Plan = remediate.StatusApproval, "a1610bcd8bd0" }
	secret, token := Options{SigningSecret: "f"}, Options{AppToken: "f"}
	for name, c := range map[string]struct {
		options Options
		change  func(*remediate.Notice)
		want    string
	}{
		"open":                   {secret, nil, ack + " | " + rest},
		"open, by socket":        {token, nil, ack + " | " + rest},
		"nothing to press with":  {Options{}, nil, ""},
		"acknowledged":           {secret, func(n *remediate.Notice) { n.Acked = "anna" }, rest},
		"approval":               {secret, approval, decide + " | " + ack + " | " + rest},
		"a plan that is none":    {secret, func(n *remediate.Notice) { approval(n); n.Plan = "<!here>" }, ack + " | " + rest},
		"a plan that is past":    {secret, func(n *remediate.Notice) { n.Plan = "a1610bcd8bd0" }, ack + " | " + rest},
		"closed":                 {secret, func(n *remediate.Notice) { approval(n); n.Status = remediate.StatusClosed }, ""},
		"of a page":              {secret, func(n *remediate.Notice) { n.Key += "-2" }, ack + " | " + rest},
		"no policy":              {secret, func(n *remediate.Notice) { n.Policy = "" }, ack + " | remediated_explain=q4m2x7kd-i42"},
		"a policy that is none":  {secret, func(n *remediate.Notice) { n.Policy = "a b" }, ack + " | remediated_explain=q4m2x7kd-i42"},
		"a key that is none":     {secret, func(n *remediate.Notice) { n.Key = "i42" }, ""},
		"the key of another one": {secret, func(n *remediate.Notice) { n.Incident = 43 }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			n := denied()
			if c.change != nil {
				c.change(&n)
			}
			if got := shown(t, &Slack{options: c.options}, n); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestAnApprovalIsAskedForOnceMore(t *testing.T) {
	n := denied()
	n.Status, n.Plan = remediate.StatusApproval, "a1610bcd8bd0"
	n.Why = "<!channel> " + strings.Repeat("&", 1000)
	_, blocks := (&Slack{options: Options{AppToken: "f"}}).rootMessage(n)
	b, err := json.Marshal(blocks)
	if err != nil {
		t.Fatal(err)
	}
	var all []struct {
		Elements []struct {
			ActionID string `json:"action_id"`
			Confirm  *struct {
				Text struct{ Type, Text string }
			}
		}
	}
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	asked := map[string]string{}
	for _, block := range all {
		for _, e := range block.Elements {
			if e.Confirm != nil {
				asked[e.ActionID] = e.Confirm.Text.Text
			}
		}
	}
	want := "Plan a1610bcd8bd0 of postgres-down on prod/deployment/shop/db: &lt;!channel&gt; "
	if got := asked["remediated_approve"]; !strings.HasPrefix(got, want) || len([]rune(got)) > maxConfirmText {
		t.Errorf("asked %q, want it to begin with %q and to be short", got, want)
	}
	if len(asked) != 2 || !strings.Contains(asked["remediated_pause"], "postgres-down") {
		t.Errorf("asked %q", asked)
	}
}

func TestOnlyWhatAButtonSaysIsTakenFromIt(t *testing.T) {
	for _, c := range []struct{ action, value, want string }{
		{"remediated_ack", "q4m2x7kd-i42", "ack q4m2x7kd-i42 42  "},
		{"remediated_takeover", "q4m2x7kd-i42", "takeover q4m2x7kd-i42 42  "},
		{"remediated_explain", "q4m2x7kd-i42", "explain q4m2x7kd-i42 42  "},
		{"remediated_approve", "q4m2x7kd-i42 a1610bcd8bd0", "approve q4m2x7kd-i42 42 a1610bcd8bd0 "},
		{"remediated_deny", "q4m2x7kd-i42 a1610bcd8bd0", "deny q4m2x7kd-i42 42 a1610bcd8bd0 "},
		{"remediated_pause", "q4m2x7kd-i42 postgres-down", "pause q4m2x7kd-i42 42  postgres-down"},
		{"remediated_ack", "q4m2x7kd-i42 ", ""},
		{"remediated_ack", "q4m2x7kd-i42 a1610bcd8bd0", ""},
		{"remediated_ack", "q4m2x7kd-i42-2", ""},
		{"remediated_ack", "q4m2x7kd-i042", ""},
		{"remediated_ack", "q4m2x7kd-i0", ""},
		{"remediated_ack", "q4m2x7kd-i99999999999999999999", ""},
		{"remediated_ack", "Q4M2X7KD-i42", ""},
		{"remediated_ack", "", ""},
		{"remediated_ack", "q4m2x7kd-i42\n", ""},
		{"remediated_approve", "q4m2x7kd-i42", ""},
		{"remediated_approve", "q4m2x7kd-i42 ", ""},
		{"remediated_approve", "q4m2x7kd-i42 a1610", ""},
		{"remediated_approve", "q4m2x7kd-i42 a1610bcd8bd0 x", ""},
		{"remediated_approve", "q4m2x7kd-i42  a1610bcd8bd0", ""},
		{"remediated_pause", "q4m2x7kd-i42", ""},
		{"remediated_pause", "q4m2x7kd-i42 all", "pause q4m2x7kd-i42 42  all"},
		{"remediated_pause", "q4m2x7kd-i42 -x", ""},
		{"remediated_close", "q4m2x7kd-i42", ""},
		{"ack", "q4m2x7kd-i42", ""},
		{"remediated_", "q4m2x7kd-i42", ""},
	} {
		p, err := parseButton(c.action, c.value)
		got := fmt.Sprintf("%s %s %d %s %s", p.Command, p.Key, p.Incident, p.Plan, p.Policy)
		if (err == nil) != (c.want != "") || (err == nil && got != c.want) {
			t.Errorf("%s=%q: %q, %v; want %q", c.action, c.value, got, err, c.want)
		}
	}
}
