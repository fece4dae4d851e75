package slack

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	api "github.com/slack-go/slack"

	"github.com/x0tta6bl4/remediated/notify"
	"github.com/x0tta6bl4/remediated/remediate"
)

// Bridge is where people meet about an incident: in one war room for all, or in
// a channel of its own, to which the people are invited.
type Bridge struct {
	WarRoom string   // "#war-room" or an ID; empty: each incident gets its own channel
	Invite  []string // Slack's IDs of people (U..., W...), to the own channel
}

// maxTopic is Slack's limit in characters.
const maxTopic = 250

var invitable = regexp.MustCompile(`^[UW][A-Z0-9]{6,20}$`)

func (b *Bridge) validate() error {
	switch {
	case b == nil:
		return nil
	case b.WarRoom != "" && strings.Trim(b.WarRoom, "# ") == "":
		return errors.New("notify.slack.bridge.war_room: want #name or the ID of a channel")
	case b.WarRoom != "" && len(b.Invite) > 0:
		return errors.New("notify.slack.bridge.invite: nobody is invited to a war room; remove one of the two")
	}
	for _, id := range b.Invite {
		if !invitable.MatchString(id) {
			return fmt.Errorf("notify.slack.bridge.invite: %q is no ID of a person (U..., W...)", id)
		}
	}
	return nil
}

// bridge opens or closes the place. What it does may have been done before by a
// try that nobody knows the end of, so each step is one that can be repeated.
func (s *Slack) bridge(ctx context.Context, started remediate.Started) (string, error) {
	n := started.Tell.Notice
	first, err := parseRef(started.Tell.Ref)
	switch {
	case err != nil:
		return "", err
	case s.options.Bridge == nil:
		return "", bug("a bridge came for %s and none is configured", notify.ID(n))
	case keyOf(n) == "":
		return "", bug("a bridge came for %s with the key %q", notify.ID(n), n.Key)
	}
	switch {
	case n.Action == "open" && first.ts == "":
		first, err = s.openBridge(ctx, started)
	case n.Action == "open":
		err = s.update(ctx, first, s.bridgeMessage(n, nil))
	case n.Action == "close" && first.ts == "": // it was never opened
	case n.Action == "close":
		err = s.closeBridge(ctx, started, first)
	default:
		return "", bug("a bridge with the action %q came for %s", n.Action, notify.ID(n))
	}
	if lost(err) {
		err = nil // somebody deleted the first message; the place is still there
	}
	if err != nil {
		return "", err
	}
	return first.String(), nil
}

// openBridge posts the first message in the war room or in a channel that is
// made for it.
func (s *Slack) openBridge(ctx context.Context, started remediate.Started) (ref, error) {
	n := started.Tell.Notice
	channel, look := s.options.Bridge.WarRoom, started.Again
	var undone []string
	if channel == "" {
		made, id, err := s.makeChannel(ctx, bridgeName(n))
		if err != nil {
			return ref{}, err
		}
		if undone, err = s.furnish(ctx, id, n); err != nil {
			return ref{}, err
		}
		channel, look = id, !made
	}
	m := s.bridgeMessage(n, undone)
	if look {
		if found, err := s.findIn(ctx, channel, n.Opened, m.tag); err != nil || found.ts != "" {
			return found, err
		}
	}
	return s.post(ctx, channel, "", m)
}

// bridgeName is the name of the incident's own channel. A key is made of what
// Slack allows in one, and is shorter than the 80 characters that it may have.
func bridgeName(n remediate.Notice) string { return "inc-" + keyOf(n) }

// makeChannel makes the channel and returns its ID, or finds the one that was
// made before.
func (s *Slack) makeChannel(ctx context.Context, name string) (made bool, id string, err error) {
	err = s.call(ctx, "conversations.create", name, func(ctx context.Context, c *api.Client) error {
		channel, err := c.CreateConversationContext(ctx, api.CreateConversationParams{ChannelName: name})
		if err == nil {
			id = channel.ID
		}
		return err
	})
	if codeOf(err) != "name_taken" {
		return true, id, err
	}
	taken := err
	if id, err = s.channelNamed(ctx, name); err == nil && id == "" {
		err = taken
	}
	return false, id, err
}

// furnish sets the topic and invites the people. It returns what Slack refuses:
// that one cannot be invited must not keep the others out.
func (s *Slack) furnish(ctx context.Context, channel string, n remediate.Notice) (undone []string, err error) {
	topic := escape(mark(n)+" "+s.words(n).Text("bridge.topic"), maxTopic)
	err = s.call(ctx, "conversations.setTopic", channel, func(ctx context.Context, c *api.Client) error {
		_, err := c.SetTopicOfConversationContext(ctx, channel, topic)
		return err
	})
	if undone, err = excuse(undone, "the topic", err); err != nil {
		return nil, err
	}
	for _, id := range s.options.Bridge.Invite {
		err := s.call(ctx, "conversations.invite", channel, func(ctx context.Context, c *api.Client) error {
			_, err := c.InviteUsersToConversationContext(ctx, channel, id)
			return err
		})
		if code := codeOf(err); code == "already_in_channel" {
			continue
		}
		if undone, err = excuse(undone, "the invitation of "+id, err); err != nil {
			return nil, err
		}
	}
	return undone, nil
}

// excuse adds what Slack refused for good to undone; other errors are returned.
func excuse(undone []string, what string, err error) ([]string, error) {
	var final *notify.FinalError
	switch {
	case err == nil:
		return undone, nil
	case !errors.As(err, &final):
		return undone, err
	}
	return append(undone, fmt.Sprintf("%s: %s", what, codeOf(err))), nil
}

// findIn looks in a channel that is given by its ID or its name.
func (s *Slack) findIn(ctx context.Context, channel string, from time.Time, wanted tag) (ref, error) {
	if !channelID.MatchString(channel) {
		id, err := s.channelNamed(ctx, channel)
		if err != nil || id == "" {
			return ref{}, unlessBlind(err)
		}
		channel = id
	}
	return s.find(ctx, channel, from, wanted)
}

// closeBridge posts what came of it, and archives the channel when it is the
// incident's own. That is asked of Slack, because the configuration may have
// changed since: a war room is never archived.
func (s *Slack) closeBridge(ctx context.Context, started remediate.Started, first ref) error {
	n := started.Tell.Notice
	var place *api.Channel
	err := s.call(ctx, "conversations.info", first.channel, func(ctx context.Context, c *api.Client) (err error) {
		place, err = c.GetConversationInfoContext(ctx, &api.GetConversationInfoInput{ChannelID: first.channel})
		return err
	})
	switch {
	case codeOf(err) == "channel_not_found":
		return nil // it was deleted, which is more than closed
	case err != nil:
		return err
	}
	own := place.Name == bridgeName(n)
	if own && place.IsArchived {
		return nil
	}
	if err := s.sumUp(ctx, started, first.channel); err != nil || !own {
		return err
	}
	err = s.call(ctx, "conversations.archive", first.channel, func(ctx context.Context, c *api.Client) error {
		return c.ArchiveConversationContext(ctx, first.channel)
	})
	if codeOf(err) == "already_archived" {
		return nil
	}
	return err
}

// sumUp posts the summary, once.
func (s *Slack) sumUp(ctx context.Context, started remediate.Started, channel string) error {
	n := started.Tell.Notice
	m := s.summary(n)
	if started.Again {
		if found, err := s.find(ctx, channel, n.Opened, m.tag); err != nil || found.ts != "" {
			return err
		}
	}
	_, err := s.post(ctx, channel, "", m)
	return err
}
