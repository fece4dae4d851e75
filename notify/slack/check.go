package slack

import (
	"context"
	"fmt"

	api "github.com/slack-go/slack"
)

// Check looks whether the token works and the channel is there. It returns in
// plain words what is amiss, and an error when Slack could not be asked.
func (s *Slack) Check(ctx context.Context) ([]string, error) {
	err := s.call(ctx, "auth.test", s.options.Channel, func(ctx context.Context, c *api.Client) error {
		_, err := c.AuthTestContext(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	channel, err := s.lookUp(ctx)
	switch {
	case err != nil:
		return nil, err
	case channel == "":
		return []string{fmt.Sprintf("there is no channel %q that the app can see: correct notify.slack.channel, invite the app, or give the channel's ID", s.options.Channel)}, nil
	}
	return s.checkMember(ctx, channel)
}

// checkMember looks whether the app may post in the channel.
func (s *Slack) checkMember(ctx context.Context, channel string) ([]string, error) {
	var c *api.Channel
	err := s.call(ctx, "conversations.info", channel, func(ctx context.Context, client *api.Client) (err error) {
		c, err = client.GetConversationInfoContext(ctx, &api.GetConversationInfoInput{ChannelID: channel})
		return err
	})
	switch {
	case err != nil && unlessBlind(err) == nil:
		return []string{"the channel was not looked at: " + err.Error()}, nil
	case err != nil:
		return nil, err
	case c.IsArchived:
		return []string{"the channel is archived: unarchive it, or correct notify.slack.channel"}, nil
	case !c.IsMember:
		return []string{"the app is not in the channel: invite it"}, nil
	}
	return nil, nil
}
