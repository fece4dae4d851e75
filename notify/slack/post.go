package slack

import (
	"context"

	api "github.com/slack-go/slack"
)

// Types of the metadata that our messages carry.
const (
	rootEvent   = "remediated_incident"
	updateEvent = "remediated_update"
)

// message is one message to be shown.
type message struct {
	kind, incident, id string // metadata
	text               string
	blocks             []api.Block
}

func (m message) options() []api.MsgOption {
	return []api.MsgOption{
		api.MsgOptionText(m.text, false), // it is escaped already
		api.MsgOptionBlocks(m.blocks...),
		api.MsgOptionParse(false),
		api.MsgOptionMetadata(api.SlackMetadata{
			EventType:    m.kind,
			EventPayload: map[string]any{"incident": m.incident, "id": m.id},
		}),
	}
}

// post shows the message in the channel or, with a thread, as a reply.
func (s *Slack) post(ctx context.Context, channel, thread string, m message) (string, error) {
	options := append(m.options(), api.MsgOptionDisableLinkUnfurl(), api.MsgOptionDisableMediaUnfurl(), api.MsgOptionDisableMarkdown())
	if thread != "" {
		options = append(options, api.MsgOptionTS(thread))
	}
	var posted ref
	err := s.call(ctx, "chat.postMessage", func(ctx context.Context, c *api.Client) (err error) {
		posted.channel, posted.ts, err = c.PostMessageContext(ctx, channel, options...)
		return err
	})
	if err != nil {
		return "", err
	}
	if thread == "" {
		s.learn(posted.channel)
	}
	return posted.String(), nil
}

// update shows the message in place of the one that r names.
func (s *Slack) update(ctx context.Context, r ref, m message) error {
	return s.call(ctx, "chat.update", func(ctx context.Context, c *api.Client) error {
		_, _, _, err := c.UpdateMessageContext(ctx, r.channel, r.ts, m.options()...)
		return err
	})
}

// destination returns the channel's ID when it is known, else what was configured.
func (s *Slack) destination() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.channel != "" {
		return s.channel
	}
	return s.options.Channel
}

func (s *Slack) learn(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.channel = id
}
