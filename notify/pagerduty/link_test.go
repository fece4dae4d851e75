package pagerduty_test

import (
	"testing"

	"github.com/x0tta6bl4/remediated/notify/pagerduty"
	"github.com/x0tta6bl4/remediated/remediate"
)

// Events do not tell where a page is seen; who acknowledges there does.
func TestAPageSaysWhereItIsSeenOnceThatIsKnown(t *testing.T) {
	for given, want := range map[string]string{
		"https://acme.pagerduty.com/incidents/Q1":       "https://acme.pagerduty.com/incidents/Q1",
		"https://acme.eu.pagerduty.com/incidents/Q1":    "https://acme.eu.pagerduty.com/incidents/Q1",
		"https://pagerduty.com.evil.example/x":          "",
		"https://evil.example/?https://x.pagerduty.com": "",
		"http://acme.pagerduty.com/incidents/Q1":        "",
	} {
		b := newBench(t, func(o *pagerduty.Options) { listening(t)(o); o.APIURL = "" }) // PagerDuty's own
		if r := b.perform(page("oncall", "trigger", nil), remediate.OK); r.Link != "" {
			t.Errorf("nobody told, and it is seen at %q", r.Link)
		}
		b.deliver(hook(func(_, d object) { d["html_url"] = given }))
		if r := b.perform(page("oncall", "acknowledge", nil), remediate.OK); r.Link != want {
			t.Errorf("told %q, it is seen at %q, want %q", given, r.Link, want)
		}
		other := page("oncall", "trigger", func(n *remediate.Notice) { n.Key = "q4m2x7kd-i43" })
		if r := b.perform(other, remediate.OK); r.Link != "" {
			t.Errorf("another page is seen at %q", r.Link)
		}
	}
}
