package pagerduty

import (
	"strings"

	"github.com/x0tta6bl4/remediated/notify"
	"github.com/x0tta6bl4/remediated/remediate"
)

const site = "pagerduty.com"

// Link is where people see what was paged, once PagerDuty has told: by a webhook, or
// when it was asked how the page stands. Events alone do not tell.
func (p *PagerDuty) Link(s remediate.Started, _ string) string {
	if !strings.HasPrefix(s.Tell.Destination, remediate.PagerDuty) {
		return ""
	}
	link, _ := p.links.get(s.Tell.Notice.Key)
	return link
}

// linked takes up where people see the page of a key.
func (p *PagerDuty) linked(key, address string) {
	if link := notify.LinkOf(address, p.options.APIURL, site); key != "" && link != "" {
		p.links.put(key, link)
	}
}
