package slack

import (
	"context"
	"fmt"

	api "github.com/slack-go/slack"
)

// Check looks whether the token works and the channels are there. It returns in
// plain words what is amiss, and an error when Slack could not be asked.
func (s *Slack) Check(ctx context.Context) ([]string, error) {
	err := s.call(ctx, "auth.test", s.options.Channel, func(ctx context.Context, c *api.Client) error {
		_, err := c.AuthTestContext(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	findings, err := s.checkChannel(ctx, "notify.slack.channel", s.options.Channel)
	if err != nil || s.options.Drills == "" {
		return findings, err
	}
	more, err := s.checkChannel(ctx, "notify.slack.drills", s.options.Drills)
	return append(findings, more...), err
}

// checkChannel looks whether a channel is there, and the app may post in it. key
// is where it is configured.
func (s *Slack) checkChannel(ctx context.Context, key, configured string) ([]string, error) {
	channel, err := s.lookUp(ctx, configured)
	switch {
	case err != nil:
		return nil, err
	case channel == "":
		return []string{fmt.Sprintf("there is no channel %q that the app can see: correct %s, invite the app, or give the channel's ID", configured, key)}, nil
	}
	return s.checkMember(ctx, key, configured, channel)
}

// checkMember looks whether the app may post in the channel with this ID.
func (s *Slack) checkMember(ctx context.Context, key, configured, channel string) ([]string, error) {
	var c *api.Channel
	err := s.call(ctx, "conversations.info", channel, func(ctx context.Context, client *api.Client) (err error) {
		c, err = client.GetConversationInfoContext(ctx, &api.GetConversationInfoInput{ChannelID: channel})
		return err
	})
	switch {
	case err != nil && unlessBlind(err) == nil:
		return []string{"the channel " + configured + " was not looked at: " + err.Error()}, nil
	case err != nil:
		return nil, err
	case c.IsArchived:
		return []string{"the channel " + configured + " is archived: unarchive it, or correct " + key}, nil
	case !c.IsMember:
		return []string{"the app is not in the channel " + configured + ": invite it"}, nil
	}
	return nil, nil
}
