package slack

import (
	"cmp"
	"context"
	"fmt"

	api "github.com/slack-go/slack"
)

// Types of the metadata that our messages carry.
const (
	rootEvent   = "remediated_incident"
	updateEvent = "remediated_update"
	pageEvent   = "remediated_page"
	openEvent   = "remediated_bridge"
	closeEvent  = "remediated_bridge_closed"
	digestEvent = "remediated_digest"
)

// tag is the metadata of a message, or as much of it as one is looked for by.
type tag struct {
	kind   string
	fields map[string]string
}

// fits tells whether a message has all that the tag has.
func (t tag) fits(m api.SlackMetadata) bool {
	if m.EventType != t.kind {
		return false
	}
	for name, value := range t.fields {
		if m.EventPayload[name] != value {
			return false
		}
	}
	return true
}

func (t tag) metadata() api.SlackMetadata {
	payload := map[string]any{}
	for name, value := range t.fields {
		payload[name] = value
	}
	return api.SlackMetadata{EventType: t.kind, EventPayload: payload}
}

// message is one message to be shown.
type message struct {
	tag    tag
	text   string
	blocks []api.Block
}

func (m message) options() []api.MsgOption {
	return []api.MsgOption{
		api.MsgOptionText(m.text, false), // it is escaped already
		api.MsgOptionBlocks(m.blocks...),
		api.MsgOptionParse(false),
		api.MsgOptionMetadata(m.tag.metadata()),
	}
}

// post shows the message in the channel or, with a thread, as a reply. It waits
// for the channel's turn.
func (s *Slack) post(ctx context.Context, channel, thread string, m message) (ref, error) {
	const method = "chat.postMessage"
	options := append(m.options(), api.MsgOptionDisableLinkUnfurl(), api.MsgOptionDisableMediaUnfurl(), api.MsgOptionDisableMarkdown())
	if thread != "" {
		options = append(options, api.MsgOptionTS(thread))
	}
	if err := s.posts.wait(ctx, channel); err != nil {
		return ref{}, fmt.Errorf("slack %s: wait for the channel's turn: %w", method, err)
	}
	var posted ref
	err := s.call(ctx, method, channel, func(ctx context.Context, c *api.Client) (err error) {
		posted.channel, posted.ts, err = c.PostMessageContext(ctx, channel, options...)
		return err
	})
	if err != nil {
		return ref{}, err
	}
	if posted.channel != channel { // it was called by its name, and is by its ID from now on
		s.posts.taken(posted.channel)
	}
	return posted, nil
}

// postHome posts in a configured channel.
func (s *Slack) postHome(ctx context.Context, home string, m message) (ref, error) {
	posted, err := s.post(ctx, s.idOf(home), "", m)
	if err == nil {
		s.learn(home, posted.channel)
	}
	return posted, err
}

// update shows the message in place of the one that r names. It waits for the
// message's turn.
func (s *Slack) update(ctx context.Context, r ref, m message) error {
	const method = "chat.update"
	if err := s.edits.wait(ctx, r.String()); err != nil {
		return fmt.Errorf("slack %s: wait for the message's turn: %w", method, err)
	}
	return s.call(ctx, method, r.channel, func(ctx context.Context, c *api.Client) error {
		_, _, _, err := c.UpdateMessageContext(ctx, r.channel, r.ts, m.options()...)
		return err
	})
}

// idOf returns the ID of a configured channel when it is known, else what was
// configured.
func (s *Slack) idOf(configured string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return cmp.Or(s.ids[configured], configured)
}

func (s *Slack) learn(configured, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids[configured] = id
}
