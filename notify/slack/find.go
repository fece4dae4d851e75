package slack

import (
	"context"
	"regexp"
	"strings"

	api "github.com/slack-go/slack"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Bounds of a search. Slack advises at most 200 messages a page; what lies
// behind the last page is taken as not there: a second message is the lesser
// evil beside none.
const (
	pageSize = 200
	maxPages = 10
)

// channelID is the form of the IDs of public and private channels.
var channelID = regexp.MustCompile(`^[CG][A-Z0-9]{8,}$`)

// findRoot looks for the incident's message in the channel. It returns the
// zero ref when there is none, or when the app may not look.
func (s *Slack) findRoot(ctx context.Context, n remediate.Notice) (ref, error) {
	channel, err := s.lookUp(ctx)
	if err != nil || channel == "" {
		return ref{}, err
	}
	cursor := ""
	for range maxPages {
		var page *api.GetConversationHistoryResponse
		err := s.call(ctx, "conversations.history", channel, func(ctx context.Context, c *api.Client) (err error) {
			page, err = c.GetConversationHistoryContext(ctx, &api.GetConversationHistoryParameters{
				ChannelID: channel, Oldest: since(n.Opened), Limit: pageSize, Cursor: cursor, IncludeAllMetadata: true,
			})
			return err
		})
		if err != nil {
			return ref{}, unlessBlind(err)
		}
		if ts := pick(page.Messages, rootEvent, "incident", n.Key); ts != "" {
			return ref{channel, ts}, nil
		}
		if cursor = page.ResponseMetaData.NextCursor; cursor == "" {
			break
		}
	}
	return ref{}, nil
}

// findReply looks for the tell's own reply in the thread.
func (s *Slack) findReply(ctx context.Context, parent ref, started remediate.Started) (ref, error) {
	cursor := ""
	for range maxPages {
		var page []api.Message
		err := s.call(ctx, "conversations.replies", parent.channel, func(ctx context.Context, c *api.Client) (err error) {
			page, _, cursor, err = c.GetConversationRepliesContext(ctx, &api.GetConversationRepliesParameters{
				ChannelID: parent.channel, Timestamp: parent.ts, Oldest: since(started.Tell.Notice.Lines[0].At),
				Limit: pageSize, Cursor: cursor, IncludeAllMetadata: true,
			})
			return err
		})
		if err != nil {
			return ref{}, unlessBlind(err)
		}
		if ts := pick(page, updateEvent, "id", started.ID); ts != "" {
			return ref{parent.channel, ts}, nil
		}
		if cursor == "" {
			break
		}
	}
	return ref{}, nil
}

// pick returns the oldest message with this metadata, "" when there is none.
func pick(messages []api.Message, kind, name, value string) string {
	found := ""
	for _, m := range messages {
		if m.Metadata.EventType == kind && m.Metadata.EventPayload[name] == value && (found == "" || m.Timestamp < found) {
			found = m.Timestamp
		}
	}
	return found
}

// unlessBlind drops the errors that say that the app may not look, or that
// there is nothing to look at. To tell twice is better than not to tell.
func unlessBlind(err error) error {
	switch codeOf(err) {
	case "missing_scope", "not_in_channel", "channel_not_found", "thread_not_found", "access_denied", "no_permission",
		"not_allowed_token_type", "method_not_supported_for_channel_type":
		return nil
	}
	return err
}

// lookUp returns the ID of the channel, because a name will do for posting but
// not for looking; "" when it is not to be had.
func (s *Slack) lookUp(ctx context.Context) (string, error) {
	configured := s.destination()
	if channelID.MatchString(configured) {
		return configured, nil
	}
	name, cursor := strings.TrimPrefix(configured, "#"), ""
	for range maxPages {
		var page []api.Channel
		err := s.call(ctx, "conversations.list", "", func(ctx context.Context, c *api.Client) (err error) {
			page, cursor, err = c.GetConversationsContext(ctx, &api.GetConversationsParameters{
				Cursor: cursor, ExcludeArchived: true, Limit: pageSize, Types: []string{"public_channel"},
			})
			return err
		})
		if err != nil {
			return "", unlessBlind(err)
		}
		for _, c := range page {
			if c.Name == name || c.NameNormalized == name {
				s.learn(c.ID)
				return c.ID, nil
			}
		}
		if cursor == "" {
			break
		}
	}
	return "", nil
}
