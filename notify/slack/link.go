package slack

import (
	"context"
	"net/url"
	"regexp"
	"strings"
	"time"

	api "github.com/slack-go/slack"

	"github.com/x0tta6bl4/remediated/notify"
	"github.com/x0tta6bl4/remediated/remediate"
)

// Slack says for one message after the other where people see it, or once where
// its workspace is, which is all that differs: the rest of the address is the message's name.

const (
	site         = "slack.com"
	locateWithin = 3 * time.Second  // the message is out, and only that it is waits
	locateAgain  = 10 * time.Minute // after a try that did not tell
)

// message names as an address has them.
var (
	inAddress = regexp.MustCompile(`^[A-Z0-9]{1,40}$`)
	timestamp = regexp.MustCompile(`^[0-9]{1,20}\.[0-9]{1,10}$`)
)

// Link is where people see an incident's message, or one that calls somebody. A reply
// is found below its message.
func (s *Slack) Link(started remediate.Started, text string) string {
	if d := started.Tell.Destination; d != remediate.Slack && !strings.HasPrefix(d, remediate.SlackPage) {
		return ""
	}
	r, err := parseRef(text)
	if err != nil || !inAddress.MatchString(r.channel) || !timestamp.MatchString(r.ts) {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.workspace == nil {
		return ""
	}
	return s.workspace.JoinPath("archives", r.channel, "p"+strings.ReplaceAll(r.ts, ".", "")).String()
}

// locate asks where the workspace is, unless it is known or was asked for lately. That it
// cannot be asked changes nothing but that there is no link.
func (s *Slack) locate(ctx context.Context) {
	s.mu.Lock()
	known := s.workspace != nil || time.Since(s.located) < locateAgain
	if !known {
		s.located = time.Now()
	}
	s.mu.Unlock()
	if known {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, locateWithin)
	defer cancel()
	var is *api.AuthTestResponse
	if err := s.call(ctx, "auth.test", "", func(ctx context.Context, c *api.Client) (err error) {
		is, err = c.AuthTestContext(ctx)
		return err
	}); err != nil {
		return
	}
	if u, err := url.Parse(notify.LinkOf(is.URL, s.options.APIURL, site)); err == nil && u.Host != "" {
		s.mu.Lock()
		s.workspace = u
		s.mu.Unlock()
	}
}
