package notify_test

import (
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/notify"
)

func TestLinksLeadToTheServiceAlone(t *testing.T) {
	const slack, own = "https://slack.com/api/", "https://pager.example.org:8443/api"
	for _, c := range []struct {
		address, api string
		good         bool
	}{
		{"https://acme.slack.com/archives/C1/p1", slack, true},
		{"https://slack.com/x", slack, true},
		{"https://pager.example.org:8443/incidents/1", own, true},
		{"http://acme.slack.com/archives/C1/p1", slack, false},
		{"javascript:alert(1)//acme.slack.com", slack, false},
		{"https://evilslack.com/", slack, false},
		{"https://slack.com.evil.org/", slack, false},
		{"https://slack.com@evil.org/", slack, false},
		{"https://anna:secret@acme.slack.com/", slack, false},
		{"https://acme.slack.com:8443/", slack, false},
		{"https://acme.slack.com/", own, false},
		{"https://pager.example.org/incidents/1", own, false},
		{"https:///incidents", slack, false},
		{"//acme.slack.com/x", slack, false},
		{"", slack, false},
		{"https://acme.slack.com/" + strings.Repeat("x", 2000), slack, false},
		{"https://acme.slack.com/\n", slack, false},
	} {
		if got := notify.LinkOf(c.address, c.api, "slack.com"); (got != "") != c.good {
			t.Errorf("%.80q, told by %s: %q", c.address, c.api, got)
		}
	}
}
