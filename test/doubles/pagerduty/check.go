package pagerduty

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// The wording of problems follows what PagerDuty answers as far as it is known from reports of its users.

var (
	actions    = []string{"trigger", "acknowledge", "resolve"}
	severities = []string{"critical", "error", "warning", "info"}
	// timestamps are the forms of ISO 8601 that PagerDuty's own examples use.
	timestamps   = []string{time.RFC3339Nano, "2006-01-02T15:04:05.000-0700", "2006-01-02T15:04:05-0700"}
	alphanumeric = regexp.MustCompile(`^[0-9A-Za-z]*$`)
)

// checkEvent is everything that is wrong with an event.
func (a *Account) checkEvent(e Event) []string {
	p := a.checkRoutingKey(e.RoutingKey)
	p.oneOf("event_action", e.Action, actions)
	p.atMost("dedup_key", e.DedupKey, MaxDedupKey)
	if e.Action != "trigger" {
		p.present("dedup_key", e.DedupKey)
		return p
	}
	p.present("payload.summary", e.Payload.Summary)
	p.atMost("payload.summary", e.Payload.Summary, MaxSummary)
	p.present("payload.source", e.Payload.Source)
	p.oneOf("payload.severity", e.Payload.Severity, severities)
	p.timestamp(e.Payload.Timestamp)
	p.optionalURL("client_url", e.ClientURL)
	p.links(e.Links)
	p.images(e.Images)
	if a.options.Strict {
		p.details(e.Payload.Details)
	}
	return p
}

// checkChange is everything that is wrong with a change event.
func (a *Account) checkChange(e ChangeEvent) []string {
	p := a.checkRoutingKey(e.RoutingKey)
	p.present("payload.summary", e.Payload.Summary)
	p.atMost("payload.summary", e.Payload.Summary, MaxSummary)
	p.timestamp(e.Payload.Timestamp)
	p.links(e.Links)
	p.images(e.Images)
	if a.options.Strict {
		p.details(e.Payload.Details)
	}
	return p
}

// problems collects what is wrong with an event.
type problems []string

func (p *problems) add(format string, args ...any) { *p = append(*p, fmt.Sprintf(format, args...)) }

func (a *Account) checkRoutingKey(key string) (p problems) {
	if utf8.RuneCountInString(key) != RoutingKeyLength {
		p.add("Length of 'routing_key' is incorrect (should be %d characters)", RoutingKeyLength)
	}
	if !alphanumeric.MatchString(key) {
		p.add("'routing_key' cannot contain non-alphanumeric characters.")
	}
	if len(p) == 0 && !slices.Contains(a.options.RoutingKeys, key) {
		p.add("Invalid routing key")
	}
	return p
}

func (p *problems) present(field, value string) {
	if strings.TrimSpace(value) == "" {
		p.add("'%s' is missing or blank", field)
	}
}

func (p *problems) atMost(field, value string, most int) {
	if utf8.RuneCountInString(value) > most {
		p.add("'%s' is too long (maximum is %d characters)", field, most)
	}
}

func (p *problems) oneOf(field, value string, allowed []string) {
	if value == "" {
		p.present(field, value)
	} else if !slices.Contains(allowed, value) {
		p.add("'%s' is invalid (must be one of the following: %s)", field, strings.Join(allowed, ", "))
	}
}

func (p *problems) timestamp(value string) {
	parses := func(layout string) bool { _, err := time.Parse(layout, value); return err == nil }
	if value != "" && !slices.ContainsFunc(timestamps, parses) {
		p.add("'payload.timestamp' is not an ISO 8601 time")
	}
}

func (p *problems) links(links []Link) {
	for i, l := range links {
		field := fmt.Sprintf("links[%d].href", i)
		p.present(field, l.Href)
		p.optionalURL(field, l.Href)
	}
}

func (p *problems) images(images []Image) {
	for i, image := range images {
		field := fmt.Sprintf("images[%d].src", i)
		p.present(field, image.Src)
		if image.Src != "" && !strings.HasPrefix(image.Src, "https://") {
			p.add("'%s' must be served via HTTPS", field)
		}
		p.optionalURL(fmt.Sprintf("images[%d].href", i), image.Href)
	}
}

func (p *problems) optionalURL(field, value string) {
	if u, err := url.Parse(value); value != "" && (err != nil || u.Scheme == "" || u.Host == "") {
		p.add("'%s' is not a URL", field)
	}
}

func (p *problems) details(raw []byte) {
	if len(raw) > 0 && raw[0] != '{' && string(raw) != "null" {
		p.add("'payload.custom_details' is not an object")
	}
}
